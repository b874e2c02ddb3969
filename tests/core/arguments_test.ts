import {
  ChainedTokenCredential,
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  DefaultAzureCredential,
  EnvironmentCredential,
  getBearerTokenProvider,
  type TokenCredential,
  UsernamePasswordCredential,
} from "@azweb/identity";
import assert from "node:assert/strict";
import { test } from "node:test";
import { CERTIFICATE, KEY } from "../support/certificates/certificates.ts";
import { CLIENT, createService, failureOf, isolatedOptions, SCOPE, TENANT } from "../support/service.ts";

type Create = (...args: unknown[]) => TokenCredential;

interface Row {
  readonly name: string;
  readonly create: Create;
  /** The arguments before the options, by name, each with a valid value. */
  readonly good: Readonly<Record<string, unknown>>;
}

const CREDENTIALS: readonly Row[] = [
  {
    name: "ClientSecretCredential",
    create: (...args) => new ClientSecretCredential(...args as [string, string, string]),
    good: { tenantId: TENANT, clientId: CLIENT, clientSecret: "a-secret" },
  },
  {
    name: "ClientCertificateCredential",
    create: (...args) => new ClientCertificateCredential(...args as [string, string, string]),
    good: { tenantId: TENANT, clientId: CLIENT, configuration: { certificate: CERTIFICATE + KEY } },
  },
  {
    name: "ClientAssertionCredential",
    create: (...args) => new ClientAssertionCredential(...args as [string, string, () => Promise<string>]),
    good: { tenantId: TENANT, clientId: CLIENT, getAssertion: () => Promise.resolve("an.assertion.x") },
  },
  {
    name: "UsernamePasswordCredential",
    create: (...args) => new UsernamePasswordCredential(...args as [string, string, string, string]),
    good: { tenantId: TENANT, clientId: CLIENT, username: "jo@contoso.com", password: "a-password" },
  },
];
const WITHOUT_ARGUMENTS: readonly Row[] = [
  {
    name: "EnvironmentCredential",
    create: (...args) => new EnvironmentCredential(...args as [object]),
    good: {},
  },
  {
    name: "DefaultAzureCredential",
    create: (...args) => new DefaultAzureCredential(...args as [object]),
    good: {},
  },
];
const ALL = [...CREDENTIALS, ...WITHOUT_ARGUMENTS];

const NO_TEXT: readonly unknown[] = [undefined, null, "", " ", "\n", 0, 7, NaN, true, {}, [], ["text"], Symbol("text")];
const NO_TENANT = [
  ...NO_TEXT,
  ".",
  "..",
  "...",
  "a..b",
  "a.",
  "a b",
  " a",
  "a\n",
  "a/b",
  "x/../../evil",
  "..%2fevil",
  "a\\b",
  "a?b",
  "a#b",
  "a@b",
  "a:b",
  "tenänt",
  "a\0b",
  "https://login.microsoftonline.com",
];
const BAD: Readonly<Record<string, readonly unknown[]>> = {
  tenantId: NO_TENANT,
  clientId: [...NO_TEXT, "a b", " a", "a\n", "a\tb", "a\0b", "klient-ä"],
  configuration: [undefined, null, 0, true, {}, [], () => {}, { certificate: "" }, { certificatePath: 1 }, ""],
  getAssertion: [undefined, null, "", "an.assertion.x", {}, Promise.resolve("an.assertion.x")],
};

/** Returns a value as text for the title of a test, without calling it. */
function say(value: unknown): string {
  return typeof value === "object" && value !== null
    ? JSON.stringify(value)
    : typeof value === "string"
    ? `"${value}"`
    : String(value);
}

function argumentsOf(row: Row, changed: Readonly<Record<string, unknown>>, ...options: unknown[]): unknown[] {
  return [...Object.values({ ...row.good, ...changed }), ...options];
}

