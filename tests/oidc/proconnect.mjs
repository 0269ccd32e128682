// SPDX-License-Identifier: Apache-2.0
// A provider that behaves as ProConnect does (its documentation for service providers, and its
// published source, which is oidc-provider as well):
//
// - parameters that it does not know are errors, `max_age` among them; `state` and `nonce` have 32
//   characters at least, and signing out wants `id_token_hint`, `state` and where to come back;
// - a session of its own is used again, whatever `prompt` says, and `auth_time` is now all the same;
// - `acr` is `eidas1` unless more is asked for as essential; who cannot prove that much is denied
//   access; `amr` comes only when it is asked for;
// - one scope for each claim, user info signed, and nothing of `email_verified`.

import { once } from "node:events";

import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

const PARAMETERS = new Set([
  "acr_values", "claims", "client_id", "code_challenge", "code_challenge_method", "idp_hint",
  "login_hint", "nonce", "prompt", "redirect_uri", "response_mode", "response_type", "scope",
  "siret_hint", "state",
]);
const LEVELS = [
  "eidas1",
  "eidas2",
  "https://proconnect.gouv.fr/assurance/self-asserted-2fa",
  "https://proconnect.gouv.fr/assurance/consistency-checked-2fa",
];
const CLAIMS = ["given_name", "usual_name", "email", "siret", "uid", "idp_id"];

/** What is wrong with a request to sign in. */
function wrongRequest(query) {
  const unknown = Object.keys(query).find((name) => !PARAMETERS.has(name));
  if (unknown) return `Y000400: ${unknown}`;
  const short = ["state", "nonce"].find((name) => !(query[name]?.length >= 32));
  if (short) return `Y000400: ${short}`;
  const hint = query.login_hint;
  return hint !== undefined && !/^[^@]+@[^@]+$/.test(hint) ? "Y000400: login_hint" : undefined;
}

/** What is wrong with a request to sign out. */
const wrongFarewell = (query) =>
  ["id_token_hint", "state", "post_logout_redirect_uri"].find((name) => !query[name]);

async function form(request) {
  const chunks = await Array.fromAsync(request);
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

export class ProConnect {
  #people;
  #provider;
  #listening;
  issuer;
  /** Times that somebody was asked who they are. */
  asked = 0;

  static async start(issuer, clients, people) {
    const self = new ProConnect();
    self.issuer = issuer;
    self.#people = people;
    const { privateKey } = await generateKeyPair("RS256", { extractable: true });
    const key = { ...(await exportJWK(privateKey)), alg: "RS256", use: "sig", kid: "pc" };
    const algorithm = { id_token_signed_response_alg: "RS256", userinfo_signed_response_alg: "RS256" };
    self.#provider = new Provider(issuer, {
      jwks: { keys: [key] },
      clients: clients.map((client) => ({ ...algorithm, ...client })),
      acrValues: LEVELS,
      scopes: ["openid"],
      claims: {
        openid: ["sub"],
        amr: ["amr"],
        ...Object.fromEntries(CLAIMS.map((claim) => [claim, [claim]])),
      },
      extraParams: ["idp_hint", "siret_hint"],
      features: {
        devInteractions: { enabled: false },
        claimsParameter: { enabled: true },
        jwtUserinfo: { enabled: true },
      },
      interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
      findAccount: (_, id) => ({
        accountId: id,
        claims: () => ({ sub: id, idp_id: "an-idp", siret: "11009001600053", ...people[id] }),
      }),
      loadExistingGrant: (ctx) => self.#grant(ctx),
      cookies: { keys: ["a key of the tests"] },
    });
    self.#provider.use((ctx, next) => self.#before(ctx, next));
    self.#listening = self.#provider.listen(Number(new URL(issuer).port), "127.0.0.1");
    await once(self.#listening, "listening");
    return self;
  }

  stop() {
    this.#listening.closeAllConnections();
    this.#listening.close();
  }

  /** Nobody is asked to consent. */
  async #grant({ oidc }) {
    const { clientId } = oidc.client;
    const grant = new oidc.provider.Grant({ clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope(oidc.params.scope);
    await grant.save();
    return grant;
  }

  async #before(ctx, next) {
    if (ctx.path.startsWith("/interaction/")) return this.#interact(ctx);
    if (ctx.path === "/auth") {
      const wrong = wrongRequest(ctx.query);
      if (wrong) return Object.assign(ctx, { status: 400, body: wrong });
      ctx.query = { ...ctx.query, prompt: "login" };
    }
    if (ctx.path === "/session/end") {
      const missing = wrongFarewell(ctx.query);
      if (missing) return Object.assign(ctx, { status: 400, body: `Y000400: ${missing}` });
      ctx.cookies.set("agent", null);
    }
    return next();
  }

  /** Who is known is let through, others are asked. */
  async #interact(ctx) {
    const { params } = await this.#provider.interactionDetails(ctx.req, ctx.res);
    if (ctx.method === "POST") {
      const who = (await form(ctx.req)).get("login");
      ctx.res.setHeader("Set-Cookie", `agent=${who}; Path=/; HttpOnly`);
      return this.#finish(ctx, params, who);
    }
    const who = ctx.cookies.get("agent");
    if (who) return this.#finish(ctx, params, who);
    this.asked += 1;
    ctx.body = `<form action="${ctx.path}" method="post"><input name="login"></form>`;
    return undefined;
  }

  async #finish(ctx, params, who) {
    ctx.respond = false;
    const { level, methods } = this.#people[who];
    const wanted = JSON.parse(params.claims ?? "{}").id_token?.acr;
    const essential = wanted?.essential ? (wanted.values ?? [wanted.value]) : ["eidas1"];
    const acr = essential.find((one) => one === "eidas1" || one === level);
    const ts = Math.floor(Date.now() / 1000);
    const result = acr
      ? { login: { accountId: who, acr, amr: methods, ts, remember: false }, consent: {} }
      : { error: "access_denied", error_description: "requested ACRs could not be satisfied" };
    await this.#provider.interactionFinished(ctx.req, ctx.res, result);
  }
}
