// SPDX-License-Identifier: Apache-2.0
/** The pusher of this browser: kind `webpush` (MSC4174). */
import { type MatrixClient, Method } from "matrix-js-sdk";
import type { PushPort, PushSubscriptionKeys } from "../port/push.ts";
import { guarded } from "./errors.ts";

const APP_ID = "fr.estafette.web";
const CAPABILITIES = ["m.webpush", "org.matrix.msc4174.webpush"];
const ACK_PREFIX = "/_matrix/client/unstable/org.matrix.msc4174";

interface Capability { readonly enabled?: unknown; readonly vapid?: unknown }
interface PusherData { readonly activated?: unknown }

export class Push implements PushPort {
  readonly #client: MatrixClient;

  constructor(client: MatrixClient) {
    this.#client = client;
  }

  serverKey(): Promise<string | null> {
    return guarded(async () => {
      const offered = await this.#client.getCapabilities() as Readonly<Record<string, unknown>>;
      const found = CAPABILITIES.map((name) => offered[name] as Capability | undefined).find((one) => one?.enabled === true);
      return typeof found?.vapid === "string" ? found.vapid : null;
    });
  }

  register(keys: PushSubscriptionKeys, language: string): Promise<boolean> {
    return guarded(async () => {
      await this.#client.setPusher({
        kind: "webpush", app_id: APP_ID, pushkey: keys.p256dh, app_display_name: "Estafette", device_display_name: "Estafette",
        lang: language, append: true, data: { url: keys.endpoint, auth: keys.auth, format: "event_id_only" },
      } as never);
      const { pushers } = await this.#client.getPushers();
      const ours = pushers.find((one) => one.app_id === APP_ID && one.pushkey === keys.p256dh);
      return (ours?.data as PusherData | undefined)?.activated === true;
    });
  }

  confirm(token: string): Promise<void> {
    return guarded(async () => {
      const body = { app_id: APP_ID, ack_token: token };
      await this.#client.http.authedRequest(Method.Post, "/pushers/ack", undefined, body, { prefix: ACK_PREFIX });
    });
  }

  forget(keys: PushSubscriptionKeys): Promise<void> {
    return guarded(async () => {
      await this.#client.removePusher(keys.p256dh, APP_ID);
    });
  }
}
