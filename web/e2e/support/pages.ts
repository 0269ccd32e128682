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
  const typed = page.getByLabel("Code");
  await typed.pressSequentially(code, { delay: TYPING_MS });
  await typed.press("Enter");
  // The page of the code names the address too: only the fields say that the next page is there.
  const fields = page.locator("input[type=password]");
  await expect(fields.first()).toBeVisible();
  await expect(page.getByText(address)).toBeVisible();
  for (const field of await fields.all()) await field.pressSequentially(PASSWORD, { delay: TYPING_MS });
  await look("password");
  await fields.last().press("Enter");
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
