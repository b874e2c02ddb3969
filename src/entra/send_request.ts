import { allowInsecureRequests, customFetch, type TokenEndpointRequestOptions } from "oauth4webapi";
import { requireJson } from "../core/error_response.ts";
import { type HttpResult, send } from "../core/http.ts";
import type { Settings } from "../core/settings.ts";

/** A form that was sent, and its response. */
export interface Exchange {
  readonly response: HttpResult;
  readonly form: URLSearchParams;
  /** When the request was sent, in milliseconds since the epoch. */
  readonly sentOn: number;
}

/** Options of oauth4webapi's functions that send a form. */
type RequestOptions = Pick<TokenEndpointRequestOptions, typeof allowInsecureRequests | typeof customFetch>;

/**
 * Sends a form that a function of oauth4webapi builds, and returns the bounded response. oauth4webapi does not process
 * the response, because it does not read a 5xx response, drops the AADSTS codes of a response with a challenge, and
 * parses "3599abc" as 3599.
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
      // In a browser the header would cause a preflight request.
      delete headers["user-agent"];
      const form = body as URLSearchParams;
      const init = { method, headers, body: form, signal };
      const response = requireJson(await send(settings.fetch, url, init, { ...settings, limitInMs }));
      exchange = { response, form, sentOn };
      return new Response();
    },
  });
  return exchange!;
}
