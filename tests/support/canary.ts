/**
 * Marked secrets, everything that can go wrong with them, and a search that finds them again in whatever they were written into.
 *
 * @module
 */
import {
  type AccessToken,
  AuthorizationCodeCredential,
  AzureCliCredential,
  AzureDeveloperCliCredential,
  AzurePipelinesCredential,
  AzurePowerShellCredential,
  ChainedTokenCredential,
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  type CredentialOptions,
  DefaultAzureCredential,
  DeviceCodeCredential,
  EnvironmentCredential,
  type GetTokenOptions,
  InteractiveBrowserCredential,
  type LogEvent,
  ManagedIdentityCredential,
  OnBehalfOfCredential,
  type TokenCache,
  type TokenCredential,
  type TokenSet,
  UsernamePasswordCredential,
  WorkloadIdentityCredential,
} from "@azweb/identity";
import { createFakeClock } from "@azweb/identity/testing";
import { CERTIFICATE, KEY, KEY_ENCRYPTED, PASSWORD } from "./certificates.ts";
import {
  type Asked,
  breathe,
  CLIENT,
  createService,
  isolatedOptions,
  jsonAnswer,
  SCOPE,
  TENANT,
  tokenAnswer,
} from "./service.ts";
import { ANSWERS, type Behaviour, createPrograms, deskOptions, hang, HOUR, PROFILE } from "./tool.ts";

/** A secret that stands out, with a mark at both ends and characters that are written in many ways between. */
export const SECRET = `CANARY-7f3a +/%~.'"\\ü&<>=;%2B€ CANARY`;
/** An assertion, whose three parts are marked. */
export const ASSERTION: string = ["CANARY-header", "CANARY-claims", "CANARY-signature"].map((part) => btoa(part)).join(
  ".",
);
/** The same, with claims that can be read. */
export const FEDERATED_TOKEN: string = ['{"kid":"CANARY"}', '{"sub":"CANARY-claims"}', "CANARY-signature"]
  .map((part) => btoa(part).replaceAll("=", "")).join(".");
/** A secret that a header can hold. */
const HEADER_SECRET = SECRET.replace(/[^\x20-\x7e]/g, "");
/** What a managed identity's endpoint wants to see in a header. */
export const HEADER = "CANARY-header-7f3a";
/** A token that nobody may see in an error. */
export const TOKEN = "CANARY-token-7f3a";

/** What becomes of one failure, or of one success: everything that somebody could print. */
export interface Outcome {
  readonly name: string;
  /** Errors, credentials, log events, cache keys. */
  readonly visible: readonly unknown[];
  /** Besides the mark, what must not be found: keys, and the assertions that were made. */
  readonly secrets: readonly string[];
}

// The search

/** The mark as base64 writes it, wherever it begins. */
const MARKS: readonly RegExp[] = [
  // In capitals: stacks name the files of these tests.
  /CANARY/,
  /43414e415259/i,
  ...[0, 1, 2].map((before) => {
    const text = btoa(`${"\0".repeat(before)}CANARY\0\0`);
    return new RegExp(text.slice(Math.ceil(before * 4 / 3), Math.floor((before + 6) * 4 / 3)));
  }),
];

/** Returns where in the texts a secret stands, or part of one; `undefined` where there is none. */
export function findSecret(texts: Iterable<string>, secrets: readonly string[]): string | undefined {
  const pieces = secrets.flatMap((secret) =>
    secret.match(/[\w+/-]{16,}/g)?.map((line) => line.slice(0, 16)) ?? [secret]
  );
  for (const text of texts) {
    for (const mark of MARKS) {
      const at = text.search(mark);
      if (at >= 0) return text.slice(Math.max(0, at - 60), at + 60);
    }
    for (const piece of pieces) {
      const at = text.indexOf(piece);
      if (at >= 0) return text.slice(Math.max(0, at - 60), at + 60);
    }
  }
}

const PLAIN: readonly object[] = [Object.prototype, Array.prototype, Function.prototype];

