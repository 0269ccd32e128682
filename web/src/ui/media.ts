// SPDX-License-Identifier: Apache-2.0
/** How views get at pictures and files without knowing where they come from. */
import { createContext, useContext, useEffect, useState } from "react";
import type { MediaRef } from "../core/port/content.ts";

export interface MediaLoader {
  open(media: MediaRef): Promise<string>;
  thumbnail(mxc: string, size: number): Promise<string>;
  save(media: MediaRef): Promise<void>;
}

const nothing = (): Promise<never> => Promise.reject(new Error("no media here"));
export const MediaContext = createContext<MediaLoader>({ open: nothing, thumbnail: nothing, save: nothing });

export type Loaded = { readonly state: "loading" } | { readonly state: "ready"; readonly url: string } | { readonly state: "failed" };

const LOADING: Loaded = { state: "loading" };

function useLoaded(key: string | null, load: (() => Promise<string>) | null): Loaded {
  const [loaded, setLoaded] = useState<{ key: string | null; value: Loaded }>({ key: null, value: LOADING });
  useEffect(() => {
    if (key === null || load === null) return;
    let live = true;
    load().then(
      (url) => { if (live) setLoaded({ key, value: { state: "ready", url } }); },
      () => { if (live) setLoaded({ key, value: { state: "failed" } }); },
    );
    return () => { live = false; };
    // `load` is a new function each time; `key` says what it loads.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [key]);
  return loaded.key === key ? loaded.value : LOADING;
}

export function useThumbnail(mxc: string | null, size: number): Loaded {
  const media = useContext(MediaContext);
  return useLoaded(mxc ? `${mxc} ${size}` : null, mxc ? () => media.thumbnail(mxc, size) : null);
}

export function useFile(ref: MediaRef | null): Loaded {
  const media = useContext(MediaContext);
  return useLoaded(ref?.mxc || null, ref ? () => media.open(ref) : null);
}
