import type { CredentialOptions } from "../../options.ts";

/** The browser of a simulated Entra, and the loopback addresses that it reaches. */
export type EntraBrowser = {
  readonly [Member in "listen" | "openUrl"]: NonNullable<NonNullable<CredentialOptions["runtime"]>[Member]>;
};

type Handler = Parameters<EntraBrowser["listen"]>[0];

/**
 * Creates a browser that loads pages with the given function, and follows their redirects to its own loopback
 * addresses.
 */
export function createBrowser(fetchPage: typeof fetch): EntraBrowser {
  const handlers = new Map<number, Handler>();
  let lastPort = 49_151;
  return {
    async listen(handler, port) {
      const usedPort = port || ++lastPort;
      if (handlers.has(usedPort)) throw new Error(`Port ${usedPort} is already in use (simulated)`);
      handlers.set(usedPort, handler);
      return await Promise.resolve({ port: usedPort, close: () => void handlers.delete(usedPort) });
    },
    async openUrl(url) {
      const request = await nextRequest(await fetchPage(url, { redirect: "manual" }));
      const handler = handlers.get(Number(new URL(request.url).port));
      if (!handler) throw new Error(`Connection to "${new URL(request.url).origin}" refused (simulated)`);
      await handler(request);
    },
  };
}

/**
 * Returns the request to which a page leads the browser.
 *
 * @throws {Error} The page shows an error to the user.
 */
async function nextRequest(response: Response): Promise<Request> {
  const location = response.headers.get("location");
  if (location) return new Request(location);
  const html = await response.text();
  const action = /<form method="post" action="([^"]*)">/.exec(html)?.[1];
  if (action === undefined) throw new Error(`The browser shows "${unescape(html.split("<p>").at(-1)!)}"`);
  const fields = [...html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)];
  const body = new URLSearchParams(fields.map(([, name, value]) => [name!, unescape(value!)]));
  return new Request(unescape(action), { method: "POST", body });
}

function unescape(html: string): string {
  return html.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
}