/** Returns every text that can be got out of a value: as a string, as JSON, and of all that hangs on it, enumerable or not. */
export function textsOf(value: unknown, seen: Set<unknown> = new Set()): string[] {
  const texts: string[] = [];
  try {
    texts.push(String(value), `${value}`);
  } catch {
    // A symbol, or an object without a prototype.
  }
  if (typeof value === "symbol") texts.push(value.toString());
  if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return texts;
  seen.add(value);
  try {
    texts.push(JSON.stringify(value) ?? "");
  } catch {
    // Circular.
  }
  for (let at: object | null = value; at && !PLAIN.includes(at); at = Object.getPrototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) {
      texts.push(String(key));
      try {
        texts.push(...textsOf(Reflect.get(at, key, value), seen));
      } catch {
        // A getter that is not for everybody.
      }
    }
  }
  if (Symbol.iterator in value && !Array.isArray(value)) texts.push(...textsOf([...value as Iterable<unknown>], seen));
  return texts;
}

// What can go wrong

type Answer = (asked: Asked) => unknown;

function escapeHtml(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}

function escapeAll(text: string): string {
  return text.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The form of a request in the ways that servers, proxies and logs write it. */
const SPELLINGS: Readonly<Record<string, (asked: Asked) => string>> = {
  "as it came": ({ body }) => body,
  "as it came, in small letters": ({ body }) => body.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
  "decoded": ({ form }) => Object.entries(form).map(([name, value]) => `${name}=${value}`).join("&"),
  "as JSON": ({ form }) => JSON.stringify(form),
  "as JSON in JSON": ({ form }) => JSON.stringify(JSON.stringify(form)),
  "as JSON with slashes escaped": ({ form }) => JSON.stringify(form).replaceAll("/", "\\/"),
  "as JSON in ASCII": ({ form }) => JSON.stringify(form).replace(/[^\x20-\x7e]/g, escapeAll),
  "for a URL": ({ form }) => Object.values(form).map(encodeURIComponent).join("/"),
  "for a URL, twice": ({ body }) => encodeURIComponent(body),
  "for a page": ({ form }) => escapeHtml(Object.values(form).join(" ")),
  "for a page, in JSON": ({ form }) => escapeHtml(JSON.stringify(form)),
  "behind many words": ({ form }) => "x".repeat(385) + Object.values(form).join(" "),
};

function describedAs(spelling: (asked: Asked) => string): Answer {
  return (asked) =>
    jsonAnswer(
      {
        error: "invalid_client",
        error_description: `AADSTS7000215: Refused: ${spelling(asked)}`,
        error_codes: [7000215],
      },
      { status: 401 },
    );
}

/** What an HTTP client's error looks like that holds all it knows. */
function talkativeError(asked: Asked, words = ""): Error {
  const text = `${words}${asked.body} ${JSON.stringify(asked.form)}`;
  const error = new Error(text, { cause: Object.assign(new Error(text), { config: { data: asked.body } }) });
  return Object.assign(error, {
    request: asked,
    config: { data: asked.body, form: asked.form },
    [Symbol("body")]: asked.body,
  });
}

function everywhere({ body, form }: Asked): Record<string, unknown> {
  return {
    error: `invalid_client ${body}`,
    error_description: JSON.stringify(form),
    error_codes: [7000215, body, form],
    error_uri: body,
    suberror: body,
    trace_id: body,
    correlation_id: body,
    timestamp: body,
    claims: JSON.stringify({ access_token: form }),
    [body]: body,
    form,
  };
}

/** Every way in which a token endpoint fails, each with as much of the secret as it can hold. */
export const FAULTS: Readonly<Record<string, Answer>> = {
  ...Object.fromEntries(
    Object.entries(SPELLINGS).map((
      [name, spelling],
    ) => [`a description that repeats the form ${name}`, describedAs(spelling)]),
  ),
  "an error that repeats the form in every member": (asked) => jsonAnswer(everywhere(asked), { status: 400 }),
  "the same with status 503": (asked) => jsonAnswer(everywhere(asked), { status: 503 }),
  "an error whose body is the form": ({ form }) => jsonAnswer(form, { status: 400 }),
  "a page that repeats the form": ({ body, form }) =>
    new Response(`<html><pre>${body}</pre><pre>${escapeHtml(JSON.stringify(form))}</pre>`, { status: 400 }),
  "a page that repeats the form, with status 200": ({ body }) => new Response(`<html>${body}`),
  "a page that repeats the form, with status 500": ({ body }) => new Response(`<html>${body}`, { status: 500 }),
  "a text that repeats the form": ({ body }) => new Response(body, { status: 400 }),
  "headers that repeat the form": ({ body }) =>
    new Response("", {
      status: 429,
      statusText: encodeURIComponent(body).slice(0, 200),
      headers: { "retry-after": body, "www-authenticate": `Bearer error="${body}"`, "x-ms-request-id": body },
    }),
  "a redirect that repeats the form": ({ body }) =>
    new Response(body, { status: 302, headers: { location: `https://evil.example/?${body}` } }),
  "a token that lives for no time": ({ form }) => tokenAnswer({ ...form, access_token: TOKEN, expires_in: TOKEN }),
  "a token of another type": () => tokenAnswer({ access_token: TOKEN, token_type: TOKEN }),
  "a token that is none": ({ body }) =>
    tokenAnswer({ access_token: [TOKEN], id_token: TOKEN, refresh_token: TOKEN, scope: body }),
  "half a token": () => new Response(`{"token_type":"Bearer","expires_in":3600,"access_token":"${TOKEN}`),
  "a token in a list": () => jsonAnswer([{ access_token: TOKEN }]),
  "a body that breaks": ({ body }) =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode(`{"access_token":"${TOKEN}`)),
        pull: (controller) => controller.error(new Error(`Connection reset after ${body}`)),
      }, { highWaterMark: 0 }),
    ),
  "a fetch whose error holds the request": (asked) => Promise.reject(talkativeError(asked)),
  "a fetch whose error holds the request behind many words": (asked) =>
    Promise.reject(talkativeError(asked, "x".repeat(190))),
  "a fetch whose error holds the request, not permitted": (asked) =>
    Promise.reject(Object.assign(talkativeError(asked), { name: "NotCapable" })),
  "a fetch whose error holds the request in its name": (asked) =>
    Promise.reject(Object.assign(new Error("No"), { name: asked.body, code: asked.body })),
  "a fetch that rejects with the request": (asked) => Promise.reject(asked),
  "a fetch that rejects with the form": ({ body }) => Promise.reject(body),
  "a fetch that answers with the request": (asked) => asked,
  "ten megabytes that begin with the form": ({ body }) => {
    let megabytes = 0;
    return new Response(
      new ReadableStream({
        pull(controller) {
          controller.enqueue(new TextEncoder().encode(body.padEnd(1_000_000)));
          if (++megabytes === 10) controller.close();
        },
      }, { highWaterMark: 0 }),
    );
  },
  "throttling, with seconds": ({ body }) => new Response(body, { status: 429, headers: { "retry-after": "5" } }),
  "throttling, with a date": ({ body }) =>
    new Response(body, { status: 503, headers: { "retry-after": new Date(Date.now() + 5_000).toUTCString() } }),
  "silence": () => new Promise(() => {}),
};

