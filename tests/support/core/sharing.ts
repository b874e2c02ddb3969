/**
 * Simulated services for tests of what two calls share: a request, a cached token, or nothing. Every credential gets a
 * token, each token is different, and responses can be held back.
 *
 * @module
 */
import type { CredentialOptions, TokenCache, TokenCredential, TokenSet } from "@azweb/identity";
import type { CommandOutput, Runtime } from "@azweb/identity/runtime";
import { CERTIFICATE, KEY } from "../certificates/certificates.ts";
import { arcAnswers, federatedToken, machineAnswer } from "../managed_identity/machine.ts";
import { type Asked, breathe, createService, isolatedOptions, jsonAnswer, TENANT, tokenAnswer } from "../service.ts";

/** What two calls share if they differ in one part. */
export type Sharing =
  /** Each call has its own request, token and cache entry. */
  | "nothing"
  /** Each call has its own request, but a cached token of the other call is used. */
  | "the cache"
  /** One request serves both calls. */
  | "everything";

/** A part of a call, and what two calls share if they differ only in it. */
export interface Part {
  readonly share: Sharing;
  /** Returns the other value of the part. */
  readonly other: (world: World) => unknown;
  /** Whether an instance with the other value shares nothing with any other instance. Default: `false`. */
  readonly perInstance?: boolean;
}

/** Parts by name. A name without a part is a type error. */
export type Parts<Name extends PropertyKey> = { readonly [Key in Name]-?: Part };

/** The names of a credential's own options, besides the common ones. */
export type OwnOption<Options> = Options extends unknown ? Exclude<keyof Options, keyof CredentialOptions> : never;

/** Creates a part in which two calls must not differ to share anything. */
export function separate(other: (world: World) => unknown): Part {
  return { share: "nothing", other };
}

/** Creates a part that affects how a request is sent, and not the identity of the token. */
export function requestOnly(other: (world: World) => unknown): Part {
  return { share: "the cache", other };
}

/** Creates a part that does not affect the token. */
export function irrelevant(other: (world: World) => unknown): Part {
  return { share: "everything", other };
}

/** Values of options, arguments and variables, by name. */
export type Values = Readonly<Record<string, unknown>>;

/** A credential with its arguments, options and variables, and what two calls share that differ in one of them. */
export interface Subject {
  /** Creates the credential from its arguments and own options, and the common options. */
  readonly create: (given: never, options: CredentialOptions) => TokenCredential | Promise<TokenCredential>;
  /** The arguments and own options. Default: none. */
  readonly given?: (world: World) => Values;
  /** The environment variables. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
  /** The parts of {@linkcode Subject.given}. */
  readonly parts: Readonly<Record<string, Part>>;
  /** All variables that it reads. Default: not checked, because another subject covers them. */
  readonly variables?: Readonly<Record<string, Part>>;
  /** The common options. Default: not checked, because another subject covers them. */
  readonly options?: Readonly<Record<string, Part>>;
  /** The options of a call that differ from the usual rules; `undefined` for options that cannot be used. */
  readonly calls?: Readonly<Record<string, Part | undefined>>;
  /** Whether a call may have claims. Default: `true`. */
  readonly takesClaims?: boolean;
  /**
   * Whether equal credentials share nothing, because their users or secrets may differ. Default: `false`.
   */
  readonly perInstance?: boolean;
  /** Whether calls of one instance run in sequence. Default: `false`. */
  readonly inTurn?: boolean;
}

/** The values that a change replaces. */
export interface Change {
  readonly given?: Values;
  readonly options?: Values;
  readonly env?: Values;
}

/** Services, programs, files and a browser, shared by the credentials of one test. */
export interface World {
  /** The options of every credential of the world. */
  readonly options: CredentialOptions & { readonly runtime: Partial<Runtime> };
  /** Number of token requests. */
  readonly asked: number;
  /** The variables that were read. */
  readonly looked: ReadonlySet<string>;
  /** Returns the request of a token, without random values. */
  requestOf(token: string): string;
  /** Creates the credential of a subject, with a change. The variables may change afterwards. */
  create(subject: Subject, change?: Change, variables?: Values): Promise<TokenCredential>;
  /** Makes calls, and holds back the responses until `count` tokens were requested or no more requests arrive. */
  hold(count: number, calls: () => Promise<unknown>[]): Promise<void>;
}

