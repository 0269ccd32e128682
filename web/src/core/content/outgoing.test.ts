// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { mentionsOf, textContent } from "./outgoing.ts";

// An edit would lose the mentions that cannot be read back.
test("the mentions of a message that was sent are read back as they were made", async () => {
  const mentions = [{ userId: "@jean:x", name: "Jean & <Cie>" }, { userId: "@lea:x", name: "Léa \"B\"" }];
  const message = { text: "@Jean & <Cie> et @Léa \"B\", bonjour **à tous**", mentions, mentionsRoom: false, replyTo: null, edits: null };
  expect(mentionsOf(await textContent(message))).toEqual(mentions);
  expect(mentionsOf({ body: "sans", "m.mentions": {} })).toEqual([]);
});