/** The faults that take time, which has to be let pass. */
const SLOW: readonly Answer[] = ["throttling, with seconds", "throttling, with a date", "silence"].map((name) =>
  FAULTS[name]!
);

/** Fails at first, and then has a token. */
function healing(): Answer {
  let answers = 0;
  return ({ body }) => answers++ === 0 ? new Response(body, { status: 500 }) : tokenAnswer({ access_token: TOKEN });
}

type Create = (options: CredentialOptions) => TokenCredential;

const ENV = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT };
const files: CredentialOptions["runtime"] = { readTextFile: () => Promise.resolve(CERTIFICATE + KEY) };

/** Every credential, with its secret. */
export async function credentials(): Promise<Record<string, Create>> {
  const der = Uint8Array.from(atob(KEY.replace(/-.*-|\s/g, "")), (character) => character.charCodeAt(0));
  const algorithm = { name: "RSA-PSS", hash: "SHA-256" };
  const privateKey = await crypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  const sign = async (data: Uint8Array) =>
    new Uint8Array(
      await crypto.subtle.sign({ name: "RSA-PSS", saltLength: 32 }, privateKey, data as Uint8Array<ArrayBuffer>),
    );
  const withEnv = (variables: Record<string, string>): Create => (options) =>
    new EnvironmentCredential({ ...options, env: { ...ENV, ...variables }, runtime: { ...options.runtime, ...files } });
  return {
    "a secret": (options) => new ClientSecretCredential(TENANT, CLIENT, SECRET, options),
    "a secret that is short": (options) => new ClientSecretCredential(TENANT, CLIENT, "C+ANARY/CANARY", options),
    "an assertion": (options) =>
      new ClientAssertionCredential(TENANT, CLIENT, () => Promise.resolve(ASSERTION), options),
    "a certificate": (options) =>
      new ClientCertificateCredential(TENANT, CLIENT, { certificate: CERTIFICATE + KEY }, options),
    "a CryptoKey": (options) =>
      new ClientCertificateCredential(TENANT, CLIENT, { certificate: CERTIFICATE, privateKey }, options),
    "a signer": (options) =>
      new ClientCertificateCredential(TENANT, CLIENT, { certificate: CERTIFICATE, sign }, options),
    "a password": (options) => new UsernamePasswordCredential(TENANT, CLIENT, "jo@contoso.com", SECRET, options),
    "the environment's secret": withEnv({ AZURE_CLIENT_SECRET: SECRET }),
    "the environment's certificate": withEnv({ AZURE_CLIENT_CERTIFICATE_PATH: "/app.pem" }),
    "the environment's password": withEnv({ AZURE_USERNAME: "jo@contoso.com", AZURE_PASSWORD: SECRET }),
    "a workload": workload(FEDERATED_TOKEN),
    "a machine's header": (options) =>
      new ManagedIdentityCredential({
        ...onMachine(options),
        env: { IDENTITY_ENDPOINT: "http://127.0.0.1/msi/token", IDENTITY_HEADER: HEADER_SECRET },
      }),
    "a key of Azure Arc": (options) =>
      new ManagedIdentityCredential({
        ...onMachine(options),
        env: { IDENTITY_ENDPOINT: "http://127.0.0.1/token", IMDS_ENDPOINT: "http://127.0.0.1" },
        runtime: { ...options.runtime, platform: "linux", readTextFile: () => Promise.resolve(HEADER_SECRET) },
      }),
    "App Service": machine({ IDENTITY_ENDPOINT: "http://127.0.0.1:41741/token", IDENTITY_HEADER: HEADER }),
    "Azure Machine Learning": machine({ MSI_ENDPOINT: "http://127.0.0.1:46808/token", MSI_SECRET: HEADER }),
    "Service Fabric": machine({
      IDENTITY_ENDPOINT: "https://localhost:2377/token",
      IDENTITY_HEADER: HEADER,
      IDENTITY_SERVER_THUMBPRINT: "ab".repeat(20),
    }),
    "the default": (options) =>
      new DefaultAzureCredential({ ...options, env: { ...ENV, AZURE_CLIENT_SECRET: SECRET } }),
    "a chain": (options) =>
      new ChainedTokenCredential(
        new EnvironmentCredential({ ...options, env: {} }),
        new ClientSecretCredential(TENANT, CLIENT, SECRET, options),
      ),
    "a device code": (options) =>
      new DeviceCodeCredential({ ...whileSigningIn(options), tenantId: TENANT, clientId: CLIENT }),
    "a refresh token": (options) =>
      new SecondTokenCredential({ ...afterSigningIn(options), tenantId: TENANT, clientId: CLIENT }),
    "a refresh token, and no sign-in after it": (options) => {
      const person = { tenantId: TENANT, clientId: CLIENT, disableAutomaticAuthentication: true };
      return new SecondTokenCredential({ ...afterSigningIn(options), ...person });
    },
    "an authorization code": (options) => {
      const all = { ...options, codeVerifier: SECRET };
      return new AuthorizationCodeCredential(TENANT, CLIENT, SECRET, SECRET, "https://app.example", all);
    },
    "an authorization code of a public app": (options) =>
      new AuthorizationCodeCredential(TENANT, CLIENT, SECRET, "https://app.example", options),
    "a browser": (options) =>
      new InteractiveBrowserCredential({
        ...{ tenantId: TENANT, clientId: CLIENT, timeoutInMs: 60_000, ...options },
        runtime: { ...options.runtime, ...browser() },
      }),
    "a user's call": (options) => new OnBehalfOfCredential({ ...options, ...CALL, clientSecret: SECRET }),
    "a user's call, with a certificate": (options) =>
      new OnBehalfOfCredential({
        ...{ ...options, ...CALL, certificatePath: "/app.pem" },
        runtime: { ...options.runtime, ...files },
      }),
    "a user's call, with an assertion": (options) =>
      new OnBehalfOfCredential({ ...options, ...CALL, getAssertion: () => Promise.resolve(FEDERATED_TOKEN) }),
    "a job of Azure Pipelines": (options) =>
      new AzurePipelinesCredential(TENANT, CLIENT, "a-connection", HEADER_SECRET, { ...options, env: JOB }),
    "a job of Azure Pipelines, at Entra": (options) => {
      const fetch = answering(options, "oidctoken", () => jsonAnswer({ oidcToken: FEDERATED_TOKEN }));
      return new AzurePipelinesCredential(TENANT, CLIENT, "a-connection", HEADER_SECRET, {
        ...options,
        env: JOB,
        fetch,
      });
    },
  };
}

