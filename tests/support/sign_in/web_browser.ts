/**
 * A simulated browser for web apps. It stores cookies and sends them, and throws for cookies that browsers reject.
 *
 * @module
 */

/** A web app. */
export type Handler = (request: Request) => Promise<Response>;

/** The browser of a user. */
export interface WebBrowser {
  /** The names and values of the cookies, oldest first. */
  readonly cookies: Map<string, string>;
  /** Requests a page. Does not follow redirects. */
  get(url: string, init?: RequestInit): Promise<Response>;
  /** Returns the request that the browser would send. */
  request(url: string, init?: RequestInit): Request;
  /** Stores and removes cookies according to a response. */
  take(response: Response): void;
}

/** Opens a browser. */
export function openBrowser(handler: Handler): WebBrowser {
  const cookies = new Map<string, string>();
  function request(url: string, init: RequestInit = {}): Request {
    const headers = new Headers(init.headers);
    if (cookies.size > 0) headers.set("cookie", [...cookies].map((pair) => pair.join("=")).join("; "));
    return new Request(url, { ...init, headers, redirect: "manual" });
  }
  function take(response: Response): void {
    for (const header of setCookiesOf(response)) {
      const [pair, ...attributes] = header.split("; ");
      const [name, value] = [pair!.slice(0, pair!.indexOf("=")), pair!.slice(pair!.indexOf("=") + 1)];
      for (const needed of ["Path=/", "Secure", "HttpOnly"]) {
        if (!attributes.includes(needed)) throw new Error(`A browser does not store "${name}" without ${needed}`);
      }
      if (header.length > 4096) throw new Error(`A browser does not store "${name}": it is too large`);
      if (attributes.includes("Max-Age=0")) cookies.delete(name);
      else cookies.set(name, value);
    }
  }
  return {
    cookies,
    request,
    take,
    async get(url, init) {
      const response = await handler(request(url, init));
      take(response);
      return response;
    },
  };
}

/** Returns the `Set-Cookie` headers of a response. */
export function setCookiesOf({ headers }: Response): string[] {
  return headers.get("set-cookie")?.split(/, ?(?=__Host-)/) ?? [];
}
