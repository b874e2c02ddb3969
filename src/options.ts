import type { AuthenticationRecord } from "./authentication_record.ts";
import type { Log } from "./log.ts";
import type { RuntimeOverrides } from "./runtime/runtime.ts";
import type { TokenCache } from "./token_cache.ts";

/**
 * Configures retries. Only transient failures are retried: no complete response, status 408, 429, and 5xx except 501
 * and 505. A response of the token service with status 200 that is not JSON counts as no response. For a managed
 * identity, 404 is retried too, and sources other than the metadata service retry only 500, 503 and 504 of the 5xx.
 */
export interface RetryOptions {
  /**
   * Maximum number of retries after the first attempt. By default 3, and 5 for a managed identity of a machine. 0 also
   * disables the retries while its metadata service is upgraded (410), which otherwise last for 70 seconds.
   */
  maxRetries?: number | undefined;
  /**
   * Upper bound of the random delay before the first retry, in milliseconds. It doubles with each retry.
   *
   * @default {800}
   */
  retryDelayInMs?: number | undefined;
  /**
   * Upper bound of every random delay, in milliseconds. It does not apply to a delay that the service requests
   * (`Retry-After`), nor to those after a 410 of the metadata service.
   *
   * @default {64_000}
   */
  maxRetryDelayInMs?: number | undefined;
}

/** Options of every credential. */
export interface CredentialOptions {
  /**
   * The URL of the authority host, with `https:`. By default the environment variable `AZURE_AUTHORITY_HOST`, else that
   * of the public cloud. See {@linkcode AzureAuthorityHosts}. Developer tools and managed identities of a machine do
   * not use it.
   */
  authorityHost?: string | undefined;
  /**
   * Whether the authority host may be an `http:` URL with a loopback address, for tests.
   *
   * @default {false}
   */
  allowInsecureLoopback?: boolean | undefined;
  /** Tenants for which the credential may acquire tokens besides its own; `"*"` allows any tenant. None by default. */
  additionallyAllowedTenants?: string[] | undefined;
  /**
   * Whether an unknown authority host is trusted without instance discovery, which sends a request to the public cloud.
   * Use it in private and disconnected clouds.
   *
   * @default {false}
   */
  disableInstanceDiscovery?: boolean | undefined;
  /** Ignored; see `log`. Exists for compatibility with `@azure/identity`. */
  loggingOptions?: object | undefined;
  /** Ignored. Exists for compatibility with `@azure/identity`. */
  userAgentOptions?: object | undefined;
  /** Ignored. Exists for compatibility with `@azure/identity`. */
  telemetryOptions?: object | undefined;
  /** Configures retries: see {@linkcode RetryOptions}. */
  retryOptions?: RetryOptions | undefined;
  /**
   * The environment variables, such as the bindings of a Worker; values other than strings are ignored. By default
   * those of the process.
   */
  // Not a `Record`, which an interface without an index signature is not assignable to.
  env?: object | undefined;
  /**
   * Sends requests to remote hosts, for example through a proxy or with a private certification authority. By default
   * the global `fetch`. On Node, a request goes through the proxy that the variable `https_proxy` or `HTTPS_PROXY` of
   * the process names (not one in `env`), except to the hosts in `no_proxy` or `NO_PROXY`, unless the global `fetch` is
   * replaced or has a global dispatcher. Node below 22.21 and 24.5 needs the package `undici` for that.
   */
  fetch?: typeof fetch | undefined;
  /**
   * Sends requests to link-local and loopback addresses. By default a direct connection that ignores the proxy in the
   * environment variables, or the global `fetch` if the runtime has no TCP connections.
   */
  localFetch?: typeof fetch | undefined;
  /**
   * The token cache; `false` disables caching, so that each call sends a request. By default a cache in the memory of
   * the process.
   */
  cache?: TokenCache | false | undefined;
  /**
   * Keeps work running after the response to the incoming request, on runtimes that would cancel it. On Cloudflare
   * Workers, pass the function `waitUntil` of `cloudflare:workers`: it enables the background refresh of tokens, and
   * lets concurrent calls share a token request.
   */
  waitUntil?: ((work: Promise<unknown>) => void) | undefined;
  /**
   * Maximum duration of the acquisition of a token, including delays and retries, in milliseconds. By default 60,000;
   * 120,000 for a managed identity of a machine, 300,000 for a sign-in with the browser, 960,000 with a device code.
   * For a developer tool see `processTimeoutInMs`.
   */
  timeoutInMs?: number | undefined;
  /** Receives log events, for diagnosis. By default nothing is logged. */
  log?: Log | undefined;
  /** Replaces capabilities of the runtime, member by member. By default the runtime's own are used. */
  runtime?: RuntimeOverrides | undefined;
}

