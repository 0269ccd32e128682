// SPDX-License-Identifier: Apache-2.0
// Just enough of a browser to fill in the server's own pages: one cookie, forms, no scripts.

const ESCAPED = { "&quot;": '"', "&lt;": "<", "&gt;": ">", "&amp;": "&" };

const unescaped = (text) => text.replaceAll(/&(quot|lt|gt|amp);/g, (one) => ESCAPED[one]);

const attribute = (tag, name) => {
  const value = tag.split(">")[0].split(`${name}="`)[1]?.split('"')[0];
  return unescaped(value ?? "");
};

export class Browser {
  #base;
  #cookie;
  page = "";

  constructor(base) {
    this.#base = base;
  }

  /** Opens a URL and follows it around the server; answers the place elsewhere it leads to. */
  open(url) {
    return this.#follow(url, {});
  }

  /** Sends the form that posts to `action`, with these fields besides its hidden ones. */
  submit(action, fields) {
    const forms = this.page.split("<form ").slice(1);
    const form = forms.find((one) => attribute(one, "action") === action);
    if (!form) throw new Error(`no form for ${action} in ${this.page}`);
    const body = new URLSearchParams();
    for (const input of form.split("</form>")[0].split("<input ").slice(1)) {
      if (attribute(input, "type") !== "hidden") continue;
      body.set(attribute(input, "name"), attribute(input, "value"));
    }
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    return this.#follow(action, { method: "POST", body });
  }

  async #follow(url, request) {
    const absolute = new URL(url, this.#base);
    if (absolute.origin !== new URL(this.#base).origin) return absolute;
    const headers = this.#cookie ? { cookie: this.#cookie } : {};
    const answer = await fetch(absolute, { ...request, headers, redirect: "manual" });
    this.#cookie = answer.headers.get("set-cookie")?.split(";")[0] ?? this.#cookie;
    const location = answer.headers.get("location");
    if (location) return this.#follow(location, {});
    this.page = await answer.text();
    return undefined;
  }
}
