// SPDX-License-Identifier: Apache-2.0
/** A bare Matrix client, to prepare what a journey needs (accounts, rooms, old messages). */
import { baseURL } from "../../playwright.config.ts";

export const PASSWORD = "une phrase bien longue 42";
let counter = 0;

/** A username nobody has had on this server. */
export function freshName(prefix: string): string {
  counter += 1;
  return `${prefix}.${Date.now().toString(36)}${counter}`;
}

export class Api {
  readonly userId: string;
  readonly token: string;

  constructor(userId: string, token: string) {
    this.userId = userId;
    this.token = token;
  }

  static async register(username: string, displayName: string): Promise<Api> {
    const body: Record<string, unknown> = { username, password: PASSWORD, inhibit_login: false };
    let answer = await post("POST", "v3/register", body);
    if (answer["session"]) answer = await post("POST", "v3/register", { ...body, auth: { type: "m.login.dummy", session: answer["session"] } });
    const api = new Api(String(answer["user_id"]), String(answer["access_token"]));
    await api.call("PUT", `v3/profile/${encodeURIComponent(api.userId)}/displayname`, { displayname: displayName });
    return api;
  }

  static async login(username: string, deviceId?: string): Promise<Api> {
    const answer = await post("POST", "v3/login", { type: "m.login.password", identifier: { type: "m.id.user", user: username }, password: PASSWORD, ...(deviceId ? { device_id: deviceId } : {}) });
    if (answer["errcode"]) throw new Error(`login of ${username}: ${JSON.stringify(answer)}`);
    return new Api(String(answer["user_id"]), String(answer["access_token"]));
  }

  async call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const answer = await post(method, path, body, this.token);
    if (answer["errcode"]) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  async createRoom(options: Record<string, unknown>): Promise<string> {
    return String((await this.call("POST", "v3/createRoom", options))["room_id"]);
  }

  async join(roomId: string): Promise<void> {
    await this.call("POST", `v3/rooms/${encodeURIComponent(roomId)}/join`, {});
  }

  async send(roomId: string, text: string, type = "m.room.message"): Promise<string> {
    counter += 1;
    const path = `v3/rooms/${encodeURIComponent(roomId)}/send/${type}/t${Date.now()}${counter}`;
    return String((await this.call("PUT", path, { msgtype: "m.text", body: text }))["event_id"]);
  }
}

async function post(method: string, path: string, body?: unknown, token?: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${baseURL}/_matrix/client/${path}`, {
    method, headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return await response.json() as Record<string, unknown>;
}
