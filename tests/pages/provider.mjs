// SPDX-License-Identifier: Apache-2.0
// An OpenID provider on loopback that signs in whoever the test says, at once: for the pages that
// lead to one and back. The protocol itself is tested against a provider of others (tests/oidc).

import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

const CLIENT = "estafette";
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Says who signs in next, and since when they are known to be there. */
export class TestProvider {
  /** The address of whoever signs in. */
  email = "";
  /** What it calls them; undefined: always the same for the same address. */
  subject = undefined;
  /** When they proved who they are, in seconds since the epoch; undefined: now. */
  provenS = undefined;
  /** Whether nobody is signed in. */
  refuses = false;
  #nonces = new Map();
  #key = generateKeyPairSync("rsa", { modulusLength: 2048 });
  #server;

  static async start() {
    const provider = new TestProvider();
    provider.#server = createServer((request, response) => provider.#answer(request, response));
    provider.#server.listen(0, "127.0.0.1");
    await once(provider.#server, "listening");
    provider.issuer = `http://127.0.0.1:${provider.#server.address().port}`;
    return provider;
  }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** What the configuration file says of it. */
  get settings() {
    return `
[[identity.upstream]]
id = "idp"
name = "Fournisseur d’identité"
issuer = "${this.issuer}"
client_id = "${CLIENT}"
client_secret = "a secret"
asks_again = true
domains = ["important.fr"]
mailbox_opens_accounts = true
`;
  }

  #answer(request, response) {
    const url = new URL(request.url, this.issuer);
    const json = (value) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(value));
    };
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return json({
          issuer: this.issuer,
          authorization_endpoint: `${this.issuer}/authorize`,
          token_endpoint: `${this.issuer}/token`,
          jwks_uri: `${this.issuer}/keys`,
        });
      case "/keys": {
        const jwk = this.#key.publicKey.export({ format: "jwk" });
        return json({ keys: [{ ...jwk, alg: "RS256", use: "sig", kid: "1" }] });
      }
      case "/authorize":
        return this.#authorize(url.searchParams, response);
      case "/token": {
        let body = "";
        request.on("data", (chunk) => { body += chunk; });
        request.on("end", () => json(this.#tokens(new URLSearchParams(body))));
        return undefined;
      }
      default:
        response.writeHead(404);
        return response.end();
    }
  }

  #authorize(asked, response) {
    const back = new URL(asked.get("redirect_uri"));
    back.searchParams.set("state", asked.get("state"));
    if (this.refuses) {
      back.searchParams.set("error", "access_denied");
    } else {
      const code = randomUUID();
      this.#nonces.set(code, asked.get("nonce"));
      back.searchParams.set("code", code);
    }
    response.writeHead(302, { location: back.href });
    response.end();
  }

  #tokens(asked) {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: this.issuer,
      aud: CLIENT,
      sub: this.subject ?? `subject of ${this.email}`,
      email: this.email,
      email_verified: true,
      nonce: this.#nonces.get(asked.get("code")),
      auth_time: this.provenS ?? now,
      iat: now,
      exp: now + 600,
    };
    const signed = `${part({ alg: "RS256", kid: "1" })}.${part(claims)}`;
    const signature = sign("RSA-SHA256", Buffer.from(signed), this.#key.privateKey);
    return {
      id_token: `${signed}.${signature.toString("base64url")}`,
      access_token: "x",
      token_type: "Bearer",
    };
  }
}
