// SPDX-License-Identifier: Apache-2.0
/** Addresses within the application, after the "#". */
import { Cell } from "../core/port/observable.ts";

export type Route = { readonly page: "home" } | { readonly page: "room"; readonly roomId: string; readonly eventId: string | null };

export function parseRoute(hash: string): Route {
  const match = /^#\/salon\/([^/]+)(?:\/([^/]+))?$/.exec(hash);
  if (!match?.[1]) return { page: "home" };
  try {
    return { page: "room", roomId: decodeURIComponent(match[1]), eventId: match[2] ? decodeURIComponent(match[2]) : null };
  } catch {
    return { page: "home" };
  }
}

export function formatRoute(route: Route): string {
  if (route.page === "home") return "#/";
  const event = route.eventId ? `/${encodeURIComponent(route.eventId)}` : "";
  return `#/salon/${encodeURIComponent(route.roomId)}${event}`;
}

const ACCOUNT = /^#\/compte\/([^/]+)(\/.*)?$/;

/** An address that names the account it is for, as a notification does: the account, and the address within it. */
export function splitAccount(hash: string): { readonly account: string; readonly hash: string } | null {
  const match = ACCOUNT.exec(hash);
  if (!match?.[1]) return null;
  try {
    return { account: decodeURIComponent(match[1]), hash: `#${match[2] ?? "/"}` };
  } catch {
    return null;
  }
}

const named = splitAccount(window.location.hash);
if (named) window.history.replaceState(null, "", named.hash);
/** The account that the address names with which the page was opened. */
export const startAccount: string | null = named?.account ?? null;

export const route = new Cell<Route>(parseRoute(window.location.hash));
window.addEventListener("hashchange", () => route.set(parseRoute(window.location.hash)));

export function go(next: Route): void {
  const hash = formatRoute(next);
  if (window.location.hash !== hash) window.location.hash = hash;
  else route.set(next);
}