const DAY = 86_400_000;
/** Maximum number of turns of the event loop in which a call sends its request. */
const MOST_TURNS = 200;
/** Number of turns in which a second call sends its own request, if it does not share the first one. */
const FEW_TURNS = 3;

/** A certificate, its copy, and one with another content; and two tokens of an identity provider. */
const FILES: Readonly<Record<string, string>> = {
  "/app.pem": CERTIFICATE + KEY,
  "/copy.pem": CERTIFICATE + KEY,
  "/other.pem": `${KEY}${CERTIFICATE}`,
  "/token": federatedToken(),
  "/other-token": unsigned({ iss: "https://issuer.example", sub: "another-pod", exp: 9e9 }),
  "/var/opt/azcmagent/tokens/a.key": "a-key",
};

const EXCHANGED = "exchanged ";

/** Whether the token is the assertion of an agent, which describes the request that returned it. */
export function isExchanged(token: string): boolean {
  return token.startsWith(EXCHANGED);
}

/** Creates a world with a cache for all of its credentials. */
export function createWorld(cache: TokenCache | undefined): World {
  let asked = 0;
  let gate: Promise<void> | undefined;
  const looked = new Set<string>();

  const requests = new Map<string, string>();

  /** Returns the next token, when it is not held back. */
  async function nextToken(request: unknown): Promise<string> {
    const token = `token-${asked++}`;
    requests.set(token, JSON.stringify(request));
    await gate;
    return token;
  }

  const service = createService((asked) => respond(asked, () => nextToken(describe(asked))));
  const servers = new Map<string, (request: Request) => Response | Promise<Response>>();
  const runtime: Partial<Runtime> = {
    // Delays of less than a second and between polls take no time, and deadlines are never reached.
    sleep: (ms) => ms < 1_000 || ms === 5_000 ? breathe() : new Promise(() => {}),
    platform: "linux",
    fileExists: (path) => Promise.resolve(path in FILES),
    readTextFile: (path) => path in FILES ? Promise.resolve(FILES[path]!) : Promise.reject(new Error("No such file")),
    tlsFetch: () => service.fetch,
    run: async (command, args, { clearEnv, env }) =>
      toolOutput(command, await nextToken({ command, args, clearEnv, env })),
    listen(handler) {
      const port = 41_000 + servers.size;
      servers.set(`http://localhost:${port}`, handler);
      return Promise.resolve({ port, close() {} });
    },
    openUrl(text) {
      const { searchParams } = new URL(text);
      // The code is the nonce, which the token response must contain in its ID token.
      const [state, code, home] = ["state", "nonce", "redirect_uri"].map((name) => searchParams.get(name)!);
      const back = new URLSearchParams({ state: state!, code: code! });
      setTimeout(() => void servers.get(home!)!(new Request(`${home}/?${back}`)));
      return Promise.resolve();
    },
  };
  const options = {
    ...isolatedOptions(service),
    additionallyAllowedTenants: ["*"],
    runtime,
    ...cache && { cache },
  };

  const world: World = {
    options,
    looked,
    get asked() {
      return asked;
    },
    requestOf: (token) => requests.get(token)!,
    async create({ create, given, env }, change = {}, variables = { ...env, ...change.env }) {
      const all = { ...given?.(world), ...change.given };
      const watched = new Proxy(variables, {
        get(target, name) {
          looked.add(String(name));
          return target[name as string];
        },
      });
      return await create(all as never, { ...options, ...change.options, env: watched });
    },
    async hold(count, calls) {
      let open!: () => void;
      gate = new Promise((resolve) => open = resolve);
      const before = asked;
      const results = Promise.all(calls());
      results.catch(() => {});
      for (let turns = 0; asked - before < count && turns < MOST_TURNS; turns++) await breathe();
      for (let turns = 0; count === 1 && turns < FEW_TURNS; turns++) await breathe();
      gate = undefined;
      open();
      await results;
    },
  };
  return world;
}

