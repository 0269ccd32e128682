// SPDX-License-Identifier: Apache-2.0
import { useState } from "react";
import type { RoomDetails } from "../core/port/rooms.ts";
import type { KeyValue } from "../viewmodels/base.ts";
import { Button } from "../ui/Button/Button.tsx";
import { Notice } from "../ui/Notice/Notice.tsx";
import { useWords } from "../ui/words.ts";

/** What a person has to know before the first message to a public room. */
export function PublicNotice({ details, memory }: { readonly details: RoomDetails; readonly memory: KeyValue }) {
  const words = useWords();
  const key = `public.${details.id}`;
  const [seen, setSeen] = useState(() => memory.read(key) !== null);
  if (!details.isPublic || seen) return null;
  const understood = (): void => {
    memory.write(key, "seen");
    setSeen(true);
  };
  return <Notice tone="warn" actions={<Button onClick={understood}>{words.kinds.understood}</Button>}>{words.kinds.publicFirst}</Notice>;
}
