// SPDX-License-Identifier: Apache-2.0
import type { EncryptionSnapshot } from "../../viewmodels/encryption.ts";
import { Button, IconButton } from "../Button/Button.tsx";
import { Notice } from "../Notice/Notice.tsx";
import { useWords } from "../words.ts";

interface Props {
  readonly state: EncryptionSnapshot;
  readonly onAttend: () => void;
  readonly onHide: () => void;
}

/** What remains to be done about encryption, until it is done or put aside. */
export function EncryptionBanner({ state, onAttend, onHide }: Props) {
  const words = useWords();
  const { phase, restoring } = state.status;
  if (restoring) return <Notice>{words.encryption.banner.restoring(restoring[0], restoring[1])}</Notice>;
  // What keeps a person from writing and reading stays in sight.
  const blocks = phase === "fresh" || phase === "unverified";
  if ((state.bannerHidden && !blocks) || state.state.name !== "hidden") return null;
  const unsure = phase === "ready" && state.codeUnsure;
  if (phase !== "fresh" && phase !== "unverified" && phase !== "noRecovery" && !unsure) return null;
  return (
    <Notice tone="warn" actions={<>
      <Button onClick={onAttend}>{words.encryption.banner.act}</Button>
      {blocks ? null : <IconButton icon="close" size={16} label={words.encryption.banner.hide} onClick={onHide} />}
    </>}>
      {unsure ? words.encryption.banner.unsure : words.encryption.banner[phase as "fresh" | "unverified" | "noRecovery"]}
    </Notice>
  );
}
