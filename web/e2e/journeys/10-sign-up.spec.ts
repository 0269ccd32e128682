// SPDX-License-Identifier: Apache-2.0
/** From an e-mail address to the first encrypted message, through the server's own pages. */
import { mailFolder, mailTo } from "../support/mail.ts";
import { freshName } from "../support/matrix.ts";
import { clean, noSideways } from "../support/look.ts";
import { DESKTOP, expect, type Person, PHONE, test } from "../support/person.ts";

const PASSWORD = "océan lanterne granit violon";
/** From the first page to a message that the server has, in milliseconds. */
const LIMIT_MS = 60_000;
/** Milliseconds from key to key of somebody who types quickly. */
const TYPING_MS = 40;

test.skip(mailFolder === null, "the mail of this server cannot be read (ESTAFETTE_MAIL)");

/** `look` runs on each screen; what it takes is not the person's time. */
async function signUp(person: Person, address: string, look: (screen: string) => Promise<void>): Promise<void> {
  const { page } = person;
  await page.goto("/");
  await expect(page.getByRole("button", { name: "Créer un compte" })).toBeVisible();
  await look("start");
  await page.getByRole("button", { name: "Créer un compte" }).click();
  await page.getByLabel("Adresse électronique professionnelle").pressSequentially(address, { delay: TYPING_MS });
  await look("address");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Entrez le code reçu" })).toBeVisible();
  await look("mail");
  const [, code = ""] = await mailTo(address, /Subject: (\d{6})/u);
  await page.getByLabel("Code").pressSequentially(code, { delay: TYPING_MS });
  await page.keyboard.press("Enter");
  await expect(page.getByText(address)).toBeVisible();
  const fields = page.locator("input[type=password]");
  for (let index = 0; index < await fields.count(); index += 1) await fields.nth(index).pressSequentially(PASSWORD, { delay: TYPING_MS });
  await look("password");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Autoriser" })).toBeVisible();
  await look("consent");
  await page.getByRole("button", { name: "Autoriser" }).click();
  await person.setUpEncryption(look);
}

for (const screen of [DESKTOP, PHONE]) {
  test(`an address becomes an account that writes its first encrypted message (${screen.width} px)`, async ({ person }) => {
    const jean = await person("Jean Martin");
    await jean.signUp();
    const camille = await person("Camille Durand", { screen, touch: screen === PHONE, pages: true });
    const address = `${freshName("camille.durand")}@exemple.gouv.fr`;
    let aside = 0;
    const started = Date.now();
    await signUp(camille, address, async (name) => {
      const from = Date.now();
      await clean(camille.page, name);
      await noSideways(camille.page, name);
      await camille.page.screenshot({ path: `test-results/screens/new-${name}-${screen.width}.png` });
      aside += Date.now() - from;
    });
    await camille.writeTo(jean);
    await camille.say("Mon premier message chiffré");
    await camille.sent("Mon premier message chiffré");
    const took = Date.now() - started - aside;
    console.log(`budget: from an address to the first encrypted message, ${screen.width} px: ${took} ms (limit ${LIMIT_MS} ms)`);
    expect(took).toBeLessThan(LIMIT_MS);

    await jean.accept(/Camille/);
    await expect(jean.message("Mon premier message chiffré")).toBeVisible({ timeout: 40_000 });
    await expect(jean.page.getByText("Chiffré de bout en bout").first()).toBeAttached();
    // Nobody asks for the password or a code again: the account is whole.
    await camille.page.reload();
    await expect(camille.message("Mon premier message chiffré")).toBeVisible();
    await expect(camille.page.getByRole("dialog")).toHaveCount(0);
  });
}
