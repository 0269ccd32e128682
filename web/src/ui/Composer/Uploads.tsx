// SPDX-License-Identifier: Apache-2.0
import { useEffect, useState } from "react";
import { fileSize } from "../../i18n/format.ts";
import type { PendingUpload } from "../../viewmodels/composer.ts";
import { IconButton } from "../Button/Button.tsx";
import { Icon } from "../Icon/Icon.tsx";
import { useWords } from "../words.ts";
import styles from "./Composer.module.css";

export function Uploads({ uploads, onRemove }: { readonly uploads: readonly PendingUpload[]; readonly onRemove: (id: number) => void }) {
  const words = useWords();
  return (
    <ul className={styles.uploads}>
      {uploads.map((upload) => (
        <li key={upload.id} className={styles.upload}>
          {upload.isImage ? <Preview file={upload.file} /> : <span className={styles.uploadIcon}><Icon name="file" size={24} /></span>}
          <span className={styles.uploadName}>{upload.name}</span>
          <span className={styles.uploadSize}>{fileSize(upload.size)}</span>
          <IconButton icon="close" size={16} label={words.composer.removeFile(upload.name)} onClick={() => onRemove(upload.id)} />
        </li>
      ))}
    </ul>
  );
}

function Preview({ file }: { readonly file: File }) {
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  return url ? <img src={url} alt="" className={styles.uploadImage} /> : null;
}
