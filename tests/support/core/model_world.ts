/**
 * A simulated world of Microsoft Entra, a machine, developer tools, files, a token cache and foreign credentials. Every
 * token contains its identity, tenant and resource.
 *
 * @module
 */
import type { TokenCache, TokenSet } from "@azweb/identity";
import type { RunOptions, Runtime } from "@azweb/identity/runtime";
import { createModelClock, type ModelClock } from "./model_clock.ts";
import { FILE_FAULTS, HTTP_FAULTS, type HttpFault, notCapable, TOOL_FAULTS } from "./model_faults.ts";
import { answerMachine, type SourceName } from "./model_machine.ts";
import { type Asked, createService, jsonAnswer, tokenAnswer } from "../service.ts";
import { ANSWERS, noProgram, type ToolName } from "../developer_tools/tool.ts";

/**
 * What can fail. `imds` is the metadata service after the probe, `source` a source that variables or files configure,
 * `pin` the check of a server's thumbprint.
 */
export const TARGETS = [
  "probe",
  "imds",
  "source",
  "pin",
  "entra",
  "az",
  "pwsh",
  "azd",
  "token file",
  "key file",
] as const;
export type Target = typeof TARGETS[number];

/** A failure of a number of requests, or of all (`Infinity`). */
export interface Fault {
  readonly name: string;
  /** Number of requests that fail. */
  left: number;
  /** Number of requests that succeed before it. Default: none. */
  skip?: number;
}

/** The behaviour of a foreign credential. */
export type ForeignMood =
  | "token"
  | "unavailable"
  | "absent"
  | "not for this call"
  | "required"
  | "null"
  | "aggregate"
  | "refused";

/** The service at the link-local address. */
export type LinkLocal = "nothing" | "virtual machine" | "container instance" | "runner";

/** The behaviour of the token cache that the programs share. */
export type CacheMood = "good" | "asynchronous" | "slow" | "throws" | "hangs" | "forgets" | "garbage";

/** The properties of the simulated machine. */
export interface Box {
  readonly source: SourceName | "none";
  readonly linkLocal: LinkLocal;
  readonly tools: readonly ToolName[];
  readonly areProfilesReadable: boolean;
}

/** A token that was issued. */
export interface Issued {
  /** The token's identity, tenant and resource. */
  readonly key: string;
  readonly serial: number;
  readonly expiresOn: number;
}

/** The world and its history. */
export interface World {
  readonly box: Box;
  readonly clock: ModelClock;
  /** Sends requests to Microsoft Entra. */
  readonly fetch: typeof fetch;
  /** Sends requests to the token sources of the machine. */
  readonly localFetch: typeof fetch;
  readonly runtime: Partial<Runtime>;
  readonly cache: TokenCache;
  readonly faults: Map<Target, Fault>;
  readonly foreign: Map<string, ForeignMood>;
  /** The user who is signed in to the tools, by home folder; absent if none is. */
  readonly users: Map<string, string>;
  /** When the user of a home folder changed. */
  readonly changes: Map<string, number>;
  readonly issued: readonly Issued[];
  /** The time until which a cached failure may be repeated, in milliseconds since the epoch. */
  readonly lingering: Map<string, number>;
  /** Number of occurrences of each failure. */
  readonly met: Map<string, number>;
  cacheMood: CacheMood;
  /** Whether a metadata service has responded to a probe. */
  hasAnswered: boolean;
  /** Number of requests and processes in flight. */
  pending(): number;
  /** Issues a token and returns it. */
  issue(identity: string, tenant: string, resource: string, lifetimeInMs: number): string;
  /** Returns the failure that is due at a target, and counts it. */
  take(target: Target): string | undefined;
}

export const START: number = Date.parse("2026-11-23T10:00:00Z");
export const TOKEN_FILE = "/var/run/secrets/token";
export const KEY_FILE = "/var/opt/azcmagent/tokens/a.key";
export const HOUR = 3_600_000;
const MINUTE = 60_000;