/** Options of the credentials of an app. */
export interface AppCredentialOptions extends CredentialOptions {
  /**
   * Claims that each token request contains, a JSON string: claims that the app itself requires, such as those of a
   * network security perimeter. Unlike the claims of a challenge, they are part of the cache key, so that the tokens
   * are cached. They take precedence over the claims of a call.
   */
  claimsFromClient?: string | undefined;
}

/** An alias for {@linkcode CredentialOptions}, for compatibility with `@azure/identity`. */
export type TokenCredentialOptions = CredentialOptions;

/** An alias for {@linkcode CredentialOptions}, for compatibility with `@azure/identity`. */
export type MultiTenantTokenCredentialOptions = CredentialOptions;

/** The option `disableInstanceDiscovery` of {@linkcode CredentialOptions}, for compatibility with `@azure/identity`. */
export type AuthorityValidationOptions = Pick<CredentialOptions, "disableInstanceDiscovery">;

/** The client id of the Azure CLI, the default for interactive sign-ins during development. */
export const DEVELOPER_SIGN_ON_CLIENT_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

/** Options of every credential that signs in a user interactively. */
export interface InteractiveCredentialOptions extends CredentialOptions {
  /**
   * The account of an earlier sign-in, as `authenticate` returned it. `getToken` rejects other accounts; `authenticate`
   * may change the account.
   */
  authenticationRecord?: AuthenticationRecord | undefined;
  /**
   * Whether `getToken` throws an `AuthenticationRequiredError` instead of prompting the user to sign in.
   *
   * @default {false}
   */
  disableAutomaticAuthentication?: boolean | undefined;
}

/** The option `browserCustomizationOptions` of {@linkcode InteractiveBrowserCredentialOptions}. */
export interface BrowserCustomizationOptions {
  /** The messages that the browser shows after a sign-in, and after one that failed. Plain text, not HTML. */
  browserCustomizationOptions?: { successMessage?: string | undefined; errorMessage?: string | undefined } | undefined;
}

/** How a web page signs the user in: in a popup window, or by a redirect of the page. */
export type BrowserLoginStyle = "popup" | "redirect";

/** Options of {@linkcode InteractiveBrowserCredential}. */
export interface InteractiveBrowserCredentialOptions extends InteractiveCredentialOptions, BrowserCustomizationOptions {
  /** The tenant's id or domain name, or `"common"`, `"organizations"` or `"consumers"`. Any tenant by default. */
  tenantId?: string | undefined;
  /** The client id of the app. Required in a web page. By default the client id of the Azure CLI, for development. */
  clientId?: string | undefined;
  /**
   * The redirect URI.
   *
   * - In a web page: a page of the same origin, registered for single-page applications. By default the origin. With
   *   `loginStyle: "popup"` a blank page is enough; with `"redirect"`, this page must call `getToken` again.
   * - Elsewhere: `http://localhost`, with or without a port, registered for desktop applications. By default with a
   *   free port.
   *
   * A function is called at the first `getToken` or `authenticate`: `() => location.origin` for a page that is rendered
   * on a server too.
   */
  redirectUri?: string | (() => string) | undefined;
  /** The username to fill in on the sign-in page, such as `"jo@contoso.com"`. */
  loginHint?: string | undefined;
  /** The user's domain, to skip the choice of the account's home tenant on the sign-in page. */
  domainHint?: string | undefined;
  /**
   * How a web page signs the user in: in a popup window, or by a redirect of the page. After the redirect back, the
   * first call of `getToken` completes the sign-in.
   *
   * @default {"popup"}
   */
  loginStyle?: BrowserLoginStyle | undefined;
  /**
   * Maximum duration of a sign-in, in milliseconds.
   *
   * @default {300_000}
   */
  timeoutInMs?: number | undefined;
}

