import type { CredentialOptions } from "../options.ts";

/** The browser of a simulated Entra, and the loopback addresses that it reaches. */
export type EntraBrowser = {
  readonly [Member in "listen" | "openUrl"]: NonNullable<NonNullable<CredentialOptions["runtime"]>[Member]>;
};

type Handler = Parameters<EntraBrowser["listen"]>[0];

/** Returns a browser that asks for pages by this function, and is sent on by them to loopback addresses of its own. */
export function createBrowser(fetchPage: typeof fetch): EntraBrowser {
  const servers = new Map<number, Handler>();
  let lastPort = 49_151;
  return {
    async listen(handler, port) {
      const found = port || ++lastPort;
      if (servers.has(found)) throw new Error(`Somebody listens at port ${found} (simulated)`);
      servers.set(found, handler);
      return await Promise.resolve({ port: found, close: () => void servers.delete(found) });
    },
    async openUrl(url) {
      const request = await requestAfter(await fetchPage(url, { redirect: "manual" }));
      const handler = servers.get(Number(new URL(request.url).port));
      if (!handler) throw new Error(`Nobody listens at "${new URL(request.url).origin}" (simulated)`);
      await handler(request);
    },
  };
}

/** Returns what a browser asks for next. Throws an `Error` with what the user reads, where it stays. */
async function requestAfter(response: Response): Promise<Request> {
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
