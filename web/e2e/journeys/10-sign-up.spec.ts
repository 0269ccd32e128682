// SPDX-License-Identifier: Apache-2.0
/** From an e-mail address to the first encrypted message, through the server's own pages. */
import { budget } from "../support/budgets.ts";
import { mailFolder } from "../support/mail.ts";
import { freshName } from "../support/matrix.ts";
import { clean, noSideways } from "../support/look.ts";
import { signUpOnPages } from "../support/pages.ts";
import { DESKTOP, expect, PHONE, test } from "../support/person.ts";

/** From the first page to a message that the server has, in milliseconds. */
const LIMIT_MS = 60_000;

test.skip(mailFolder === null, "the mail of this server cannot be read (ESTAFETTE_MAIL)");

for (const screen of [DESKTOP, PHONE]) {
  test(`an address becomes an account that writes its first encrypted message (${screen.width} px)`, async ({ person }) => {
    const jean = await person("Jean Martin");
    await jean.signUp();
    const camille = await person("Camille Durand", { screen, touch: screen === PHONE, pages: true });
    const address = `${freshName("camille.durand")}@exemple.gouv.fr`;
    let aside = 0;
    const started = Date.now();
    await signUpOnPages(camille, address, async (name) => {
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
    budget(`from an address to the first encrypted message, ${screen.width} px`, took, LIMIT_MS, "ms");

    await jean.accept(/Camille/);
    await expect(jean.message("Mon premier message chiffré")).toBeVisible();
    await expect(jean.page.getByText("Chiffré de bout en bout").first()).toBeAttached();
    // Nobody asks for the password or a code again: the account is whole.
    await camille.page.reload();
    await expect(camille.message("Mon premier message chiffré")).toBeVisible();
    await expect(camille.page.getByRole("dialog")).toHaveCount(0);
  });
}
