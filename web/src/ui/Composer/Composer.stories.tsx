// SPDX-License-Identifier: Apache-2.0
import type { ComposerSnapshot } from "../../viewmodels/composer.ts";
import { idle, nothing } from "../samples.ts";
import { ComposerView } from "./ComposerView.tsx";

const empty: ComposerSnapshot = { text: "", caret: null, mode: { kind: "new" }, uploads: [], suggestions: [], selected: 0, canSend: false, tooLarge: null, tooMany: 0, failure: null };
const show = (change: Partial<ComposerSnapshot>, encrypted = true) => (
  <ComposerView state={{ ...empty, ...change }} actions={idle()} name="Jean Martin" encrypted={encrypted} emoji={() => Promise.resolve([])} onEditLast={nothing} />
);

export const stories = {
  empty: () => show({}),
  inClear: () => show({}, false),
  reply: () => show({ text: "Oui", canSend: true, mode: { kind: "reply", eventId: "$1", name: "Jean Martin", quote: "On se voit demain ?" } }),
  edit: () => show({ text: "Oui !", canSend: true, mode: { kind: "edit", eventId: "$1" } }),
  mention: () => show({ text: "@je", suggestions: [{ kind: "person", userId: "@jean:gouv.fr", name: "Jean Martin", avatar: null }, { kind: "emoji", symbol: "👍", label: "pouce" }] }),
  files: () => show({ canSend: true, uploads: [{ id: 1, file: new File(["x"], "note.pdf"), name: "note.pdf", size: 12_000, isImage: false }] }),
  tooLarge: () => show({ tooLarge: { name: "film.mkv", limit: 50_000_000 }, failure: "limit" }),
};
