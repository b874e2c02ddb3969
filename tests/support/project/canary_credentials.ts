/**
 * Every credential that sends requests, with its secret and all of its failures.
 *
 * @module
 */
import {
  type AccessToken,
  AgentIdentityCredential,
  AuthorizationCodeCredential,
  AzurePipelinesCredential,
  ChainedTokenCredential,
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  type CredentialOptions,
  DefaultAzureCredential,
  DeviceCodeCredential,
  type DeviceCodeCredentialOptions,
  EnvironmentCredential,
  type GetTokenOptions,
  InteractiveBrowserCredential,
  ManagedIdentityCredential,
  OnBehalfOfCredential,
  type TokenCache,
  type TokenCredential,
  UsernamePasswordCredential,
  VisualStudioCodeCredential,
  WorkloadIdentityCredential,
} from "@azweb/identity";
import { createFakeClock } from "@azweb/identity/testing";
import {
  ASSERTION,
  FEDERATED_TOKEN,
  HEADER,
  HEADER_SECRET,
  observe,
  type Outcome,
  resultOf,
  SECRET,
  secretOf,
  TOKEN,
} from "./canary.ts";
import { type Answer, FAULTS, healing, SLOW, withForm } from "./canary_faults.ts";
import { CERTIFICATE, KEY, KEY_ENCRYPTED, PASSWORD } from "../certificates/certificates.ts";
import { breathe, CLIENT, createService, isolatedOptions, jsonAnswer, TENANT, tokenAnswer } from "../service.ts";

type Create = (options: CredentialOptions, seen: Seen) => TokenCredential;

/** The values of a credential that are visible besides its results. */
interface Seen {
  readonly visible: unknown[];
  readonly secrets: string[];
  /** The pages that a browser receives. */
  readonly pages: Promise<unknown>[];
}

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
        new VisualStudioCodeCredential(options),
        new EnvironmentCredential({ ...options, env: {} }),
        new ClientSecretCredential(TENANT, CLIENT, SECRET, options),
      ),
    "a device code": (options) =>
      new DeviceCodeCredential({ ...whileSigningIn(options), tenantId: TENANT, clientId: CLIENT }),
    "a refresh token": afterFirstToken,
    "a refresh token, and no sign-in after it": (options, seen) =>
      afterFirstToken({ ...options, disableAutomaticAuthentication: true }, seen),
    "an authorization code": (options) => {
      const all = { ...options, codeVerifier: secretOf("verifier") };
      const [secret, code] = [secretOf("secret"), secretOf("code")];
      return new AuthorizationCodeCredential(TENANT, CLIENT, secret, code, "https://app.example", all);
    },
    "an authorization code of a public app": (options) =>
      new AuthorizationCodeCredential(TENANT, CLIENT, SECRET, "https://app.example", options),
    "a browser": (options, seen) =>
      new InteractiveBrowserCredential({
        ...{ tenantId: TENANT, clientId: CLIENT, timeoutInMs: 60_000, ...options },
        runtime: { ...options.runtime, ...browser(seen) },
      }),
    "a user's call": (options) => new OnBehalfOfCredential({ ...options, ...CALL, clientSecret: SECRET }),
    "a user's call, with a certificate": (options) =>
      new OnBehalfOfCredential({
        ...{ ...options, ...CALL, certificatePath: "/app.pem" },
        runtime: { ...options.runtime, ...files },
      }),
    "a user's call, with an assertion": (options) =>
      new OnBehalfOfCredential({ ...options, ...CALL, getAssertion: () => Promise.resolve(FEDERATED_TOKEN) }),
    "an agent": (options) => new AgentIdentityCredential({ ...options, ...AGENT, clientSecret: SECRET }),
    "an agent, with a certificate": (options) =>
      new AgentIdentityCredential({
        ...{ ...options, ...AGENT, certificatePath: "/app.pem" },
        runtime: { ...options.runtime, ...files },
      }),
    "the user of an agent": (options) =>
      new AgentIdentityCredential({ ...options, ...AGENT, clientSecret: SECRET, username: "agent@contoso.com" }),
    "an agent for a user's call": (options) =>
      new AgentIdentityCredential({ ...options, ...AGENT, clientSecret: SECRET, userAssertionToken: ASSERTION }),
    "an agent, with an assertion": (options) =>
      new AgentIdentityCredential({ ...options, ...AGENT, getAssertion: () => Promise.resolve(FEDERATED_TOKEN) }),
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
const AGENT = { tenantId: TENANT, blueprintId: "a-blueprint", agentId: CLIENT };
const JOB = { SYSTEM_OIDCREQUESTURI: "https://dev.azure.com/contoso/oidctoken" };

