// SPDX-License-Identifier: Apache-2.0
import { DocumentView, fit, PictureView } from "./Attachment.tsx";

const media = { mxc: "mxc://gouv.fr/a", name: "plan.png", mime: "image/png", size: 240_000, keys: null };

export const stories = {
  picture: () => <PictureView content={{ kind: "image", media, thumbnail: null, width: 800, height: 600, caption: "" }} />,
  video: () => <PictureView content={{ kind: "video", media: { ...media, name: "visite.mp4" }, thumbnail: null, width: 0, height: 0, caption: "" }} />,
  document: () => <DocumentView sending={false} content={{ kind: "file", media: { ...media, name: "note.pdf" }, caption: "", durationMs: 0 }} />,
  audio: () => <DocumentView sending={false} content={{ kind: "audio", media: { ...media, name: "message.ogg" }, caption: "", durationMs: 4000 }} />,
  sending: () => <DocumentView sending content={{ kind: "file", media, caption: "", durationMs: 0 }} />,
};

/** Sizes that must never overflow a phone. */
export const sizes = [fit(8000, 100), fit(100, 8000), fit(0, 0), fit(10, 10)];
