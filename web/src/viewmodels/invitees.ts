// SPDX-License-Identifier: Apache-2.0
/**
 * One field that takes names, identifiers and e-mail addresses, and says of each what an invitation
 * will come to before it is sent and what became of it after.
 */
import type { DirectoryPort } from "../core/port/core.ts";
import { type DirectoryPerson, emailAddress, type InviteTarget, type Standing, userIdentifier } from "../core/port/invites.ts";
import type { FailureKind } from "../core/port/session.ts";
import { ViewModel } from "./base.ts";
import { kindOf } from "./failure.ts";

/**
 * What inviting somebody comes to: the standing of an address, or
 * - `person`: an account was found;
 * - `inside`: is in the room already, or was invited to it;
 * - `noMail`: nobody here has this address, and this server sends no invitations by mail.
 */
export type Fate = Standing | "checking" | "person" | "inside" | "noMail";
export type Outcome = "waiting" | "sending" | FailureKind;

export interface Invitee {
  /** The identifier or the address, lower case. */
  readonly key: string;
  readonly name: string;
  readonly person: DirectoryPerson | null;
  readonly fate: Fate;
  readonly organisation: string;
  readonly outcome: Outcome;
}

export interface InviteesSnapshot {
  readonly text: string;
  readonly entries: readonly Invitee[];
  readonly suggestions: readonly DirectoryPerson[] | null;
  readonly searching: boolean;
  readonly failure: FailureKind | null;
  /** Whom an invitation went to, until something is typed again. */
  readonly sent: readonly string[];
}

export const NOBODY: InviteesSnapshot = { text: "", entries: [], suggestions: null, searching: false, failure: null, sent: [] };

/** How long typing has to rest before the directory is asked, in milliseconds. */
export const SEARCH_REST_MS = 250;
/** Entries beyond this number are left in the field. */
export const MAX_ENTRIES = 50;
const MIN_QUERY = 2;

export interface InviteesContext {
  readonly directory: DirectoryPort;
  /** Who is there already, by identifier. */
  readonly inside: () => ReadonlySet<string>;
  /** Whether this server sends invitations by mail. */
  readonly mail: () => boolean;
}

/** The whole identifiers and addresses of a text, and what is none of them. */
export function readTargets(text: string): { readonly targets: readonly string[]; readonly rest: string } {
  const targets: string[] = [];
  const rest: string[] = [];
  for (const piece of text.split(/[,;\n\t]+/)) {
    // "Jeanne Petit <jeanne@x.fr>", as mail programs copy it.
    const inner = /<([^<>]+)>\s*$/.exec(piece)?.[1] ?? piece;
    const words = inner.trim().split(/\s+/).filter(Boolean);
    const found = words.map((word) => emailAddress(word) ?? userIdentifier(word));
    if (found.every((one) => one !== null)) targets.push(...found);
    else rest.push(piece.trim());
  }
  return { targets: [...new Set(targets)], rest: rest.filter(Boolean).join(", ") };
}

/** Whom there is something to send to. */
export const sendable = (entry: Invitee): boolean =>
  entry.fate === "person" || entry.fate === "agent" || entry.fate === "guest" || entry.fate === "unknown";

export const targetOf = (entry: Invitee): InviteTarget => (entry.person ? { userId: entry.person.id } : { address: entry.key });

export class InviteesViewModel extends ViewModel<InviteesSnapshot> {
  readonly #context: InviteesContext;
  #turn = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(context: InviteesContext) {
    super(NOBODY);
    this.#context = context;
    this.undo.add(() => clearTimeout(this.#timer));
  }

  /** Typing: what is followed by a separator becomes an entry, the rest is looked for. */
  setText = (text: string): void => {
    this.merge({ failure: null, sent: [] });
    if (/[,;\n]/.test(text)) return this.#take(text);
    this.merge({ text });
    this.#search(text.trim());
  };

  /** A pasted list: every whole address in it becomes an entry. */
  paste = (text: string): void => {
    this.merge({ failure: null, sent: [] });
    this.#take([this.get().text, text].filter(Boolean).join(" "));
  };

  /** Enter: what is a whole identifier or address becomes an entry. False when there is none. */
  commit = (): boolean => {
    const { text } = this.get();
    if (readTargets(text).targets.length === 0) return false;
    this.#take(text);
    return true;
  };

  #take(text: string): void {
    const { targets, rest } = readTargets(text);
    const room = MAX_ENTRIES - this.get().entries.length;
    const fresh = targets.filter((target) => !this.get().entries.some((one) => one.key === target));
    const left = [...fresh.slice(room), rest].filter(Boolean).join(", ");
    this.merge({ text: left, suggestions: null, searching: false });
    for (const target of fresh.slice(0, room)) this.#add(target);
    this.#search(left);
  }

