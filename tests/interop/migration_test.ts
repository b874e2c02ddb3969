// Runs on: deno, node
// Each row of docs/migration.md, with both libraries. A test has the name of its row.
import * as theirs from "@azure/identity";
import { version } from "@azure/msal-node";
import * as ours from "@azweb/identity";
import {
  createEntra,
  createGitHubActions,
  createVirtualMachine,
  type Entra,
  type EntraOptions,
  type Machine,
} from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { mock, test } from "node:test";
import { inspect } from "node:util";
import { CERTIFICATE, KEY, OTHER_KEY } from "../support/certificates/certificates.ts";
import { httpClientOf, withEnv } from "../support/interop/side_by_side.ts";
import { startTunnel } from "../support/tunnel.ts";
import { HURRIED } from "../support/sign_in/people.ts";

const TENANT = "contoso.com";
const OTHER_TENANT = "fabrikam.com";
const SCOPE = "https://vault.azure.net/.default";
const OTHER_SCOPE = "https://storage.azure.com/.default";
const CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
const HOUR = 3_600_000;
const SECRET = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: "app", AZURE_CLIENT_SECRET: "secret" };
/** `@azure/identity` cannot read a private key on Deno. */
const IN_DENO = "Deno" in globalThis;

const ENTRA: EntraOptions = {
  apps: [TENANT, OTHER_TENANT].map((tenantId) => ({
    tenantId,
    clientId: "app",
    secrets: ["secret"],
    certificates: [CERTIFICATE],
    federatedCredentials: [],
    allowPublicClient: true,
  })),
  users: ["jo", "al"].map((name) => ({ tenantId: TENANT, username: `${name}@contoso.com`, password: "password" })),
};

/** One of the two libraries, with its own simulated Microsoft Entra. */
interface Side {
  // For both, the types are those of `@azure/identity`, because the tests call what both libraries have.
  readonly library: typeof theirs;
  readonly isOurs: boolean;
  /** Makes a credential use the simulated Microsoft Entra. */
  readonly options: object;
  readonly entra: Entra;
}

/** Runs a function with both libraries. Returns its results. */
async function both<T>(
  run: (side: Side) => T | Promise<T>,
  { entra: more = {}, env = {} }: { entra?: Partial<EntraOptions>; env?: Record<string, string> } = {},
): Promise<{ theirs: T; ours: T }> {
  async function runWith(library: unknown, isOurs: boolean): Promise<T> {
    const entra = createEntra({ ...ENTRA, ...more });
    const options = isOurs ? { fetch: entra.fetch } : { httpClient: httpClientOf(entra.fetch) };
    return await withEnv(env, async () => await run({ library: library as typeof theirs, isOurs, options, entra }));
  }
  return { theirs: await runWith(theirs, false), ours: await runWith(ours, true) };
}

/** Returns "a token", or the name of the error. */
async function outcomeOf(work: Promise<unknown>): Promise<string> {
  return await work.then((token) => token ? "a token" : "none", (error) => error.name);
}

/** Returns "an object", or the name of the error of a constructor. */
function constructed(create: () => unknown): string {
  try {
    create();
    return "an object";
  } catch (error) {
    return (error as Error).name;
  }
}

function withSecret({ library, options }: Side, more: object = {}, secret = "secret"): theirs.TokenCredential {
  return new library.ClientSecretCredential(TENANT, "app", secret, { ...options, ...more } as never);
}

/** Runs a function while `Date` is ahead by a time, in milliseconds. */
async function later<T>(ms: number, body: () => Promise<T>): Promise<T> {
  const RealDate = globalThis.Date;
  class LaterDate extends RealDate {
    constructor(...given: unknown[]) {
      super(...(given.length === 0 ? [RealDate.now() + ms] : given) as [number]);
    }
    static override now(): number {
      return RealDate.now() + ms;
    }
  }
  globalThis.Date = LaterDate as DateConstructor;
  try {
    return await body();
  } finally {
    globalThis.Date = RealDate;
  }
}

/**
 * Receives the requests of MSAL for a managed identity. It is a variable, because MSAL uses its first HTTP client for
 * the life of the process.
 */
let machineFetch: typeof fetch;

/** Returns the options that put a credential on a virtual machine. */
function on(machine: Machine, { isOurs }: Side): object {
  if (isOurs) return machine.options;
  return atAddresses(machine.fetch);
}

/** Returns the options by which `@azure/identity` sends each request to a function. */
function atAddresses(fetch: typeof globalThis.fetch): object {
  machineFetch = fetch;
  return { httpClient: httpClientOf((...given) => machineFetch(...given)), retryOptions: { maxRetries: 0 } };
}

/** Returns the result of a promise, or "pending" if it does not settle within 400 ms. */
async function within400Ms<T>(work: Promise<T>): Promise<T | "pending"> {
  return await Promise.race([work, new Promise<"pending">((resolve) => setTimeout(() => resolve("pending"), 400))]);
}

