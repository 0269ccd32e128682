// SPDX-License-Identifier: Apache-2.0
/** A person with a browser: what they do is said in the words they read. */
import { test as base, type Browser, type BrowserContext, expect, type Page } from "@playwright/test";
import { baseURL } from "../../playwright.config.ts";
import { freshName, PASSWORD } from "./matrix.ts";

export interface Screen { readonly width: number; readonly height: number }
export const DESKTOP: Screen = { width: 1280, height: 800 };
export const PHONE: Screen = { width: 390, height: 844 };

type Look = (screen: string) => Promise<void>;

export class Person {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly name: string;
  username: string;
  code = "";

  constructor(context: BrowserContext, page: Page, name: string, username: string) {
    this.context = context;
    this.page = page;
    this.name = name;
    this.username = username;
  }

  /** `look` is called on each screen of the way. */
  async signUp(look: Look = async () => undefined): Promise<void> {
    await this.register();
    await this.setUpEncryption(look);
  }

  /** Signs up, and wants no recovery code for now. */
  async signUpWithoutCode(): Promise<void> {
    await this.register();
    await this.putOff();
  }

  private async register(): Promise<void> {
    const { page } = this;
    await page.goto("/");
    await page.getByRole("button", { name: "Créer un compte" }).click();
    await page.getByLabel("Prénom et nom").fill(this.name);
    await page.getByLabel("Identifiant").fill(this.username);
    await page.getByLabel("Mot de passe", { exact: true }).fill(PASSWORD);
    await page.getByRole("button", { name: "Créer un compte" }).click();
  }

  /** Answers "later" to whatever is asked about encryption. */
  async putOff(): Promise<void> {
    await this.page.getByRole("dialog").getByRole("button", { name: "Plus tard" }).click();
    await expect(this.page.getByRole("dialog")).toHaveCount(0);
  }

  async setUpEncryption(look: Look = async () => undefined): Promise<void> {
    const { page } = this;
    await expect(page.getByRole("button", { name: "Obtenir mon code de récupération" })).toBeVisible();
    await look("protect");
    await page.getByRole("button", { name: "Obtenir mon code de récupération" }).click();
    this.code = (await page.locator("[data-recovery-code]").innerText()).replace(/\s+/g, " ").trim();
    await look("code");
    await page.getByLabel("J’ai conservé mon code en lieu sûr").check();
    await page.getByRole("button", { name: "Continuer" }).click();
    await expect(page.getByRole("dialog")).toHaveCount(0);
  }

  async signIn(): Promise<void> {
    const { page } = this;
    await page.goto("/");
    await page.getByLabel("Identifiant").fill(this.username);
    await page.getByLabel("Mot de passe", { exact: true }).fill(PASSWORD);
    await page.getByRole("button", { name: "Se connecter" }).click();
  }

  /** Starts (or opens) a direct conversation with someone found in the directory. */
  async writeTo(other: Person): Promise<void> {
    const { page } = this;
    await page.getByRole("button", { name: "Nouvelle conversation" }).click();
    await page.getByLabel("Chercher une personne").fill(other.username);
    await page.getByRole("button", { name: new RegExp(other.name) }).click();
    await expect(this.composer).toBeVisible();
  }

  async accept(from: string | RegExp): Promise<void> {
    await this.open(from);
    await this.page.getByRole("button", { name: "Accepter", exact: true }).click();
    await expect(this.composer).toBeVisible();
  }

  /** Opens a conversation of the list, and waits until it is the one that is open. */
  async open(conversation: string | RegExp): Promise<void> {
    await this.page.getByRole("link", { name: conversation }).first().click();
    await expect(this.page.getByRole("heading", { level: 1, name: conversation })).toBeVisible();
  }

  get composer() {
    return this.page.locator("[data-composer]");
  }

  /** Hands a text over to the application: what is to outlive the page is waited for with `message` after. */
  async say(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.page.getByRole("button", { name: "Envoyer", exact: true }).click();
    await expect(this.composer).toHaveValue("");
  }

