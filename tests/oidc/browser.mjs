// SPDX-License-Identifier: Apache-2.0
// Just enough of a browser to go from one site to another: cookies per site, links, forms.

const ESCAPED = { "&quot;": '"', "&lt;": "<", "&gt;": ">", "&amp;": "&", "&#39;": "'" };

const unescaped = (text) => text.replaceAll(/&(quot|lt|gt|amp|#39);/g, (one) => ESCAPED[one]);

const attribute = (tag, name) => {
  const value = tag.split(">")[0].split(`${name}="`)[1]?.split('"')[0];
  return unescaped(value ?? "");
};

export class Browser {
  #cookies = new Map();
  page = "";
  status = 0;
  url = "";

  /** Opens a URL and follows it wherever it leads. */
  open(url) {
    return this.#go(new URL(url, this.url || undefined), {});
  }

  /** Follows the link with this text. */
  click(text) {
    const links = this.page.split("<a ").slice(1);
    const link = links.find((one) => one.split("</a>")[0].includes(text));
    if (!link) throw new Error(`no link with ${text} in ${this.page}`);
    return this.open(attribute(link, "href"));
  }

  /** Sends the form whose action has this in it, with these fields besides its hidden ones. */
  submit(action, fields) {
    const forms = this.page.split("<form ").slice(1);
    const form = forms.find((one) => attribute(one, "action").includes(action));
    if (!form) throw new Error(`no form for ${action} in ${this.page}`);
    const body = new URLSearchParams();
    for (const input of form.split("</form>")[0].split("<input ").slice(1)) {
      if (attribute(input, "type") !== "hidden") continue;
      body.set(attribute(input, "name"), attribute(input, "value"));
    }
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    return this.#go(new URL(attribute(form, "action"), this.url), { method: "POST", body });
  }

  /** Whether the page has this text. */
  shows(text) {
    return this.page.includes(text);
  }

  async #go(url, request) {
    const jar = this.#cookies.get(url.host) ?? new Map();
    this.#cookies.set(url.host, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = cookie ? { cookie, "accept-language": "en" } : { "accept-language": "en" };
    const answer = await fetch(url, { ...request, headers, redirect: "manual" });
    for (const line of answer.headers.getSetCookie()) {
      const [name, value] = line.split(";")[0].split(/=(.*)/s);
      if (value) jar.set(name, value);
      else jar.delete(name);
    }
    this.url = url.href;
    const location = answer.headers.get("location");
    if (location) {
      await answer.body?.cancel();
      return this.#go(new URL(location, url), {});
    }
    this.status = answer.status;
    this.page = await answer.text();
    return undefined;
  }
}
