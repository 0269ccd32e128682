// SPDX-License-Identifier: Apache-2.0
// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { linkify } from "./linkify.ts";
import { isOnlyEmoji, messageContent, stripReplyFallback } from "./message.ts";
import { summaryOf } from "../port/plain-text.ts";
import { asEdit, asReply, textContent } from "./outgoing.ts";
import { stateChange } from "./state.ts";

describe("incoming messages", () => {
  it("are text with links", () => {
    const content = messageContent("m.room.message", { msgtype: "m.text", body: "Voir https://numerique.gouv.fr/x, merci" });
    expect(content).toMatchObject({ kind: "text", rich: ["Voir ", { tag: "a", href: "https://numerique.gouv.fr/x" }, ", merci"] });
  });

  it("are summed up without marks, and without what a spoiler hides", () => {
    const formatted_body = "<p>Bonjour <strong>Jean</strong></p><p>le <span data-mx-spoiler>mot de passe</span></p>";
    const content = messageContent("m.room.message", { msgtype: "m.text", body: "Bonjour **Jean**", format: "org.matrix.custom.html", formatted_body });
    expect(summaryOf(content)).toBe("Bonjour Jean le ▒▒▒");
  });

  it("do not take file names for addresses", () => {
    expect(linkify("rapport.zip et note.md")).toEqual(["rapport.zip et note.md"]);
    expect(linkify("jean@gouv.fr")).toEqual([{ tag: "a", href: "mailto:jean@gouv.fr", children: ["jean@gouv.fr"] }]);
  });

  it("are pictures with a caption only when the body is not the name", () => {
    const base = { msgtype: "m.image", url: "mxc://a/b", info: { w: 40, h: 20, mimetype: "image/png", size: 9 } };
    expect(messageContent("m.room.message", { ...base, body: "a.png" })).toMatchObject({ kind: "image", caption: "", width: 40 });
    expect(messageContent("m.room.message", { ...base, body: "Le plan", filename: "a.png" })).toMatchObject({ caption: "Le plan", media: { name: "a.png" } });
  });

  it("never fetch an address that is not of the server", () => {
    expect(messageContent("m.room.message", { msgtype: "m.image", body: "x", url: "https://evil.example/x.png" }).kind).toBe("unsupported");
  });

  it.each([undefined, null, 3, "x", [], { msgtype: 5, body: {} }, { msgtype: "m.image", info: "x", file: 4 }])("survive nonsense: %j", (content) => {
    expect(() => messageContent("m.room.message", (content ?? {}) as never)).not.toThrow();
  });

  it("lose the quoted lines of old replies, and only those", () => {
    const reply = { "m.relates_to": { "m.in_reply_to": { event_id: "$1" } } };
    expect(stripReplyFallback("> <@a:x> bonjour\n> suite\n\nsalut", reply)).toBe("salut");
    expect(stripReplyFallback("> une citation\n\nvoulue", reply)).toBe("> une citation\n\nvoulue");
    expect(stripReplyFallback("> <@a:x> bonjour\n\nsalut", {})).toBe("> <@a:x> bonjour\n\nsalut");
  });

  it("know a message made of emoji alone", () => {
    expect(isOnlyEmoji("👍🏽 ❤️")).toBe(true);
    expect(isOnlyEmoji("👍 ok")).toBe(false);
    expect(isOnlyEmoji("3")).toBe(false);
    expect(isOnlyEmoji("👍👍👍👍👍👍👍")).toBe(false);
  });
});

const outgoing = (text: string, mentions: { userId: string; name: string }[] = []) =>
  textContent({ text, mentions, mentionsRoom: false, replyTo: null, edits: null });

describe("outgoing messages", () => {
  it("carry HTML only when Markdown says something", async () => {
    expect(await outgoing("Bonjour, ça va ?")).toEqual({ msgtype: "m.text", body: "Bonjour, ça va ?", "m.mentions": {} });
    expect((await outgoing("un **mot**"))["formatted_body"]).toBe("un <strong>mot</strong>");
  });

  it("never let typed HTML through", async () => {
    const html = String((await outgoing("<img src=x onerror=alert(1)> **x**"))["formatted_body"]);
    expect(html).not.toContain("<img");
  });

  it("keep line breaks and code as typed", async () => {
    expect((await outgoing("a\nb"))["formatted_body"]).toMatch(/a<br ?\/>\nb/);
    expect((await outgoing("```\na\n  b\n```"))["formatted_body"]).toContain("a\n  b");
  });

  it("name the people mentioned, longest name first", async () => {
    const content = await outgoing("@Jean Martin et @Jean", [{ userId: "@j:x", name: "Jean" }, { userId: "@jm:x", name: "Jean Martin" }]);
    expect(content["m.mentions"]).toEqual({ user_ids: ["@j:x", "@jm:x"] });
    expect(content["formatted_body"]).toBe('<a href="https://matrix.to/#/%40jm%3Ax">Jean Martin</a> et <a href="https://matrix.to/#/%40j%3Ax">Jean</a>');
  });

  it("forget a mention whose name was erased", async () => {
    expect((await outgoing("plus personne", [{ userId: "@j:x", name: "Jean" }]))["m.mentions"]).toEqual({});
  });

  it("wrap replies and edits as the specification says", async () => {
    const content = await outgoing("x");
    expect(asReply(content, "$1")["m.relates_to"]).toEqual({ "m.in_reply_to": { event_id: "$1" } });
    expect(asEdit(content, "$1")).toMatchObject({ body: "* x", "m.new_content": content, "m.relates_to": { rel_type: "m.replace", event_id: "$1" } });
  });
});

describe("state changes", () => {
  const member = (membership: string, before: string | undefined, sender: string) => stateChange({
    type: "m.room.member", sender, stateKey: "@j:x", targetName: "Jean", content: { membership }, previous: before ? { membership: before } : {},
  })?.change;
  it.each([
    ["join", undefined, "@j:x", "joined"], ["join", "invite", "@j:x", "joined"], ["leave", "join", "@j:x", "left"], ["leave", "join", "@a:x", "removed"],
    ["leave", "invite", "@j:x", "declined"], ["leave", "invite", "@a:x", "withdrawn"], ["ban", "join", "@a:x", "banned"], ["leave", "ban", "@a:x", "unbanned"],
    ["invite", undefined, "@a:x", "invited"], ["join", "join", "@j:x", undefined],
  ])("%s after %s by %s is %s", (now, before, sender, change) => {
    expect(member(now, before, sender)).toBe(change);
  });
});

it("an invitation by mail is told once, and its end is not; opening a room to guests is told", () => {
  const told = (type: string, content: object, previous: object) => stateChange({
    type, sender: "@a:x", stateKey: "t", content: content as never, previous: previous as never, targetName: "t",
  });
  const mail = { display_name: "p...@g..." };
  expect(told("m.room.third_party_invite", mail, {})).toEqual({ change: "invited", targetName: "p...@g...", reason: "" });
  expect(told("m.room.third_party_invite", mail, mail)).toBeNull();
  expect(told("m.room.third_party_invite", {}, mail)).toBeNull();
  expect(told("im.vector.room.access_rules", { rule: "unrestricted" }, { rule: "restricted" })).toEqual({ change: "guests" });
  expect(told("im.vector.room.access_rules", { rule: "unrestricted" }, {})).toBeNull();
});
