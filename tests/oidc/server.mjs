// SPDX-License-Identifier: Apache-2.0
// The server that ESTAFETTE_BIN names, on loopback, with a folder of its own.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort } from "../ports.mjs";

const binary = process.env.ESTAFETTE_BIN;
assert.ok(binary, "ESTAFETTE_BIN names no server; run `cargo xtask clients --suite oidc`");

const WITHIN_MS = 120_000;

/** A URL on loopback that nobody listens at. */
export const freeUrl = async () => `http://127.0.0.1:${await freePort()}`;

/** Asks until there is an answer, for two minutes. */
export async function waitFor(what, ask) {
  for (const end = Date.now() + WITHIN_MS; ; ) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(Date.now() < end, `still no ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export class Server {
  #folder;
  #process;
  home;

  /** Starts it at a URL with further lines of configuration. Mail goes to a folder. */
  static async start(home, further) {
    const server = new Server();
    server.home = home;
    server.#folder = await mkdtemp(join(tmpdir(), "estafette-oidc-"));
    const file = join(server.#folder, "estafette.toml");
    await writeFile(file, `
server_name = "x.test"
data_dir = "${server.#folder}/data"
log = "warn"
[listener]
address = "${new URL(home).host}"
[rate_limits]
enabled = false
[identity.policy]
open = true
[identity.mail]
transport = "folder"
from = "Estafette <no-reply@x.test>"
folder = "${server.#folder}/mail"
${further}
`);
    server.#process = spawn(binary, ["serve", "--config", file], { stdio: "inherit" });
    await waitFor("server", async () => {
      assert.equal(server.#process.exitCode, null, "the server does not start");
      const answer = await fetch(`${home}/_matrix/client/versions`).catch(() => undefined);
      return answer?.ok;
    });
    return server;
  }

  /** The first mail whose subject has this in it. */
  mail(subject) {
    return waitFor(`mail with ${subject}`, async () => {
      const folder = join(this.#folder, "mail");
      for (const name of await readdir(folder).catch(() => [])) {
        // What is being written has another name, or none yet.
        const text = await readFile(join(folder, name), "utf8").catch(() => "");
        if (/^Subject: (.*)$/m.exec(text)?.[1].includes(subject)) return text;
      }
      return undefined;
    });
  }

  async stop() {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill();
      await once(this.#process, "exit");
    }
    await rm(this.#folder, { recursive: true });
  }
}