  message(text: string | RegExp) {
    return this.page.locator("article[data-item]").filter({ hasText: text });
  }

  /** Waits until a message of one's own is acknowledged by the server. */
  async sent(text: string): Promise<void> {
    await expect(this.message(text).locator("[title='Envoyé']")).toBeVisible();
  }

  async act(text: string, action: string): Promise<void> {
    const row = this.message(text);
    await row.hover();
    await row.getByRole("button", { name: "Actions du message" }).click();
    await this.page.getByRole("menuitem", { name: action }).click();
  }

  async signOut(): Promise<void> {
    const { page } = this;
    await page.getByRole("button", { name: "Réglages" }).click();
    await page.getByRole("button", { name: "Se déconnecter" }).click();
    await page.getByRole("dialog").last().getByRole("button", { name: "Se déconnecter" }).click();
    await expect(page.getByLabel("Identifiant")).toBeVisible();
  }
}

interface Fixtures {
  /**
   * Makes a person with their own browser; every request they cause is watched. They sign in with a
   * password in the client, as on a server without pages of its own, unless `pages` is said.
   * `origin`: where the client is served, if not at the server's own address.
   */
  readonly person: (name: string, options?: { username?: string; screen?: Screen; touch?: boolean; pages?: boolean; origin?: string }) => Promise<Person>;
}

/** Every journey also proves: no other host is contacted, the policy is never broken, nothing throws. */
export const test = base.extend<Fixtures>({
  person: async ({ browser }, use) => {
    const faults: string[] = [];
    const contexts = new Set<BrowserContext>();
    await use(async (name, options = {}) => {
      const context = await newContext(browser, options.origin ?? baseURL, options.screen ?? DESKTOP, options.touch ?? false);
      contexts.add(context);
      // A journey may close one itself.
      context.once("close", () => contexts.delete(context));
      watch(context, options.origin ?? baseURL, faults);
      if (!options.pages) await withoutPages(context);
      const username = options.username ?? freshName(name.split(" ")[0]?.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "") ?? "agent");
      return new Person(context, await context.newPage(), name, username);
    });
    for (const context of [...contexts]) await end(context);
    expect(faults).toEqual([]);
  },
});

/** Where the browser is: a place where no day ends in the midst of a journey. */
function zone(): string {
  const hour = Number(new Intl.DateTimeFormat("en", { timeZone: "Europe/Paris", hour: "2-digit", hourCycle: "h23" }).format(new Date()));
  return hour === 23 || hour === 0 ? "America/Guadeloupe" : "Europe/Paris";
}

async function newContext(browser: Browser, origin: string, screen: Screen, touch: boolean): Promise<BrowserContext> {
  return browser.newContext({ baseURL: origin, locale: "fr-FR", timezoneId: zone(), viewport: screen, hasTouch: touch, isMobile: touch, permissions: ["clipboard-read", "clipboard-write"] });
}

/** What a journey answers in place of the server may be under way when it ends. */
async function end(context: BrowserContext): Promise<void> {
  for (const page of context.pages()) await page.unrouteAll({ behavior: "ignoreErrors" });
  await context.unrouteAll({ behavior: "ignoreErrors" });
  await context.close();
}

/** The server says that it has no sign-in pages. */
async function withoutPages(context: BrowserContext): Promise<void> {
  await context.route("**/_matrix/client/*/auth_metadata", (route) => route.fulfill({
    status: 404, contentType: "application/json", body: JSON.stringify({ errcode: "M_UNRECOGNIZED", error: "not here" }),
  }));
}

function watch(context: BrowserContext, base: string, faults: string[]): void {
  const { origin } = new URL(base);
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith("blob:") && !url.startsWith("data:")) faults.push(`third party: ${url}`);
  });
  context.on("weberror", (error) => faults.push(`error: ${error.error().stack ?? error.error().message}`));
  context.on("console", (message) => {
    if (/Content Security Policy|TrustedHTML|TrustedScript/.test(message.text())) faults.push(`policy: ${message.text()}`);
  });
}

export { expect };