const CODE = { device_code: SECRET, user_code: "ABC", verification_uri: "https://v.example", expires_in: 300 };

/** Malformed device authorization responses that contain a device code. */
const NO_CODES: Readonly<Record<string, () => Response>> = {
  "without an expiry": () => jsonAnswer({ ...CODE, expires_in: SECRET }),
  "without a code for the user": () => jsonAnswer({ ...CODE, user_code: [SECRET] }),
  "in an error": () => jsonAnswer({ ...CODE, error: "invalid_scope", error_description: "No" }, { status: 400 }),
  "in an outage": () => jsonAnswer(CODE, { status: 500 }),
  "in half": () => new Response(JSON.stringify(CODE).slice(0, 60)),
  "in an array": () => jsonAnswer([CODE]),
  "in a page": () => new Response(`<html>${SECRET}`),
};

/** Replaces the responses to requests whose URL ends with `end`. */
function answering(options: CredentialOptions, end: string, answer: (form: URLSearchParams) => Response | undefined) {
  return ((url, init) => {
    const own = new URL(String(url)).pathname.endsWith(end) && answer(new URLSearchParams(String(init?.body ?? "")));
    return own ? Promise.resolve(own) : options.fetch!(url, init);
  }) as typeof fetch;
}

/** Returns the options of a credential that gets a device code, and whose delays between polls take no time. */
function whileSigningIn<Options extends CredentialOptions>(
  options: Options,
  answer = () => jsonAnswer(CODE),
): Options {
  const { now, sleep } = options.runtime!;
  let waited = 0;
  return {
    timeoutInMs: 60_000,
    ...options,
    fetch: answering(options, "/devicecode", answer),
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

/** Returns the options of a credential whose sign-in succeeds. */
function afterSigningIn<Options extends CredentialOptions>(options: Options): Options {
  const claims = {
    aud: CLIENT,
    iss: `https://login.microsoftonline.com/${TENANT}/v2.0`,
    tid: TENANT,
    sub: "s",
    iat: 1,
    exp: 9e9,
    a: "CANARY",
  };
  const id_token = `eyJhbGciOiJSUzI1NiJ9.${btoa(JSON.stringify(claims)).replaceAll("=", "")}.${
    btoa("CANARY-signature")
  }`;
  const signedIn = { access_token: TOKEN, refresh_token: SECRET, id_token };
  const all = whileSigningIn(options);
  return {
    ...all,
    fetch: answering(all, "/token", (form) => form.has("device_code") ? tokenAnswer(signedIn) : undefined),
  };
}

/** Creates a credential that is signed in, so that the next token needs the refresh token. */
function afterFirstToken(options: DeviceCodeCredentialOptions, { visible }: Seen): TokenCredential {
  const credential = new DeviceCodeCredential({ ...afterSigningIn(options), tenantId: TENANT, clientId: CLIENT });
  let signingIn: Promise<unknown> | undefined;
  visible.push(credential);
  return {
    async getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
      await (signingIn ??= credential.authenticate("another-scope").then((record) => visible.push(record)));
      return await credential.getToken(scopes, options);
    },
  };
}

/** Returns a runtime with a loopback server, and a browser that sends a code there, also in ways that are rejected. */
function browser({ visible, secrets, pages }: Seen): NonNullable<CredentialOptions["runtime"]> {
  let handle: (request: Request) => Response | Promise<Response>;
  async function show(path: string, init?: RequestInit): Promise<void> {
    const page = await handle(new Request(new URL(path, "http://localhost:41999"), init));
    visible.push(await page.text(), [...page.headers]);
  }
  return {
    listen(handler) {
      handle = handler;
      return Promise.resolve({ port: 41_999, close() {} });
    },
    openUrl(url) {
      const [state, nonce] = ["state", "nonce"].map((name) => new URL(url).searchParams.get(name)!) as [string, string];
      secrets.push(state, nonce);
      const answer = new URLSearchParams({ state, code: SECRET });
      pages.push(
        show(`/other?${answer}`),
        show(`http://evil.example/?${answer}`),
        show(`/?${answer}&state=${state}`),
        show(`/?state=${nonce}&code=CANARY`),
        show("/", { method: "PUT", body: answer }),
        show("/", { method: "POST", body: String(answer) }),
        show(`/?${answer}`),
        // Again, after the code was used.
        show(`/?${answer}`),
      );
      return Promise.resolve();
    },
  };
}

/** Returns a function that creates a managed identity with the variables of its machine. */
function machine(env: Record<string, string>): Create {
  return (options) => {
    const runtime = { ...options.runtime, tlsFetch: () => options.localFetch! };
    return new ManagedIdentityCredential({ ...options, env, runtime });
  };
}

/** Invalid certificates, each with a secret in or beside it. */
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
  "a token file that holds a secret": workload(SECRET),
  "a token file that holds JSON": workload(`{"token":"${FEDERATED_TOKEN}"}`),
  "a token file that holds two tokens": workload(`${FEDERATED_TOKEN}\n${FEDERATED_TOKEN}`),
  "a token file whose token has expired": workload(
    FEDERATED_TOKEN.replace(/\..*\./, `.${btoa('{"sub":"CANARY","exp":1}').replaceAll("=", "")}.`),
  ),
  "a token in the place of its path": workload("", FEDERATED_TOKEN),
  "a signer that throws": (options) => withCertificate({ certificate: CERTIFICATE, sign: fail }, options),
  "an assertion that fails": (options) => new ClientAssertionCredential(TENANT, CLIENT, fail, options),
  "an assertion that is not a string": (options) =>
    new ClientAssertionCredential(TENANT, CLIENT, () => Promise.resolve([ASSERTION] as never), options),
  "a signer that returns text": (options) =>
    withCertificate({ certificate: CERTIFICATE, sign: () => Promise.resolve(SECRET as never) }, options),
};

