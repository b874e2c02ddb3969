import { checkChoice, checkMembers } from "../check_members.ts";
import { verify } from "../entra/signing_key.ts";
import { checkMachineFault, faultResponse, type MachineFault, respondWithFault } from "../faults.ts";
import { createSimulatedService, type RecordedRequest } from "../simulated_service.ts";
import { MachineError } from "./machine_error.ts";
import type { Machine, MachineOptions, MachineRuntime, SimulatedIdentity } from "./machine_options.ts";
import { createMachineTokens, formatExpiresOn, type MachineToken, type MachineTokens } from "./machine_tokens.ts";

/** The properties of one kind of machine. */
export interface MachineKind {
  /** The name of the function that creates it. */
  readonly name: string;
  /** The names of the options that only this kind of machine has. None by default. */
  readonly options?: Readonly<Record<string, true>>;
  /** Its environment variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Its files. None by default. */
  readonly files?: Readonly<Record<string, string>>;
  /**
   * Its operating system, by the name that Node.js uses.
   *
   * @default {"linux"}
   */
  readonly platform?: string;
  /** The SHA-1 digest of its certificate. By default the endpoint does not use TLS. */
  readonly thumbprint?: string;
  /** Its format of `expires_on`. */
  readonly expiresOn: NonNullable<MachineOptions["expiresOn"]>;
  /** Returns the URL of its token endpoint, for its current environment variables. */
  endpoint(env: Readonly<Record<string, string>>): string;
  /** Returns the body of an error response: a JSON object or a string. */
  errorBody(error: MachineError): Record<string, unknown> | string;
  /**
   * Returns the body of a token response.
   *
   * @throws {MachineError} The request is not valid.
   */
  respond(request: RecordedRequest, state: MachineState): Promise<Record<string, unknown>>;
  /** Returns the body of the response to a request for another path. Without it, the response has the status 404. */
  respondElsewhere?(request: RecordedRequest): Record<string, unknown>;
}

/** The state of a machine, for its endpoint. */
export interface MachineState {
  readonly env: Readonly<Record<string, string>>;
  readonly files: Map<string, string>;
  readonly tokens: MachineTokens;
  now(): number;
  /** Returns every member that a token response may have. */
  describe(token: MachineToken): Record<string, unknown>;
}

type TlsTrust = Parameters<MachineRuntime["tlsFetch"]>[0];

const OPTIONS: Readonly<Record<keyof MachineOptions, true>> = {
  systemAssigned: true,
  userAssigned: true,
  tenantId: true,
  resources: true,
  tokenLifetimeInMs: true,
  sameTokenForMs: true,
  refreshInMs: true,
  expiresOn: true,
  response: true,
  env: true,
  clock: true,
};
const IDENTITY_MEMBERS: Readonly<Record<keyof SimulatedIdentity, true>> = {
  clientId: true,
  objectId: true,
  resourceId: true,
};

/**
 * Creates a machine of the given kind.
 *
 * @throws {TypeError} An option is unknown or malformed.
 */
