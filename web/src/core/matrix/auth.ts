// SPDX-License-Identifier: Apache-2.0
/**
 * Signing in and up, before any account is open. Speaks HTTP directly: the sign-in screen must not
 * wait for the SDK. Client-server API 5.5 (login), 5.7 (registration), 5.1.2 (user-interactive).
 */
import {
  CoreError, type AccountRef, type AuthPort, type RegistrationMode, type SignInMethods,
  type SignUpRequest,
} from "../port/session.ts";
import { activateAccount, activeAccount, listAccounts, putAccount, rememberName, removeAccount } from "./accounts.ts";
import { databaseNames, removeFilters } from "./database-names.ts";
import { removeDatabases, removeLeftovers } from "./leftovers.ts";
import { deviceName } from "./device-name.ts";
import { toCoreError } from "./errors.ts";

type Json = Record<string, unknown>;
interface Answer { readonly status: number; readonly body: Json }

/** Longest wait for an answer before signing in, in milliseconds. */
const TIMEOUT_MS = 20_000;
const PENDING_OAUTH = "estafette.oauth";

export function homeserver(): string {
  return window.location.origin;
}

async function call(method: string, path: string, body?: Json): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(`${homeserver()}/_matrix/client/${path}`, {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body ? { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {}),
    });
  } catch (error) {
    throw new CoreError("offline", String(error));
  }
  const parsed = await response.json().catch(() => ({})) as Json;
  return { status: response.status, body: parsed };
}

function failure(answer: Answer): CoreError {
  const base = toCoreError({
    errcode: answer.body["errcode"], httpStatus: answer.status,
    data: answer.body,
  });
  return base;
}

function remember(answer: Answer): AccountRef {
  const userId = String(answer.body["user_id"]);
  const deviceId = String(answer.body["device_id"]);
  const account = { key: `${userId}|${deviceId}`, userId, deviceId };
  const refreshToken = answer.body["refresh_token"];
  putAccount({
    ...account,
    accessToken: String(answer.body["access_token"]),
    ...(typeof refreshToken === "string" ? { refreshToken } : {}),
  });
  return account;
}

function flowStages(body: Json): readonly (readonly string[])[] {
  const flows = Array.isArray(body["flows"]) ? body["flows"] as Json[] : [];
  return flows.map((flow) => (Array.isArray(flow["stages"]) ? flow["stages"] as string[] : []));
}

const OPEN_STAGES = new Set(["m.login.dummy", "m.login.terms"]);
const TOKEN_STAGE = "m.login.registration_token";

/** The registration this client can complete, from the flows of a 401 answer. */
function registrationMode(body: Json): RegistrationMode {
  const flows = flowStages(body);
  if (flows.some((stages) => stages.every((stage) => OPEN_STAGES.has(stage)))) return "open";
  const withToken = flows.some((stages) => stages.includes(TOKEN_STAGE)
    && stages.every((stage) => stage === TOKEN_STAGE || OPEN_STAGES.has(stage)));
  return withToken ? "token" : "closed";
}

async function probeRegistration(): Promise<RegistrationMode> {
  const answer = await call("POST", "v3/register", {});
  return answer.status === 401 ? registrationMode(answer.body) : "closed";
}

/** Completes the stages one by one; a server asks at most a handful. */
async function register(request: SignUpRequest): Promise<Answer> {
  const base: Json = {
    username: request.username, password: request.password,
    initial_device_display_name: deviceName(),
  };
  let answer = await call("POST", "v3/register", base);
  for (let stage = 0; stage < 5 && answer.status === 401; stage += 1) {
    const session = answer.body["session"];
    const completed = new Set(Array.isArray(answer.body["completed"]) ? answer.body["completed"] as string[] : []);
    if (typeof answer.body["errcode"] === "string") throw stageFailure(answer);
    const flow = flowStages(answer.body).find((stages) =>
      stages.every((one) => OPEN_STAGES.has(one) || (one === TOKEN_STAGE && request.token)));
    const next = flow?.find((one) => !completed.has(one));
    if (!next) throw new CoreError("unsupported", "no registration flow this client can complete");
    const auth: Json = { type: next, session };
    if (next === TOKEN_STAGE) auth["token"] = request.token;
    answer = await call("POST", "v3/register", { ...base, auth });
  }
  return answer;
}