const CALL = { tenantId: TENANT, clientId: CLIENT, userAssertionToken: ASSERTION };
const JOB = { SYSTEM_OIDCREQUESTURI: "https://dev.azure.com/contoso/oidctoken" };

/** Answers the requests whose URL ends so, and leaves the others. */
function answering(options: CredentialOptions, end: string, answer: (form: URLSearchParams) => Response | undefined) {
  return ((url, init) => {
    const own = new URL(String(url)).pathname.endsWith(end) && answer(new URLSearchParams(String(init?.body ?? "")));
    return own ? Promise.resolve(own) : options.fetch!(url, init);
  }) as typeof fetch;
}

/** The options of a credential that gets a device code, and whose waits between two polls take no time. */
function whileSigningIn(options: CredentialOptions): CredentialOptions {
  const code = { device_code: SECRET, user_code: "ABC", verification_uri: "https://v.example", expires_in: 300 };
  const { now, sleep } = options.runtime!;
  let waited = 0;
  return {
    timeoutInMs: 60_000,
    ...options,
    fetch: answering(options, "/devicecode", () => jsonAnswer({ ...code, message: "Enter ABC" })),
    runtime: {
      ...options.runtime,
      now: () => now!() + waited,
      sleep(ms, signal) {
        if (ms === 60_000 || ms % 5_000 !== 0) return sleep!(ms, signal);
        waited += ms;
        return Promise.resolve();
      },
    },
  };
}

