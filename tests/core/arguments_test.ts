import {
  AuthorizationCodeCredential,
  AzureCliCredential,
  AzureDeveloperCliCredential,
  AzurePipelinesCredential,
  AzurePowerShellCredential,
  ChainedTokenCredential,
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  DefaultAzureCredential,
  DeviceCodeCredential,
  EnvironmentCredential,
  getBearerTokenProvider,
  InteractiveBrowserCredential,
  ManagedIdentityCredential,
  OnBehalfOfCredential,
  type TokenCredential,
  UsernamePasswordCredential,
  WorkloadIdentityCredential,
} from "@azweb/identity";
import assert from "node:assert/strict";
import { test } from "node:test";
import { CERTIFICATE, KEY } from "../support/certificates/certificates.ts";
import { CLIENT, createService, failureOf, isolatedOptions, SCOPE, TENANT } from "../support/service.ts";

type Create = (...args: unknown[]) => TokenCredential;

interface Row {
  readonly name: string;
  readonly create: Create;
  /** A valid value of each argument before the options, by its name. */
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

const INVALID_STRINGS: readonly unknown[] = [
  undefined,
  null,
  "",
  " ",
  "\n",
  0,
  7,
  NaN,
  true,
  {},
  [],
  ["text"],
  Symbol("text"),
];
const INVALID_TENANTS = [
  ...INVALID_STRINGS,
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
const INVALID_ARGUMENTS: Readonly<Record<string, readonly unknown[]>> = {
  tenantId: INVALID_TENANTS,
  clientId: [...INVALID_STRINGS, "a b", " a", "a\n", "a\tb", "a\0b", "klient-ä"],
  configuration: [undefined, null, 0, true, {}, [], () => {}, { certificate: "" }, { certificatePath: 1 }, ""],
  getAssertion: [undefined, null, "", "an.assertion.x", {}, Promise.resolve("an.assertion.x")],
};

/** Formats a value for the message of an assertion. */
function format(value: unknown): string {
  return typeof value === "object" && value !== null
    ? JSON.stringify(value)
    : typeof value === "string"
    ? `"${value}"`
    : String(value);
}

/** Returns the arguments for `create`: the valid ones, with those in `changed` replaced, and then the options. */
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
      for (const value of INVALID_ARGUMENTS[argument] ?? INVALID_STRINGS) {
        assert.throws(
          () => row.create(...argumentsOf(row, { [argument]: value })),
          (error: Error) => error.name === "TypeError" && error.message.startsWith(`Argument "${argument}" must `),
          format(value),
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

const INVALID_OPTIONS: Readonly<Record<string, readonly unknown[]>> = {
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
    for (const [option, values] of Object.entries(INVALID_OPTIONS)) {
      for (const value of values) {
        assert.throws(
          () => row.create(...argumentsOf(row, {}, { [option]: value })),
          (error: Error) =>
            error.name === "TypeError" && error.message.includes(`${option}"`) && !error.message.includes("CANARY"),
          `${row.name}, ${option}, ${format(value)}`,
        );
      }
    }
  }
});

for (
  const [option, advice] of [
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
    // An empty object or array has no effect and is accepted. But an `httpClient` or `agent` without own members is
    // rejected, because it may be an instance of a class.
    const empty = ["httpClient", "agent"].includes(option) ? [] : [{}, []];
    for (const row of ALL) {
      for (const value of [null, { enabled: true, host: "CANARY" }, [{}], ...empty.length === 0 ? [{}, []] : []]) {
        assert.throws(() => row.create(...argumentsOf(row, {}, { [option]: value })), {
          name: "TypeError",
          message: `Option "${option}" of @azure/identity is not supported: ${advice}`,
        }, row.name);
      }
      for (const value of [undefined, { enabled: false }, ...empty]) {
        row.create(...argumentsOf(row, {}, { [option]: value }));
      }
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
        `${row.name}, ${format(options)}`,
      );
    }
  }
});