function stageFailure(answer: Answer): CoreError {
  const code = answer.body["errcode"];
  const detail = String(answer.body["error"] ?? "");
  return code === "M_UNAUTHORIZED" || code === "M_FORBIDDEN" ? new CoreError("tokenInvalid", detail) : failure(answer);
}

export class Auth implements AuthPort {
  constructor() {
    removeLeftovers();
  }

  async methods(): Promise<SignInMethods> {
    const [login, metadata, registration] = await Promise.all([
      call("GET", "v3/login"),
      call("GET", "v1/auth_metadata"),
      probeRegistration(),
    ]);
    const flows = Array.isArray(login.body["flows"]) ? login.body["flows"] as Json[] : [];
    const oauth = metadata.status === 200 && typeof metadata.body["authorization_endpoint"] === "string";
    // Client-server API, "OAuth 2.0 API", server metadata discovery.
    const prompts: unknown = metadata.body["prompt_values_supported"];
    return {
      password: flows.some((flow) => flow["type"] === "m.login.password"),
      oauth,
      signUpPages: oauth && Array.isArray(prompts) && prompts.includes("create"),
      registration,
    };
  }

  async signIn(username: string, password: string, again?: AccountRef): Promise<AccountRef> {
    const answer = await call("POST", "v3/login", {
      type: "m.login.password",
      identifier: { type: "m.id.user", user: username.trim() },
      password,
      ...(again ? { device_id: again.deviceId } : { initial_device_display_name: deviceName() }),
    });
    if (answer.status === 403 && answer.body["errcode"] === "M_FORBIDDEN") throw new CoreError("credentials", String(answer.body["error"] ?? ""));
    if (answer.status !== 200) throw failure(answer);
    return remember(answer);
  }

  async signUp(request: SignUpRequest): Promise<AccountRef> {
    const answer = await register(request);
    if (answer.status !== 200) throw failure(answer);
    const account = remember(answer);
    await this.#setInitialName(account, request.displayName);
    return account;
  }

  /** Failing to set the name must not undo a registration: it can be set later in the settings. */
  async #setInitialName(account: AccountRef, name: string): Promise<void> {
    const stored = activeAccount();
    if (name.trim() === "" || !stored) return;
    await fetch(`${homeserver()}/_matrix/client/v3/profile/${encodeURIComponent(account.userId)}/displayname`, {
      method: "PUT",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${stored.accessToken}` },
      body: JSON.stringify({ displayname: name.trim() }),
    }).catch(() => undefined);
  }

  async beginOAuth(action: "signIn" | "signUp", again?: AccountRef): Promise<string> {
    const { beginOAuth } = await import("./oauth.ts");
    const journey = await beginOAuth(homeserver(), action, again?.deviceId);
    sessionStorage.setItem(PENDING_OAUTH, JSON.stringify(journey.pending));
    return journey.url;
  }

  async finishOAuth(code: string, state: string, issuer: string | null): Promise<AccountRef> {
    const pending = JSON.parse(sessionStorage.getItem(PENDING_OAUTH) ?? "null") as never;
    sessionStorage.removeItem(PENDING_OAUTH);
    const { finishOAuth } = await import("./oauth.ts");
    const account = await finishOAuth(homeserver(), pending, code, { state, issuer });
    putAccount(account);
    return account;
  }

  accounts(): readonly AccountRef[] {
    return listAccounts();
  }

  active(): AccountRef | null {
    return activeAccount();
  }

  activate(key: string): void {
    activateAccount(key);
  }

  name(key: string, name: string): void {
    rememberName(key, name);
  }

  async unsent({ key }: AccountRef): Promise<number | null> {
    const { waitingOnDisk } = await import("./outbox-count.ts");
    return waitingOnDisk(key);
  }

  async forget({ key, userId }: AccountRef): Promise<void> {
    removeAccount(key);
    removeFilters(userId);
    await removeDatabases(databaseNames(key));
  }
}
