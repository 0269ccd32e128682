// SPDX-License-Identifier: Apache-2.0
import { useState } from "react";
import { longDate } from "../../i18n/format.ts";
import { Button } from "../Button/Button.tsx";
import { Notice } from "../Notice/Notice.tsx";
import { useWords } from "../words.ts";
import styles from "./CodeCard.module.css";

interface Props {
  readonly code: string;
  /** Whose code it is: on paper nothing else says so. */
  readonly account: string;
  readonly onCopy: (code: string) => Promise<void>;
  readonly onPrint: () => void;
  readonly onPdf: (code: string) => void;
}

/** The recovery code, large, in groups, with the three ways of keeping it. */
export function CodeCard({ code, account, onCopy, onPrint, onPdf }: Props) {
  const words = useWords();
  const [copied, setCopied] = useState<boolean | null>(null);
  const [today] = useState(() => longDate(Date.now()));
  const copy = (): void => void onCopy(code).then(() => setCopied(true), () => setCopied(false));
  return (
    <div className={styles.card}>
      <div data-print className={styles.print}>
        <p className={styles.label} id="code-label">{words.encryption.code.label}</p>
        <output className={styles.code} aria-labelledby="code-label" data-recovery-code>
          {code.split(" ").map((group, index) => <span key={index}>{group} </span>)}
        </output>
        <p className={styles.origin}>{words.encryption.code.pdfAccount(account)}<br />{words.encryption.code.pdfDate(today)}</p>
      </div>
      <div className={styles.ways}>
        <Button icon="copy" onClick={copy}>{copied ? words.encryption.code.copied : words.encryption.code.copy}</Button>
        <Button icon="print" onClick={onPrint}>{words.encryption.code.print}</Button>
        <Button icon="download" onClick={() => onPdf(code)}>{words.encryption.code.pdf}</Button>
      </div>
      {copied === false ? <Notice tone="warn">{words.encryption.code.copyRefused}</Notice> : null}
      <p className="sr" role="status">{copied ? words.encryption.code.copied : ""}</p>
    </div>
  );
}