/** The options of a credential whose sign-in is a success. */
function afterSigningIn(options: CredentialOptions): CredentialOptions {
  const claims = {
    aud: CLIENT,
    iss: `https://login.microsoftonline.com/${TENANT}/v2.0`,
    sub: "s",
    exp: 9e9,
    a: "CANARY",
  };
  const id_token = `e30.${btoa(JSON.stringify(claims)).replaceAll("=", "")}.${btoa("CANARY-signature")}`;
  const signedIn = { access_token: TOKEN, refresh_token: SECRET, id_token };
  const all = whileSigningIn(options);
  return {
    ...all,
    fetch: answering(all, "/token", (form) => form.has("device_code") ? tokenAnswer(signedIn) : undefined),
  };
}

/** Has signed in before its first token, so that that takes the refresh token. */
class SecondTokenCredential extends DeviceCodeCredential {
  #signingIn: Promise<unknown> | undefined;

  override async getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    await (this.#signingIn ??= this.authenticate("another-scope"));
    return await super.getToken(scopes, options);
  }
}

/** A loopback address, and a browser that brings a code there. */
function browser(): NonNullable<CredentialOptions["runtime"]> {
  let handle: (request: Request) => Response | Promise<Response>;
  return {
    listen(handler) {
      handle = handler;
      return Promise.resolve({ port: 41_999, close() {} });
    },
    async openUrl(url) {
      const state = new URL(url).searchParams.get("state")!;
      await handle(new Request(`http://localhost:41999/?${new URLSearchParams({ state, code: SECRET })}`));
    },
  };
}

/** A managed identity, by the variables of its machine. */
function machine(env: Record<string, string>): Create {
  return (options) => {
    const runtime = { ...options.runtime, tlsFetch: () => options.localFetch! };
    return new ManagedIdentityCredential({ ...options, env, runtime });
  };
}

