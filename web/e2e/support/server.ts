// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from "node:child_process";
import { baseURL } from "../../playwright.config.ts";

/** Longest wait for the server to answer, in milliseconds. */
const START_MS = 120_000;

async function answers(): Promise<boolean> {
  try {
    return (await fetch(`${baseURL}/_matrix/client/versions`)).ok;
  } catch {
    return false;
  }
}

/** Uses the server at BASE_URL, or starts the one ESTAFETTE_SERVER_CMD names and ends it after. */
export default async function start(): Promise<() => void> {
  const command = process.env["ESTAFETTE_SERVER_CMD"];
  let server: ChildProcess | null = null;
  if (command && !process.env["BASE_URL"]) server = spawn(command, { shell: true, stdio: "inherit", detached: true });
  const until = Date.now() + START_MS;
  while (!(await answers())) {
    if (Date.now() > until) throw new Error(`no homeserver answers at ${baseURL}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return () => { if (server?.pid) process.kill(-server.pid, "SIGTERM"); };
}
