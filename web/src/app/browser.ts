// SPDX-License-Identifier: Apache-2.0
/** Small services of the browser: clipboard, saving a file, notifications, sound, title. */
import type { Alert } from "../core/port/core.ts";
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

/** Tells about a message unless the person is looking at the application. */
export async function notify(alert: Alert, preferences: Preferences): Promise<void> {
  if (looking() || !notifying(preferences)) return;
  const words = messages();
  const title = alert.senderName === alert.roomName ? alert.senderName : `${alert.senderName} · ${alert.roomName}`;
  const options = {
    body: preferences.showText && alert.text !== "" ? alert.text : words.timeline.newCount(1), tag: alert.roomId, icon: "/icon-192.png", silent: true,
    data: { roomId: alert.roomId },
  };
  if (preferences.sound && alert.sound) chime();
  // Through the worker where there is one: phones know no other way, and a push of the same
  // conversation then replaces this notification instead of adding one.
  const registration = await navigator.serviceWorker?.getRegistration();
  if (registration?.active) return registration.showNotification(title, options);
  const notice = new Notification(title, options);
  notice.onclick = () => {
    window.focus();
    go({ page: "room", roomId: alert.roomId, eventId: null });
    notice.close();
  };
}

export function showTitle(unread: number): void {
  document.title = unread > 0 ? `(${unread}) ${messages().app.name}` : messages().app.name;
  if ("setAppBadge" in navigator) void (unread > 0 ? navigator.setAppBadge(unread) : navigator.clearAppBadge()).catch(() => undefined);
}
