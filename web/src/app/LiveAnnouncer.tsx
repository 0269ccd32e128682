// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState } from "react";
import type { Row } from "../viewmodels/rows.ts";

/** Reads new messages aloud without the list itself being a live region, which would repeat history. */
export function LiveAnnouncer({ rows }: { readonly rows: readonly Row[] }) {
  const last = rows.findLast((row) => row.kind === "message");
  const seen = useRef<string | null>(null);
  const [text, setText] = useState("");
  const item = last?.kind === "message" ? last.item : null;
  useEffect(() => {
    if (!item) return;
    const known = seen.current;
    seen.current = item.id;
    if (known === null || known === item.id || item.mine || item.content.kind !== "text") return;
    setText(`${item.sender.name} : ${item.content.body.slice(0, 300)}`);
  }, [item]);
  return <div className="sr" role="log" aria-live="polite">{text}</div>;
}
