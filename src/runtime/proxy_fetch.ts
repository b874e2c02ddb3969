import { builtinModule } from "./builtin_module.ts";
import { env } from "./env.ts";

type Fetch = typeof globalThis.fetch;

/** The used part of Node's `node:https`. */
interface Https {
  readonly Agent: new (options: { proxyEnv: Readonly<Record<string, string>> }) => object;
  request(url: URL, options: object): {
    on(event: "response" | "error", listener: (value: never) => void): ReturnType<Https["request"]>;
    end(body: Uint8Array): void;
  };
}

/** The used part of Node's `IncomingMessage`. */
interface Incoming {
  readonly statusCode: number;
  readonly headersDistinct: Readonly<Record<string, readonly string[]>>;
}

/** The used part of Node's `node:stream`. */
interface Stream {
  readonly Readable: { toWeb(stream: Incoming): ReadableStream<Uint8Array<ArrayBuffer>> };
}

/** A dispatcher of undici. */
interface Dispatcher {
  readonly constructor: { readonly name: string; readonly prototype: Dispatcher };
  readonly dispatch: unknown;
}

/** The used part of Node's `node:process`. */
interface NodeProcess {
  readonly allowedNodeEnvironmentFlags: ReadonlySet<string>;
  readonly version: string;
}

/** The used part of the package `undici`. */
interface Undici {
  readonly ProxyAgent: new (options: { uri: string; factory(origin: string, options: object): object }) => {
    close(): Promise<void>;
    destroy(error: Error): Promise<void>;
  };
  readonly Pool: new (origin: string, options: object) => {
    on(event: "connectionError", listener: (origin: URL, targets: unknown, error: Error) => void): object;
  };
  readonly fetch: (input: Parameters<Fetch>[0], init: RequestInit & { dispatcher: object }) => Promise<Response>;
}

