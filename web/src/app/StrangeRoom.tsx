// SPDX-License-Identifier: Apache-2.0
import { useEffect, useState } from "react";
import type { Core } from "../core/port/core.ts";
import type { FailureKind } from "../core/port/session.ts";
import { kindOf } from "../viewmodels/failure.ts";
import { NotHere, NothingOpen } from "../ui/Shell/Shell.tsx";
import { useWords } from "../ui/words.ts";
import { go } from "./routes.ts";

/** A conversation that was just made or joined reaches the list within this time, in milliseconds. */
const LIST_DELAY_MS = 2_000;

/** The place of a conversation that is not in the list: it may be open to all. */
export function StrangeRoom({ core, roomId }: { readonly core: Core; readonly roomId: string }) {
  const words = useWords();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<FailureKind | null>(null);
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), LIST_DELAY_MS);
    return () => clearTimeout(timer);
  }, []);
  const join = (): void => {
    setBusy(true);
    setFailure(null);
    // Once joined, the list has it and the conversation takes this place.
    core.rooms.joinByAddress(roomId).then((id) => go({ page: "room", roomId: id, eventId: null })).catch((error: unknown) => setFailure(kindOf(error))).finally(() => setBusy(false));
  };
  if (!late) return <NothingOpen />;
  return <NotHere busy={busy} problem={failure ? words.failure[failure] : null} onJoin={join} onBack={() => go({ page: "home" })} />;
}