/** Resolves as soon as a condition is met. */
async function untilTrue(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Installs an `az` that records its arguments. Returns them, one line for each time that it was started. */
async function withAz(run: () => Promise<unknown>): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "azweb-migration-"));
  const { AZURE_CONFIG_DIR, PATH } = process.env;
  try {
    const token = JSON.stringify({ accessToken: "a-token", expires_on: Math.round(Date.now() / 1000) + 3600 });
    await writeFile(join(folder, "az"), `#!/bin/sh\necho "$@" >> ${folder}/calls\necho '${token}'\n`);
    await chmod(join(folder, "az"), 0o755);
    process.env.PATH = `${folder}:${PATH}`;
    // Without a profile: that of the person who runs the test may have no account.
    process.env.AZURE_CONFIG_DIR = folder;
    await run();
    return (await readFile(join(folder, "calls"), "utf8").catch(() => "")).trim().split("\n").filter(Boolean);
  } finally {
    process.env.PATH = PATH;
    if (AZURE_CONFIG_DIR === undefined) delete process.env.AZURE_CONFIG_DIR;
    else process.env.AZURE_CONFIG_DIR = AZURE_CONFIG_DIR;
    await rm(folder, { recursive: true });
  }
}

/** The rows, by their first column. */
const ROWS: Readonly<Record<string, () => Promise<void>>> = {
  async "missing or malformed constructor argument"() {
    const seen = await both(({ library: { ClientSecretCredential } }) => [
      constructed(() => new ClientSecretCredential(TENANT, "app", "")),
      constructed(() => new ClientSecretCredential("not a tenant!", "app", "secret")),
    ]);
    assert.deepEqual(seen, { theirs: ["CredentialUnavailableError", "Error"], ours: ["TypeError", "TypeError"] });
  },

  async "malformed `AZURE_` variable"() {
    const env = { ...SECRET, AZURE_TENANT_ID: "not a tenant!" };
    const alone = await both(({ library, options }) => constructed(() => new library.EnvironmentCredential(options)), {
      env,
    });
    assert.deepEqual(alone, { theirs: "Error", ours: "an object" });
    const { EnvironmentCredential } = ours;
    const error = await withEnv(env, () => new EnvironmentCredential().getToken(SCOPE).catch((error) => error));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, /Cannot use the variable AZURE_TENANT_ID/);
    assert.doesNotMatch(error.message, /not a tenant!/);
    const chain = await both(
      ({ library, options }) => outcomeOf(new library.DefaultAzureCredential(options).getToken(SCOPE)),
      {
        env: { ...env, AZURE_TOKEN_CREDENTIALS: "EnvironmentCredential" },
      },
    );
    // A chain continues after the error of `@azure/identity`, and ends with that of this library.
    assert.deepEqual(chain, { theirs: "CredentialUnavailableError", ours: "AuthenticationError" });
  },

  async "`AZURE_TOKEN_CREDENTIALS=FederatedCredential`"() {
    const env = { AZURE_TOKEN_CREDENTIALS: "FederatedCredential", AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: "app" };
    const seen = await both(({ library, options }) => constructed(() => new library.DefaultAzureCredential(options)), {
      env,
    });
    assert.deepEqual(seen, { theirs: "Error", ours: "an object" });
    const job = createGitHubActions({ fetch: (input, init) => entra.fetch(input, init) });
    const apps = [{ tenantId: TENANT, clientId: "app", federatedCredentials: [job.federatedCredential] }];
    const entra = createEntra({ apps, fetch: job.fetch });
    const credential = new ours.DefaultAzureCredential({ env: { ...env, ...job.env }, fetch: job.fetch });
    assert.equal((await entra.verify((await credential.getToken(SCOPE)).token)).appid, "app");
  },

  async "wrong secret in a chain"() {
    const seen = await both(async (side) => {
      const wrong = withSecret(side, {}, "wrong");
      const chain = new side.library.ChainedTokenCredential(wrong, withSecret(side));
      return [await outcomeOf(wrong.getToken(SCOPE)), await outcomeOf(chain.getToken(SCOPE))];
    });
    assert.deepEqual(seen, {
      theirs: ["AuthenticationRequiredError", "a token"],
      ours: ["AuthenticationError", "AuthenticationError"],
    });
  },

  async "tenant of a call that is not allowed"() {
    const seen = await both(async (side) => {
      const { library, options } = side;
      const next = new library.ClientSecretCredential(OTHER_TENANT, "app", "secret", options);
      const call = { tenantId: OTHER_TENANT };
      return [
        await outcomeOf(withSecret(side).getToken(SCOPE, call)),
        await outcomeOf(new library.ChainedTokenCredential(withSecret(side), next).getToken(SCOPE, call)),
        await outcomeOf(
          new library.ChainedTokenCredential(new library.EnvironmentCredential(options), next).getToken(SCOPE, call),
        ),
      ];
    }, { env: SECRET });
    assert.deepEqual(seen, {
      theirs: ["CredentialUnavailableError", "a token", "AuthenticationError"],
      ours: ["AuthenticationError", "AuthenticationError", "AuthenticationError"],
    });
  },

  async "token file of a workload that cannot be read"() {
    const seen = await both(async (side) => {
      const { library, options } = side;
      const own = { ...options, tenantId: TENANT, clientId: "app", tokenFilePath: "/no/such/file" };
      const chain = new library.ChainedTokenCredential(new library.WorkloadIdentityCredential(own), withSecret(side));
      return await outcomeOf(chain.getToken(SCOPE));
    });
    assert.deepEqual(seen, { theirs: "a token", ours: "AuthenticationError" });
  },

  async "certificate file that cannot be read"() {
    const seen = await both(({ library, options }) =>
      outcomeOf(new library.ClientCertificateCredential(TENANT, "app", "/no/such/file", options).getToken(SCOPE))
    );
    assert.deepEqual(seen, { theirs: "Error", ours: "AuthenticationError" });
  },

  async "the credential that returned the first token"() {
    const seen = await both(async (side) => {
      let calls = 0;
      const absent = {
        getToken() {
          calls++;
          const error = new ours.CredentialUnavailableError("Not here", { outcome: "absent" });
          return Promise.reject(side.isOurs ? error : new theirs.CredentialUnavailableError("Not here"));
        },
      };
      const chain = new side.library.ChainedTokenCredential(absent, withSecret(side));
      await chain.getToken(SCOPE);
      await chain.getToken(SCOPE);
      return calls;
    });
    assert.deepEqual(seen, { theirs: 2, ours: 1 });
  },

  async "members of `AuthenticationError`"() {
    const theirError = new theirs.AuthenticationError(
      400,
      { error: "invalid_grant", error_description: "No" } as never,
    );
    assert.deepEqual([theirError.statusCode, theirError.errorResponse.error], [400, "invalid_grant"]);
    const response = { error: "invalid_grant", error_description: "No" };
    assert.equal(new ours.AuthenticationError(400, response as never).errorResponse?.error, "invalid_grant");
    const ourError = new ours.AuthenticationError("No", { statusCode: 400 });
    assert.deepEqual([ourError.message, ourError.statusCode, ourError.errorResponse], ["No", 400, undefined]);
    assert.equal(new ours.AuthenticationError("No").statusCode, 0);
    await Promise.resolve();
  },

  async "`errorResponse` of `AuthenticationError`"() {
    const error = new theirs.AuthenticationError(502, "<html>");
    assert.equal(error.errorResponse.error, "unknown_error");
    const { errorResponse } = await outcomeWithFault({ status: 501, body: "<html>" });
    assert.equal(errorResponse, undefined);
  },

  async "empty chain"() {
    const seen = await both(({ library }) => constructed(() => new library.ChainedTokenCredential()));
    assert.deepEqual(seen, { theirs: "an object", ours: "TypeError" });
    assert.equal(await outcomeOf(new theirs.ChainedTokenCredential().getToken(SCOPE)), "TypeError");
  },

  async "error of a chain in which every credential fails"() {
    const seen = await both(async ({ library, options }) => {
      const chain = new library.ChainedTokenCredential(new library.EnvironmentCredential(options));
      return (await chain.getToken(SCOPE).catch((error) => error)).message;
    });
    assert.doesNotMatch(seen.theirs, /outcome/);
    assert.match(seen.ours, /credential +outcome +time +reason and next step\n.*\n +→ Set AZURE_TENANT_ID/);
  },

  async "concurrent calls"() {
    const seen = await both(async (side) => {
      const credential = withSecret(side);
      await Promise.all([1, 2, 3].map(() => credential.getToken(SCOPE)));
      return side.entra.requests.length;
    });
    assert.deepEqual(seen, { theirs: 3, ours: 1 });
  },

  async "cached tokens"() {
    const seen = await both(async (side) => {
      for (let count = 0; count < 3; count++) await withSecret(side).getToken(SCOPE);
      return side.entra.requests.length;
    });
    assert.deepEqual(seen, { theirs: 3, ours: 1 });
  },

  async "a token in its last five minutes, during an outage"() {
    const seen = await both(async (side) => {
      const credential = withSecret(side, { retryOptions: { maxRetries: 0 } });
      await credential.getToken(SCOPE);
      side.entra.failNext({ status: 501 }, 9);
      return await later(HOUR - 120_000, async () => await outcomeOf(credential.getToken(SCOPE)));
    }, { entra: { tokenLifetimeInMs: HOUR } });
    assert.equal(seen.ours, "a token");
    assert.notEqual(seen.theirs, "a token");
  },

  async "refresh of a token that is still valid"() {
    const seen = await both(async (side) => {
      const credential = withSecret(side);
      const first = await credential.getToken(SCOPE);
      return await later(13 * HOUR, async () => {
        side.entra.failNext("silent");
        const second = await within400Ms(credential.getToken(SCOPE));
        return second === "pending" ? "waits" : second!.token === first!.token ? "the cached token" : "another token";
      });
    }, { entra: { tokenLifetimeInMs: 24 * HOUR } });
    assert.deepEqual(seen, { theirs: "waits", ours: "the cached token" });
  },

  async "`abortSignal`"() {
    const seen = await both((side) =>
      outcomeOf(withSecret(side).getToken(SCOPE, { abortSignal: AbortSignal.abort() }))
    );
    assert.deepEqual(seen, { theirs: "a token", ours: "AbortError" });
  },

  async "`requestOptions.timeout`"() {
    const seen = await both((side) => {
      side.entra.failNext("silent");
      return within400Ms(outcomeOf(withSecret(side).getToken(SCOPE, { requestOptions: { timeout: 50 } })));
    });
    assert.deepEqual(seen, { theirs: "pending", ours: "TimeoutError" });
  },

  async "timeout"() {
    const seen = await both((side) => {
      side.entra.failNext("silent", 9);
      return within400Ms(outcomeOf(withSecret(side, { timeoutInMs: 50 }).getToken(SCOPE)));
    });
    assert.deepEqual(seen, { theirs: "pending", ours: "AuthenticationError" });
  },

  async "429 without `Retry-After`"() {
    const seen = await both(async (side) => {
      side.entra.failNext({ status: 429 });
      const credential = withSecret(side, { retryOptions: { retryDelayInMs: 1 } });
      return [await outcomeOf(credential.getToken(SCOPE)), side.entra.requests.length];
    });
    assert.deepEqual(seen, { theirs: ["AuthenticationRequiredError", 1], ours: ["a token", 2] });
  },

  async "429 with `Retry-After`"() {
    const seen = await both(async (side) => {
      side.entra.failNext({ status: 429, retryAfter: 1 }, 3);
      const credential = withSecret(side, side.isOurs ? { retryOptions: { maxRetries: 0 } } : {});
      const first = await outcomeOf(credential.getToken(SCOPE));
      const sent = side.entra.requests.length;
      const second = side.isOurs ? await outcomeOf(credential.getToken(SCOPE)) : "";
      return [first, sent, second, side.entra.requests.length];
    });
    // `@azure/identity` retries. This library is configured not to, and sends no request of a later call either before
    // the time is over.
    assert.deepEqual(seen.theirs.slice(0, 2), ["a token", 4]);
    assert.deepEqual(seen.ours, ["AuthenticationError", 1, "AuthenticationError", 1]);
  },

  async "`getBearerTokenProvider`"() {
    const seen = await both(async (side) => {
      const credential = withSecret(side);
      const getToken = side.library.getBearerTokenProvider(credential, SCOPE);
      const first = await getToken();
      await credential.getToken(SCOPE, { claims: CLAIMS, enableCae: true });
      return await getToken() === first ? "the old token" : "the new token";
    });
    assert.deepEqual(seen, { theirs: "the old token", ours: "the new token" });
  },

  async "assertion callback"() {
    const seen = await both(async ({ library, options }) => {
      let calls = 0;
      const getAssertion = () => Promise.resolve(`${++calls}.b.c`);
      await outcomeOf(new library.ClientAssertionCredential(TENANT, "app", getAssertion, options).getToken(SCOPE));
      return calls;
    });
    assert.equal(seen.ours, 1);
    assert.ok(seen.theirs > 1, String(seen.theirs));
  },

  async "PKCS#12, `CryptoKey`, `sign`"() {
    const pkcs8 = Uint8Array.from(atob(KEY.replace(/-----.+-----|\s/g, "")), (char) => char.charCodeAt(0));
    const algorithm = { name: "RSA-PSS", hash: "SHA-256" };
    const privateKey = await crypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]);
    const seen = await both(({ library, options }) =>
      outcomeOf(
        new library.ClientCertificateCredential(
          TENANT,
          "app",
          { certificate: CERTIFICATE, privateKey } as never,
          options,
        )
          .getToken(SCOPE),
      )
    );
    assert.equal(seen.ours, "a token");
    assert.notEqual(seen.theirs, "a token");
  },

  async "replaced certificate file"() {
    const seen = await both(async ({ library, options, entra }) => {
      const folder = await mkdtemp(join(tmpdir(), "azweb-migration-"));
      try {
        const path = join(folder, "app.pem");
        await writeFile(path, CERTIFICATE + KEY);
        const credential = new library.ClientCertificateCredential(TENANT, "app", path, options);
        const first = await outcomeOf(credential.getToken(SCOPE));
        await writeFile(path, "damaged");
        return [first, await outcomeOf(credential.getToken(OTHER_SCOPE)), entra.requests.length];
      } finally {
        await rm(folder, { recursive: true });
      }
    });
    assert.deepEqual(seen.ours, ["a token", "AuthenticationError", 1]);
    if (IN_DENO) assert.notEqual(seen.theirs[0], "a token");
    else assert.deepEqual(seen.theirs, ["a token", "Error", 1]);
  },

  async "key of another certificate"() {
    const seen = await both(async ({ library, options, entra }) => {
      const folder = await mkdtemp(join(tmpdir(), "azweb-migration-"));
      try {
        const path = join(folder, "app.pem");
        await writeFile(path, CERTIFICATE + OTHER_KEY);
        const outcome = await outcomeOf(
          new library.ClientCertificateCredential(TENANT, "app", path, options).getToken(SCOPE),
        );
        return [outcome, entra.requests.length];
      } finally {
        await rm(folder, { recursive: true });
      }
    });
    assert.deepEqual(seen.ours, ["AuthenticationError", 0]);
    if (IN_DENO) assert.notEqual(seen.theirs[0], "a token");
    else assert.deepEqual(seen.theirs, ["AuthenticationRequiredError", 1]);
  },

  async "path of a Microsoft authority"() {
    const seen = await both(async (side) => {
      const credential = withSecret(side, { authorityHost: "https://login.microsoftonline.com/other" });
      await outcomeOf(credential.getToken(SCOPE));
      return new URL(side.entra.requests.at(-1)!.url).pathname;
    });
    assert.deepEqual(seen, { theirs: "/other/oauth2/v2.0/token", ours: `/${TENANT}/oauth2/v2.0/token` });
  },

  async "unknown authority with `disableInstanceDiscovery`"() {
    const authorityHost = "https://login.private.example";
    const seen = await both(async (side) => {
      await withSecret(side, { authorityHost, disableInstanceDiscovery: true }).getToken(SCOPE);
      return side.entra.requests.map(({ method }) => method);
    }, { entra: { hosts: [new URL(authorityHost).host] } });
    assert.deepEqual(seen, { theirs: ["GET", "POST"], ours: ["POST"] });
  },

  async "region `AutoDiscoverRegion`"() {
    const env = { AZURE_REGIONAL_AUTHORITY_NAME: "AutoDiscoverRegion", REGION_NAME: "westeurope" };
    const seen = await both(async (side) => {
      const outcome = await outcomeOf(withSecret(side).getToken(SCOPE));
      return [outcome, ...side.entra.requests.map(({ url }) => new URL(url).host)];
    }, { env });
    assert.deepEqual(seen, {
      theirs: ["CredentialUnavailableError"],
      ours: ["a token", "westeurope.login.microsoft.com"],
    });
  },

  async "`tenantId` of a call"() {
    const seen = await both(async (side) => [
      await outcomeOf(withSecret(side).getToken(SCOPE, { tenantId: TENANT.toUpperCase() })),
      await outcomeOf(withSecret(side, { additionallyAllowedTenants: ["*"] }).getToken(SCOPE, { tenantId: ".." })),
      side.entra.requests.length,
    ]);
    assert.deepEqual(seen, {
      theirs: ["CredentialUnavailableError", "AuthenticationRequiredError", 1],
      ours: ["a token", "TypeError", 1],
    });
  },

  async "tenant `common`, `organizations` or `consumers` for an app"() {
    const seen = await both(async ({ library, options, entra }) => {
      const create = () => new library.ClientSecretCredential("common", "app", "secret", options);
      const creation = constructed(create);
      if (creation !== "an object") return [creation];
      return [creation, await outcomeOf(create().getToken(SCOPE)), entra.requests.length];
    });
    assert.deepEqual(seen, { theirs: ["an object", "AuthenticationRequiredError", 0], ours: ["TypeError"] });
  },

  async "`serviceConnectionId` of Azure Pipelines"() {
    const env = { SYSTEM_OIDCREQUESTURI: "https://dev.azure.com/org/oidctoken" };
    const seen = await both(async ({ library, isOurs }) => {
      const urls: string[] = [];
      const fetch: typeof globalThis.fetch = (url) => {
        urls.push(String(url));
        return Promise.resolve(new Response("", { status: 404 }));
      };
      const options = isOurs ? { fetch } : { httpClient: httpClientOf(fetch) };
      const credential = new library.AzurePipelinesCredential(TENANT, "app", "a&b=c", "token", options);
      await outcomeOf(credential.getToken(SCOPE));
      return new URL(urls[0]!).searchParams.get("serviceConnectionId");
    }, { env });
    assert.deepEqual(seen, { theirs: "a", ours: "a&b=c" });
  },

  async "`console.log(credential)`"() {
    const seen = await both((side) => {
      const credential = withSecret(side, {}, "planted-secret");
      return inspect(credential, { depth: 9, showHidden: true }).includes("planted-secret");
    });
    assert.deepEqual(seen, { theirs: true, ours: false });
  },

  async "telemetry, `client-request-id` in the URL"() {
    const seen = await both(async (side) => {
      await withSecret(side).getToken(SCOPE);
      const [{ url, form }] = side.entra.requests as [typeof side.entra.requests[0]];
      const names = ["x-client-SKU", "x-client-VER", "x-client-OS", "x-client-CPU", "x-client-current-telemetry"];
      return [new URL(url).searchParams.has("client-request-id"), ...names.filter((name) => name in form)];
    });
    assert.deepEqual(seen, {
      theirs: [true, "x-client-SKU", "x-client-VER", "x-client-OS", "x-client-CPU", "x-client-current-telemetry"],
      ours: [false, "x-client-SKU", "x-client-VER"],
    });
  },

  async "scopes of `UsernamePasswordCredential`"() {
    const seen = await both(async ({ library, options, entra }) => {
      const { UsernamePasswordCredential } = library;
      await new UsernamePasswordCredential(TENANT, "app", "jo@contoso.com", "password", options).getToken(SCOPE);
      return entra.requests.at(-1)!.form.scope;
    });
    assert.deepEqual(seen, { theirs: `${SCOPE} openid profile offline_access`, ours: SCOPE });
  },

  async "managed identity that is rejected, in a chain"() {
    const seen = await both(async (side) => {
      const machine = createVirtualMachine();
      machine.failNext({ status: 403 }, 9);
      const identity = new side.library.ManagedIdentityCredential(on(machine, side));
      return await outcomeOf(new side.library.ChainedTokenCredential(identity, withSecret(side)).getToken(SCOPE));
    });
    assert.deepEqual(seen, { theirs: "a token", ours: "AuthenticationError" });
  },

  async "response to the probe of the metadata service"() {
    const seen = await both(async ({ library, isOurs, entra }) => {
      let requests = 0;
      const page: typeof fetch = (url, init) => {
        if (!String(url).startsWith("http://169.254.169.254")) return entra.fetch(url, init);
        requests++;
        return Promise.resolve(new Response("<html>", { headers: { "content-type": "text/html" } }));
      };
      const options = isOurs ? { fetch: page, localFetch: page } : atAddresses(page);
      await outcomeOf(new library.DefaultAzureCredential(options).getToken(SCOPE));
      return requests;
    }, { env: { PATH: "/nothing" } });
    assert.equal(seen.ours, 1);
    assert.ok(seen.theirs > 1, String(seen.theirs));
  },

  async "probe"() {
    const seen = await both(async (side) => {
      const machine = createVirtualMachine();
      const chain = new side.library.DefaultAzureCredential(on(machine, side));
      await chain.getToken(SCOPE);
      const first = machine.requests.length;
      await chain.getToken(SCOPE);
      return [first, machine.requests.length];
    });
    assert.deepEqual(seen, { theirs: [2, 3], ours: [2, 2] });
  },

  async "claims for a managed identity"() {
    const seen = await both(async (side) => {
      const machine = createVirtualMachine();
      const identity = new side.library.ManagedIdentityCredential(on(machine, side));
      const first = await identity.getToken(SCOPE);
      const sent = machine.requests.length;
      const second = await identity.getToken(SCOPE, { claims: CLAIMS });
      return [first!.token === second!.token, machine.requests.length - sent];
    });
    assert.deepEqual(seen.theirs, [true, 0]);
    assert.equal(seen.ours[1], 1);
  },

  async "device code: `slow_down`"() {
    const seen = await both(({ library, options, entra }) => {
      let isPolling = false;
      const sleep = (ms: number) => isPolling && ms === 10_000 ? Promise.resolve() : HURRIED.sleep(ms);
      const userPromptCallback = ({ userCode }: { userCode: string }) => {
        isPolling = true;
        entra.enterUserCode(userCode, "jo@contoso.com");
        entra.failNext({ status: 400, body: '{"error":"slow_down"}' });
      };
      const own = { ...options, tenantId: TENANT, clientId: "app", runtime: { sleep }, userPromptCallback };
      return outcomeOf(new library.DeviceCodeCredential(own).getToken(SCOPE));
    });
    assert.deepEqual(seen, { theirs: "AuthenticationRequiredError", ours: "a token" });
  },

  async "device code without `userPromptCallback`"() {
    const seen = await both(async ({ library, options }) => {
      const events: string[] = [];
      const written = mock.method(console, "log", () => {});
      const log = ({ event }: ours.LogEvent) => void events.push(event);
      const own = { ...options, tenantId: TENANT, clientId: "app", log };
      const controller = new AbortController();
      const { signal: abortSignal } = controller;
      const ended = outcomeOf(new library.DeviceCodeCredential(own).getToken(SCOPE, { abortSignal }));
      await untilTrue(() => written.mock.callCount() + events.length > 0);
      controller.abort();
      await ended;
      written.mock.restore();
      return [written.mock.callCount(), events[0]];
    });
    assert.deepEqual(seen, { theirs: [1, undefined], ours: [0, "sign-in-wanted"] });
  },

  async "concurrent calls before the first sign-in"() {
    const seen = await both(async ({ library, options, entra }) => {
      let prompts = 0;
      const userPromptCallback = ({ userCode }: { userCode: string }) => {
        prompts++;
        entra.enterUserCode(userCode, "jo@contoso.com");
      };
      const own = { ...options, tenantId: TENANT, clientId: "app", runtime: HURRIED, userPromptCallback };
      const credential = new library.DeviceCodeCredential(own);
      await Promise.all([credential.getToken(SCOPE), credential.getToken(SCOPE)]);
      return prompts;
    });
    assert.deepEqual(seen, { theirs: 2, ours: 1 });
  },

  async "sign-in with another account than that of the `authenticationRecord`"() {
    const seen = await both(async ({ library, options, entra }) => {
      const create = (user: string, more: object) => {
        const userPromptCallback = ({ userCode }: { userCode: string }) => entra.enterUserCode(userCode, user);
        const own = { ...options, tenantId: TENANT, clientId: "app", runtime: HURRIED, userPromptCallback };
        return new library.DeviceCodeCredential({ ...own, ...more });
      };
      const authenticationRecord = await create("jo@contoso.com", {}).authenticate(SCOPE);
      return await outcomeOf(create("al@contoso.com", { authenticationRecord }).getToken(SCOPE));
    });
    assert.deepEqual(seen, { theirs: "a token", ours: "AuthenticationError" });
  },

  async "processes of `az`"() {
    const seen = await both(({ library }) =>
      withAz(async () => {
        const credential = new library.AzureCliCredential();
        await Promise.all([credential.getToken(SCOPE), credential.getToken(SCOPE)]);
        await credential.getToken(SCOPE);
      })
    );
    assert.deepEqual([seen.theirs.length, seen.ours.length], [3, 1]);
  },

  async "`--tenant` and `--subscription` of `az`"() {
    const seen = await both(({ library }) =>
      withAz(async () => {
        const credential = new library.AzureCliCredential({ tenantId: TENANT, subscription: "production" });
        await outcomeOf(credential.getToken(SCOPE));
      })
    );
    const flagsOf = ([line]: string[]) => ["--tenant", "--subscription"].filter((flag) => line!.includes(flag));
    assert.deepEqual(flagsOf(seen.theirs), ["--tenant", "--subscription"]);
    assert.deepEqual(flagsOf(seen.ours), ["--subscription"]);
  },

  async "several scopes for `az`, PowerShell"() {
    const outcomes: string[] = [];
    const seen = await both(({ library }) =>
      withAz(async () => {
        outcomes.push(await outcomeOf(new library.AzureCliCredential().getToken([SCOPE, OTHER_SCOPE])));
      })
    );
    assert.deepEqual(outcomes, ["a token", "CredentialUnavailableError"]);
    assert.match(seen.theirs[0]!, /vault/);
    assert.deepEqual(seen.ours, []);
  },

  async "`tokenCachePersistenceOptions`"() {
    const seen = await both((side) =>
      constructed(() => withSecret(side, { tokenCachePersistenceOptions: { enabled: true } }))
    );
    assert.deepEqual(seen, { theirs: "Error", ours: "TypeError" });
  },

  async "`brokerOptions`"() {
    const seen = await both(({ library }) =>
      constructed(() =>
        new library.InteractiveBrowserCredential({
          brokerOptions: { enabled: true, parentWindowHandle: new Uint8Array(1) },
        })
      )
    );
    assert.deepEqual(seen, { theirs: "Error", ours: "TypeError" });
  },

  async "`httpClient`, `agent`, `proxyOptions`, `tlsOptions`, `additionalPolicies`"() {
    const options = {
      httpClient: httpClientOf(fetch),
      agent: {},
      proxyOptions: { host: "http://proxy", port: 8080 },
      tlsOptions: { ca: "a-certificate" },
      additionalPolicies: [{ policy: {}, position: "perCall" }],
    };
    for (const [name, value] of Object.entries(options)) {
      const seen = await both(({ library }) =>
        constructed(() => new library.ClientSecretCredential(TENANT, "app", "secret", { [name]: value }))
      );
      assert.deepEqual(seen, { theirs: "an object", ours: "TypeError" }, name);
    }
    for (const empty of [{ tlsOptions: {} }, { additionalPolicies: [] }]) {
      const seen = await both(({ library }) =>
        constructed(() => new library.ClientSecretCredential(TENANT, "app", "secret", empty as object))
      );
      assert.deepEqual(seen, { theirs: "an object", ours: "an object" });
    }
  },

  async "`HTTP_PROXY` without `HTTPS_PROXY`"() {
    // Without the user, each request is rejected.
    const proxy = await startTunnel("login.invalid", 9, { user: "user:password" });
    try {
      const seen = await both(async ({ library }) => {
        const before = proxy.requests.length;
        const options = { authorityHost: "https://login.invalid", disableInstanceDiscovery: true };
        const credential = new library.ClientSecretCredential(TENANT, "app", "secret", {
          ...options,
          retryOptions: { maxRetries: 0 },
        });
        assert.match(await outcomeOf(credential.getToken(SCOPE)), /Error$/);
        return proxy.requests.slice(before, before + 1);
      }, { env: { HTTP_PROXY: proxy.url } });
      assert.deepEqual(seen, { theirs: ["login.invalid:443"], ours: [] });
    } finally {
      await proxy.close();
    }
  },

  async "`loggingOptions`, `logger`"() {
    assert.equal(theirs.logger.info("a message"), undefined);
    assert.throws(() => ours.logger.info("a message"), { name: "TypeError", message: /pass the option "log"/ });
    const seen = await both((side) => constructed(() => withSecret(side, { loggingOptions: {} })));
    assert.deepEqual(seen, { theirs: "an object", ours: "an object" });
  },

  async "`userAgentOptions`, `telemetryOptions`"() {
    const seen = await both(async (side) => {
      await withSecret(side, { userAgentOptions: { userAgentPrefix: "my-app" } }).getToken(SCOPE);
      return side.entra.requests[0]!.headers["user-agent"]?.startsWith("my-app ") ?? false;
    });
    assert.deepEqual(seen, { theirs: true, ours: false });
  },

  async "`redirectOptions`"() {
    const seen = await both(async (side) => {
      side.entra.failNext("redirect");
      await outcomeOf(withSecret(side).getToken(SCOPE));
      return side.entra.requests.map(({ url }) => new URL(url).host);
    });
    assert.deepEqual(seen, {
      theirs: ["login.microsoftonline.com", "elsewhere.example"],
      ours: ["login.microsoftonline.com"],
    });
  },
};

