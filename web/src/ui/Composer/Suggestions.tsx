// SPDX-License-Identifier: Apache-2.0
import type { Suggestion } from "../../viewmodels/suggestions.ts";
import { Avatar } from "../Avatar/Avatar.tsx";
import { useWords } from "../words.ts";
import styles from "./Composer.module.css";

interface Props {
  readonly id: string;
  readonly suggestions: readonly Suggestion[];
  readonly selected: number;
  readonly onChoose: (index: number) => void;
}

export function Suggestions({ id, suggestions, selected, onChoose }: Props) {
  const words = useWords();
  return (
    <div id={id} role="listbox" aria-label={words.composer.suggestions} className={styles.suggestions}>
      {suggestions.map((one, index) => (
        <div
          key={one.kind === "person" ? one.userId : one.symbol} id={`${id}-${index}`} role="option" aria-selected={index === selected}
          className={styles.suggestion} onMouseDown={(event) => { event.preventDefault(); onChoose(index); }}
        >
          {one.kind === "person" ? (
            <><Avatar id={one.userId} name={one.name} mxc={one.avatar} size={28} /><span>{one.name}</span><span className={styles.suggestionAside}>{one.userId}</span></>
          ) : <><span className={styles.suggestionEmoji}>{one.symbol}</span><span>{one.label}</span></>}
        </div>
      ))}
    </div>
  );
}