for (const row of CREDENTIALS) {
  test(`${row.name} accepts valid arguments, without options and with empty options`, () => {
    row.create(...argumentsOf(row, {}));
    row.create(...argumentsOf(row, {}, undefined));
    row.create(...argumentsOf(row, {}, {}));
  });

  for (const argument of Object.keys(row.good)) {
    test(`${row.name}: the constructor throws a TypeError that names an invalid "${argument}"`, () => {
      for (const value of BAD[argument] ?? NO_TEXT) {
        assert.throws(
          () => row.create(...argumentsOf(row, { [argument]: value })),
          (error: Error) => error.name === "TypeError" && error.message.startsWith(`Argument "${argument}" must `),
          say(value),
        );
      }
    });
  }
}

test("the error for an invalid argument does not contain it, because it may be a misplaced secret", () => {
  for (const row of CREDENTIALS) {
    for (const argument of Object.keys(row.good)) {
      for (const value of [["CANARY"], { CANARY: "CANARY" }, Symbol("CANARY"), "CANARY/../CANARY"]) {
        try {
          row.create(...argumentsOf(row, { [argument]: value }));
        } catch (error) {
          assert.doesNotMatch((error as Error).message, /CANARY/);
        }
      }
    }
  }
});

const BAD_OPTIONS: Readonly<Record<string, readonly unknown[]>> = {
  authorityHost: [
    null,
    "",
    7,
    {},
    "login.microsoftonline.com",
    "//login.microsoftonline.com",
    "http://login.microsoftonline.com",
    "http://localhost:8080",
    "ftp://login.microsoftonline.com",
    "javascript:alert(1)",
    "data:text/plain,a",
    "https://",
    "https://[a]",
    "https://user@login.microsoftonline.com",
    "https://user:CANARY@login.microsoftonline.com",
    "https://login.microsoftonline.com?a=b",
    "https://login.microsoftonline.com/#a",
    "https://login.microsoftonline.com:99999",
  ],
  additionallyAllowedTenants: [null, "*", 7, {}, [""], [null], [7], ["a b"], ["a/../b"], ["*", "x/y"]],
  retryOptions: [null, 3, "3", true],
  timeoutInMs: [null, -1, NaN, "60000", {}, true],
  fetch: [null, "fetch", {}, true],
  localFetch: [null, "fetch", {}, true],
  log: [null, "log", {}, true, []],
  waitUntil: [null, true, {}],
  env: [null, "A=B", 7, true],
  runtime: [null, "deno", 7, true],
  cache: [null, true, "cache", {}, { get() {} }, { set() {} }, { get: 1, set: 2, delete: 3 }],
};

test("the constructor throws a TypeError that names an invalid option", () => {
  for (const row of ALL) {
    for (const [option, values] of Object.entries(BAD_OPTIONS)) {
      for (const value of values) {
        assert.throws(
          () => row.create(...argumentsOf(row, {}, { [option]: value })),
          (error: Error) =>
            error.name === "TypeError" && error.message.includes(`${option}"`) && !error.message.includes("CANARY"),
          `${row.name}, ${option}, ${say(value)}`,
        );
      }
    }
  }
});

for (
  const [option, why] of [
    ["httpClient", 'use "fetch"'],
    ["agent", 'use "fetch"'],
    ["proxyOptions", 'use "fetch"'],
    ["tlsOptions", 'use "fetch"'],
    ["additionalPolicies", 'use "fetch"'],
    ["tokenCachePersistenceOptions", 'use "cache", which persists the tokens of apps; users sign in once per process'],
    ["brokerOptions", "it requires native code"],
  ] as const
) {
  test(`the constructor throws a TypeError with the next step for "${option}" of @azure/identity`, () => {
    for (const row of ALL) {
      for (const value of [{}, [], null, { enabled: true, host: "CANARY" }]) {
        assert.throws(() => row.create(...argumentsOf(row, {}, { [option]: value })), {
          name: "TypeError",
          message: `Option "${option}" of @azure/identity is not supported: ${why}`,
        }, row.name);
      }
      row.create(...argumentsOf(row, {}, { [option]: undefined }));
      row.create(...argumentsOf(row, {}, { [option]: { enabled: false } }));
    }
  });
}