test("an option that is undefined has its default", async () => {
  const names = [...Object.keys(INVALID_OPTIONS), "allowInsecureLoopback", "disableInstanceDiscovery"];
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

const INVALID_SCOPES: readonly unknown[] = [
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
    for (const scopes of INVALID_SCOPES) {
      const error = await failureOf(credential.getToken(scopes as string));
      assert.equal(error.name, "TypeError", format(scopes));
      assert.match(error.message, /"scopes"/);
    }
    assert.equal(service.requests.length, 0);
  }
});

test("scopes are a string of one or several scopes, or an array; their order and duplicates do not matter", async () => {
  const service = createService();
  const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(service));
  for (const scopes of ["a b", ["a", "b"], ["b", "a"], "b a", " a  b ", ["a", "b", "a"]]) {
    await credential.getToken(scopes);
  }
  assert.deepEqual(service.requests.map(({ form }) => form.scope), ["a b"]);
});

const INVALID_CLAIMS: readonly unknown[] = ["x", "{", "null", "[]", "1", '"a"', "{} {}", 7, true, {}, [], () => "{}"];

test('invalid "claims" reject with a TypeError that names them; no request is sent, and the cached token remains', async () => {
  for (const row of CREDENTIALS) {
    for (const enableCae of [false, true]) {
      const service = createService();
      const credential = row.create(...argumentsOf(row, {}, isolatedOptions(service)));
      for (const claims of INVALID_CLAIMS) {
        const error = await failureOf(credential.getToken(SCOPE, { claims: claims as string, enableCae }));
        assert.equal(error.name, "TypeError", format(claims));
        assert.match(error.message, /"claims"/);
      }
      assert.equal(service.requests.length, 0);
      await credential.getToken(SCOPE, { enableCae });
      assert.equal(service.requests.length, 1);
    }
  }
});

test("an invalid tenantId of getToken causes a TypeError that names the option, whether a token is cached or not", async () => {
  for (const isCached of [false, true]) {
    const service = createService();
    const options = { ...isolatedOptions(service), additionallyAllowedTenants: ["*"] };
    const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", options);
    if (isCached) await credential.getToken(SCOPE);
    const before = service.requests.length;
    for (const tenantId of INVALID_TENANTS) {
      if (tenantId === undefined) continue;
      const error = await failureOf(credential.getToken(SCOPE, { tenantId: tenantId as string }));
      assert.equal(error.name, "TypeError", format(tenantId));
      assert.match(error.message, /"options\.tenantId"/);
    }
    assert.equal(service.requests.length, before);
  }
});

