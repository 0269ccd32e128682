// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "vitest";
import { Cell } from "../core/port/observable.ts";
import type { RoomPort } from "../core/port/rooms.ts";
import { CoreError } from "../core/port/session.ts";
import type { OutgoingFile, OutgoingText, TimelineItem, TimelinePort } from "../core/port/timeline.ts";
import { ComposerViewModel, type PendingUpload } from "./composer.ts";

const ITEM: TimelineItem = {
  id: "$1", eventId: "$1", sender: { id: "@jean:x", name: "Jean", avatar: null }, mine: true, at: 0,
  content: { kind: "text", style: "plain", body: "**Bonjour**", rich: [{ tag: "strong", children: ["Bonjour"] }], bigEmoji: false },
  edited: false, mentionsMe: false, reply: null, reactions: [], readers: [], send: null, shield: null, canEdit: true, canDelete: true,
};

function make({ limit = null as number | null, memory = new Map<string, string>(), refuse = false, kept = new Map<string, readonly PendingUpload[]>() } = {}) {
  const texts: OutgoingText[] = [];
  const files: OutgoingFile[] = [];
  const typing: boolean[] = [];
  const timeline = {
    sendText: async (message: OutgoingText) => { if (refuse) throw new CoreError("limit"); texts.push(message); },
    sendFile: async (file: OutgoingFile) => { files.push(file); },
    source: () => "**Bonjour**", mentions: () => [{ userId: "@jean:x", name: "Jean Martin" }],
  } as unknown as TimelinePort;
  const members = [{ id: "@jean:x", name: "Jean Martin", avatar: null, membership: "join", power: 0, role: "member" }];
  const details = new Cell({ id: "!r", members });
  const room = { details, setTyping: (on: boolean) => typing.push(on) } as unknown as RoomPort;
  const vm = new ComposerViewModel({
    room, timeline, emoji: async () => [], uploadLimit: async () => limit, files: kept,
    memory: { read: (key) => memory.get(key) ?? null, write: (key, value) => { if (value === null) memory.delete(key); else memory.set(key, value); } },
  });
  return { vm, timeline, texts, files, typing, memory, kept, details };
}

const type = (vm: ComposerViewModel, text: string): void => vm.setText(text, text.length);
const file = (name: string, size: number): File => new File([new Uint8Array(size)], name, { type: "image/png" });