test("options of @azure/identity that do not affect the token are accepted", () => {
  for (const row of ALL) {
    const unused = ["loggingOptions", "userAgentOptions", "telemetryOptions", "redirectOptions", "tracingOptions"];
    row.create(...argumentsOf(row, {}, Object.fromEntries(unused.map((name) => [name, {}]))));
  }
});

test("the constructor throws a TypeError that names an invalid member of retryOptions", () => {
  for (const member of ["maxRetries", "retryDelayInMs", "maxRetryDelayInMs"]) {
    for (const value of [null, -1, NaN, "3", {}, true]) {
      assert.throws(
        () => new ClientSecretCredential(TENANT, CLIENT, "a-secret", { retryOptions: { [member]: value } }),
        { name: "TypeError", message: `Option "retryOptions.${member}" must be a non-negative number` },
      );
    }
  }
});

test("the constructor throws a TypeError if the options are not an object", () => {
  for (const row of ALL) {
    for (const options of [null, 7, "options", true]) {
      assert.throws(
        () => row.create(...argumentsOf(row, {}, options)),
        (error: Error) => error.name === "TypeError" && error.message.startsWith('Argument "options" must '),
        `${row.name}, ${say(options)}`,
      );
    }
  }
});

test("an option that is undefined has its default", async () => {
  const names = [...Object.keys(BAD_OPTIONS), "allowInsecureLoopback", "disableInstanceDiscovery"];
  const absent = Object.fromEntries(names.map((name) => [name, undefined]));
  for (const row of ALL) row.create(...argumentsOf(row, {}, absent));
  const service = createService();
  const options = { ...absent, ...isolatedOptions(service) };
  await new ClientSecretCredential(TENANT, CLIENT, "a-secret", options).getToken(SCOPE);
  assert.equal(service.requests.length, 1);
});

test("valid options of every kind are accepted", () => {
  for (const row of ALL) {
    for (
      const options of [
        { authorityHost: "https://login.microsoftonline.us/" },
        { authorityHost: "https://adfs.contoso.com:8443/base" },
        { authorityHost: "http://127.0.0.1:8080", allowInsecureLoopback: true },
        { additionallyAllowedTenants: [] },
        { additionallyAllowedTenants: ["*"] },
        { additionallyAllowedTenants: ["contoso.onmicrosoft.com", TENANT] },
        { retryOptions: { maxRetries: 0, retryDelayInMs: 0, maxRetryDelayInMs: Infinity } },
        { timeoutInMs: Infinity },
        { cache: false },
        { cache: new Map() },
        { env: {} },
        { env: Object.create(null) },
        { runtime: {} },
      ]
    ) {
      row.create(...argumentsOf(row, {}, options));
    }
  }
});

test("a chain accepts one or more credentials, and nothing else", () => {
  const good = { getToken: () => Promise.resolve(null) };
  new ChainedTokenCredential(good);
  assert.throws(() => new ChainedTokenCredential(), { name: "TypeError", message: /at least one credential/ });
  for (const bad of [undefined, null, "credential", {}, [], { getToken: "a-token" }]) {
    assert.throws(() => new ChainedTokenCredential(good, bad as never), { name: "TypeError", message: /^Argument 2 / });
  }
});

const BAD_SCOPES: readonly unknown[] = [
  undefined,
  null,
  "",
  " ",
  7,
  true,
  {},
  [],
  [""],
  ["", ""],
  [SCOPE, ""],
  [undefined],
  [null],
  [7],
  [[SCOPE]],
  [SCOPE + " " + SCOPE],
  "a\tb",
  "a\nb",
  "a\0b",
  'a"b',
  "a\\b",
  "https://störage.azure.com/.default",
  { length: 1, 0: SCOPE },
  new Set([SCOPE]),
  new String(SCOPE),
  Symbol("scope"),
  10n,
];

