// SPDX-License-Identifier: Apache-2.0
/** The way through the server's own pages, from an address to an account. */
import { mailTo } from "./mail.ts";
import { expect, type Person } from "./person.ts";

const PASSWORD = "océan lanterne granit violon";
/** Milliseconds from key to key of somebody who types quickly. */
export const TYPING_MS = 40;

/** From the page that asks for the address to the client; `look` runs on each screen of the way. */
export async function throughPages(person: Person, address: string, look: (screen: string) => Promise<void> = async () => undefined): Promise<void> {
  const { page } = person;
  const field = page.getByLabel("Adresse électronique professionnelle");
  await expect(field).toBeVisible();
  if ((await field.inputValue()) === "") await field.pressSequentially(address, { delay: TYPING_MS });
  await expect(field).toHaveValue(address);
  await look("address");
  await field.press("Enter");
  await expect(page.getByRole("heading", { name: "Entrez le code reçu" })).toBeVisible();
  await look("mail");
  const [, code = ""] = await mailTo(address, /Subject: (\d{4} \d{4})/u);
  await page.getByLabel("Code").pressSequentially(code, { delay: TYPING_MS });
  await page.keyboard.press("Enter");
  await expect(page.getByText(address)).toBeVisible();
  const fields = page.locator("input[type=password]");
  for (let index = 0; index < await fields.count(); index += 1) await fields.nth(index).pressSequentially(PASSWORD, { delay: TYPING_MS });
  await look("password");
  await page.keyboard.press("Enter");
}

export async function authorize(person: Person, look: (screen: string) => Promise<void> = async () => undefined): Promise<void> {
  await consent(person, look);
  await person.setUpEncryption(look);
}

async function consent(person: Person, look: (screen: string) => Promise<void> = async () => undefined): Promise<void> {
  await expect(person.page.getByRole("button", { name: "Autoriser" })).toBeVisible();
  await look("consent");
  await person.page.getByRole("button", { name: "Autoriser" }).click();
}

/** Signs up from the client's first screen. */
export async function signUpOnPages(person: Person, address: string, look: (screen: string) => Promise<void> = async () => undefined): Promise<void> {
  await person.page.goto("/");
  await expect(person.page.getByRole("button", { name: "Créer un compte" })).toBeVisible();
  await look("start");
  await person.page.getByRole("button", { name: "Créer un compte" }).click();
  await throughPages(person, address, look);
  await authorize(person, look);
}

/** The same, and wants no recovery code for now. */
export async function signUpOnPagesWithoutCode(person: Person, address: string): Promise<void> {
  await person.page.goto("/");
  await person.page.getByRole("button", { name: "Créer un compte" }).click();
  await throughPages(person, address);
  await consent(person);
  await person.putOff();
}
