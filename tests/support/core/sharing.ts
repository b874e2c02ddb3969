/**
 * A world in which every credential gets a token, each token is another one, and requests can be held back: for tests of what two calls
 * share.
 *
 * @module
 */
import type { CredentialOptions, TokenCache, TokenCredential, TokenSet } from "@azweb/identity";
import type { CommandOutput, Runtime } from "@azweb/identity/runtime";
import { CERTIFICATE, KEY } from "../certificates/certificates.ts";
import { arcAnswers, federatedToken, machineAnswer } from "../managed_identity/machine.ts";
import { type Asked, breathe, createService, isolatedOptions, jsonAnswer, TENANT, tokenAnswer } from "../service.ts";

/** What two calls share that differ in one part. */
export type Sharing =
  /** Each call has its own request, token and cache entry. */
  | "nothing"
  /** Each call has its own request, but finds a token that is cached. */
  | "the cache"
  /** One request serves both calls. */
  | "everything";

/** A part of a call, and what two calls share that differ in it alone. */
export interface Part {
  readonly share: Sharing;
  /** Returns the other value of the part. */
  readonly other: (world: World) => unknown;
  /** Whether an instance with the other value shares nothing with any other. Default: it does. */
  readonly perInstance?: boolean;
}

/** Parts by name: a name without a part does not compile. */
export type Parts<Name extends PropertyKey> = { readonly [Key in Name]-?: Part };

/** The names of the options that a credential has besides those that every credential has. */
export type OwnOption<Options> = Options extends unknown ? Exclude<keyof Options, keyof CredentialOptions> : never;

/** A part that separates two calls entirely. */
export function separate(other: (world: World) => unknown): Part {
  return { share: "nothing", other };
}

/** A part that decides how a request is made, and not for whom. */
export function requestOnly(other: (world: World) => unknown): Part {
  return { share: "the cache", other };
}

/** A part that decides nothing about a token. */
export function irrelevant(other: (world: World) => unknown): Part {
  return { share: "everything", other };
}

/** Values of options, arguments and variables, by name. */
export type Values = Readonly<Record<string, unknown>>;

/** A credential, what it is made of, and what each part of that separates. */
export interface Subject {
  /** Makes the credential of its arguments and its own options, and the options that every credential has. */
  readonly create: (given: never, options: CredentialOptions) => TokenCredential | Promise<TokenCredential>;
  /** Its arguments and its own options. Default: none. */
  readonly given?: (world: World) => Values;
  /** Its variables. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
  /** The parts of what is given. */
  readonly parts: Readonly<Record<string, Part>>;
  /** All variables that it reads. Default: those of its links, or of another form of the same credential. */
  readonly variables?: Readonly<Record<string, Part>>;
  /** The options that every credential has. Default: those of another form of the same credential are enough. */
  readonly options?: Readonly<Record<string, Part>>;
  /** The options of a call, where they separate something else than usual, or cannot be. */
  readonly calls?: Readonly<Record<string, Part | undefined>>;
  /** Whether a call may have claims. Default: it may. */
  readonly takesClaims?: boolean;
  /** Whether an equal credential is another one: each instance is another user, or another proof. Default: it is not. */
  readonly perInstance?: boolean;
  /** Whether calls of one instance wait for one another's end. Default: they do not. */
  readonly inTurn?: boolean;
}

/** What a change replaces. */
export interface Change {
  readonly given?: Values;
  readonly options?: Values;
  readonly env?: Values;
}

/** Services, programs, files and a browser, shared by the credentials of one test. */
export interface World {
  /** What every credential of the world is given. */
  readonly options: CredentialOptions & { readonly runtime: Partial<Runtime> };
  /** How many tokens were asked for. */
  readonly asked: number;
  /** The variables that were looked up. */
  readonly looked: ReadonlySet<string>;
  /** Returns what a token was requested with, without what is random. */
  requestOf(token: string): string;
  /** Makes the credential of a subject, with a change. The variables may change afterwards. */
  create(subject: Subject, change?: Change, variables?: Values): Promise<TokenCredential>;
  /** Holds back the tokens that are asked for until so many are, or no more come. */
  hold(count: number, calls: () => Promise<unknown>[]): Promise<void>;
}

