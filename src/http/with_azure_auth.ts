/**
 * A `fetch` that sends an access token with each request to Azure.
 *
 * @example
 * ```ts no-eval
 * import { DefaultAzureCredential } from "@azweb/identity";
 * import { withAzureAuth } from "@azweb/identity/fetch";
 *
 * const azureFetch = withAzureAuth(new DefaultAzureCredential());
 * const response = await azureFetch("https://my-account.blob.core.windows.net/my-container/hello.txt");
 * console.log(await response.text());
 * ```
 *
 * @module
 */

import { createLruCache } from "../core/lru_cache.ts";
import { checkOptionNames } from "../core/option_names.ts";
import { retryAfter } from "../core/retry_after.ts";
import { sleep } from "../core/sleep.ts";
import { parseUrl } from "../core/url.ts";
import type { TokenCredential } from "../token_credential.ts";
import { readChallenge } from "./challenge.ts";
import { discard, isRequest, type Outgoing, readArguments } from "./outgoing.ts";
import { redirected } from "./redirect.ts";
import { isCosmos, isSafe, isShared, scopeFor } from "./scope_for.ts";

export type { AbortSignalLike, AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";
export { scopeFor };

/** Maximum number of retries after responses with `Retry-After`. */
const MAX_RETRIES = 3;
/** Maximum delay before a retry, in milliseconds. The caller gets the response that asks for a longer one. */
const MAX_DELAY_IN_MS = 60_000;
/** Limit of the Fetch standard. */
const MAX_REDIRECTS = 20;
/** Maximum number of challenges for one request: for another tenant, then for claims. */
const MAX_CHALLENGES = 2;

const STORAGE_SCOPE = "https://storage.azure.com/.default";
/** A version of the protocol that accepts bearer tokens: 2017-11-09, for tables 2020-12-06, or later. */
const STORAGE_VERSION = "2024-11-04";
/** The latest version of the protocol of Azure Cosmos DB for data. */
const COSMOS_VERSION = "2018-12-31";

/** A `fetch` that sends an access token with each request. */
export type AzureFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Options of {@linkcode withAzureAuth}. */
export interface AzureFetchOptions {
  /**
   * The scope of the access tokens: for the hosts of `hosts`, or, without `hosts`, for each request.
   *
   * @default The scope that {@linkcode scopeFor} returns for the URL.
   */
  scope?: string | undefined;
  /**
   * Hosts outside of Azure that may get tokens, such as `"api.contoso.com"`. A port other than 443 is part of the host.
   * Requires `scope`.
   *
   * @default {[]}
   */
  hosts?: readonly string[] | undefined;
  /**
   * Sends the requests.
   *
   * @default The global `fetch`.
   */
  fetch?: AzureFetch | undefined;
  /**
   * Whether to add a random `x-ms-client-request-id`, which Azure logs, to requests without one.
   *
   * @default {false}
   */
  clientRequestId?: boolean | undefined;
}

/** State of one call. Its redirects share it, so that they do not multiply the number of retries. */
interface Call {
  challenges: number;
  retries: number;
  /** The tenant that the service required. */
  tenantId: string | undefined;
}

/**
 * Returns a `fetch` that sends an access token of the credential with each request, for the scope that the host and
 * the path of the URL require.
 *
 * - Sends tokens only to hosts of Azure and of `options.hosts`, only over `https:`, and after a redirect only to the
 *   same origin.
 * - Sets `x-ms-version` for Azure Storage and Azure Cosmos DB, unless the request has it, and replaces `Authorization`.
 * - After a 401 whose challenge names claims or another tenant, repeats the request with a token that has them. The
 *   credential must allow the tenant (`additionallyAllowedTenants`). Later requests to the host begin with this tenant,
 *   unless the host serves all tenants, as `management.azure.com` does.
 * - After a 429 or 503 with `Retry-After`, repeats the request after that delay: at most three times, each after at
 *   most 60 s.
 * - Sends a request whose body is a stream only once. The caller then gets the response with 401, 429 or 503.
 *
 * @param credential The credential.
 * @param options See {@linkcode AzureFetchOptions}.
 * @returns A function like `fetch`, which rejects with a `TypeError` if no token may be sent to the URL, and with the
 * error of the credential if it returns no token.
 * @throws {TypeError} The credential or an option is malformed, an option's name is misspelt, or `hosts` lacks `scope`.
 *
 * @example
 * ```ts no-eval
 * import { ManagedIdentityCredential } from "@azweb/identity/managed-identity-credential";
 * import { withAzureAuth } from "@azweb/identity/fetch";
 *
 * const azureFetch = withAzureAuth(new ManagedIdentityCredential());
 * await azureFetch("https://my-account.blob.core.windows.net/my-container/hello.txt", {
 *   method: "PUT",
 *   headers: { "x-ms-blob-type": "BlockBlob" },
 *   body: "Hello",
 * });
 * ```
 */
export function withAzureAuth(credential: TokenCredential, options: AzureFetchOptions = {}): AzureFetch {
  if (typeof Object(credential).getToken !== "function") {
    throw new TypeError('Argument "credential" must be a credential, with the method "getToken"');
  }
  checkOptions(options);
  const { clientRequestId } = options;
  // A copy, because the program may change its array, and only these have been checked.
  const hosts = options.hosts?.slice();
  /** The tenants that services required, by host. */
  const tenants = createLruCache<string>();

  /** Sends the request with a token, and again if a challenge or a delay requires it. */
  async function exchange(outgoing: Outgoing, scope: string, call: Call): Promise<Response> {
    const { signal } = outgoing;
    let token = await tokenFor(scope, { signal, tenantId: call.tenantId });
    for (;;) {
      setHeaders(outgoing, scope, token);
      const response = await send(outgoing);
      if (!outgoing.isRepeatable) return response;
      if (response.status === 401 && call.challenges++ < MAX_CHALLENGES) {
        const next = await tokenAfter(response, outgoing, scope, call);
        // The same token would get the same response.
        if (next === undefined || next === token) return response;
        discard(response);
        token = next;
      } else {
        const delay = [429, 503].includes(response.status) ? retryAfter(response.headers, Date.now()) : undefined;
        if (delay === undefined || delay > MAX_DELAY_IN_MS || call.retries++ >= MAX_RETRIES) return response;
        discard(response);
        await sleep(delay, signal);
        token = await tokenFor(scope, { signal, tenantId: call.tenantId });
      }
    }
  }

  /** Requests the token that a challenge asks for; `undefined` if it asks for none. */
  async function tokenAfter(
    response: Response,
    { signal, url }: Outgoing,
    scope: string,
    call: Call,
  ): Promise<string | undefined> {
    const challenge = readChallenge(response.headers, scope);
    if (!challenge) return undefined;
    const tenantId = challenge.tenantId ?? call.tenantId;
    const token = await tokenFor(scope, { signal, tenantId, claims: challenge.claims }).catch((error) => {
      discard(response);
      throw error;
    });
    call.tenantId = tenantId;
    // A host that serves all tenants would accept a token of this one, although a later request is meant for another.
    if (tenantId && !isShared(url.host)) tenants.set(url.host, tenantId);
    return token;
  }

  async function tokenFor(
    scope: string,
    { signal, tenantId, claims }: {
      signal?: AbortSignal | undefined;
      tenantId?: string | undefined;
      claims?: string | undefined;
    },
  ): Promise<string> {
    const token = await credential.getToken(scope, {
      enableCae: true,
      ...signal && { abortSignal: signal },
      ...tenantId && { tenantId },
      ...claims && { claims },
    });
    if (!token) throw new TypeError("withAzureAuth: Cannot get a token: The credential returned none");
    const text: unknown = token.token;
    // The error of `Headers` would show the token. A missing token would be sent as "undefined".
    if (typeof text !== "string" || !/^[!-~]+$/.test(text)) {
      throw new TypeError("withAzureAuth: Cannot send the token: It is empty, or has an invalid character");
    }
    return text;
  }

  function scopeOf(url: URL | undefined): string {
    const known = url && scopeFor(url);
    if (url && isSafe(url) && hosts?.some((host) => host.toLowerCase() === url.host)) return options.scope!;
    if (known) return hosts ? known : options.scope ?? known;
    throw new TypeError(
      `withAzureAuth: Cannot send a token to ${url ? `"${url.origin}"` : "a relative URL"}: ` +
        'It must be a host of Azure or of the option "hosts", with "https:", without user name and password',
    );
  }

  async function send({ input, init, method, headers, signal }: Outgoing): Promise<Response> {
    const send = options.fetch ?? globalThis.fetch;
    return await send(input, { ...init, method, headers, redirect: "manual", ...signal && { signal } });
  }

  return async (input, init) => {
    const url = parseUrl(isRequest(input) ? input.url : input);
    const scope = scopeOf(url);
    let outgoing = readArguments(input, init ?? {}, url!);
    if (clientRequestId && !outgoing.headers.has("x-ms-client-request-id")) {
      outgoing.headers.set("x-ms-client-request-id", crypto.randomUUID());
    }
    let isOrigin = true;
    const call: Call = { challenges: 0, retries: 0, tenantId: tenants.get(outgoing.url.host) };
    for (let redirects = 0;; redirects++) {
      const response = isOrigin ? await exchange(outgoing, scope, call) : await send(outgoing);
      const next = redirected(response, outgoing);
      if (!next) return response;
      if (redirects === MAX_REDIRECTS) {
        throw new TypeError(`withAzureAuth: Cannot follow more than ${MAX_REDIRECTS} redirects`);
      }
      isOrigin &&= next.url.origin === outgoing.url.origin;
      outgoing = next;
    }
  };
}

function setHeaders({ headers, url }: Outgoing, scope: string, token: string): void {
  const cosmos = isCosmos(url.hostname);
  const version = cosmos ? COSMOS_VERSION : scope === STORAGE_SCOPE && STORAGE_VERSION;
  if (version && !headers.has("x-ms-version")) headers.set("x-ms-version", version);
  if (!cosmos) return headers.set("authorization", `Bearer ${token}`);
  // https://learn.microsoft.com/rest/api/cosmos-db/access-control-on-cosmosdb-resources
  headers.set("authorization", encodeURIComponent(`type=aad&ver=1.0&sig=${token}`));
  headers.set("x-ms-date", new Date().toUTCString());
}

function checkOptions(options: AzureFetchOptions): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError('Argument "options" must be an object with the options by name');
  }
  const { scope, hosts, fetch } = options;
  checkOptionNames(options, "scope hosts fetch clientRequestId");
  // The name of this argument in other functions, and too short for the check above.
  if ("scopes" in options) throw new TypeError('Option "scopes" is unknown: Did you mean "scope"?');
  if (scope !== undefined && (typeof scope !== "string" || !scope)) {
    throw new TypeError('Option "scope" must be a non-empty string');
  }
  if (fetch !== undefined && typeof fetch !== "function") throw new TypeError('Option "fetch" must be a function');
  if (hosts === undefined) return;
  if (!Array.isArray(hosts)) throw new TypeError('Option "hosts" must be an array');
  if (!Array.from(hosts).every(isHost)) {
    throw new TypeError('Option "hosts" must contain hosts such as "api.contoso.com", without protocol and path');
  }
  if (!scope) throw new TypeError('Option "hosts" requires "scope", the scope of the tokens for these hosts');
}

function isHost(host: unknown): boolean {
  return typeof host === "string" && parseUrl(`https://${host}`)?.host === host.toLowerCase();
}
