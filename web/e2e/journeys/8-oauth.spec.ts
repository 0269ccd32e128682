// SPDX-License-Identifier: Apache-2.0
/**
 * The client's side of the OAuth 2.0 API, with an authorization server played here in front of the
 * real homeserver: what is sent where, what comes back, and that a refusal is said.
 */
import { createHash } from "node:crypto";
import type { BrowserContext } from "@playwright/test";
import { baseURL } from "../../playwright.config.ts";
import { Api, freshName, PASSWORD } from "../support/matrix.ts";
import { expect, test } from "../support/person.ts";

interface Seen { readonly authorize: URLSearchParams[]; readonly token: URLSearchParams[]; readonly revoked: URLSearchParams[] }

/** Plays the authorization server; `deny` makes the person refuse on its page. */
async function playServer(context: BrowserContext, username: string, control: { deny: boolean }): Promise<Seen> {
  const seen: Seen = { authorize: [], token: [], revoked: [] };
  const at = (path: string): string => `${baseURL}/oauth2/${path}`;
  const json = { contentType: "application/json" };
  await context.route("**/_matrix/client/*/auth_metadata", (route) => route.fulfill({
    ...json, body: JSON.stringify({
      issuer: `${baseURL}/`, authorization_endpoint: at("authorize"), token_endpoint: at("token"), registration_endpoint: at("register"),
      revocation_endpoint: at("revoke"), account_management_uri: `${baseURL}/account/`, response_types_supported: ["code"],
      grant_types_supported: ["authorization_code", "refresh_token"], response_modes_supported: ["query", "fragment"],
      code_challenge_methods_supported: ["S256"], authorization_response_iss_parameter_supported: true, prompt_values_supported: ["create"],
    }),
  }));
  await context.route(at("register"), (route) => route.fulfill({ ...json, status: 201, body: JSON.stringify({ client_id: "C" }) }));
  await context.route(`${at("authorize")}*`, (route) => {
    const query = new URL(route.request().url()).searchParams;
    seen.authorize.push(query);
    const back = new URL(query.get("redirect_uri") ?? "");
    back.searchParams.set("state", query.get("state") ?? "");
    back.searchParams.set("iss", `${baseURL}/`);
    if (control.deny) back.searchParams.set("error", "access_denied");
    else back.searchParams.set("code", "the-code");
    return route.fulfill({ status: 302, headers: { Location: back.href } });
  });
  await context.route(at("token"), async (route) => {
    const form = new URLSearchParams(route.request().postData() ?? "");
    seen.token.push(form);
    const device = /urn:matrix:(?:client|org\.matrix\.msc2967\.client):device:(\S+)/.exec(seen.authorize.at(-1)?.get("scope") ?? "")?.[1] ?? "";
    const { token } = await Api.login(username, device);
    await route.fulfill({ ...json, body: JSON.stringify({ access_token: token, token_type: "Bearer", scope: seen.authorize.at(-1)?.get("scope"), expires_in: 3600, refresh_token: "R" }) });
  });
  await context.route(at("revoke"), (route) => {
    seen.revoked.push(new URLSearchParams(route.request().postData() ?? ""));
    return route.fulfill({ ...json, body: "{}" });
  });
  return seen;
}

test("signs in on the server's pages, is refused once, manages the account there, gives the token back", async ({ person }) => {
  const username = freshName("camille");
  await Api.register(username, "Camille Durand");
  const camille = await person("Camille Durand", { username, pages: true });
  const control = { deny: true };
  const seen = await playServer(camille.context, username, control);
  const { page } = camille;
  await page.goto("/");
  await expect(page.getByText("Vous allez être conduit vers la page de connexion")).toBeVisible();
  await expect(page.getByLabel("Mot de passe")).toHaveCount(0);
  await page.getByRole("button", { name: "Se connecter" }).click();
  await expect(page.getByText("La connexion a été interrompue")).toBeVisible();
  expect(new URL(page.url()).search).toBe("");

  control.deny = false;
  await page.getByRole("button", { name: "Créer un compte" }).click();
  await expect(page.getByRole("button", { name: "Obtenir mon code de récupération" })).toBeVisible();
  const [first, second] = seen.authorize;
  expect(first?.get("prompt")).toBeNull();
  expect(second?.get("prompt")).toBe("create");
  expect(second?.get("response_type")).toBe("code");
  expect(second?.get("code_challenge_method")).toBe("S256");
  expect(first?.get("state")).not.toBe(second?.get("state"));
  const [grant] = seen.token;
  const verifier = grant?.get("code_verifier") ?? "";
  expect(createHash("sha256").update(verifier).digest("base64url")).toBe(second?.get("code_challenge"));
  expect(grant?.get("code")).toBe("the-code");
  expect(new URL(page.url()).search).toBe("");
  await camille.setUpEncryption();

  await page.getByRole("button", { name: "Réglages" }).click();
  await expect(page.getByRole("link", { name: "Ouvrir la page de mon compte" })).toHaveAttribute("href", `${baseURL}/account/`);
  await expect(page.getByLabel("Mot de passe actuel")).toHaveCount(0);
  await page.getByRole("button", { name: "Se déconnecter" }).click();
  await page.getByRole("dialog").last().getByRole("button", { name: "Se déconnecter" }).click();
  await expect(page.getByRole("button", { name: "Se connecter" })).toBeVisible();
  await expect.poll(() => seen.revoked.map((form) => form.get("token"))).toEqual(["R"]);
});

test("signs in on this server's own pages, writes, starts again, signs out", async ({ person }) => {
  const metadata = await fetch(`${baseURL}/_matrix/client/v1/auth_metadata`);
  test.skip(metadata.status !== 200, "this server has no pages of its own");
  const username = freshName("camille");
  const jean = await Api.register(freshName("jean"), "Jean Martin");
  await Api.register(username, "Camille Durand");
  const camille = await person("Camille Durand", { username, pages: true });
  const { page } = camille;
  await page.goto("/");
  await page.getByRole("button", { name: "Se connecter" }).click();
  await page.getByLabel(/identifiant/i).fill(username);
  await page.getByLabel("Mot de passe").fill(PASSWORD);
  await page.screenshot({ path: "test-results/screens/pages-sign-in-1280.png" });
  await page.getByRole("button", { name: "Se connecter" }).click();
  await page.getByRole("button", { name: "Autoriser" }).click();
  await camille.setUpEncryption();
  const roomId = await jean.createRoom({ name: "Astreinte", preset: "private_chat", invite: [`@${username}:${jean.userId.split(":").slice(1).join(":")}`] });
  expect(roomId).not.toBe("");
  await camille.accept("Astreinte");
  await camille.say("Bien arrivée");
  await camille.sent("Bien arrivée");
  await page.reload();
  await expect(camille.message("Bien arrivée")).toBeVisible();
  await page.getByRole("button", { name: "Réglages" }).click();
  await expect(page.getByRole("link", { name: "Ouvrir la page de mon compte" })).toBeVisible();
  await page.getByRole("button", { name: "Se déconnecter" }).click();
  await page.getByRole("dialog").last().getByRole("button", { name: "Se déconnecter" }).click();
  await expect(page.getByRole("button", { name: "Se connecter" })).toBeVisible();
});
