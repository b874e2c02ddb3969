import { answerAsGiven, answerWithFault } from "./faults.ts";
import type { Machine, MachineFault, MachineOptions, MachineRuntime } from "./machine_options.ts";
import { MachineRefusal } from "./machine_refusal.ts";
import { createMachineTokens, formatExpiresOn, type MachineToken, type MachineTokens } from "./machine_tokens.ts";
import type { RecordedRequest } from "./request_record.ts";
import { verify } from "./signing_key.ts";
import { createSimulatedService } from "./simulated_service.ts";

/** What one kind of machine has that others have not. */
export interface MachineKind {
  /** The variables that it sets. */
  readonly env: Readonly<Record<string, string>>;
  /** Its files. Default: none. */
  readonly files?: Readonly<Record<string, string>>;
  /** Its operating system, by the names of Node. Default: `"linux"`. */
  readonly platform?: string;
  /** The SHA-1 digest of the certificate that it shows. Default: it listens without TLS. */
  readonly thumbprint?: string;
  /** How it writes `expires_on`. */
  readonly expiresOn: NonNullable<MachineOptions["expiresOn"]>;
  /** Returns where it listens with the variables as they are. */
  endpoint(env: Readonly<Record<string, string>>): string;
  /** Returns an error in its own shape: a JSON object, or plain text. */
  errorBody(refusal: MachineRefusal): Record<string, unknown> | string;
  /** Returns the body of the answer, or throws a `MachineRefusal`. */
  answer(asked: RecordedRequest, inside: MachineInside): Promise<Record<string, unknown>>;
  /** Answers what was not for the endpoint. Default: 404. */
  answerElse?(asked: RecordedRequest): Record<string, unknown>;
}

/** What a machine looks at to answer. */
export interface MachineInside {
  readonly env: Readonly<Record<string, string>>;
  readonly files: Map<string, string>;
  readonly tokens: MachineTokens;
  now(): number;
  /** Returns all that a machine may say of a token. */
  describe(token: MachineToken): Record<string, unknown>;
}

type TlsTrust = Parameters<MachineRuntime["tlsFetch"]>[0];

/** Makes a machine of that kind. */
export function createMachine(options: MachineOptions, kind: MachineKind): Machine {
  const { clock } = options;
  const now = clock?.now ?? Date.now;
  const env = withoutUndefined({ ...kind.env, ...options.env });
  const files = new Map(Object.entries(kind.files ?? {}));
  const inside: MachineInside = { env, files, tokens: createMachineTokens(options, now), now, describe };

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

  async function answer(asked: RecordedRequest): Promise<Response> {
    try {
      if (asked.path === parse(kind.endpoint(env))?.pathname) {
        return json(200, { ...await kind.answer(asked, inside), ...options.answer });
      }
      if (!kind.answerElse) throw new MachineRefusal(404, "not_found", "There is nothing here");
      return json(200, kind.answerElse(asked));
    } catch (error) {
      if (!(error instanceof MachineRefusal)) throw error;
      const body = kind.errorBody(error);
      if (typeof body === "string") return new Response(body, { status: error.status, headers: error.headers });
      return json(error.status, body, error.headers);
    }
  }

  const service = createSimulatedService<MachineFault>(async ({ asked, next, signal }) => {
    const fault = await next();
    const good = () => answer(asked);
    if (fault === undefined) return await good();
    if (typeof fault === "string") return await answerWithFault(fault, { asked, signal, good, sleep: clock?.sleep });
    const { status = 400 } = fault;
    const body = kind.errorBody(new MachineRefusal(status, "simulated", "Simulated error"));
    return answerAsGiven(fault, status, JSON.stringify(body));
  });

  /** Reaches the machine, and nothing else. */
  function connect(trust?: TlsTrust): typeof fetch {
    return async (input, init) => {
      const url = parse(input instanceof Request ? input.url : String(input));
      const endpoint = parse(kind.endpoint(env));
      if (!url || !endpoint || originOf(url) !== originOf(endpoint)) {
        throw new TypeError("fetch failed: Connection refused (simulated)");
      }
      if (kind.thumbprint !== undefined && digits(trust?.thumbprint) !== digits(kind.thumbprint)) {
        // As the library's own `tlsFetch` rejects.
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
        // deno-lint-ignore require-await
        readTextFile: async (path) => {
          const text = files.get(path);
          if (text !== undefined) return text;
          throw Object.assign(new Error(`ENOENT: No such file, "${path}" (simulated)`), { code: "ENOENT" });
        },
        tlsFetch: connect,
        ...(clock && { now: clock.now, sleep: clock.sleep }),
      },
    },
    verify: (token) => verify(token, now()),
  };
}

/** Returns the value of a parameter that must be there. */
export function required(
  parameters: Readonly<Record<string, string>>,
  name: string,
  refusal: () => MachineRefusal,
): string {
  const value = parameters[name];
  if (!value) throw refusal();
  return value;
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

function digits(thumbprint: string | undefined): string | undefined {
  return thumbprint?.replace(/[: ]/g, "").toLowerCase();
}

function withoutUndefined(record: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
