// SPDX-License-Identifier: Apache-2.0
import { splitName } from "../../core/port/invites.ts";
import { useThumbnail } from "../media.ts";
import styles from "./Avatar.module.css";

interface Props {
  readonly id: string;
  readonly name: string;
  readonly mxc: string | null;
  readonly size: number;
  readonly square?: boolean;
}

/** One of eight tones, always the same for the same identifier. */
export function toneOf(id: string): number {
  let hash = 0;
  for (let index = 0; index < id.length; index += 1) hash = (hash * 31 + id.charCodeAt(index)) >>> 0;
  return hash % 8;
}

export function initials(name: string): string {
  // The organisation behind a name is no part of it.
  const words = (splitName(name).name || name).replace(/[^\p{L}\p{N}\s-]/gu, " ").split(/[\s-]+/).filter(Boolean);
  const first = [...(words[0] ?? "?")][0] ?? "?";
  const last = words.length > 1 ? [...(words.at(-1) ?? "")][0] ?? "" : "";
  return (first + last).toLocaleUpperCase();
}

/** Below this size one letter is all that can be read, in pixels. */
const SMALL = 24;

/** Decorative: the name is always written next to it. */
export function Avatar({ id, name, mxc, size, square = false }: Props) {
  const picture = useThumbnail(mxc, size);
  return (
    <span
      className={`${styles.avatar} ${square ? styles.square : ""}`} data-tone={toneOf(id)} aria-hidden="true"
      style={{ width: size, height: size, fontSize: Math.round(size * (size < SMALL ? 0.6 : 0.4)) }}
    >
      {picture.state === "ready" && mxc ? <img src={picture.url} alt="" width={size} height={size} draggable={false} /> : size < SMALL ? [...initials(name)][0] : initials(name)}
    </span>
  );
}
