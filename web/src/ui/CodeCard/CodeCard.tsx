// SPDX-License-Identifier: Apache-2.0
import { useState } from "react";
import { Button } from "../Button/Button.tsx";
import { useWords } from "../words.ts";
import styles from "./CodeCard.module.css";

interface Props {
  readonly code: string;
  readonly onCopy: (code: string) => Promise<void>;
  readonly onPrint: () => void;
  readonly onPdf: (code: string) => void;
}

/** The recovery code, large, in groups, with the three ways of keeping it. */
export function CodeCard({ code, onCopy, onPrint, onPdf }: Props) {
  const words = useWords();
  const [copied, setCopied] = useState(false);
  return (
    <div className={styles.card}>
      <div data-print className={styles.print}>
        <p className={styles.label} id="code-label">{words.encryption.code.label}</p>
        <output className={styles.code} aria-labelledby="code-label" data-recovery-code>
          {code.split(" ").map((group, index) => <span key={index}>{group} </span>)}
        </output>
      </div>
      <div className={styles.ways}>
        <Button icon="copy" onClick={() => void onCopy(code).then(() => setCopied(true))}>{copied ? words.encryption.code.copied : words.encryption.code.copy}</Button>
        <Button icon="print" onClick={onPrint}>{words.encryption.code.print}</Button>
        <Button icon="download" onClick={() => onPdf(code)}>{words.encryption.code.pdf}</Button>
      </div>
      <p className="sr" role="status">{copied ? words.encryption.code.copied : ""}</p>
    </div>
  );
}
