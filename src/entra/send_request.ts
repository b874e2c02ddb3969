import { allowInsecureRequests, customFetch, type TokenEndpointRequestOptions } from "oauth4webapi";
import { type HttpResult, send } from "../core/http.ts";
import type { Settings } from "../core/settings.ts";

/** A form that was sent, and the response to it. */
export interface Exchange {
  readonly answer: HttpResult;
  readonly form: URLSearchParams;
  readonly sentOn: number;
}

/** Options of oauth4webapi's functions that send a form. */
type RequestOptions = Pick<TokenEndpointRequestOptions, typeof allowInsecureRequests | typeof customFetch>;

/**
 * Sends a form that a function of oauth4webapi builds. The response is read once, bounded, and returned as it is: oauth4webapi leaves a
 * 5xx unread, loses the AADSTS codes behind a challenge, and takes "3599abc" as 3599.
 */
export async function sendRequest(
  build: (options: RequestOptions) => Promise<Response>,
  { signal, limitInMs }: { readonly signal: AbortSignal; readonly limitInMs: number | undefined },
  settings: Settings,
): Promise<Exchange> {
  let exchange: Exchange | undefined;
  await build({
    [allowInsecureRequests]: settings.allowInsecureLoopback,
    [customFetch]: async (url, { method, headers, body }) => {
      const sentOn = settings.now();
      // In a page the header would cause a preflight.
      delete headers["user-agent"];
      const form = body as URLSearchParams;
      const init = { method, headers, body: form, signal };
      const answer = await send(settings.fetch, url, init, { ...settings, limitInMs });
      exchange = { answer, form, sentOn };
      return new Response();
    },
  });
  return exchange!;
}
