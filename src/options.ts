import type { AuthenticationRecord } from "./authentication_record.ts";
import type { Log } from "./log.ts";
import type { RuntimeOverrides } from "./runtime/runtime.ts";
import type { TokenCache } from "./token_cache.ts";

/** When and how often a failed request is sent again. Only what can heal is retried: no answer, 408, 429, and 5xx without 501 and 505. */
export interface RetryOptions {
  /** How often at the most. Default: 3. */
  maxRetries?: number | undefined;
  /** The upper bound of the first random wait, in milliseconds; doubles with every retry. Default: 800. */
  retryDelayInMs?: number | undefined;
  /** The upper bound of any random wait, in milliseconds. Default: 64,000. */
  maxRetryDelayInMs?: number | undefined;
}

/** What every credential accepts. */
export interface CredentialOptions {
  /**
   * The token service, with `https:`. Default: the variable `AZURE_AUTHORITY_HOST`, else the public cloud's.
   * See {@linkcode AzureAuthorityHosts}.
   */
  authorityHost?: string | undefined;
  /** Takes an `http:` token service on a loopback address, for tests. Default: `false`. */
  allowInsecureLoopback?: boolean | undefined;
  /** Tenants that `getToken` may be asked for besides the credential's own; `"*"` is any. Default: none. */
  additionallyAllowedTenants?: string[] | undefined;
  /**
   * Trusts a token service that is not one of the known clouds', without asking the public cloud about it: for private and
   * disconnected clouds. Default: `false`.
   */
  disableInstanceDiscovery?: boolean | undefined;
  /** Accepted, so that code for `@azure/identity` compiles; not used: see `log`. */
  loggingOptions?: object | undefined;
  /** Accepted, so that code for `@azure/identity` compiles; not used. */
  userAgentOptions?: object | undefined;
  /** Accepted, so that code for `@azure/identity` compiles; not used. */
  telemetryOptions?: object | undefined;
  /** See {@linkcode RetryOptions}. */
  retryOptions?: RetryOptions | undefined;
  /** Environment variables, such as the bindings of a Worker; values that are no strings are passed over. Default: the process's. */
  env?: Readonly<Record<string, unknown>> | undefined;
  /** Sends the requests: for proxies and private certification authorities. Default: the global `fetch`. */
  fetch?: typeof fetch | undefined;
  /**
   * Sends the requests to link-local and loopback addresses, which no proxy may see. Default: straight to the address, whatever proxy
   * the variables name; the global `fetch` where a runtime has no connections of its own.
   */
  localFetch?: typeof fetch | undefined;
  /** Where tokens are remembered; `false`: nowhere, each call makes its own request. Default: the memory of the process. */
  cache?: TokenCache | false | undefined;
  /**
   * Keeps work alive after the request that started it has been answered, on runtimes that end it otherwise: on Cloudflare Workers
   * the function `waitUntil` of `cloudflare:workers`. With it, tokens are refreshed behind the caller and concurrent calls share one
   * request there too.
   */
  waitUntil?: ((work: Promise<unknown>) => void) | undefined;
  /** How long it may take to get one token, waits and retries included, in milliseconds. Default: 60,000. */
  timeoutInMs?: number | undefined;
  /** Receives what happens, for diagnosis. Default: nobody. */
  log?: Log | undefined;
  /** Replaces capabilities of the runtime. Default: what the runtime has. */
  runtime?: RuntimeOverrides | undefined;
}

/** {@linkcode CredentialOptions}, by the name that `@azure/identity` has for what every credential accepts. */
export type TokenCredentialOptions = CredentialOptions;

/** {@linkcode CredentialOptions}, by the name that `@azure/identity` has where `additionallyAllowedTenants` is among them. */
export type MultiTenantTokenCredentialOptions = CredentialOptions;

/** Whether an unknown token service is trusted: one of {@linkcode CredentialOptions}. */
export type AuthorityValidationOptions = Pick<CredentialOptions, "disableInstanceDiscovery">;

/** The client id of the Azure CLI, by which people sign in while they develop. */
export const DEVELOPER_SIGN_ON_CLIENT_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

/** Options of every credential by which a person signs in. */
export interface InteractiveCredentialOptions extends CredentialOptions {
  /** Who has signed in before, from `authenticate`: nobody else may then, unless `authenticate` is called. */
  authenticationRecord?: AuthenticationRecord | undefined;
  /** Makes `getToken` throw an `AuthenticationRequiredError` where it would have the user sign in. Default: `false`. */
  disableAutomaticAuthentication?: boolean | undefined;
}

/** What the user reads when a sign-in in a browser is over: one of {@linkcode InteractiveBrowserCredentialOptions}. */
export interface BrowserCustomizationOptions {
  /** Texts, not HTML: `successMessage` after a sign-in, `errorMessage` after one that failed. */
  browserCustomizationOptions?: { successMessage?: string | undefined; errorMessage?: string | undefined } | undefined;
}

/** In a page: whether the user signs in in a window of its own, or the page is left and come back to. */
export type BrowserLoginStyle = "popup" | "redirect";

/** Options of {@linkcode InteractiveBrowserCredential}. */
export interface InteractiveBrowserCredentialOptions extends InteractiveCredentialOptions, BrowserCustomizationOptions {
  /** The tenant's id or domain name, or `"common"`, `"organizations"` or `"consumers"`. Default: any. */
  tenantId?: string | undefined;
  /** The client id of an app. In a page it must be given. Default: the Azure CLI's, for development. */
  clientId?: string | undefined;
  /**
   * Where the answer goes. In a page: a page of the same origin, registered for single-page applications; default: the origin. For a window a
   * blank one is enough; who leaves the page comes back to this one, where `getToken` is to be called again. Elsewhere: `http://localhost`, with or without a port, registered for desktop applications; default: a free port.
   */
  redirectUri?: string | (() => string) | undefined;
  /** The user who is expected, such as `"jo@contoso.com"`. */
  loginHint?: string | undefined;
  /** The domain of the user who is expected, so that the user need not say it. */
  domainHint?: string | undefined;
  /**
   * In a page: whether the user signs in in a window of its own, or the page is left and come back to, where the first call ends the sign-in.
   * Default: `"popup"`.
   */
  loginStyle?: BrowserLoginStyle | undefined;
  /** How long a sign-in may take, in milliseconds. Default: 300,000. */
  timeoutInMs?: number | undefined;
}

/** {@linkcode InteractiveBrowserCredentialOptions}, by the name that `@azure/identity` has for them outside of a page. */
export type InteractiveBrowserCredentialNodeOptions = InteractiveBrowserCredentialOptions;

/** {@linkcode InteractiveBrowserCredentialOptions}, by the name that `@azure/identity` has for them in a page. */
export interface InteractiveBrowserCredentialInBrowserOptions extends InteractiveBrowserCredentialOptions {
  /** The client id of an app. */
  clientId: string;
}

/** Options of every credential that asks a tool on the developer's machine. */
export interface DeveloperToolCredentialOptions extends CredentialOptions {
  /** The tenant's id or domain name. Default: the one that the tool is signed in to. */
  tenantId?: string | undefined;
  /** How long the tool may take, in milliseconds; then it is stopped. Default: 15,000. */
  processTimeoutInMs?: number | undefined;
}

/** The credentials of `DefaultAzureCredential`, by name. */
export type DefaultAzureCredentialName =
  | "EnvironmentCredential"
  | "WorkloadIdentityCredential"
  | "ManagedIdentityCredential"
  | "AzureCliCredential"
  | "AzurePowerShellCredential"
  | "AzureDeveloperCliCredential"
  | "InteractiveBrowserCredential";
