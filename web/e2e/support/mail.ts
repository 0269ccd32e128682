// SPDX-License-Identifier: Apache-2.0
/** What the server under test sent by mail: a folder of files (`identity.mail.folder`). */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Where the server writes its mail; absent for a server whose mail cannot be read here. */
export const mailFolder = process.env["ESTAFETTE_MAIL"] ?? null;
/** Longest wait for a mail, in milliseconds. */
const WITHIN_MS = 120_000;

/** The text of every mail to an address, oldest first. */
export async function mailsTo(address: string): Promise<readonly string[]> {
  const names = await readdir(mailFolder ?? "").catch(() => []);
  const numbered = names.filter((name) => name.endsWith(".eml")).sort((a, b) => order(a) - order(b));
  const texts = await Promise.all(numbered.map((name) => readFile(join(mailFolder ?? "", name), "utf8").catch(() => "")));
  return texts.filter((text) => text.includes(`To: ${address}\r\n`)).map(readable);
}

/** Quoted-printable (RFC 2045, section 6.7) as far as addresses of pages go. */
const readable = (mail: string): string =>
  mail.replace(/=\r?\n/g, "").replace(/=([0-9A-F]{2})/g, (_all, byte: string) => String.fromCharCode(Number.parseInt(byte, 16)));

const order = (name: string): number => Number(/-(\d+)/.exec(name)?.[1] ?? 0);

/** The first of the mails to `address` in which `pattern` finds something, once there is one. */
export async function mailTo(address: string, pattern: RegExp): Promise<RegExpExecArray> {
  const until = Date.now() + WITHIN_MS;
  while (Date.now() < until) {
    for (const text of await mailsTo(address)) {
      const found = pattern.exec(text);
      if (found) return found;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no mail to ${address} says ${pattern}`);
}