  #add(key: string): void {
    this.merge({ entries: [...this.get().entries, { key, name: key, person: null, fate: "checking", organisation: "", outcome: "waiting" }] });
    void (key.startsWith("@") ? this.#checkIdentifier(key) : this.#checkAddress(key)).catch((error: unknown) => {
      this.#change(key, { fate: key.startsWith("@") ? "nobody" : "unknown" });
      this.merge({ failure: kindOf(error) });
    });
  }

  async #checkIdentifier(id: string): Promise<void> {
    const found = (await this.#context.directory.people(id)).find((one) => one.id === id);
    if (found) this.#found(id, found);
    else this.#change(id, { fate: "nobody" });
  }

  async #checkAddress(address: string): Promise<void> {
    const contact = await this.#context.directory.contact(address);
    if (contact.kind === "person") return this.#found(address, contact.person);
    const fate = this.#context.mail() ? contact.standing : "noMail";
    this.#change(address, { fate, organisation: contact.organisation });
  }

  /** An account stands behind what was typed; two names of one person are one entry. */
  #found(key: string, person: DirectoryPerson): void {
    const twice = this.get().entries.some((one) => one.key !== key && (one.person?.id ?? one.key) === person.id);
    if (twice) return this.remove(key);
    const fate = this.#context.inside().has(person.id) ? "inside" : "person";
    this.#change(key, { person, name: person.name, organisation: person.organisation, fate });
  }

  #change(key: string, change: Partial<Invitee>): void {
    this.merge({ entries: this.get().entries.map((one) => (one.key === key ? { ...one, ...change } : one)) });
  }

  #search(query: string): void {
    const turn = ++this.#turn;
    clearTimeout(this.#timer);
    if (query.length < MIN_QUERY) return this.merge({ suggestions: null, searching: false });
    this.merge({ searching: true });
    this.#timer = setTimeout(() => {
      void this.#context.directory.people(query).then(
        (found) => { if (turn === this.#turn) this.merge({ suggestions: found.filter((one) => !this.#context.inside().has(one.id)), searching: false }); },
        (error: unknown) => { if (turn === this.#turn) this.merge({ suggestions: null, searching: false, failure: kindOf(error) }); },
      );
    }, SEARCH_REST_MS);
  }

  choose = (person: DirectoryPerson): void => {
    ++this.#turn;
    clearTimeout(this.#timer);
    this.merge({ text: "", suggestions: null, searching: false, failure: null, sent: [] });
    if (this.get().entries.some((one) => (one.person?.id ?? one.key) === person.id)) return;
    this.merge({ entries: [...this.get().entries, { key: person.id, name: person.name, person, fate: "person", organisation: person.organisation, outcome: "waiting" }] });
  };

  remove = (key: string): void => this.merge({ entries: this.get().entries.filter((one) => one.key !== key) });

  clear = (): void => { clearTimeout(this.#timer); ++this.#turn; this.merge(NOBODY); };

  /** Invites one after the other. Who was invited leaves the list; who was not stays, with the reason. */
  async send(invite: (target: InviteTarget) => Promise<void>): Promise<void> {
    this.merge({ failure: null, sent: [] });
    for (const { key } of this.get().entries) {
      const entry = this.get().entries.find((one) => one.key === key);
      if (!entry || !sendable(entry)) continue;
      this.#change(key, { outcome: "sending" });
      try {
        await invite(targetOf(entry));
        this.remove(key);
        this.merge({ sent: [...this.get().sent, entry.name] });
      } catch (error) {
        this.#refused(key, kindOf(error));
      }
    }
  }

  /** Says of somebody why they could not be invited. */
  refuse(target: InviteTarget, failure: FailureKind): void {
    const key = "address" in target ? target.address : target.userId;
    const entry = this.get().entries.find((one) => one.key === key || one.person?.id === key);
    if (entry) this.#refused(entry.key, failure);
  }

  /** Who is a guest is learnt from the refusal: an identifier does not tell. */
  #refused(key: string, failure: FailureKind): void {
    this.#change(key, { outcome: failure, ...(failure === "agentsOnly" ? { fate: "guest" as const } : {}) });
  }
}