/** Certificates that cannot be used, each with something secret in or beside it. */
const UNUSABLE: Readonly<Record<string, Create>> = {
  "a wrong password": (options) =>
    withCertificate({ certificate: CERTIFICATE + KEY_ENCRYPTED, certificatePassword: SECRET }, options),
  "a key without its password": (options) => withCertificate({ certificate: CERTIFICATE + KEY_ENCRYPTED }, options),
  "a key that is cut off": (options) => withCertificate({ certificate: CERTIFICATE + KEY.slice(0, 400) }, options),
  "a key that is damaged": (options) =>
    withCertificate({ certificate: CERTIFICATE + KEY.replace(/\n.*\n/, "\nCANARY\n") }, options),
  "a key that is no base64": (options) =>
    withCertificate({ certificate: CERTIFICATE + KEY.replace(/\nM/, "\nCANARY!") }, options),
  "a key alone": (options) => withCertificate({ certificate: KEY }, options),
  "a key with its label broken": (options) =>
    withCertificate({ certificate: CERTIFICATE + KEY.replaceAll("PRIVATE", "CANARY") }, options),
  "a password as PEM": (options) => withCertificate({ certificate: SECRET }, options),
  "a key in a file that is no PEM": (options) =>
    withCertificate("/app.pem", {
      ...options,
      runtime: { ...options.runtime, readTextFile: () => Promise.resolve(SECRET) },
    }),
  "a token file that holds something else": workload(SECRET),
  "a token file that holds another thing": workload(`{"token":"${FEDERATED_TOKEN}"}`),
  "a token file that holds two": workload(`${FEDERATED_TOKEN}\n${FEDERATED_TOKEN}`),
  "a token file whose token has expired": workload(
    FEDERATED_TOKEN.replace(/\..*\./, `.${btoa('{"sub":"CANARY","exp":1}').replaceAll("=", "")}.`),
  ),
  "a token in the place of its path": workload("", FEDERATED_TOKEN),
  "a signer that throws": (options) => withCertificate({ certificate: CERTIFICATE, sign: fail }, options),
  "an assertion that fails": (options) => new ClientAssertionCredential(TENANT, CLIENT, fail, options),
  "an assertion that is none": (options) =>
    new ClientAssertionCredential(TENANT, CLIENT, () => Promise.resolve([ASSERTION] as never), options),
  "a signer that returns text": (options) =>
    withCertificate({ certificate: CERTIFICATE, sign: () => Promise.resolve(SECRET as never) }, options),
};

/** The options of a credential whose requests are repeated by their headers, and challenged on Azure Arc. */
function onMachine(options: CredentialOptions): CredentialOptions {
  const { localFetch } = options;
  return {
    ...options,
    timeoutInMs: 60_000,
    localFetch(url, init) {
      const headers = new Headers(init?.headers);
      if (!headers.has("metadata") || headers.has("authorization")) {
        return localFetch!(url, { ...init, body: new URLSearchParams([...headers]) });
      }
      const challenge = { "www-authenticate": "Basic realm=/var/opt/azcmagent/tokens/a.key" };
      return Promise.resolve(new Response("", { status: 401, headers: challenge }));
    },
  };
}

/** With what its token file holds. */
function workload(text: string, tokenFilePath = "/token"): Create {
  return (options) => {
    const runtime = { ...options.runtime, readTextFile: () => Promise.resolve(text) };
    return new WorkloadIdentityCredential({ ...options, runtime, tenantId: TENANT, clientId: CLIENT, tokenFilePath });
  };
}

function withCertificate(
  configuration: ConstructorParameters<typeof ClientCertificateCredential>[2],
  options: CredentialOptions,
): TokenCredential {
  return new ClientCertificateCredential(TENANT, CLIENT, configuration, options);
}

/** Stands where nothing secret is near: Bun shows the lines before the one that an error comes from. */
function fail(): Promise<never> {
  return Promise.reject(new Error("No"));
}

/** The credentials of the developer's tools. */
const TOOLS: Readonly<Record<string, Create>> = {
  "the Azure CLI": (options) => new AzureCliCredential(options),
  "the Azure CLI, of a subscription": (options) =>
    new AzureCliCredential({ ...options, subscription: "s", tenantId: "t" }),
  "Azure PowerShell": (options) => new AzurePowerShellCredential(options),
  "the Azure Developer CLI": (options) => new AzureDeveloperCliCredential(options),
  "the default, of a tool": (options) =>
    new DefaultAzureCredential({ ...options, exclude: ["ManagedIdentityCredential"] }),
};

function wrapped(text: string, width: number): string {
  return text.replace(new RegExp(`.{${width}}`, "g"), "$&\r\n");
}

/** A token as Entra makes them, and another one as it makes them for personal accounts. */
const TOOL_TOKEN = `${FEDERATED_TOKEN}${btoa("CANARY".repeat(40))}`;
const OPAQUE_TOKEN = `EwB${btoa("CANARY".repeat(60))}`;

