// SPDX-License-Identifier: Apache-2.0
/** Dates, sizes and lists in the current language. */
import { language, messages } from "./index.ts";

const formatters = new Map<string, Intl.DateTimeFormat>();

function dates(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${language.get()}${JSON.stringify(options)}`;
  let formatter = formatters.get(key);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat(language.get(), options);
    formatters.set(key, formatter);
  }
  return formatter;
}

export const time = (at: number): string => dates({ hour: "2-digit", minute: "2-digit" }).format(at);
export const fullDate = (at: number): string => dates({ dateStyle: "full", timeStyle: "short" }).format(at);
export const longDate = (at: number): string => dates({ dateStyle: "long" }).format(at);

const startOfDay = (at: number): number => new Date(at).setHours(0, 0, 0, 0);
const DAY_MS = 86_400_000;

/** Whole days between the local days of two instants. */
export function daysBetween(at: number, now: number): number {
  return Math.round((startOfDay(now) - startOfDay(at)) / DAY_MS);
}

export function dayName(at: number, now: number): string {
  const days = daysBetween(at, now);
  const words = messages().timeline;
  if (days === 0) return words.today;
  if (days === 1) return words.yesterday;
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  const name = dates({ weekday: "long", day: "numeric", month: "long", ...(sameYear ? {} : { year: "numeric" }) }).format(at);
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** As short as a list allows: the hour today, the weekday this week, else the date. */
export function shortWhen(at: number, now: number): string {
  if (at === 0) return "";
  const days = daysBetween(at, now);
  if (days <= 0) return time(at);
  if (days === 1) return messages().rooms.yesterday;
  if (days < 7) return dates({ weekday: "short" }).format(at);
  return dates({ day: "2-digit", month: "2-digit", year: "2-digit" }).format(at);
}

export function fileSize(bytes: number): string {
  if (bytes <= 0) return "";
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  const power = Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return new Intl.NumberFormat(language.get(), {
    style: "unit", unit: units[power] ?? "byte", unitDisplay: "short", maximumFractionDigits: power === 0 ? 0 : 1,
  }).format(bytes / 1000 ** power);
}

export function list(names: readonly string[]): string {
  return new Intl.ListFormat(language.get(), { type: "conjunction" }).format(names);
}