/** Loopback and link-local addresses, which a proxy would take for its own. */
const OWN_ADDRESS = /^(localhost|.*\.localhost|127\.[\d.]+|169\.254\.[\d.]+|\[::1\]|\[fe[89ab][\da-f]:.*)$/;
/** Statuses whose responses have no body. */
const WITHOUT_BODY = [204, 205, 304];

/**
 * Sends a request through the proxy that the variable names. Uses the global `fetch` if `NO_PROXY` has the host, or if
 * the program has configured or replaced that `fetch`.
 *
 * @throws {Error} Its `name` is `"UnusableProxy"`: the proxy cannot be used. The request is not sent without it.
 */
export async function fetchThroughProxy(
  input: Parameters<Fetch>[0],
  init: RequestInit | undefined,
  variable: string,
): Promise<Response> {
  const request = new Request(input, init);
  const url = new URL(request.url);
  if (OWN_ADDRESS.test(url.hostname) || isExempt(url) || isConfigured()) return await fetch(input, init);
  const proxy = readProxy(variable);
  // Whether this release of Node has the option `proxyEnv`; others ignore it.
  const { allowedNodeEnvironmentFlags: flags } = builtinModule<NodeProcess>("node:process");
  if (flags.has("--use-env-proxy")) {
    return await requestByNode(request, url, proxy, init?.signal ?? request.signal);
  }
  const { Pool, ProxyAgent, fetch: fetchByUndici } = await loadUndici(variable);
  // Used for one request only, and destroyed when that fails: otherwise `undici` connects for ever, and without a
  // pause, to a proxy that closes each connection.
  let reason: Error | undefined;
  const destroy = (error: Error) => void dispatcher.destroy(reason ??= error).catch(() => {});
  const dispatcher = new ProxyAgent({
    uri: proxy,
    factory: (origin, options) =>
      new Pool(origin, options).on("connectionError", (_, _targets, error) => destroy(error)),
  });
  try {
    const response = await fetchByUndici(input, { ...init, dispatcher });
    // Closes the dispatcher after the body has been read.
    dispatcher.close().catch(() => {});
    return response;
  } catch (error) {
    // After the first failure, the error of `undici` is only that it was destroyed.
    if (!reason) destroy(error as Error);
    throw reason;
  }
}

/** Sends a request by `node:https`, over a connection of its own. */
async function requestByNode(request: Request, url: URL, proxy: string, signal: AbortSignal): Promise<Response> {
  const { Agent, request: send } = builtinModule<Https>("node:https");
  const { Readable } = builtinModule<Stream>("node:stream");
  const body = new Uint8Array(await request.arrayBuffer());
  const response = await new Promise<Incoming>((resolve, reject) =>
    send(url, {
      agent: new Agent({ proxyEnv: { https_proxy: proxy } }),
      method: request.method,
      // `node:https` does not decode a compressed body.
      headers: { ...Object.fromEntries(request.headers), "accept-encoding": "identity" },
      signal,
    }).on("response", resolve).on("error", (error: Error) => {
      // Older releases show the URL of the proxy, which may contain a password.
      error.message = error.message.replaceAll(proxy, new URL(proxy).origin);
      reject(error);
    }).end(body)
  );
  const { statusCode: status, headersDistinct } = response;
  const headers = Object.entries(headersDistinct).flatMap(([name, values]) =>
    values.map((value): [string, string] => [name, value])
  );
  return new Response(WITHOUT_BODY.includes(status) ? null : Readable.toWeb(response), { status, headers });
}

async function loadUndici(variable: string): Promise<Undici> {
  // Not a literal: a bundler would look for a package that the program need not have.
  const name = "undici";
  try {
    return await import(/* webpackIgnore: true */ /* @vite-ignore */ name);
  } catch (error) {
    const { version } = builtinModule<NodeProcess>("node:process");
    const isMissing = (Object(error) as { code?: unknown }).code === "ERR_MODULE_NOT_FOUND";
    throw unusable(
      `The variable ${variable} names a proxy, which Node ${version.slice(1)} uses only with the package ` +
        (isMissing ? '"undici"' : '"undici", whose installed version does not run on it') +
        '. Run `npm install undici@7`, update Node to 22.21, 24.5 or newer, or pass the option "fetch"',
    );
  }
}

/**
 * Returns the URL of the proxy. As in curl, `http:` is its default scheme, and its path is ignored.
 *
 * Normalised, because Node ignores a proxy with `HTTP:`, and shows one with a line break in an error.
 */
function readProxy(variable: string): string {
  const value = env(variable)!.trim();
  const text = /^[a-z][a-z\d+.-]*:[/\\]/i.test(value) ? value : `http://${value}`;
  try {
    const { protocol, username, password, host } = new URL(text);
    // Throws for a user that is not percent-encoded, as all agents do.
    const user = decodeURIComponent(username + password) && `${username}:${password}@`;
    if (/^https?:$/.test(protocol)) return `${protocol}//${user}${host}`;
  } catch {
    // Reported below.
  }
  // The value may contain a password.
  throw unusable(
    `The variable ${variable} must be the URL of a proxy with "http:" or "https:", its user name and password ` +
      "percent-encoded",
  );
}

/**
 * Whether `NO_PROXY` has the host, as in curl: a comma or white space separates the entries; an entry is a host with
 * all hosts below it, with a port if only that port is meant, or `*` for all hosts.
 */
function isExempt({ hostname, port }: URL): boolean {
  const entries = (env("no_proxy") || env("NO_PROXY") || "").toLowerCase().split(/[\s,]+/);
  return entries.some((entry) => {
    if (entry === "*") return true;
    const [, host = "", wanted] = /^\*?\.?(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? [];
    const isHost = host !== "" && (hostname === host || hostname.endsWith(`.${host}`));
    return isHost && (wanted === undefined || wanted === (port || "443"));
  });
}

/**
 * Whether the program has replaced the global `fetch`, as mocks and tracing do, or configured it: by a global
 * dispatcher of undici, or by NODE_USE_ENV_PROXY, for which Node sets such a dispatcher.
 */
function isConfigured(): boolean {
  // Node offers no other way to tell its own function; all releases since 20 begin with this line.
  if (!String(fetch).startsWith("function fetch(input, init = undefined) {")) return true;
  return ["undici.globalDispatcher.1", "undici.globalDispatcher.2"].some((key) => {
    const dispatcher = (globalThis as { [key: symbol]: Dispatcher | undefined })[Symbol.for(key)];
    if (!dispatcher) return false;
    const { name, prototype } = dispatcher.constructor;
    // `compose` replaces the method of an agent. Node 26 wraps its default agent for older releases of undici.
    return !["Agent", "Dispatcher1Wrapper"].includes(name) || dispatcher.dispatch !== prototype.dispatch;
  });
}

function unusable(message: string): Error {
  return Object.assign(new Error(message), { name: "UnusableProxy" });
}
