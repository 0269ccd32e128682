// SPDX-License-Identifier: Apache-2.0
/** Without this: whom the server does not let in reads of a network that is away, and loses what they wrote. */
import { baseURL } from "../../playwright.config.ts";
import { clean, noSideways } from "../support/look.ts";
import { expect, type Person, PHONE, test } from "../support/person.ts";

const RENEW = `${baseURL}/_estafette/renew`;
const EXPIRED = { errcode: "ORG_MATRIX_EXPIRED_ACCOUNT", error: "This account has expired.", "org.estafette.renewal_url": RENEW };
const LOCKED = { errcode: "M_USER_LOCKED", error: "This account has been locked.", soft_logout: true };
const LIMITED = { errcode: "M_LIMIT_EXCEEDED", error: "Too many requests", retry_after_ms: 1_000 };

/** The server answers every request of the account so, until what is returned is called. */
async function bar({ context }: Person, status: number, body: object): Promise<() => Promise<void>> {
  const pattern = /\/_matrix\/client\/v3\/(?:sync|rooms|pushrules|user)\b/;
  await context.route(pattern, (route) => route.fulfill({ status, contentType: "application/json", body: JSON.stringify(body) }));
  return () => context.unroute(pattern);
}

test("an account that has expired, is locked or asks too often says so, keeps what is written, and goes on after", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin", { screen: PHONE });
  await camille.signUp();
  await jean.signUp();
  await camille.writeTo(jean);
  await jean.accept(camille.name);
  const { page } = camille;
  const offline = page.getByText("Vous êtes hors connexion");

  let letIn = await bar(camille, 403, EXPIRED);
  await jean.say("Tu es là ?");
  const notice = page.getByRole("alert").filter({ hasText: "Votre compte est arrivé à expiration" });
  await expect(notice).toBeVisible();
  await expect(notice.getByRole("link", { name: "Renouveler mon compte" })).toHaveAttribute("href", RENEW);
  await expect(offline).toHaveCount(0);
  await camille.say("Écrit pendant que le compte est expiré");
  await expect(camille.message("Écrit pendant")).toBeVisible();
  await expect(camille.message("Écrit pendant").locator("[title='Envoyé']")).toHaveCount(0);
  await page.screenshot({ path: "test-results/screens/lapsed-1280.png" });
  await clean(page, "lapsed");
  // A new start does not change it: it says so from the first moment on.
  await page.reload();
  await expect(notice).toBeVisible();
  await page.setViewportSize(PHONE);
  await noSideways(page, "lapsed");
  await page.screenshot({ path: "test-results/screens/lapsed-390.png" });
  await page.setViewportSize({ width: 1280, height: 800 });
  await letIn();
  await expect(notice).toHaveCount(0, { timeout: 180_000 });
  await expect(jean.message("Écrit pendant que le compte est expiré")).toBeVisible();

  letIn = await bar(camille, 401, LOCKED);
  await jean.say("Encore là ?");
  await expect(page.getByText("Votre compte est verrouillé. Adressez-vous à votre support")).toBeVisible();
  await letIn();
  await expect(page.getByText("Votre compte est verrouillé")).toHaveCount(0, { timeout: 180_000 });

  letIn = await bar(camille, 429, LIMITED);
  await jean.say("Toujours là ?");
  await expect(page.getByText("Le serveur est très sollicité")).toBeVisible();
  await expect(offline).toHaveCount(0);
  await letIn();
  await expect(page.getByText("Le serveur est très sollicité")).toHaveCount(0, { timeout: 180_000 });
  await expect(camille.message("Toujours là ?")).toBeVisible();
});

test("whoever is not let in at the sign-in reads why, and what to do", async ({ person }) => {
  const camille = await person("Camille Durand");
  const { page, context } = camille;
  const answers: [number, object][] = [[401, LOCKED], [403, EXPIRED], [403, { ...EXPIRED, "org.estafette.renewal_url": undefined }], [429, { ...LIMITED, retry_after_ms: 30_000 }], [403, { errcode: "M_FORBIDDEN" }]];
  await context.route("**/_matrix/client/v3/login", (route) => {
    const next = route.request().method() === "POST" ? answers.shift() : undefined;
    return next ? route.fulfill({ status: next[0], contentType: "application/json", body: JSON.stringify(next[1]) }) : route.continue();
  });
  await camille.signIn();
  const alert = page.getByRole("alert");
  const again = async (): Promise<void> => page.getByRole("button", { name: "Se connecter" }).click();
  await expect(alert).toHaveText("Votre compte est verrouillé. Adressez-vous à votre support.");
  await again();
  await expect(alert).toContainText("Votre compte est arrivé à expiration. Renouvelez-le pour continuer.");
  await expect(alert.getByRole("link", { name: "Renouveler mon compte" })).toHaveAttribute("href", RENEW);
  await clean(page, "sign in, expired");
  await page.screenshot({ path: "test-results/screens/sign-in-expired-1280.png" });
  await again();
  await expect(alert).toContainText("Adressez-vous à votre support pour le renouveler");
  await again();
  await expect(alert).toContainText("Réessayez dans 30 s.");
  await again();
  await expect(alert).toHaveText("Identifiant ou mot de passe incorrect.");
});