describe("composer", () => {
  test("a draft outlives the page, with its reply, and goes when it is sent", async () => {
    const first = make();
    first.vm.reply(ITEM);
    type(first.vm, "À demain");
    const second = make({ memory: first.memory });
    expect(second.vm.get()).toMatchObject({ text: "À demain", canSend: true, mode: { kind: "reply", eventId: "$1", quote: "Bonjour" } });
    await second.vm.send();
    expect(second.texts).toMatchObject([{ text: "À demain", replyTo: "$1", edits: null }]);
    expect(first.memory.size).toBe(0);
  });

  test("files too many are said, not dropped in silence; an edit without words is not sent for them", async () => {
    const { vm } = make();
    await vm.addFiles(Array.from({ length: 22 }, (_, index) => file(`${index}.png`, 1)));
    expect([vm.get().uploads.length, vm.get().tooMany]).toEqual([20, 2]);
    vm.dismissTooLarge();
    expect(vm.get().tooMany).toBe(0);
    vm.edit(ITEM);
    type(vm, "");
    vm.removeFile(vm.get().uploads[0]?.id ?? 0);
    expect(vm.get().canSend).toBe(false);
  });

  // Files chosen for a long while would be gone after a look at another conversation.
  test("files that wait outlive a look at another conversation, and leave when they are sent or taken out", async () => {
    const first = make();
    await first.vm.addFiles([file("un.png", 10), file("deux.png", 10)]);
    first.vm.dispose();
    const second = make({ kept: first.kept });
    expect(second.vm.get()).toMatchObject({ canSend: true, uploads: [{ name: "un.png" }, { name: "deux.png" }] });
    await second.vm.addFiles([file("trois.png", 10)]);
    expect(new Set(second.vm.get().uploads.map((upload) => upload.id)).size).toBe(3);
    second.vm.removeFile(second.vm.get().uploads[0]?.id ?? 0);
    await second.vm.send();
    expect(second.files.map((one) => one.file.name)).toEqual(["deux.png", "trois.png"]);
    expect(first.kept.size).toBe(0);
  });

  // Whoever was mentioned would no longer be, after a comma was mended.
  test("an edit keeps the mentions of the message, and leaves those of the draft alone", async () => {
    const { vm, texts } = make();
    type(vm, "un brouillon");
    vm.edit(ITEM);
    type(vm, "Bonjour @Jean Martin !");
    await vm.send();
    expect(texts).toMatchObject([{ edits: "$1", mentions: [{ userId: "@jean:x", name: "Jean Martin" }] }]);
    await vm.send();
    expect(texts[1]).toMatchObject({ text: "un brouillon", edits: null, mentions: [] });
  });

  test("editing gives back what was being written, sent or not", async () => {
    const { vm, texts } = make();
    type(vm, "en cours");
    vm.edit(ITEM);
    expect(vm.get().text).toBe("**Bonjour**");
    vm.cancelMode();
    expect(vm.get()).toMatchObject({ text: "en cours", mode: { kind: "new" } });
    vm.edit(ITEM);
    type(vm, "**Bonsoir**");
    await vm.send();
    expect(texts).toMatchObject([{ text: "**Bonsoir**", edits: "$1" }]);
    expect(vm.get()).toMatchObject({ text: "en cours", mode: { kind: "new" }, canSend: true });
  });

  test("an edit neither sends nor loses the files that wait beside it, and an empty one is not sent", async () => {
    const { vm, texts, files } = make();
    await vm.addFiles([file("a.png", 1)]);
    vm.edit(ITEM);
    type(vm, "  ");
    expect(vm.get().canSend).toBe(false);
    type(vm, "corrigé");
    await vm.send();
    expect([texts.length, files.length, vm.get().uploads.length, vm.get().canSend]).toEqual([1, 0, 1, true]);
  });

  test("one file carries the text as its caption, several are followed by it", async () => {
    const { vm, texts, files } = make();
    await vm.addFiles([file("a.png", 1)]);
    type(vm, "Le plan");
    await vm.send();
    expect([files[0]?.caption, texts.length]).toEqual(["Le plan", 0]);
    await vm.addFiles([file("a.png", 1), file("b.png", 1)]);
    type(vm, "Les plans");
    await vm.send();
    expect(files.slice(1).map((one) => one.caption)).toEqual(["", ""]);
    expect(texts.map((one) => one.text)).toEqual(["Les plans"]);
  });

  test("a file beyond the server's limit is said at once, others are kept", async () => {
    const { vm } = make({ limit: 10 });
    await vm.addFiles([file("petit.png", 5), file("grand.png", 50)]);
    expect(vm.get().uploads.map((one) => one.name)).toEqual(["petit.png"]);
    expect(vm.get().tooLarge).toEqual({ name: "grand.png", limit: 10 });
  });

  // Whoever enters while their name is being typed could not be mentioned before it is typed anew.
  test("somebody who comes while their name is typed is offered, and nobody once that is over", () => {
    const { vm, details } = make();
    const come = (id: string, name: string): void => details.update((old) => ({ ...old, members: [...old.members, { id, name, avatar: null, membership: "join", power: 0, role: "member" }] }));
    type(vm, "Merci @cam");
    expect(vm.get().suggestions).toEqual([]);
    come("@camille:x", "Camille Durand");
    expect(vm.get().suggestions).toMatchObject([{ userId: "@camille:x" }]);
    vm.closeSuggestions();
    come("@camilla:x", "Camilla");
    expect(vm.get().suggestions).toEqual([]);
    type(vm, "Merci @cam");
    vm.edit(ITEM);
    come("@camillo:x", "Camillo");
    expect(vm.get().suggestions).toEqual([]);
  });

  test("a mention chosen from the list is told to the server", async () => {
    const { vm, texts } = make();
    type(vm, "Merci @jea");
    expect(vm.get().suggestions.map((one) => one.kind)).toEqual(["person"]);
    vm.accept();
    expect(vm.get().text).toBe("Merci @Jean Martin ");
    await vm.send();
    expect(texts[0]?.mentions).toEqual([{ userId: "@jean:x", name: "Jean Martin" }]);
  });

  test("what the queue refuses comes back, and says why", async () => {
    const { vm, typing } = make({ refuse: true });
    type(vm, "Important");
    await vm.send();
    expect(vm.get()).toMatchObject({ text: "Important", canSend: true, failure: "limit" });
    expect(typing.at(-1)).toBe(false);
  });

  // The first two would have been sent again, and what was typed meanwhile would have been overwritten.
  test("the files that the queue took do not come back, and what was written meanwhile stays", async () => {
    const made = make();
    const { vm, timeline, memory } = made;
    await vm.addFiles([file("un.png", 1), file("deux.png", 1), file("trois.png", 1)]);
    type(vm, "Les plans");
    const taken: string[] = [];
    let refuse = true;
    timeline.sendFile = async (one) => {
      if (refuse && taken.length === 2) {
        expect(make({ memory }).vm.get().text).toBe("Les plans");
        await vm.addFiles([file("quatre.png", 1)]);
        type(vm, "et la suite");
        throw new CoreError("storageFull");
      }
      taken.push(one.file.name);
    };
    await vm.send();
    expect(vm.get()).toMatchObject({ text: "Les plans\net la suite", canSend: true, failure: "storageFull", uploads: [{ name: "trois.png" }, { name: "quatre.png" }] });
    expect(make({ memory }).vm.get().text).toBe("Les plans\net la suite");
    refuse = false;
    await vm.send();
    expect(taken).toEqual(["un.png", "deux.png", "trois.png", "quatre.png"]);
    expect([made.texts.map((one) => one.text), memory.size]).toEqual([["Les plans\net la suite"], 0]);
  });

  test("an edit that is refused comes back as one, and the draft beside it with what was added to it", async () => {
    const { vm, timeline } = make();
    type(vm, "un brouillon");
    vm.edit(ITEM);
    type(vm, "corrigé");
    timeline.sendText = async () => { type(vm, "un brouillon plus long"); throw new CoreError("limit"); };
    await vm.send();
    expect(vm.get()).toMatchObject({ text: "corrigé", mode: { kind: "edit", eventId: "$1" }, failure: "limit" });
    vm.cancelMode();
    expect(vm.get()).toMatchObject({ text: "un brouillon plus long", mode: { kind: "new" } });
  });
});
