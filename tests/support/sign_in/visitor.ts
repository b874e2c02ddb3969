/**
 * A user who signs in with the forms of oidc-provider. The browser is simulated by `fetch` and a map of cookies.
 *
 * @module
 */

/** A page in the user's browser. The content is empty for pages of other hosts, which are not requested. */
export interface Page {
  readonly url: string;
  readonly html: string;
}

/** Actions of the user. Without any, the user signs in and consents. */
export interface Conduct {
  /** The device code to enter. */
  readonly userCode?: string;
  /** What the user declines: the confirmation of the device, or the sign-in. */
  readonly declines?: "the device" | "the sign-in" | undefined;
}

/** A user with a browser. */
export interface Visitor {
  /**
   * Opens a page of the server and fills in each form, until there is none or it is rejected. Returns the last page.
   */
  visit(url: string, conduct?: Conduct): Promise<Page>;
}

/** Creates a user with this login name. */
export function createVisitor(login: string): Visitor {
  // Without the paths of the cookies, because a user is in one sign-in at a time.
  const cookies = new Map<string, string>();

  async function open(url: string, form?: URLSearchParams): Promise<Page> {
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie: [...cookies].map((pair) => pair.join("=")).join("; ") },
      ...form && { method: "POST", body: form },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!;
      if (value) cookies.set(name!, value);
      else cookies.delete(name!);
    }
    const html = await response.text();
    const location = response.headers.get("location");
    if (location === null) return { url, html };
    const next = new URL(location, url);
    return next.origin === new URL(url).origin ? await open(next.href) : { url: next.href, html: "" };
  }

  return {
    async visit(url, { userCode = "", declines } = {}) {
      let page = await open(url);
      for (;;) {
        const { html } = page;
        const [, action] = /<form [^>]*action="([^"]*)"/.exec(html) ?? [];
        if (action === undefined || html.includes('class="red"')) return page;
        const [, cancel] = /href="([^"]*\/abort)"/.exec(html) ?? [];
        if (declines === "the sign-in" && cancel) {
          page = await open(new URL(cancel, page.url).href);
          continue;
        }
        const form = new URLSearchParams();
        for (const [input] of html.matchAll(/<input\s[^>]*>/g)) {
          const [name, value] = ["name", "value"].map((key) => new RegExp(`\\s${key}="([^"]*)"`).exec(input)?.[1]);
          form.set(name!, value ?? { login, password: "any", user_code: userCode }[name!] ?? "");
        }
        if (declines === "the device" && html.includes('name="abort"')) form.set("abort", "yes");
        page = await open(new URL(action, page.url).href, form);
      }
    },
  };
}