/**
 * An alias for {@linkcode InteractiveBrowserCredentialOptions}, for compatibility with `@azure/identity` outside of web
 * pages.
 */
export type InteractiveBrowserCredentialNodeOptions = InteractiveBrowserCredentialOptions;

/**
 * {@linkcode InteractiveBrowserCredentialOptions} with a required client id, for compatibility with `@azure/identity`
 * in web pages.
 */
export interface InteractiveBrowserCredentialInBrowserOptions extends InteractiveBrowserCredentialOptions {
  /** The client id of the app. */
  clientId: string;
}

/** Options of every credential that runs a developer tool, such as the Azure CLI. */
export interface DeveloperToolCredentialOptions extends CredentialOptions {
  /** The tenant's id or domain name. By default the tenant that the tool is signed in to. */
  tenantId?: string | undefined;
  /**
   * Maximum run time of the tool, in milliseconds. Then it is stopped.
   *
   * @default {15_000}
   */
  processTimeoutInMs?: number | undefined;
}

/** The names of the credentials of `DefaultAzureCredential`. */
export type DefaultAzureCredentialName =
  | "EnvironmentCredential"
  | "WorkloadIdentityCredential"
  | "ManagedIdentityCredential"
  | "AzureCliCredential"
  | "AzurePowerShellCredential"
  | "AzureDeveloperCliCredential"
  | "InteractiveBrowserCredential";

/**
 * Options of {@linkcode DefaultAzureCredential}. Those of {@linkcode CredentialOptions} apply to each credential of the
 * chain.
 */
export interface DefaultAzureCredentialOptions extends CredentialOptions, BrowserCustomizationOptions {
  /**
   * The tenant of `WorkloadIdentityCredential`, by default the environment variable `AZURE_TENANT_ID`; and of the
   * developer tools, by default the tenant that each tool is signed in to.
   */
  tenantId?: string | undefined;
  /** The names of the credentials to leave out of the chain. None by default. */
  exclude?: readonly DefaultAzureCredentialName[] | undefined;
  /**
   * Whether the chain ends with `InteractiveBrowserCredential`, which prompts the user to sign in.
   *
   * @default {false}
   */
  includeInteractiveBrowser?: boolean | undefined;
  /** The client id for `InteractiveBrowserCredential`. By default the client id of the Azure CLI, for development. */
  interactiveBrowserClientId?: string | undefined;
  /** See {@linkcode InteractiveBrowserCredentialOptions.loginHint}. */
  loginHint?: string | undefined;
  /** Names of environment variables that must be set; otherwise the constructor throws. None by default. */
  requiredEnvVars?: string | string[] | undefined;
  /** See {@linkcode ManagedIdentityCredentialOptions.probeTimeoutInMs}. */
  probeTimeoutInMs?: number | undefined;
  /**
   * Maximum run time of each developer tool, in milliseconds. Then it is stopped.
   *
   * @default {15_000}
   */
  processTimeoutInMs?: number | undefined;
}

/** Options of {@linkcode DefaultAzureCredential} for user-assigned identities with a client id. */
export interface DefaultAzureCredentialClientIdOptions extends DefaultAzureCredentialOptions {
  /**
   * The client id for `ManagedIdentityCredential`. By default the environment variable `AZURE_CLIENT_ID`, else the
   * system-assigned identity.
   */
  managedIdentityClientId?: string | undefined;
  /**
   * The client id for `WorkloadIdentityCredential`. By default `managedIdentityClientId`, else the environment variable
   * `AZURE_CLIENT_ID`.
   */
  workloadIdentityClientId?: string | undefined;
}

/** Options of {@linkcode DefaultAzureCredential} for a user-assigned identity with a resource id. */
export interface DefaultAzureCredentialResourceIdOptions extends DefaultAzureCredentialOptions {
  /** The resource id for `ManagedIdentityCredential`: `/subscriptions/…/userAssignedIdentities/…`. */
  managedIdentityResourceId: string;
}
