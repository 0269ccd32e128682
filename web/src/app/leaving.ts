// SPDX-License-Identifier: Apache-2.0
/** What is in memory alone goes with the page: whoever leaves it is asked first. */

const reasons = new Set<() => boolean>();
let agreed = false;

/** Whether leaving now would lose something that nobody has agreed to lose. */
export const loses = (): boolean => !agreed && [...reasons].some((reason) => reason());

/** The person has answered in the application: the browser need not ask again. */
export function agreeToLose(): void {
  agreed = true;
}

/** Starts the page anew after a sign-out, which has said what it loses: to ask then would hold up an account that is gone. */
export function startAnew(reload: () => void = () => window.location.reload()): void {
  agreeToLose();
  reload();
}

const ask = (event: Event): void => { if (loses()) event.preventDefault(); };

/** Asks for as long as `reason` says that something would be lost. */
export function askBeforeLeaving(reason: () => boolean): () => void {
  reasons.add(reason);
  window.addEventListener("beforeunload", ask);
  return () => {
    reasons.delete(reason);
    if (reasons.size === 0) window.removeEventListener("beforeunload", ask);
  };
}