/** Rows that another file tests with both libraries: the file, and a text in it. */
const ELSEWHERE: Readonly<Record<string, readonly [file: string, text: string]>> = {
  "AD FS": ["incumbent_wire_test.ts", '"AD FS, a certificate"'],
  "Azure Pipelines and assertions": ["incumbent_wire_test.ts", '"AzurePipelinesCredential, twice"'],
  "an identity that the source does not support": [
    "migration_cloud_shell_test.ts",
    '"an identity that the source does not support"',
  ],
  "certificate of Service Fabric": ["migration_service_fabric_test.ts", '"certificate of Service Fabric"'],
  "result pages of `InteractiveBrowserCredential`": [
    "migration_browser_test.ts",
    '"result pages of `InteractiveBrowserCredential`"',
  ],
  "`redirectUri` with a port, outside of a web page": [
    "migration_browser_test.ts",
    '"`redirectUri` with a port, outside of a web page"',
  ],
  "types and exports that are absent": ["drop_in_test.ts", '"docs/migration.md lists every missing export"'],
};

async function outcomeWithFault(fault: Parameters<Entra["failNext"]>[0]): Promise<ours.AuthenticationError> {
  const entra = createEntra(ENTRA);
  entra.failNext(fault);
  const credential = new ours.ClientSecretCredential(TENANT, "app", "secret", { env: {}, fetch: entra.fetch });
  return await credential.getToken(SCOPE).then(() => assert.fail("It returned a token"), (error) => error);
}

for (const [name, run] of Object.entries(ROWS)) test(name, run);

// The page is not in the npm package.
if (IN_DENO) {
  test("docs/migration.md has the rows that are tested, and no others", async () => {
    const page = await readFile(new URL("../../docs/migration.md", import.meta.url), "utf8");
    const tables = page.split(/^\| what \|.*\n\| --- .*\n/m).slice(1).map((text) => text.split("\n\n")[0]!);
    const rows = tables.flatMap((table) => table.split("\n").map((row) => row.split(" | ")[0]!.replace("| ", "")));
    assert.deepEqual(rows.filter((row) => row !== "").sort(), [...Object.keys(ROWS), ...Object.keys(ELSEWHERE)].sort());
    for (const [file, text] of Object.values(ELSEWHERE)) {
      assert.ok((await readFile(new URL(file, import.meta.url), "utf8")).includes(text), `${file}: ${text}`);
    }
    assert.ok(page.includes("`@azure/msal-node` " + version), version);
  });
}
