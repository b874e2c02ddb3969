// Runs a program that was written for `@azure/identity` with both libraries. types_test.ts compares the types.
import * as theirs from "@azure/identity";
import * as ours from "@azweb/identity";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { type Library, type Note, observe, type Options } from "../support/interop/side_by_side.ts";

const TENANT = "contoso.onmicrosoft.com";
const SCOPE = "https://storage.azure.com/.default";

const NO_MSAL =
  "MSAL's account cache and its plug-ins: this library has no MSAL, and caches tokens in the option `cache`";
const NO_BROKER = "It needs an authentication broker in native code";

/** The exports of `@azure/identity` that this library lacks, including types, with the reasons. */
const MISSING: Readonly<Record<string, string>> = {
  VisualStudioCodeCredentialOptions: NO_BROKER,
  BrokerAuthOptions: NO_BROKER,
  BrokerOptions: NO_BROKER,
  BrokerEnabledOptions: NO_BROKER,
  BrokerDisabledOptions: NO_BROKER,
  IdentityPlugin: NO_MSAL,
  CredentialPersistenceOptions: NO_MSAL,
  TokenCachePersistenceOptions: NO_MSAL,
};

test("every value that @azure/identity exports is exported or listed as missing", () => {
  const missing = Object.keys(theirs).filter((name) => !(name in ours));
  assert.deepEqual(missing.filter((name) => !(name in MISSING)), []);
});

test("every value and type that @azure/identity exports is exported or listed as missing", () => {
  const [theirNames, ourNames] = ["@azure/identity", "@azweb/identity"].map(declaredNames) as [string[], string[]];
  assert.deepEqual(theirNames.filter((name) => !ourNames.includes(name)).sort(), Object.keys(MISSING).sort());
});

test("an export that exists only so that imports succeed throws an error with the alternative", async () => {
  const { logger, useIdentityPlugin, VisualStudioCodeCredential } = ours;
  assert.throws(() => useIdentityPlugin(() => {}), {
    name: "TypeError",
    message: 'The plug-ins of @azure/identity are not supported: to persist tokens, use the option "cache"; brokers ' +
      "require native code",
  });
  for (const level of ["error", "warning", "info", "verbose"] as const) {
    assert.equal(typeof theirs.logger[level], "function");
    assert.throws(() => logger[level]("a message"), {
      name: "TypeError",
      message: 'The logger of @azure/identity is not supported: pass the option "log", a function, to each credential',
    });
  }
  const chain = new ours.ChainedTokenCredential(
    new VisualStudioCodeCredential({ tenantId: TENANT }),
    { getToken: () => Promise.resolve({ token: "a-token", expiresOnTimestamp: Date.now() + 3_600_000 }) },
  );
  assert.equal((await chain.getToken(SCOPE)).token, "a-token");
  const error = await new VisualStudioCodeCredential().getToken().catch((error) => error);
  assert.deepEqual([error.name, error.outcome], ["CredentialUnavailableError", "absent"]);
  assert.equal(
    error.message,
    "VisualStudioCodeCredential: Cannot get a token: It requires native code: Use AzureCliCredential, and run az login",
  );
});

const IN_DENO = "Deno" in globalThis;

// The page is not in the npm package.
if (IN_DENO) {
  test("docs/migration.md lists every missing export", async () => {
    const page = await readFile(new URL("../../docs/migration.md", import.meta.url), "utf8");
    assert.deepEqual(Object.keys(MISSING).filter((name) => !page.includes(`\`${name}\``)), []);
  });
}

test("a program behaves the same with its import changed", async () => {
  const notes: Partial<Record<"ours" | "theirs", Record<string, unknown>>> = {};
  await observe({
    entra: {
      apps: [
        { tenantId: TENANT, clientId: "app", secrets: ["secret"], allowPublicClient: true },
        { tenantId: "fabrikam.onmicrosoft.com", clientId: "app", secrets: ["secret"] },
      ],
      users: [{ tenantId: TENANT, username: "jo@contoso.com", password: "password" }],
    },
    env: { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: "app", AZURE_CLIENT_SECRET: "secret" },
    run: async (library, options) => {
      const seen: Record<string, unknown> = {};
      await program(library, options, (name, value) => seen[name] = value);
      notes[(library as unknown) === ours ? "ours" : "theirs"] = seen;
      return await new library.DefaultAzureCredential(options).getToken(SCOPE);
    },
  });
  assert.deepEqual({ ...notes.ours, ...DIFFERENT }, notes.theirs);
  assert.deepEqual(notes.ours, {
    "a subclass": { calls: 2, appid: "app" },
    "a bearer token provider": { aud: "https://cognitiveservices.azure.com" },
    "a user": { upn: "jo@contoso.com" },
    "an array of scopes": { aud: "https://storage.azure.com" },
    "another tenant": { tid: "fabrikam.onmicrosoft.com" },
    "another tenant, not allowed": "AuthenticationError",
    "cached": true,
    "a chain without an available credential": [
      "AggregateAuthenticationError",
      "Error",
      2,
      "CredentialUnavailableError",
    ],
    "a chain that continues": { appid: "app" },
    "an impossible tenant": "thrown",
    "no scope": "rejected",
    "authority hosts": {
      AzureChina: "https://login.chinacloudapi.cn",
      AzureGermany: "https://login.microsoftonline.de",
      AzureGovernment: "https://login.microsoftonline.us",
      AzurePublicCloud: "https://login.microsoftonline.com",
    },
  });
});