test("invalid options of getToken are ignored or make its promise reject; getToken never throws synchronously", async () => {
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

test("the first argument of getBearerTokenProvider must be a credential", () => {
  for (const credential of [undefined, null, "a-token", {}, { credential: { getToken() {} }, scopes: SCOPE }]) {
    assert.throws(() => getBearerTokenProvider(credential as never, SCOPE), {
      name: "TypeError",
      message: 'Argument "credential" must be a credential, with the method "getToken"',
    });
  }
});

test("the constructor of an app's credential throws for a tenant such as \"common\", which is not the app's own", () => {
  for (const tenantId of ["common", "organizations", "Consumers"]) {
    for (const { name, create, good } of CREDENTIALS.filter(({ good }) => !("password" in good))) {
      if (!("tenantId" in good)) continue;
      const args = Object.values({ ...good, tenantId });
      assert.throws(() => create(...args), { name: "TypeError", message: /the app's own tenant/ }, name);
    }
  }
});

test("one object in place of the arguments causes a TypeError that lists the arguments", () => {
  const all = { tenantId: TENANT, clientId: CLIENT, clientSecret: "CANARY" };
  const usages: Readonly<Record<string, Create>> = {
    "ClientSecretCredential(tenantId, clientId, clientSecret, options)": CREDENTIALS[0]!.create,
    "ClientCertificateCredential(tenantId, clientId, configuration, options)": CREDENTIALS[1]!.create,
    "ClientAssertionCredential(tenantId, clientId, getAssertion, options)": CREDENTIALS[2]!.create,
    "UsernamePasswordCredential(tenantId, clientId, username, password, options)": CREDENTIALS[3]!.create,
    "AuthorizationCodeCredential(tenantId, clientId, clientSecret, authorizationCode, redirectUri, options)": (
      ...args
    ) => new AuthorizationCodeCredential(...args as [string, string, string, string]),
    "AzurePipelinesCredential(tenantId, clientId, serviceConnectionId, systemAccessToken, options)": (...args) =>
      new AzurePipelinesCredential(...args as [string, string, string, string]),
  };
  for (const [usage, create] of Object.entries(usages)) {
    const message = `Argument "tenantId" must be a string, not an object: Call new ${usage}`;
    assert.throws(() => create(all), { name: "TypeError", message }, usage);
  }
});

test("an array of credentials causes a TypeError that suggests separate arguments", () => {
  const credential = { getToken: () => Promise.resolve(null) };
  assert.throws(() => new ChainedTokenCredential([credential] as never), {
    name: "TypeError",
    message: 'Argument 1 of ChainedTokenCredential must be a credential, with a method "getToken", not an array: ' +
      "Pass the credentials as separate arguments",
  });
});

test('"exclude" must be an array', () => {
  for (const exclude of ["AzureCliCredential", "", null, {}, 7, new Set(["AzureCliCredential"])]) {
    assert.throws(() => new DefaultAzureCredential({ env: {}, exclude: exclude as never }), {
      name: "TypeError",
      message: 'Option "exclude" must be an array of names, such as ["AzureCliCredential"]',
    });
  }
  for (const name of [undefined, 7, Symbol("name"), "AzureCli"]) {
    assert.throws(() => new DefaultAzureCredential({ env: {}, exclude: [name] as never }), {
      name: "TypeError",
      message: /^Option "exclude" must name credentials of "EnvironmentCredential", /,
    });
  }
});

const BASE = { tenantId: TENANT, clientId: CLIENT };
/** Credentials with the names of their options, without those of every credential (`COMMON`). */
const BY_OPTIONS: readonly (readonly [name: string, create: (options: object) => unknown, own: string])[] = [
  ...CREDENTIALS.map((row) =>
    [
      row.name,
      (options: object) => row.create(...argumentsOf(row, {}, options)),
      row.name === "ClientCertificateCredential" ? "sendCertificateChain" : "",
    ] as const
  ),
  ["EnvironmentCredential", (options) => new EnvironmentCredential(options), ""],
  [
    "DefaultAzureCredential",
    (options) => new DefaultAzureCredential(options),
    "tenantId exclude includeInteractiveBrowser interactiveBrowserClientId loginHint requiredEnvVars probeTimeoutInMs " +
    "processTimeoutInMs managedIdentityClientId managedIdentityResourceId workloadIdentityClientId " +
    "browserCustomizationOptions",
  ],
  [
    "ManagedIdentityCredential",
    (options) => new ManagedIdentityCredential(options),
    "clientId objectId resourceId probeTimeoutInMs",
  ],
  [
    "WorkloadIdentityCredential",
    (options) => new WorkloadIdentityCredential(options),
    "tenantId clientId tokenFilePath enableAzureProxy",
  ],
  [
    "OnBehalfOfCredential",
    (options) => new OnBehalfOfCredential({ ...BASE, userAssertionToken: "a-token", clientSecret: "a", ...options }),
    "certificatePath sendCertificateChain getAssertion",
  ],
  [
    "DeviceCodeCredential",
    (options) => new DeviceCodeCredential(options),
    "tenantId clientId userPromptCallback authenticationRecord disableAutomaticAuthentication",
  ],
  [
    "InteractiveBrowserCredential",
    (options) => new InteractiveBrowserCredential({ ...BASE, ...options, ...{ clientId: CLIENT } }),
    "redirectUri loginHint domainHint loginStyle browserCustomizationOptions authenticationRecord",
  ],
  ["AzureCliCredential", (options) => new AzureCliCredential(options), "tenantId processTimeoutInMs subscription"],
  ["AzurePowerShellCredential", (options) => new AzurePowerShellCredential(options), "tenantId processTimeoutInMs"],
  ["AzureDeveloperCliCredential", (options) => new AzureDeveloperCliCredential(options), "tenantId processTimeoutInMs"],
];
const COMMON = "authorityHost allowInsecureLoopback additionallyAllowedTenants disableInstanceDiscovery retryOptions " +
  "env fetch localFetch cache waitUntil timeoutInMs log runtime";

/** Returns misspellings of the name of an option. */
function misspell(name: string): string[] {
  const capitals = name.replace(/Id$/, "ID").replace(/Ms$/, "MS").replace(/Uri$/, "URI");
  const cases = [name.toUpperCase(), name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), capitals];
  const one = name.length >= 6 ? [`${name}s`, name.slice(0, -1), `${name.slice(0, 2)}x${name.slice(3)}`] : [];
  const two = name.length >= 10 ? [`${name}es`, name.slice(0, 1) + name[2] + name[1] + name.slice(3)] : [];
  return [...cases, ...one, ...two].filter((other) => other !== name);
}

for (const [credential, create, own] of BY_OPTIONS) {
  test(`${credential}: a misspelt option causes a TypeError that suggests the right name`, () => {
    for (const name of [...COMMON.split(" "), ...own.split(" ").filter(Boolean)]) {
      for (const wrong of misspell(name)) {
        assert.throws(() => create({ [wrong]: "CANARY" }), {
          name: "TypeError",
          message: `Option "${wrong}" is unknown: Did you mean "${name}"?`,
        }, wrong);
      }
    }
  });
}

test("a misspelt member of retryOptions causes a TypeError that suggests the right name", () => {
  assert.throws(() => new EnvironmentCredential({ retryOptions: { maxretries: 1 } as object }), {
    name: "TypeError",
    message: 'Option "maxretries" is unknown: Did you mean "maxRetries"?',
  });
});

test("the error truncates the name of a misspelt option", () => {
  assert.throws(() => new EnvironmentCredential({ [`timeoutInM${"_".repeat(1_000_000)}`]: 1 }), {
    name: "TypeError",
    message: `Option "timeoutInM${"_".repeat(40)}" is unknown: Did you mean "timeoutInMs"?`,
  });
});

test("a misspelt option of getToken causes a TypeError that suggests the right name; other unknown ones are ignored", async () => {
  const service = createService();
  const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(service));
  for (const [wrong, meant] of [["enableCAE", "enableCae"], ["tenantID", "tenantId"], ["abortsignal", "abortSignal"]]) {
    const error = await failureOf(credential.getToken(SCOPE, { [wrong!]: "CANARY" } as object));
    assert.deepEqual([error.name, error.message], [
      "TypeError",
      `Option "${wrong}" is unknown: Did you mean "${meant}"?`,
    ]);
  }
  assert.equal(service.requests.length, 0);
  const others = { proofOfPossessionOptions: {}, serializerOptions: {}, onResponse() {}, tracingContext: {} };
  await credential.getToken(SCOPE, others as object);
});

test("an unknown option is ignored if it resembles no option, is undefined, or the option that it resembles is set", () => {
  const unknown = [
    "appId",
    "name",
    "key",
    "scope",
    "logger",
    "apiVersion",
    "project",
    "subjectId",
    "timeout",
    "id",
    "",
  ];
  const others = ["allowInsecureConnection", "tracingOptions", "redirectOptions", "requestPolicies", "serviceVersion"];
  for (const [credential, create, own] of BY_OPTIONS) {
    for (const name of [...unknown, ...others]) {
      assert.doesNotThrow(() => create({ [name]: 1 }), `${credential}, ${name}`);
    }
    assert.doesNotThrow(() => create({ Log: 1, log() {}, authorityhost: undefined }), credential);
    // Programs pass the same options to several credentials.
    for (const name of BY_OPTIONS.flatMap(([, , names]) => names.split(" "))) {
      if (own.split(" ").includes(name) || credential === "InteractiveBrowserCredential") continue;
      if (credential === "OnBehalfOfCredential" || name === "") continue;
      assert.doesNotThrow(() => create({ [name]: undefined, [`${name}Other`]: 1 }), `${credential}, ${name}`);
    }
  }
});