/** Every way in which a tool fails, each with as much of a token as it can show. */
export const TOOL_FAULTS: Readonly<Record<string, Behaviour>> = {
  "a token without an end": () => ({ stdout: JSON.stringify({ accessToken: TOKEN, token: TOKEN, Token: TOKEN }) }),
  "a token whose end is a token": () => ({
    stdout: JSON.stringify({ accessToken: TOKEN, token: TOKEN, expires_on: TOKEN, expiresOn: TOKEN, tenant: TOKEN }),
  }),
  "a token of another tenant": () => ({
    stdout: JSON.stringify({ accessToken: TOKEN, expires_on: 9e9, tenant: TOKEN, token: TOKEN }),
  }),
  "a token that has expired": () => ({
    stdout: JSON.stringify({
      ...{ accessToken: TOKEN, token: TOKEN, expires_on: 1 },
      ...{ expiresOn: "1970-01-01T00:00:01Z" },
    }),
  }),
  "half a token": () => ({ stdout: `{"accessToken":"${TOKEN}`, code: 1 }),
  "a token as text": () => ({ stdout: TOKEN, code: 1 }),
  "a token in a list": () => ({ stdout: JSON.stringify([{ accessToken: TOKEN, token: TOKEN }]) }),
  "a token in its complaint": () => ({ stderr: `ERROR: Bad: ${TOOL_TOKEN}`, code: 1 }),
  "an opaque token in its complaint": () => ({ stderr: `ERROR: Bad: ${OPAQUE_TOKEN}`, code: 1 }),
  "a token beside what it complains of": () => ({
    stderr: `az login, azd auth login, Connect-AzAccount, AADSTS1: "Bearer ${TOOL_TOKEN}"`,
    code: 1,
  }),
  "a token in its complaint, in a narrow terminal": () => ({ stderr: `ERROR: ${wrapped(TOOL_TOKEN, 40)}`, code: 1 }),
  "a token in its complaint, behind many words": () => ({ stderr: `${"x ".repeat(190)}${TOOL_TOKEN}`, code: 1 }),
  "a token in a complaint of JSON": () => ({
    stdout: JSON.stringify({ error: `Bad: ${TOOL_TOKEN} {}` }),
    stderr: `${JSON.stringify({ error: `Bad: ${TOOL_TOKEN}` })}\n${JSON.stringify({ data: { message: TOOL_TOKEN } })}`,
    code: 1,
  }),
  "a run whose error holds the token": () =>
    Object.assign(new Error(`spawn ${TOOL_TOKEN}`, { cause: new Error(TOKEN) }), {
      ...{ code: "EFAULT", stdout: TOKEN, stderr: TOKEN, spawnargs: [TOKEN], [Symbol("output")]: TOKEN },
    }),
  "a run that rejects with the token": () => Promise.reject(TOOL_TOKEN),
  "a run that rejects with its output": () => Promise.reject({ stdout: TOKEN, message: TOOL_TOKEN }),
  "it hangs": hang,
};

/** Fails every credential in every way, and lets some succeed. */
export async function* outcomes(): AsyncGenerator<Outcome> {
  for (const [whose, create] of Object.entries(TOOLS)) {
    for (const [how, behave] of Object.entries(TOOL_FAULTS)) yield await runTool(`${whose}: ${how}`, create, behave);
    for (const tool of ["az", "azd", "pwsh"] as const) {
      const behave: Behaviour = ({ command }) =>
        command.endsWith(`/${tool}`) ? ANSWERS[tool](Date.now() + HOUR, TOKEN) : { code: 127 };
      yield await runTool(`${whose}: a token of ${tool}`, create, behave);
    }
  }
  for (const [whose, create] of Object.entries(await credentials())) {
    for (const [how, answer] of Object.entries(FAULTS)) yield await run(`${whose}: ${how}`, create, answer);
    yield await run(`${whose}: a token`, create, () => tokenAnswer({ access_token: TOKEN }));
    yield await run(`${whose}: tokens of somebody`, create, () => {
      const tokens = { refresh_token: SECRET, id_token: FEDERATED_TOKEN, client_info: btoa("CANARY") };
      return tokenAnswer({ access_token: TOKEN, ...tokens });
    });
    yield await run(`${whose}: an outage that ends`, create, healing());
    for (const [what, broken] of Object.entries(BROKEN)) {
      yield await run(`${whose}: ${what}`, create, () => tokenAnswer({ access_token: TOKEN }), broken);
    }
  }
  const encrypted: Create = (options) =>
    withCertificate({ certificate: CERTIFICATE + KEY_ENCRYPTED, certificatePassword: PASSWORD }, options);
  yield await run("an encrypted certificate", encrypted, FAULTS["an error that repeats the form in every member"]!);
  for (const [whose, create] of Object.entries(UNUSABLE)) yield await run(whose, create, () => tokenAnswer());
}

