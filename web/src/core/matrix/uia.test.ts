// SPDX-License-Identifier: Apache-2.0
// @vitest-environment jsdom
import { MatrixError, type MatrixClient } from "matrix-js-sdk";
import { expect, test } from "vitest";
import type { Confirmation } from "../port/encryption.ts";
import { confirmed } from "./uia.ts";

const client = { getSafeUserId: () => "@a:x" } as unknown as MatrixClient;
const needed = (stage: string, params = {}) => new MatrixError({ session: "S", flows: [{ stages: [stage] }], params } as never, 401);
const never: Confirmation = { password: () => Promise.reject(new Error("asked")), page: () => Promise.reject(new Error("asked")) };

test("nothing is asked when the server asks for nothing", async () => {
  expect(await confirmed<string>(client, never)(async () => "done")).toBe("done");
});

test("the password is asked until it is right, with the session of the server", async () => {
  const words = ["wrong", "right"];
  const seen: unknown[] = [];
  const answer = await confirmed<string>(client, { ...never, password: async () => words.shift() ?? null })(async (auth) => {
    seen.push(auth);
    if (auth && "password" in auth && auth["password"] === "right") return "done";
    throw needed("m.login.password");
  });
  expect(answer).toBe("done");
  expect(seen[2]).toMatchObject({ type: "m.login.password", password: "right", session: "S", identifier: { user: "@a:x" } });
});

test("the server's page is visited, then the session alone is the answer", async () => {
  const visited: string[] = [];
  const answer = await confirmed<string>(client, { ...never, page: async (url) => { visited.push(url); return true; } })(async (auth) => {
    if (auth && visited.length === 2) return JSON.stringify(auth);
    throw needed("m.oauth", { "m.oauth": { url: "https://x/reset" } });
  });
  expect(answer).toBe('{"session":"S"}');
  expect(visited).toEqual(["https://x/reset", "https://x/reset"]);
});

test("giving up, an unknown stage and an address that is no page end it", async () => {
  const fails = (stage: string, params: object, confirmation: Confirmation) =>
    expect(confirmed(client, confirmation)(async () => { throw needed(stage, params); })).rejects;
  await fails("m.login.password", {}, { ...never, password: async () => null }).toMatchObject({ kind: "forbidden" });
  await fails("m.oauth", { "m.oauth": { url: "https://x/" } }, { ...never, page: async () => false }).toMatchObject({ kind: "forbidden" });
  await fails("m.oauth", { "m.oauth": { url: "javascript:alert(1)" } }, never).toMatchObject({ kind: "unsupported" });
  await fails("m.login.sso", {}, never).toMatchObject({ kind: "unsupported" });
});
