// SPDX-License-Identifier: Apache-2.0
import { nothing } from "../samples.ts";
import { EmojiPicker } from "./EmojiPicker.tsx";

export const stories = {
  picker: () => <EmojiPicker source={() => Promise.resolve([{ symbol: "👍", label: "pouce vers le haut", tags: ["ok"], group: 0 }])} onPick={nothing} onClose={nothing} />,
};