/**
 * Returns the options of a credential on a machine: failures contain the request's headers, and Azure Arc responds with
 * a challenge.
 */
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

/** Returns a function that creates a credential with the content of its token file. */
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

/**
 * Rejects. It is a function of its own because Bun shows the lines before an error's, which must not contain a secret.
 */
function fail(): Promise<never> {
  return Promise.reject(new Error("No"));
}

/** Runs every credential with every failure, and some without. */
export async function* credentialOutcomes(): AsyncGenerator<Outcome> {
  for (const [whose, create] of Object.entries(await credentials())) {
    for (const [how, answer] of Object.entries(FAULTS)) yield await run(`${whose}: ${how}`, create, answer);
    yield await run(`${whose}: a token`, create, () => tokenAnswer({ access_token: TOKEN }));
    yield await run(`${whose}: tokens of a user`, create, () => {
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
  for (const [what, answer] of Object.entries(NO_CODES)) {
    const create: Create = (options) =>
      new DeviceCodeCredential({ ...whileSigningIn(options, answer), tenantId: TENANT, clientId: CLIENT });
    yield await run(`a device code ${what}`, create, () => tokenAnswer());
  }
  for (const [whose, create] of Object.entries(UNUSABLE)) yield await run(whose, create, () => tokenAnswer());
}

/** Other failures: of the cache, the clock and the options of the call. */
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

async function run(name: string, create: Create, answer: Answer, broken: Breakage = {}): Promise<Outcome> {
  const clock = createFakeClock();
  const service = createService((asked) => answer(withForm(asked)));
  const { visible, options } = observe(broken.cache);
  const seen: Seen = { visible, secrets: [], pages: [] };
  const credential = create({ ...isolatedOptions(service, clock), ...options }, seen);
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
  // A second call, because a cached failure must not contain a secret either.
  if (answer !== FAULTS.silence) await ask();
  await Promise.all(seen.pages);
  const sent = service.requests.flatMap(({ form }) => [form.client_assertion ?? [], form.code_verifier ?? []].flat());
  const secrets = [KEY, KEY_ENCRYPTED, PASSWORD, ...seen.secrets, ...sent.flatMap((text) => text.split("."))];
  return { name, visible, secrets };
}
