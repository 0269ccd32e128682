// SPDX-License-Identifier: Apache-2.0
/** Web Push: what the server needs to reach this browser while no page is open (MSC4174). */

/** What a browser gives for a subscription (Push API), in unpadded URL-safe Base64. */
export interface PushSubscriptionKeys {
  readonly endpoint: string;
  readonly p256dh: string;
  readonly auth: string;
}

export interface PushPort {
  /** The key this server signs its pushes with; null when it does not push to browsers. */
  serverKey(): Promise<string | null>;
  /** Sets the pusher. True when it is active, false while the server waits for its token. */
  register(keys: PushSubscriptionKeys, language: string): Promise<boolean>;
  /** Sends back the token that the server pushed: from now on it pushes messages. */
  confirm(token: string): Promise<void>;
  forget(keys: PushSubscriptionKeys): Promise<void>;
}