export function createMachine(options: MachineOptions, kind: MachineKind): Machine {
  checkMembers(options, `option of ${kind.name}`, { ...OPTIONS, ...kind.options });
  checkChoice("expiresOn", options.expiresOn, ["string", "number", "date", "iso"]);
  for (const identity of options.userAssigned ?? []) checkMembers(identity, "member of an identity", IDENTITY_MEMBERS);
  const { clock } = options;
  const now = clock?.now ?? Date.now;
  const env = withoutUndefined({ ...kind.env, ...options.env });
  const files = new Map(Object.entries(kind.files ?? {}));
  const state: MachineState = { env, files, tokens: createMachineTokens(options, now), now, describe };

  function describe({ token, identity, resource, issuedOn, expiresOn }: MachineToken): Record<string, unknown> {
    const left = expiresOn - Math.floor(now() / 1000);
    const { refreshInMs } = options;
    return {
      access_token: token,
      client_id: identity.clientId,
      expires_in: String(left),
      expires_on: formatExpiresOn(expiresOn, options.expiresOn ?? kind.expiresOn),
      ext_expires_in: String(left),
      not_before: String(issuedOn),
      resource,
      token_type: "Bearer",
      ...(refreshInMs !== undefined &&
        { refresh_in: String(Math.max(0, issuedOn + Math.floor(refreshInMs / 1000) - Math.floor(now() / 1000))) }),
    };
  }

  async function handleRequest(request: RecordedRequest): Promise<Response> {
    try {
      if (request.path === parse(kind.endpoint(env))?.pathname) {
        return json(200, { ...await kind.respond(request, state), ...options.response });
      }
      if (!kind.respondElsewhere) throw new MachineError(404, "not_found", "There is nothing here");
      return json(200, kind.respondElsewhere(request));
    } catch (error) {
      if (!(error instanceof MachineError)) throw error;
      const body = kind.errorBody(error);
      if (typeof body === "string") return new Response(body, { status: error.status, headers: error.headers });
      return json(error.status, body, error.headers);
    }
  }

  const service = createSimulatedService<MachineFault>(async (exchange) => {
    const fault = await exchange.nextFault();
    const respond = () => handleRequest(exchange.request);
    if (fault === undefined) return await respond();
    if (typeof fault === "string") return await respondWithFault(fault, { ...exchange, respond, sleep: clock?.sleep });
    const { status = 400 } = fault;
    const body = kind.errorBody(new MachineError(status, "simulated", "Simulated error"));
    return faultResponse(fault, status, JSON.stringify(body));
  }, checkMachineFault);

  /** Returns a `fetch` that reaches the endpoint of the machine and no other address. */
  function connect(trust?: TlsTrust): typeof fetch {
    return async (input, init) => {
      const url = parse(input instanceof Request ? input.url : String(input));
      const endpoint = parse(kind.endpoint(env));
      if (!url || !endpoint || originOf(url) !== originOf(endpoint)) {
        throw new TypeError("fetch failed: Connection refused (simulated)");
      }
      if (kind.thumbprint !== undefined && normalize(trust?.thumbprint) !== normalize(kind.thumbprint)) {
        // The error that `src/runtime/tls_fetch.ts` throws for another certificate.
        const error = new Error("The thumbprint of the server's certificate is another one (simulated)");
        throw Object.assign(error, { name: "UntrustedServer" });
      }
      return await service.fetch(input, init);
    };
  }

  const localFetch = connect();
  return {
    ...service,
    env,
    files,
    fetch: localFetch,
    options: {
      env,
      localFetch,
      fetch: () => Promise.reject(new TypeError("fetch failed: No way out of the machine (simulated)")),
      runtime: {
        platform: kind.platform ?? "linux",
        fileExists: (path) => Promise.resolve(files.has(path)),
        readTextFile: fileReader(files),
        tlsFetch: connect,
        ...(clock && { now: clock.now, sleep: clock.sleep }),
      },
    },
    verify: (token) => verify(token, now()),
  };
}

/** Returns a function that reads simulated files, and rejects as Node.js does for a missing one. */
export function fileReader(files: ReadonlyMap<string, string>): MachineRuntime["readTextFile"] {
  // deno-lint-ignore require-await
  return async (path) => {
    const content = files.get(path);
    if (content !== undefined) return content;
    throw Object.assign(new Error(`ENOENT: No such file, "${path}" (simulated)`), { code: "ENOENT" });
  };
}

/** Returns the value of a required parameter; throws the given error if it is missing. */
export function required(
  parameters: Readonly<Record<string, string>>,
  name: string,
  createError: () => MachineError,
): string {
  const value = parameters[name];
  if (!value) throw createError();
  return value;
}

/** Returns the entries that have a value. */
export function withoutUndefined(record: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function json(status: number, body: Record<string, unknown>, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json; charset=utf-8", ...headers },
  });
}

function parse(url: string): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}

function originOf({ protocol, host }: URL): string {
  return `${protocol}//${host.replace(/^localhost(?=:|$)/, "127.0.0.1")}`;
}

function normalize(thumbprint: string | undefined): string | undefined {
  return thumbprint?.replace(/[: ]/g, "").toLowerCase();
}