/** Creates a world. */
export function createWorld(box: Box): World {
  const clock = createModelClock(START);
  const faults = new Map<Target, Fault>();
  const lingering = new Map<string, number>();
  const met = new Map<string, number>();
  const issued: Issued[] = [];
  const stored = new Map<string, TokenSet>();
  let pending = 0;

  function take(target: Target): string | undefined {
    const fault = faults.get(target);
    if (!fault) return undefined;
    if (fault.skip) {
      fault.skip--;
      return undefined;
    }
    if (--fault.left <= 0) faults.delete(target);
    const label = `${target}: ${fault.name}`;
    met.set(label, (met.get(label) ?? 0) + 1);
    return fault.name;
  }

  function linger(label: string, ms: number): void {
    lingering.set(label, Math.max(lingering.get(label) ?? 0, clock.now() + ms));
  }

  /** Responds with the failure that is due, or with the response of the service. */
  async function answerAt(target: Target, asked: Asked, good: () => unknown): Promise<Response> {
    clock.touch();
    const name = take(target);
    const fault: HttpFault | undefined = name === undefined ? undefined : HTTP_FAULTS[name];
    if (name === "no permission to connect") throw notCapable();
    if (fault?.retryAfterInMs) linger(target, fault.retryAfterInMs);
    if (target === "imds" && name === "400 Identity not found") linger("identity", MINUTE);
    if (!fault) return await good() as Response;
    pending++;
    try {
      return await fault.answer(asked) as Response;
    } finally {
      pending--;
      clock.touch();
    }
  }

  const world: World = {
    box,
    clock,
    faults,
    foreign: new Map(),
    users: new Map(),
    changes: new Map(),
    issued,
    lingering,
    met,
    cacheMood: "good",
    hasAnswered: false,
    pending: () => pending,
    take,
    issue(identity, tenant, resource, lifetimeInMs) {
      const key = `${identity}|${tenant}|${resource}`;
      const serial = issued.length;
      issued.push({ key, serial, expiresOn: Math.floor((clock.now() + lifetimeInMs) / 1000) * 1000 });
      return `${key}|${serial}`;
    },
    fetch: createService((asked) => answerAt("entra", asked, () => answerEntra(asked))).fetch,
    localFetch: createService((asked) => answerMachine(asked, world, answerAt, linger)).fetch,
    runtime: {
      platform: "linux",
      now: clock.now,
      sleep: clock.sleep,
      fileExists,
      readTextFile,
      run,
      tlsFetch: ({ thumbprint }) => (input, init) =>
        world.take("pin") ? wrongPin(thumbprint) : world.localFetch(input, init),
    },
    cache: {
      get: (key) => withMood(() => stored.get(key), (wrong) => wrong as TokenSet),
      set: (key, token) => withMood<unknown>(() => stored.set(key, token), () => {}),
      delete: (key) => stored.delete(key),
    },
  };
  return world;

  function wrongPin(wanted = ""): Promise<never> {
    clock.touch();
    const cause = new Error(`The thumbprint of the server's certificate is "00", not "${wanted}"`);
    return Promise.reject(new TypeError('Cannot reach "node:2377"', { cause }));
  }

  /** Runs an operation of the cache according to `cacheMood`. `spoil` returns the result for a wrong value. */
  function withMood<T>(work: () => T, spoil: (wrong: unknown) => T): T | Promise<T> {
    clock.touch();
    switch (world.cacheMood) {
      case "good":
        return work();
      case "asynchronous":
        return Promise.resolve(work());
      case "slow":
        return clock.sleep(100).then(work);
      case "throws":
        throw new Error("The cache is broken");
      case "hangs":
        return new Promise<T>(() => {});
      case "forgets":
        return spoil(undefined);
      case "garbage":
        return spoil({ token: 7 });
    }
  }

  function answerEntra({ url, form }: Asked): Response {
    const { hostname, pathname } = new URL(url);
    const tenant = pathname.split("/")[1]!;
    const resource = resourceOf(form.scope ?? "");
    if (resource.includes(" ")) {
      const description = "AADSTS70011: The provided value for the input parameter 'scope' is not valid";
      return jsonAnswer({ error: "invalid_scope", error_description: description }, { status: 400 });
    }
    const proof = form.client_secret ? `secret ${form.client_secret}` : "federated token";
    const identity = `app ${form.client_id} by ${proof} at ${hostname}`;
    return tokenAnswer({ access_token: world.issue(identity, tenant, resource, HOUR) });
  }

  function fileExists(path: string): Promise<boolean> {
    clock.touch();
    if (/azureProfile/.test(path)) {
      return box.areProfilesReadable ? Promise.resolve(true) : Promise.reject(new Error("Permission denied"));
    }
    return Promise.resolve(
      path === TOKEN_FILE || box.source === "Azure Arc by file" && path === "/opt/azcmagent/bin/himds",
    );
  }

  async function readTextFile(path: string): Promise<string> {
    clock.touch();
    if (path === TOKEN_FILE) return fileOr("token file", federatedToken);
    if (path === KEY_FILE) return fileOr("key file", () => "a-key");
    const [, home] = /^(.*)\/\.azure\/azureProfile\.json$/.exec(path) ?? [];
    if (home === undefined) throw Object.assign(new Error("No such file"), { code: "ENOENT" });
    const user = world.users.get(home);
    return await Promise.resolve(JSON.stringify({ subscriptions: user ? [{ id: user }] : [] }));
  }

  function fileOr(target: "token file" | "key file", good: () => string): string {
    const name = take(target);
    const found = name ? FILE_FAULTS[name]!() : good();
    if (found instanceof Error) throw found;
    return found;
  }

  async function run(command: string, args: readonly string[], options: RunOptions) {
    clock.touch();
    const tool = (["az", "azd", "pwsh"] as const).find((tool) => command === `/usr/bin/${tool}`);
    if (!tool || !box.tools.includes(tool)) throw noProgram();
    const name = take(tool);
    const user = world.users.get(options.env?.HOME ?? "");
    pending++;
    try {
      const output: unknown = name
        ? await TOOL_FAULTS[name]!.behave({ command, args, options })
        : user
        ? answerTool(tool, user, args, options.env ?? {})
        : { code: 1, stderr: "Please run 'az login', `azd auth login` or Connect-AzAccount" };
      if (output instanceof Error) throw output;
      return { code: 0, stdout: "", stderr: "", ...output as object };
    } finally {
      pending--;
      clock.touch();
    }
  }

  function answerTool(tool: ToolName, user: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    const after = (flag: string) =>
      args.flatMap((arg, index) =>
        args[index - 1] === flag ? [arg] : arg.startsWith(`${flag}=`) ? [arg.slice(flag.length + 1)] : []
      );
    const tenant = [...after("--tenant"), ...after("--tenant-id"), env.AZWEB_IDENTITY_TENANT || "home"][0]!;
    const wanted = [...after("--resource"), ...after("--scope")];
    const resource = resourceOf(wanted.length > 0 ? wanted.join(" ") : env.AZWEB_IDENTITY_RESOURCE ?? "");
    const identity = `${tool} ${user} at ${env.AZURE_CLOUD_NAME ?? "AzureCloud"}`;
    const token = world.issue(identity, tenant, resource, HOUR);
    return ANSWERS[tool](issued.at(-1)!.expiresOn, token);
  }
}

/** Returns the resource of scopes, in a canonical form. */
export function resourceOf(scopes: string): string {
  return scopes.split(" ").map((scope) => scope.replace(/\/\.default$/, "")).sort().join(" ");
}

function federatedToken(): string {
  const part = (value: object) => btoa(JSON.stringify(value)).replace(/=+$/, "");
  return `${part({ alg: "RS256" })}.${part({ iss: "https://issuer.example", sub: "pod", exp: 4e9 })}.c2lnbmF0dXJl`;
}
