// SPDX-License-Identifier: Apache-2.0
/** Small services of the browser: clipboard, saving a file, notifications, sound, title. */
import type { AccountAlert } from "../core/port/accounts.ts";
import type { Alert } from "../core/port/core.ts";
import type { AccountRef } from "../core/port/session.ts";
import { messages } from "../i18n/index.ts";
import type { Preferences } from "../viewmodels/preferences.ts";
import { go } from "./routes.ts";

export async function copyText(text: string): Promise<void> {
  await navigator.clipboard.writeText(text);
}

export function saveFile(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads the address after this turn; a minute is ample.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export const notificationsBlocked = (): boolean =>
  typeof Notification === "undefined" || Notification.permission === "denied";

export async function allowNotifications(): Promise<boolean> {
  return !notificationsBlocked() && (await Notification.requestPermission()) === "granted";
}

/** A short two-note sound made here: no file to fetch. */
function chime(): void {
  const context = new AudioContext();
  const gain = context.createGain();
  gain.connect(context.destination);
  gain.gain.setValueAtTime(0.08, context.currentTime);
  gain.gain.exponentialRampToValueAtTime(0.0001, context.currentTime + 0.4);
  [660, 880].forEach((frequency, index) => {
    const note = context.createOscillator();
    note.frequency.value = frequency;
    note.connect(gain);
    note.start(context.currentTime + index * 0.12);
    note.stop(context.currentTime + index * 0.12 + 0.2);
    if (index === 1) note.onended = () => void context.close();
  });
}

/** Whether the person is looking at the application now. */
export const looking = (): boolean => document.visibilityState === "visible" && document.hasFocus();

/** Whether messages are told of by notifications on this device. */
export const notifying = (preferences: Preferences): boolean => preferences.desktopNotifications && !notificationsBlocked();

/** Tells about a message of the open account unless the person is looking at the application. */
export async function notify(alert: Alert, account: AccountRef, preferences: Preferences): Promise<void> {
  if (looking() || !notifying(preferences)) return;
  const title = alert.senderName === alert.roomName ? alert.senderName : `${alert.senderName} · ${alert.roomName}`;
  const body = preferences.showText && alert.text !== "" ? alert.text : messages().timeline.newCount(1);
  if (preferences.sound && alert.sound) chime();
  await show({ title, body, tag: alert.roomId, account: account.key, roomId: alert.roomId }, () => go({ page: "room", roomId: alert.roomId, eventId: null }));
}

/** Tells what came for an account that is not open, whether or not the person looks at the other one. */
export async function notifyOther({ account, roomId, roomName, count }: AccountAlert, name: string, preferences: Preferences, open: () => void): Promise<void> {
  if (!notifying(preferences)) return;
  const words = messages();
  const said = count > 0 ? words.timeline.newCount(count) : words.accounts.invitation;
  if (preferences.sound) chime();
  await show({ title: roomName ?? words.accounts.someRoom, body: `${said}\n${words.accounts.told(name)}`, tag: otherTag(account, roomId), account: account.key, roomId }, open);
}

/** One notification for each conversation of each account. */
export const otherTag = (account: AccountRef, roomId: string): string => `${account.key} ${roomId}`;

interface Shown { readonly title: string; readonly body: string; readonly tag: string; readonly account: string; readonly roomId: string }

/**
 * Through the worker where there is one: phones know no other way, and a push of the same
 * conversation then replaces this notification instead of adding one.
 */
async function show({ title, body, tag, account, roomId }: Shown, open: () => void): Promise<void> {
  const options = { body, tag, icon: "/icon-192.png", silent: true, data: { roomId, account } };
  const registration = await navigator.serviceWorker?.getRegistration();
  if (registration?.active) return registration.showNotification(title, options);
  const notice = new Notification(title, options);
  notice.onclick = () => {
    window.focus();
    open();
    notice.close();
  };
}

export function showTitle(unread: number): void {
  document.title = unread > 0 ? `(${unread}) ${messages().app.name}` : messages().app.name;
  if ("setAppBadge" in navigator) void (unread > 0 ? navigator.setAppBadge(unread) : navigator.clearAppBadge()).catch(() => undefined);
}
