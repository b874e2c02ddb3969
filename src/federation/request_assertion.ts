import { MAX_LENGTH } from "../core/bound.ts";
import { errorFromResponse, toSingleLine } from "../core/error_response.ts";
import { errorTextOf } from "../core/error_text.ts";
import { type HttpResult, send } from "../core/http.ts";
import { parseObject } from "../core/json.ts";
import { redact } from "../core/redact.ts";
import { retry, TRANSIENT_FAILURES } from "../core/retry.ts";
import type { SourceContext } from "./create_source.ts";

/** A request for an assertion. */
export interface PlatformRequest extends Pick<RequestInit, "method" | "headers" | "body"> {
  /** What is requested, for messages: "the assertion of GitHub Actions". */
  readonly label: string;
  readonly url: URL;
  /** The secrets of the request, which a response or an error may repeat. */
  readonly secrets: readonly string[];
  /** Sends the request. By default the `fetch` of the settings. */
  readonly fetch?: typeof fetch;
  /** Returns the assertion of a successful response; `undefined` if it has none. */
  readonly read: (response: HttpResult) => unknown;
  /** Returns what to do about a response without an assertion. By default, advice on the network. */
  readonly advice?: (response: HttpResult, redact: (text: string) => string) => string | undefined;
  /** Descriptions of HTTP statuses. */
  readonly meanings?: Readonly<Record<number, string>>;
  /** Returns the error code of a response whose body is not JSON. */
  readonly errorCode?: (text: string) => string | undefined;
}

/** Text that looks like a JWT. */
const JWT_LIKE = /\beyJ[\w.-]+/g;

/**
 * Sends a request for an assertion, again after a failure that a retry can resolve, and returns the assertion of the
 * response.
 */
export async function requestAssertion(
  request: PlatformRequest,
  { settings, signal }: Pick<SourceContext, "settings" | "signal">,
): Promise<string> {
  const { label, url, secrets, read, advice, meanings, fetch = settings.fetch, method = "GET" } = request;
  const init = { method, headers: request.headers ?? {}, body: request.body ?? null, signal };
  const response = await retry(
    (limitInMs) => send(fetch, url.href, init, { ...settings, limitInMs }),
    { credential: label, rules: TRANSIENT_FAILURES, signal, redact: clean },
    settings,
  );
  const isSuccess = response.status >= 200 && response.status < 300;
  const assertion = isSuccess ? read(response) : undefined;
  if (typeof assertion === "string" && assertion !== "") return assertion;
  const code = isSuccess ? undefined : request.errorCode?.(response.text);
  // Loaded on demand, because few requests fail.
  const adviseOnNetwork = response.status === 0 ? (await import("../entra/error_advice.ts")).networkAdvice : undefined;
  const meaning = code
    ? toSingleLine(clean(code))
    : [meanings?.[response.status], errorTextOf(response, clean)].filter(Boolean).join(": ");
  throw errorFromResponse(
    // The body of a success may be a token in an unexpected format: only its kind is described.
    isSuccess ? { ...response, text: response.text.trimStart().slice(0, 1) } : response,
    `Cannot get ${label} from "${url.host}"`,
    {
      advice: () => advice?.(response, clean) ?? adviseOnNetwork?.(response),
      meanings: meaning ? { [response.status]: meaning } : {},
      redact: clean,
    },
  );

  function clean(text: string): string {
    if (text.length > MAX_LENGTH) return "[redacted]";
    // The error of some runtimes has the URL, whose query no message shows.
    return redact(text.replaceAll(url.href, url.host), secrets).replace(JWT_LIKE, "[redacted]");
  }
}

/** Returns a function that reads the assertion from a member of a JSON response. */
export function member(name: string): PlatformRequest["read"] {
  return ({ text }) => parseObject(text)?.[name];
}
