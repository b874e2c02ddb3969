import type { Log } from "./log.ts";
import type { Runtime } from "./runtime/runtime.ts";
import type { TokenCache } from "./token_cache.ts";

/** When and how often a failed request is sent again. Only what can heal is retried: no answer, 408, 429, and 5xx without 501 and 505. */
export interface RetryOptions {
  /** How often at the most. Default: 3. */
  readonly maxRetries?: number;
  /** The upper bound of the first random wait, in milliseconds; doubles with every retry. Default: 800. */
  readonly retryDelayInMs?: number;
  /** The upper bound of any random wait, in milliseconds. Default: 64,000. */
  readonly maxRetryDelayInMs?: number;
}

/** What every credential accepts. */
export interface CredentialOptions {
  /**
   * The token service, with `https:`. Default: the variable `AZURE_AUTHORITY_HOST`, else the public cloud's.
   * See {@linkcode AzureAuthorityHosts}.
   */
  readonly authorityHost?: string;
  /** Takes an `http:` token service on a loopback address, for tests. Default: `false`. */
  readonly allowInsecureLoopback?: boolean;
  /** Tenants that `getToken` may be asked for besides the credential's own; `"*"` is any. Default: none. */
  readonly additionallyAllowedTenants?: string[];
  /**
   * Trusts a token service that is not one of the known clouds', without asking the public cloud about it: for private and
   * disconnected clouds. Default: `false`.
   */
  readonly disableInstanceDiscovery?: boolean;
  /** See {@linkcode RetryOptions}. */
  readonly retryOptions?: RetryOptions;
  /** Environment variables, such as the bindings of a Worker; values that are no strings are passed over. Default: the process's. */
  readonly env?: Readonly<Record<string, unknown>>;
  /** Sends the requests: for proxies and private certification authorities. Default: the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Sends the requests to link-local and loopback addresses, which no proxy may see. Default: the global `fetch`. */
  readonly localFetch?: typeof fetch;
  /** Where tokens are remembered; `false`: nowhere, each call makes its own request. Default: the memory of the process. */
  readonly cache?: TokenCache | false;
  /**
   * Keeps work alive after the request that started it has been answered, on runtimes that end it otherwise: on Cloudflare Workers
   * the function `waitUntil` of `cloudflare:workers`. With it, tokens are refreshed behind the caller and concurrent calls share one
   * request there too.
   */
  readonly waitUntil?: (work: Promise<unknown>) => void;
  /** How long it may take to get one token, waits and retries included, in milliseconds. Default: 60,000. */
  readonly timeoutInMs?: number;
  /** Receives what happens, for diagnosis. Default: nobody. */
  readonly log?: Log;
  /** Replaces capabilities of the runtime. Default: what the runtime has. */
  readonly runtime?: Partial<Runtime>;
}
