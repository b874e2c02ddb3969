import type { Log, LogEvent } from "../log.ts";
import type { CredentialOptions } from "../options.ts";
import { env, hasEnv, isDenoDeploy, missingEnvPermission } from "../runtime/env.ts";
import { detectPlatform, type Platform } from "../runtime/platform.ts";
import type { TokenCache } from "../token_cache.ts";
import { checkOptionNames } from "./option_names.ts";
import type { Access } from "./require_variables.ts";
import { sleep } from "./sleep.ts";
import { checkTenantId } from "./tenants.ts";
import { isLoopback, parseUrl } from "./url.ts";

/** `CredentialOptions` with every default filled in. */
export interface Settings {
  /** The option `authorityHost`. Its default is an environment variable, which the first token request reads. */
  readonly authorityHost: string | undefined;
  readonly allowInsecureLoopback: boolean;
  readonly additionallyAllowedTenants: readonly string[];
  readonly disableInstanceDiscovery: boolean;
  readonly maxRetries: number;
  readonly retryDelayInMs: number;
  readonly maxRetryDelayInMs: number;
  readonly timeoutInMs: number;
  readonly cache: TokenCache | false | undefined;
  /**
   * Whether work may outlive the response to the incoming request that started it. `"free"`: it continues.
   * `"needsWaitUntil"`: only with `waitUntil`. `"perRequest"`: only with `waitUntil`, and another incoming request must
   * not await its promises.
   */
  readonly backgroundWork: "free" | "needsWaitUntil" | "perRequest";
  /** Whether a metadata service may exist: not in a browser, on an edge runtime or on Deno Deploy. */
  hasMetadataService(): boolean;
  readonly waitUntil: ((work: Promise<unknown>) => void) | undefined;
  /**
   * Injected `fetch`, `localFetch` and `runtime`: part of the cache key, so that a token of a simulated cloud never
   * reaches production code.
   */
  readonly injected: readonly (string | object)[];
  /** The option `fetch`. Without it, `send` sends the requests. */
  readonly fetch: typeof fetch | undefined;
  /**
   * The option `localFetch`. Without it, the code that sends a local request chooses the function, by default one that
   * bypasses proxies.
   */
  readonly localFetch: typeof fetch | undefined;
  readonly log: Log;
  /** Returns the present value of an environment variable. */
  variable(name: string): string | undefined;
  /** Returns the value of an environment variable. For those in `READ_ONCE`, returns the value at the first call. */
  env(name: string): string | undefined;
  /** See {@linkcode EnvPermissions.missingEnvPermission}. */
  missingEnvPermission(names: readonly string[], access?: Access): string | undefined;
  /** Advice on how to pass the environment variables, on a runtime that may have none. */
  readonly envAdvice: string | undefined;
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/**
 * Options of `@azure/identity` that are not supported, and what replaces them. If they were ignored, a request would
 * bypass the proxy, or another user would sign in.
 */
const REPLACED = {
  httpClient: 'use "fetch"',
  agent: 'use "fetch"',
  proxyOptions: 'use "fetch"',
  tlsOptions: 'use "fetch"',
  additionalPolicies: 'use "fetch"',
  tokenCachePersistenceOptions: 'use "cache", which persists the tokens of apps; users sign in once per process',
  brokerOptions: "it requires native code",
};

/** Options whose value is an instance of a class. Such an instance is not empty, even if it has no own members. */
const INSTANCES: readonly string[] = ["httpClient", "agent"];

/**
 * Variables that are part of the cache key and of each request. A credential reads each of them once, because its
 * requests must match its cache key.
 */
const READ_ONCE = ["AZURE_AUTHORITY_HOST", "SYSTEM_OIDCREQUESTURI"];

const PUBLIC = "https://login.microsoftonline.com";

/** The options of every credential. */
const COMMON = "authorityHost allowInsecureLoopback additionallyAllowedTenants disableInstanceDiscovery retryOptions " +
  "env fetch localFetch cache waitUntil timeoutInMs log runtime";

/**
 * Fills in the defaults. Throws a `TypeError` for a malformed option, or one whose name is misspelt.
 *
 * @param name The name of the credential.
 * @param own The names of its options, without those that every credential has, separated by spaces.
 */
export function resolveSettings(options: CredentialOptions, name: string, own = ""): Settings {
  checkKinds(options);
  checkOptionNames(options, `${COMMON} ${own}`);
  checkOptionNames(options.retryOptions ?? {}, "maxRetries retryDelayInMs maxRetryDelayInMs");
  const { additionallyAllowedTenants = [], cache, log, retryOptions = {}, runtime = {} } = options;
  for (const tenant of additionallyAllowedTenants) {
    if (tenant !== "*") checkTenantId(tenant, "options.additionallyAllowedTenants");
  }
  if (options.authorityHost !== undefined) parseAuthorityHost(options.authorityHost, options.allowInsecureLoopback);
  const platform = detectPlatform();
  const backgroundWork = platform === "workerd" ? "perRequest" : platform === "web" ? "needsWaitUntil" : "free";
  // Whether the variables are read from this runtime, not from an option. Only then is a missing permission an error.
  // The app may pass the members of `createRuntime()`, whose `env` reads from this runtime too.
  const ambient = !options.env && (!runtime.env || runtime.env === env);
  const variable = options.env
    ? (name: string) => stringOf((options.env as Readonly<Record<string, unknown>>)[name])
    : runtime.env
    ? (name: string) => stringOf(runtime.env?.(name))
    : env;

  return rereadVariables({
    authorityHost: options.authorityHost,
    allowInsecureLoopback: options.allowInsecureLoopback ?? false,
    additionallyAllowedTenants,
    disableInstanceDiscovery: options.disableInstanceDiscovery ?? false,
    maxRetries: notNegative("retryOptions.maxRetries", retryOptions.maxRetries, 3),
    retryDelayInMs: notNegative("retryOptions.retryDelayInMs", retryOptions.retryDelayInMs, 800),
    maxRetryDelayInMs: notNegative("retryOptions.maxRetryDelayInMs", retryOptions.maxRetryDelayInMs, 64_000),
    timeoutInMs: notNegative("timeoutInMs", options.timeoutInMs, 60_000),
    cache,
    backgroundWork,
    hasMetadataService: () =>
      options.localFetch !== undefined ||
      backgroundWork === "free" && !isDenoDeploy() && !variable("DENO_DEPLOYMENT_ID"),
    waitUntil: options.waitUntil,
    injected: [options.fetch, options.localFetch, options.runtime].map((object) => object ?? ""),
    fetch: options.fetch,
    localFetch: options.localFetch,
    log: log ? (event) => guard(log, event) : () => {},
    variable,
    env: variable,
    missingEnvPermission: ambient
      ? (names, { services, files = [] } = {}) =>
        missingEnvPermission(names, urlsOf(services, options), runtime.readTextFile ? [] : files)
      : () => undefined,
    envAdvice: ambient ? adviseOnEnv(platform, name) : undefined,
    now: runtime.now ? () => runtime.now!() : () => Date.now(),
    sleep: runtime.sleep ? (ms, signal) => runtime.sleep!(ms, signal) : sleep,
  });
}

/** Returns the URLs of services that the program reaches by the `fetch` of the runtime. */
function urlsOf(
  services: Access["services"] = [],
  { authorityHost = PUBLIC, fetch, localFetch }: CredentialOptions,
): string[] {
  return services.flatMap((service) =>
    service === "entra" ? fetch ? [] : authorityHost : localFetch ? [] : "http://169.254.169.254"
  );
}

function adviseOnEnv(platform: Platform, name: string): string | undefined {
  // The name is that of a class or of a function.
  const call = `${/^[A-Z]/.test(name) ? "new " : ""}${name}({ env })`;
  if (platform === "workerd") return `Pass the Worker's bindings: \`${call}\``;
  return platform === "web" && !hasEnv() ? `Pass the variables: \`${call}\`` : undefined;
}

/**
 * Returns a copy of the settings that reads the variables in `READ_ONCE` again. An identity that is created at a
 * call needs it, because the variables may have changed since they were last read.
 */
export function rereadVariables(settings: Settings): Settings {
  const { variable } = settings;
  const read = new Map<string, string | undefined>();

  function readOnce(name: string): string | undefined {
    if (!read.has(name)) read.set(name, variable(name));
    return read.get(name);
  }

  return { ...settings, env: (name) => READ_ONCE.includes(name) ? readOnce(name) : variable(name) };
}

/**
 * Parses the base of an authority. Throws a `TypeError` unless it is an absolute `https:` URL without credentials,
 * query and fragment.
 */
export function parseAuthorityHost(text: unknown, allowInsecureLoopback = false, source = "authorityHost"): URL {
  const url = parseUrl(text);
  const secure = url?.protocol === "https:" ||
    (allowInsecureLoopback && url?.protocol === "http:" && isLoopback(url.hostname));
  if (url && secure && !url.username && !url.password && !url.search && !url.hash) return url;
  throw new TypeError(
    `"${source}" must be a URL with "https:" and without credentials, query and fragment, such as "https://login.microsoftonline.com"` +
      (url?.protocol === "http:" && isLoopback(url.hostname) ? '; for a test server set "allowInsecureLoopback"' : ""),
  );
}

function checkKinds(options: CredentialOptions): void {
  if (!isObject(options)) throw new TypeError('Argument "options" must be an object with the options by name');
  for (const [name, why] of Object.entries(REPLACED)) {
    const value = (options as Record<string, unknown>)[name];
    // Some programs disable the feature explicitly, or pass an object that changes nothing.
    const isEmpty = !INSTANCES.includes(name) && isObject(value) && Object.keys(value as object).length === 0;
    if (value !== undefined && !isEmpty && (value as { enabled?: unknown } | null)?.enabled !== false) {
      throw new TypeError(`Option "${name}" of @azure/identity is not supported: ${why}`);
    }
  }
  check("an object", isObject, "env", "retryOptions", "runtime");
  check("a function", isFunction, "fetch", "localFetch", "log", "waitUntil");
  check("an array", Array.isArray, "additionallyAllowedTenants");
  check('false or an object with the methods "get" and "set"', isCache, "cache");

  function check(kind: string, is: (value: unknown) => boolean, ...names: (keyof CredentialOptions)[]): void {
    for (const name of names) {
      if (options[name] !== undefined && !is(options[name])) throw new TypeError(`Option "${name}" must be ${kind}`);
    }
  }
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

function isCache(value: unknown): boolean {
  const { get, set } = (value ?? {}) as Partial<TokenCache>;
  return value === false || isFunction(get) && isFunction(set);
}

/** Returns the number, or its default. Throws a `TypeError` unless it is a non-negative number. */
export function notNegative(name: string, value: number | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (typeof value === "number" && value >= 0) return value;
  throw new TypeError(`Option "${name}" must be a non-negative number`);
}

function stringOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function guard(log: Log, event: LogEvent): void {
  try {
    log(event);
  } catch {
    // A log function that throws must not break the credential.
  }
}
