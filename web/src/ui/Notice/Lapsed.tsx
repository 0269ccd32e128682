// SPDX-License-Identifier: Apache-2.0
import { useWords } from "../words.ts";
import { Notice } from "./Notice.tsx";

/** The account's time is over: where it is renewed, in another tab, so that this one goes on by itself after. */
export function Lapsed({ page }: { readonly page: string | null }) {
  const words = useWords().app;
  if (page === null) return <Notice tone="danger">{words.lapsedAsk}</Notice>;
  return <Notice tone="danger" actions={<a href={page} target="_blank" rel="noopener noreferrer">{words.renew}</a>}>{words.lapsed}</Notice>;
}