/** Creates an asynchronous cache over a map. */
export function asynchronous(entries: Map<string, TokenSet>): TokenCache {
  return {
    get: (key) => Promise.resolve(entries.get(key)),
    set: (key, token) => Promise.resolve(void entries.set(key, token)),
    delete: (key) => Promise.resolve(void entries.delete(key)),
  };
}

/** Responds like the services of Microsoft and the local services. */
async function respond(asked: Asked, nextToken: () => Promise<string>): Promise<Response> {
  const { form, headers, method, url } = asked;
  const { hostname, pathname } = new URL(url);
  if (pathname.endsWith("/devicecode")) {
    return jsonAnswer({
      device_code: "a-code",
      user_code: "ABC",
      verification_uri: "https://v.example",
      expires_in: 900,
    });
  }
  if (pathname.endsWith("/oidctoken")) return jsonAnswer({ oidcToken: unsigned({ sub: "sc://contoso/a-connection" }) });
  if (form.scope?.startsWith("api://AzureADTokenExchange")) {
    return tokenAnswer({ access_token: EXCHANGED + JSON.stringify(describe(asked)) });
  }
  if (form.grant_type !== undefined) return signedInAnswer(form, hostname, await nextToken());
  if (url.includes(":4034") && !headers.has("authorization")) return arcAnswers(asked);
  // The probe of a chain.
  if (method === "GET" && ![...headers.keys()].some((name) => /metadata|secret|x-identity/.test(name))) {
    return jsonAnswer({ error: "invalid_request" }, { status: 400 });
  }
  const { client_id, object_id, msi_res_id } = Object.fromEntries(new URL(url).searchParams);
  return machineAnswer({ access_token: await nextToken(), client_id, object_id, msi_res_id });
}

/** Describes a request without random values: ids and codes, and assertions except for claims about the identity. */
function describe({ url, method, headers, form }: Asked): unknown {
  const { client_assertion: assertion = "", ...rest }: Record<string, string> = form;
  for (const name of ["client-request-id", "code", "code_verifier"]) delete rest[name];
  const [header, payload] = isExchanged(assertion)
    ? []
    : assertion.split(".").map((part) => part.replaceAll("-", "+").replaceAll("_", "/"));
  const { aud, iss, sub } = payload ? JSON.parse(atob(payload)) : {};
  const proof = payload ? { chain: atob(header!).includes("x5c"), aud, iss, sub } : assertion;
  const secrets = ["authorization", "secret", "x-identity-header"].map((name) => headers.get(name));
  return { url, method, rest, proof, secrets };
}

/** Returns a token response with a signed-in user and a refresh token. */
function signedInAnswer(form: Readonly<Record<string, string>>, host: string, token: string): Response {
  const claims = {
    iss: `https://${host}/${TENANT}/v2.0`,
    aud: form.client_id,
    sub: "jo",
    oid: "jo",
    tid: TENANT,
    iat: 1,
    exp: Math.floor((Date.now() + DAY) / 1000),
    ...form.code !== undefined && { nonce: form.code },
  };
  return tokenAnswer({
    access_token: token,
    ...form.scope?.includes("offline_access") && {
      refresh_token: `${token}-refresh`,
      id_token: unsigned(claims),
      client_info: btoa(JSON.stringify({ uid: "jo", utid: TENANT })),
    },
  });
}

/** Returns a JWT without a valid signature. */
function unsigned(claims: object): string {
  const [header, payload] = [{ alg: "RS256" }, claims].map((part) => btoa(JSON.stringify(part)).replace(/=+$/, ""));
  return `${header}.${payload}.c2lnbmF0dXJl`;
}

/** Returns the output of a developer tool. */
function toolOutput(command: string, token: string): CommandOutput {
  const end = Math.floor((Date.now() + DAY) / 1000);
  const json = {
    az: { accessToken: token, expires_on: end, tenant: TENANT },
    azd: { token, expiresOn: new Date(end * 1000).toISOString().replace(".000Z", "Z") },
    pwsh: { token, expiresOn: end },
  }[command.split("/").at(-1)!];
  return { code: 0, stdout: JSON.stringify(json), stderr: "" };
}