/** What can be broken besides: the cache, the clock, and what the caller asks for. */
const BROKEN: Readonly<Record<string, Breakage>> = {
  "a cache that hangs": { cache: { get: () => new Promise(() => {}), set: () => new Promise(() => {}), delete() {} } },
  "a cache that returns garbage": {
    cache: { get: () => ({ token: [TOKEN], SECRET }) as never, set() {}, delete() {} },
  },
  "a clock that goes back": { jump: -86_400_000 },
  "a clock that goes forward": { jump: 86_400_000 },
  "claims that are malformed": { ask: { claims: `{"CANARY": "${TOKEN}` } },
  "another tenant": { ask: { tenantId: "contoso.onmicrosoft.com" } },
};

interface Breakage {
  readonly cache?: TokenCache;
  readonly jump?: number;
  readonly ask?: GetTokenOptions;
}

/** A request whose secret stands in a header looks like one with a form. */
function withForm(asked: Asked): Asked {
  if (asked.body) return asked;
  const form = Object.fromEntries(asked.headers);
  return { ...asked, form, body: String(new URLSearchParams(form)) };
}

async function run(name: string, create: Create, answer: Answer, broken: Breakage = {}): Promise<Outcome> {
  const clock = createFakeClock();
  const service = createService((asked) => answer(withForm(asked)));
  const { visible, options } = observe(broken.cache);
  const credential = create({ ...isolatedOptions(service, clock), ...options });
  visible.push(credential);
  async function ask(): Promise<void> {
    let settled = false;
    const asked = resultOf(credential, broken.ask).finally(() => settled = true);
    if (SLOW.includes(answer)) await service.untilRequested(1);
    while (!settled && (SLOW.includes(answer) || broken.cache)) {
      await clock.advance(10_000);
      await breathe();
    }
    visible.push(await asked);
  }
  await ask();
  if (broken.jump) clock.set(clock.now() + broken.jump);
  // What is remembered of a failure must not tell either.
  if (answer !== FAULTS.silence) await ask();
  const assertions = service.requests.flatMap(({ form }) =>
    [form.client_assertion ?? [], form.code_verifier ?? []].flat()
  );
  return { name, visible, secrets: [KEY, KEY_ENCRYPTED, PASSWORD, ...assertions.flatMap((text) => text.split("."))] };
}

async function runTool(name: string, create: Create, behave: Behaviour): Promise<Outcome> {
  const clock = createFakeClock();
  const programs = createPrograms(behave);
  const { visible, options } = observe();
  // Nor who has signed in.
  const credential = create({ ...deskOptions(programs, { clock, files: { [PROFILE]: SECRET } }), ...options });
  visible.push(credential);
  let done = false;
  const asked = resultOf(credential).finally(() => done = true);
  while (!done) {
    await Promise.race([asked, clock.untilSleeping()]);
    await clock.advance(behave === hang ? 15_000 : 0);
  }
  visible.push(await asked);
  return { name, visible, secrets: [] };
}

/** Returns what somebody could print of a call. */
function resultOf(credential: TokenCredential, options?: GetTokenOptions): Promise<unknown> {
  return credential.getToken(SCOPE, options).then((token) => token?.expiresOnTimestamp, (error) => error);
}

/** Options that hear of everything, and what they have heard. */
function observe(given?: TokenCache): { visible: unknown[]; options: CredentialOptions } {
  const events: LogEvent[] = [];
  const keys: string[] = [];
  const cache = given ?? {
    get(key: string): undefined {
      keys.push(key);
    },
    set(key: string, value: TokenSet): never {
      keys.push(key);
      throw new Error(`Cannot keep ${JSON.stringify(value)}`);
    },
    delete() {},
  };
  const retryOptions = { maxRetries: 1, retryDelayInMs: 0 };
  return { visible: [events, keys], options: { retryOptions, cache, log: (event) => events.push(event) } };
}