test('invalid "scopes" reject with a TypeError that names them, and no request is sent', async () => {
  for (const row of CREDENTIALS) {
    const service = createService();
    const credential = row.create(...argumentsOf(row, {}, isolatedOptions(service)));
    for (const scopes of BAD_SCOPES) {
      const error = await failureOf(credential.getToken(scopes as string));
      assert.equal(error.name, "TypeError", say(scopes));
      assert.match(error.message, /"scopes"/);
    }
    assert.equal(service.requests.length, 0);
  }
});

test("scopes are a string, with one or several scopes, or an array; order and duplicates do not matter", async () => {
  const service = createService();
  const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(service));
  for (const scopes of ["a b", ["a", "b"], ["b", "a"], "b a", " a  b ", ["a", "b", "a"]]) {
    await credential.getToken(scopes);
  }
  assert.deepEqual(service.requests.map(({ form }) => form.scope), ["a b"]);
});

const BAD_CLAIMS: readonly unknown[] = ["x", "{", "null", "[]", "1", '"a"', "{} {}", 7, true, {}, [], () => "{}"];

test('invalid "claims" reject with a TypeError that names them; no request is sent, and the cached token remains', async () => {
  for (const row of CREDENTIALS) {
    for (const enableCae of [false, true]) {
      const service = createService();
      const credential = row.create(...argumentsOf(row, {}, isolatedOptions(service)));
      for (const claims of BAD_CLAIMS) {
        const error = await failureOf(credential.getToken(SCOPE, { claims: claims as string, enableCae }));
        assert.equal(error.name, "TypeError", say(claims));
        assert.match(error.message, /"claims"/);
      }
      assert.equal(service.requests.length, 0);
      await credential.getToken(SCOPE, { enableCae });
      assert.equal(service.requests.length, 1);
    }
  }
});

test("an invalid tenant of a call rejects with a TypeError that names it, whether a token is cached or not", async () => {
  for (const warm of [false, true]) {
    const service = createService();
    const options = { ...isolatedOptions(service), additionallyAllowedTenants: ["*"] };
    const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", options);
    if (warm) await credential.getToken(SCOPE);
    const asked = service.requests.length;
    for (const tenantId of NO_TENANT) {
      if (tenantId === undefined) continue;
      const error = await failureOf(credential.getToken(SCOPE, { tenantId: tenantId as string }));
      assert.equal(error.name, "TypeError", say(tenantId));
      assert.match(error.message, /"options\.tenantId"/);
    }
    assert.equal(service.requests.length, asked);
  }
});

test("invalid options of a call reject or are ignored; getToken never throws synchronously", async () => {
  const service = createService();
  const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(service));
  for (
    const options of [null, undefined, {}, { abortSignal: undefined }, { requestOptions: {} }, {
      requestOptions: undefined,
    }]
  ) {
    assert.equal((await credential.getToken(SCOPE, options as never)).token, "a-token");
  }
  for (const abortSignal of [{}, "signal", 7, { aborted: false }]) {
    const promise = credential.getToken("another", { abortSignal: abortSignal as never });
    assert.equal((await failureOf(promise)).name, "TypeError");
  }
});

test("a bearer token provider rejects if its credential returns no token", async () => {
  const provider = getBearerTokenProvider({ getToken: () => Promise.resolve(null) }, SCOPE);
  assert.equal((await failureOf(provider())).message, "The credential returned no token");
});

test('an app needs its own tenant: "common" and the like throw before any request', () => {
  for (const tenantId of ["common", "organizations", "Consumers"]) {
    for (const { name, create, good } of CREDENTIALS.filter(({ good }) => !("password" in good))) {
      if (!("tenantId" in good)) continue;
      const args = Object.values({ ...good, tenantId });
      assert.throws(() => create(...args), { name: "TypeError", message: /the app's own tenant/ }, name);
    }
  }
});
