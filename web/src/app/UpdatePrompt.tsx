// SPDX-License-Identifier: Apache-2.0
import { useState } from "react";
import { Button } from "../ui/Button/Button.tsx";
import { Confirm } from "../ui/Dialog/Dialog.tsx";
import { Notice } from "../ui/Notice/Notice.tsx";
import { useWords } from "../ui/words.ts";
import { agreeToLose } from "./leaving.ts";
import { applyUpdate, updateReady } from "./register-worker.ts";
import { useSnapshot } from "./use-snapshot.ts";

export function UpdatePrompt() {
  const words = useWords();
  const ready = useSnapshot(updateReady);
  const [asking, setAsking] = useState(false);
  if (!ready) return null;
  const take = (): void => applyUpdate(() => setAsking(true));
  return (
    <>
      <Notice actions={<Button onClick={take}>{words.app.reload}</Button>}>{words.app.updateReady}</Notice>
      {asking ? (
        <Confirm title={words.app.updateReady} text={words.app.updateLoses} action={words.app.reload} danger
          onCancel={() => setAsking(false)} onConfirm={() => { agreeToLose(); take(); }} />
      ) : null}
    </>
  );
}