/** The outcomes with `@azure/identity` that differ from those with this library. */
const DIFFERENT: Readonly<Record<string, unknown>> = {
  // A tenant that is not allowed must not make a chain use another identity.
  "another tenant, not allowed": "CredentialUnavailableError",
};

/** The program, written for `@azure/identity`. */
async function program(library: Library, options: Options, note: Note): Promise<void> {
  const {
    AggregateAuthenticationError,
    AzureAuthorityHosts,
    ChainedTokenCredential,
    ClientSecretCredential,
    CredentialUnavailableError,
    DefaultAzureCredential,
    EnvironmentCredential,
    getBearerTokenProvider,
    UsernamePasswordCredential,
  } = library as typeof theirs;

  class Counting extends DefaultAzureCredential {
    calls = 0;
    override getToken(...args: Parameters<InstanceType<typeof DefaultAzureCredential>["getToken"]>) {
      this.calls++;
      return super.getToken(...args);
    }
  }
  const counting = new Counting(options);
  const first = await counting.getToken(SCOPE);
  const { appid } = claimsOf(first.token);
  note("cached", (await counting.getToken(SCOPE)).token === first.token);
  note("a subclass", { calls: counting.calls, appid });

  const getToken = getBearerTokenProvider(counting, "https://cognitiveservices.azure.com/.default");
  note("a bearer token provider", { aud: claimsOf(await getToken()).aud });

  const user = new UsernamePasswordCredential(TENANT, "app", "jo@contoso.com", "password", options);
  note("a user", { upn: claimsOf((await user.getToken("https://graph.microsoft.com/User.Read")).token).upn });

  const app = new ClientSecretCredential(TENANT, "app", "secret", {
    ...options,
    additionallyAllowedTenants: ["fabrikam.onmicrosoft.com"],
  });
  note("an array of scopes", { aud: claimsOf((await app.getToken([SCOPE])).token).aud });
  const elsewhere = await app.getToken(SCOPE, { tenantId: "fabrikam.onmicrosoft.com" });
  note("another tenant", { tid: claimsOf(elsewhere.token).tid });
  const refusal = await app.getToken(SCOPE, { tenantId: "another.onmicrosoft.com" }).catch((error) => error);
  note("another tenant, not allowed", refusal.name);

  class Unavailable {
    getToken(): Promise<null> {
      return Promise.reject(new CredentialUnavailableError("Not here"));
    }
  }
  const unavailable = new ChainedTokenCredential(new Unavailable(), new Unavailable());
  try {
    await unavailable.getToken(SCOPE);
  } catch (error) {
    if (error instanceof AggregateAuthenticationError && error instanceof Error) {
      note("a chain without an available credential", [error.name, "Error", error.errors.length, error.errors[0].name]);
    }
  }
  const chain = new ChainedTokenCredential(new Unavailable(), new EnvironmentCredential(options));
  note("a chain that continues", { appid: claimsOf((await chain.getToken(SCOPE)).token).appid });

  try {
    new ClientSecretCredential("not a tenant!", "app", "secret", options);
  } catch (error) {
    note("an impossible tenant", error instanceof Error && "thrown");
  }
  note("no scope", await app.getToken([]).then(() => "a token", (error) => error instanceof Error && "rejected"));
  note("authority hosts", { ...AzureAuthorityHosts });
}

/** Returns the names of a module's exports, including types. On Deno, those of this library are read in its source. */
function declaredNames(specifier: string): string[] {
  const path = fileURLToPath(import.meta.resolve(specifier)).replace(/\.js$/, ".d.ts");
  const program = ts.createProgram([path], { noLib: true, types: [], allowImportingTsExtensions: true, noEmit: true });
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(path)!)!;
  return checker.getExportsOfModule(module).map(({ name }) => name);
}

function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));
}
