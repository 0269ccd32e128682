// SPDX-License-Identifier: Apache-2.0
// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { Auth } from "./auth.ts";

/** A server that answers these paths, and nothing else. */
function serve(answers: Readonly<Record<string, readonly [number, object]>>): void {
  vi.stubGlobal("fetch", async (url: string) => {
    const [status, body] = Object.entries(answers).find(([path]) => url.endsWith(path))?.[1] ?? [404, { errcode: "M_UNRECOGNIZED" }];
    return new Response(JSON.stringify(body), { status });
  });
}

afterEach(() => void vi.unstubAllGlobals());

const PAGES = { issuer: "https://x/", authorization_endpoint: "https://x/authorize" };
const DUMMY = { session: "s", flows: [{ stages: ["m.login.dummy"] }] };

test.each([
  ["says so", { ...PAGES, prompt_values_supported: ["create"] }, true],
  ["names no prompt", { ...PAGES, prompt_values_supported: [] }, false],
  ["does not speak of prompts", PAGES, false],
])("new accounts are made on the pages of a server that %s: %j, %s", async (_name, metadata, signUpPages) => {
  serve({ "v1/auth_metadata": [200, metadata], "v3/login": [200, { flows: [] }], "v3/register": [403, { errcode: "M_FORBIDDEN" }] });
  expect(await new Auth().methods()).toEqual({ password: false, oauth: true, signUpPages, registration: "closed" });
});

test("a server without pages takes a password and says who may register", async () => {
  serve({ "v3/login": [200, { flows: [{ type: "m.login.password" }] }], "v3/register": [401, DUMMY] });
  expect(await new Auth().methods()).toEqual({ password: true, oauth: false, signUpPages: false, registration: "open" });
});
