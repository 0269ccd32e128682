// SPDX-License-Identifier: Apache-2.0
import { Button } from "../ui/Button/Button.tsx";
import { Notice } from "../ui/Notice/Notice.tsx";
import { useWords } from "../ui/words.ts";
import { applyUpdate, updateReady } from "./register-worker.ts";
import { useSnapshot } from "./use-snapshot.ts";

export function UpdatePrompt() {
  const words = useWords();
  const ready = useSnapshot(updateReady);
  if (!ready) return null;
  return <Notice actions={<Button onClick={applyUpdate}>{words.app.reload}</Button>}>{words.app.updateReady}</Notice>;
}
