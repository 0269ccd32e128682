// SPDX-License-Identifier: Apache-2.0
/** Ports for the servers that tests start. */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";

/** The lowest port that a server is given. */
const PORT_MIN = 10_000;

/** A port below those that the system hands to whoever connects or names none: nobody is given it
 * by accident before the server takes it. */
export async function freePort() {
  const range = await readFile("/proc/sys/net/ipv4/ip_local_port_range", "utf8").catch(() => "0");
  const span = Number.parseInt(range, 10) - PORT_MIN;
  for (let tries = 0; tries < 100; tries += 1) {
    const wanted = span < 1_000 ? 0 : PORT_MIN + randomInt(span);
    const probe = createServer().listen(wanted, "127.0.0.1");
    const listens = await once(probe, "listening").then(() => true, () => false);
    const port = probe.address()?.port;
    await new Promise((resolve) => probe.close(resolve));
    if (listens) return port;
  }
  return assert.fail("no port is free");
}