const DAY = 86_400_000;
/** More turns of the event loop than a call takes to send its request. */
const MOST_TURNS = 200;
/** As many as a second call takes that does not join the first one's request. */
const FEW_TURNS = 3;

/** A certificate, a renewed one and one of the same content elsewhere; two tokens of an identity provider. */
const FILES: Readonly<Record<string, string>> = {
  "/app.pem": CERTIFICATE + KEY,
  "/copy.pem": CERTIFICATE + KEY,
  "/other.pem": `${KEY}${CERTIFICATE}`,
  "/token": federatedToken(),
  "/other-token": unsigned({ iss: "https://issuer.example", sub: "another-pod", exp: 9e9 }),
  "/var/opt/azcmagent/tokens/a.key": "a-key",
};

/** Makes a world with a cache for all of its credentials. */
export function createWorld(cache: TokenCache | undefined): World {
  let asked = 0;
  let gate: Promise<void> | undefined;
  const looked = new Set<string>();

  const requests = new Map<string, string>();

  /** Returns the next token, when it may be given. */
  async function nextToken(request: unknown): Promise<string> {
    const token = `token-${asked++}`;
    requests.set(token, JSON.stringify(request));
    await gate;
    return token;
  }

  const service = createService((asked) => answer(asked, () => nextToken(describe(asked))));
  const servers = new Map<string, (request: Request) => Response | Promise<Response>>();
  const runtime: Partial<Runtime> = {
    // Waits for a turn and for a device code take no time, and deadlines never come.
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
      // The code tells the token endpoint which nonce the ID token has.
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

/** An asynchronous cache over a map. */
export function asynchronous(entries: Map<string, TokenSet>): TokenCache {
  return {
    get: (key) => Promise.resolve(entries.get(key)),
    set: (key, token) => Promise.resolve(void entries.set(key, token)),
    delete: (key) => Promise.resolve(void entries.delete(key)),
  };
}

/** Answers as the services of Microsoft do, and those near the program. */
async function answer(asked: Asked, nextToken: () => Promise<string>): Promise<Response> {
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
  if (form.grant_type !== undefined) return signedInAnswer(form, hostname, await nextToken());
  if (url.includes(":4034") && !headers.has("authorization")) return arcAnswers(asked);
  // The probe of a chain.
  if (method === "GET" && ![...headers.keys()].some((name) => /metadata|secret|x-identity/.test(name))) {
    return jsonAnswer({ error: "invalid_request" }, { status: 400 });
  }
  const { client_id, object_id, msi_res_id } = Object.fromEntries(new URL(url).searchParams);
  return machineAnswer({ access_token: await nextToken(), client_id, object_id, msi_res_id });
}

/** Describes a request without what is random: ids, keys, and assertions but for whom they are of. */
function describe({ url, method, headers, form }: Asked): unknown {
  const { client_assertion: assertion = "", ...rest }: Record<string, string> = form;
  for (const name of ["client-request-id", "code", "code_verifier"]) delete rest[name];
  const [header, payload] = assertion.split(".").map((part) => part.replaceAll("-", "+").replaceAll("_", "/"));
  const { aud, iss, sub } = payload ? JSON.parse(atob(payload)) : {};
  const proof = payload ? { chain: atob(header!).includes("x5c"), aud, iss, sub } : assertion;
  const secrets = ["authorization", "secret", "x-identity-header"].map((name) => headers.get(name));
  return { url, method, rest, proof, secrets };
}

/** The answer of the token endpoint, in which a user has signed in, and stays so. */
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

/** A JWT without a signature that counts. */
function unsigned(claims: object): string {
  const [header, payload] = [{ alg: "RS256" }, claims].map((part) => btoa(JSON.stringify(part)).replace(/=+$/, ""));
  return `${header}.${payload}.c2lnbmF0dXJl`;
}

/** What a developer tool prints. */
function toolOutput(command: string, token: string): CommandOutput {
  const end = Math.floor((Date.now() + DAY) / 1000);
  const json = {
    az: { accessToken: token, expires_on: end, tenant: TENANT },
    azd: { token, expiresOn: new Date(end * 1000).toISOString().replace(".000Z", "Z") },
    pwsh: { token, expiresOn: end },
  }[command.split("/").at(-1)!];
  return { code: 0, stdout: JSON.stringify(json), stderr: "" };
}
