// SPDX-License-Identifier: Apache-2.0
import { Rich } from "./Rich.tsx";

export const stories = {
  everything: () => (
    <Rich nodes={[
      { tag: "h1", children: ["Titre"] }, { tag: "p", children: ["Un ", { tag: "strong", children: ["mot"] }, " et ", { tag: "a", href: "https://gouv.fr", children: ["un lien"] }] },
      { tag: "pre", children: [{ tag: "code", language: "rust", children: ["fn main() {}"] }] }, { tag: "ol", start: 3, children: [{ tag: "li", children: ["trois"] }] },
      { tag: "mention", userId: "@jean:gouv.fr", children: ["Jean"] }, { tag: "room", room: "!r:x", eventId: null, children: ["salon"] },
      { tag: "spoiler", reason: "fin", children: ["secret"] }, { tag: "image", mxc: "mxc://a/b", alt: "chat" },
      { tag: "table", children: [{ tag: "tbody", children: [{ tag: "tr", children: ["\n", { tag: "td", children: ["case"] }] }] }] },
    ]} />
  ),
};
