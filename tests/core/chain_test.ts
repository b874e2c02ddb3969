import {
  type AccessToken,
  AuthenticationError,
  ChainedTokenCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  type CredentialOptions,
  CredentialUnavailableError,
  DefaultAzureCredential,
  EnvironmentCredential,
  type GetTokenOptions,
  type LogEvent,
  type TokenCredential,
} from "@azweb/identity";
import { createEntra, type EntraOptions, StaticCredential } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { CERTIFICATE, KEY, KEY_ENCRYPTED, PASSWORD } from "../support/certificates/certificates.ts";
import { NAMES } from "../support/developer_tools/laptop.ts";
import { CLIENT, createService, failureOf, isolatedOptions, SCOPE, TENANT } from "../support/service.ts";

/** Creates a credential that returns or rejects with the results in order, and then repeats the last one. */
function createLink(...results: unknown[]): TokenCredential & { calls: [unknown, unknown][] } {
  const calls: [unknown, unknown][] = [];
  return {
    calls,
    getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken | null> {
      calls.push([scopes, options]);
      const result = results.length > 1 ? results.shift() : results[0];
      return result instanceof Error ? Promise.reject(result) : Promise.resolve(result as AccessToken | null);
    },
  };
}

function tokenOf(token: string): AccessToken {
  return { token, expiresOnTimestamp: 9e15 };
}

const unavailable = new CredentialUnavailableError("Not here", { outcome: "absent" });

test("calls the credentials in order, with the arguments of the call, until one returns a token", async () => {
  const links = [createLink(unavailable), createLink(null), createLink(tokenOf("a")), createLink(tokenOf("b"))];
  const chain = new ChainedTokenCredential(...links);
  const options = { tenantId: "x", claims: "{}" };
  assert.equal((await chain.getToken([SCOPE], options)).token, "a");
  assert.deepEqual(links.map(({ calls }) => calls.length), [1, 1, 1, 0]);
  assert.deepEqual(links[2]!.calls[0], [[SCOPE], options]);
});

test("selects the first credential with a token if all earlier ones are absent: later calls use only it, even if it fails", async () => {
  const later = new CredentialUnavailableError("Gone");
  const links = [createLink(unavailable), createLink(tokenOf("a"), later, tokenOf("a2")), createLink(tokenOf("b"))];
  const chain = new ChainedTokenCredential(...links);
  await chain.getToken(SCOPE);
  assert.equal(await failureOf(chain.getToken(SCOPE)), later);
  assert.equal((await chain.getToken(SCOPE)).token, "a2");
  assert.deepEqual(links.map(({ calls }) => calls.length), [1, 3, 0]);
});

test("each chain selects its own credential", async () => {
  const links = [createLink(tokenOf("a")), createLink(tokenOf("b"))];
  await new ChainedTokenCredential(links[0]!).getToken(SCOPE);
  assert.equal((await new ChainedTokenCredential(links[1]!).getToken(SCOPE)).token, "b");
});

test("concurrent calls select the same credential, so that a program never changes its identity", async () => {
  const notYet = new CredentialUnavailableError("Not yet", { outcome: "absent" });
  // The first credential is absent for the first call, and available for the second.
  const links = [createLink(notYet, tokenOf("a")), createLink(tokenOf("b"))];
  const chain = new ChainedTokenCredential(...links);
  const tokens = await Promise.all(Array.from({ length: 20 }, () => chain.getToken(SCOPE)));
  assert.equal(new Set(tokens.map(({ token }) => token)).size, 1);
  assert.equal((await chain.getToken(SCOPE)).token, tokens[0]!.token);
});

test("stops at a credential that fails, and rejects with its error unchanged", async () => {
  for (
    const refusal of [
      new AuthenticationError("Refused", { statusCode: 401 }),
      new TypeError("Programming error"),
      new RangeError("Another"),
      Object.assign(new Error("Of another package"), { name: "AuthenticationError" }),
      new DOMException("Left", "AbortError"),
    ]
  ) {
    const links = [createLink(unavailable), createLink(refusal), createLink(tokenOf("b"))];
    assert.equal(await failureOf(new ChainedTokenCredential(...links).getToken(SCOPE)) as unknown, refusal);
    assert.deepEqual(links.map(({ calls }) => calls.length), [1, 1, 0]);
  }
});

test("starts from the first credential after a failure", async () => {
  const links = [createLink(new AuthenticationError("Refused"), tokenOf("a")), createLink(tokenOf("b"))];
  const chain = new ChainedTokenCredential(...links);
  await failureOf(chain.getToken(SCOPE));
  assert.equal((await chain.getToken(SCOPE)).token, "a");
});

test("treats a credential that throws like one that rejects", async () => {
  const chain = new ChainedTokenCredential({
    getToken() {
      throw unavailable;
    },
  }, new StaticCredential("b"));
  assert.equal((await chain.getToken(SCOPE)).token, "b");
});

test("recognises an unavailable credential by the name of its error, which may come from another copy, package or realm", async () => {
  for (const name of ["CredentialUnavailableError", "AuthenticationRequiredError", "AggregateAuthenticationError"]) {
    for (
      const reason of [
        Object.assign(new Error("Foreign"), { name }),
        { name, message: "Foreign" },
        { name },
        Object.create(null, { name: { value: name } }),
      ]
    ) {
      const link = { getToken: () => Promise.reject(reason) };
      assert.equal((await new ChainedTokenCredential(link, new StaticCredential("b")).getToken(SCOPE)).token, "b");
      const error = await failureOf(new ChainedTokenCredential(link).getToken(SCOPE));
      assert.equal(error.name, "AggregateAuthenticationError");
      assert.equal((error.errors as unknown[])[0], reason);
    }
  }
});

test("stops at a credential that rejects with a value that is not an error", async () => {
  for (const reason of [undefined, null, "CredentialUnavailableError", 7, {}]) {
    const link = { getToken: () => Promise.reject(reason) };
    const chain = new ChainedTokenCredential(link, new StaticCredential("b"));
    assert.equal(await chain.getToken(SCOPE).then(() => "a token", (error) => error), reason);
  }
});

test("rejects with the reason of each credential, in order, if none is available", async () => {
  const chain = new ChainedTokenCredential(
    createLink(new CredentialUnavailableError("One\nand more")),
    createLink(null),
    createLink(new CredentialUnavailableError("Three", { outcome: "absent", nextStep: "Try a fourth" })),
    { getToken: () => Promise.reject({ name: "CredentialUnavailableError" }) },
    createLink(new CredentialUnavailableError("Five", { outcome: "not-for-this-call" })),
  );
  const error = await failureOf(chain.getToken(SCOPE));
  assert.equal(error.name, "AggregateAuthenticationError");
  assert.equal(
    error.message.replaceAll(/ \d+ ms /g, " 0 ms "),
    [
      "ChainedTokenCredential: Cannot get a token: No credential is available",
      "credential    outcome            time  reason and next step",
      "credential 1  inconclusive       0 ms  One",
      "  and more",
      "credential 2  inconclusive       0 ms  credential 2 returned no token",
      "credential 3  absent             0 ms  Three",
      "  → Try a fourth",
      "credential 4  inconclusive       0 ms  The error has no message",
      "credential 5  not for this call  0 ms  Five",
    ].join("\n  "),
  );
  assert.equal((error.errors as unknown[]).length, 5);
});

test("rejects if every credential returns null or undefined", async () => {
  for (const nothing of [null, undefined]) {
    const error = await failureOf(new ChainedTokenCredential(createLink(nothing), createLink(nothing)).getToken(SCOPE));
    assert.equal(error.name, "AggregateAuthenticationError");
    assert.match(error.message, /No credential is available/);
    assert.deepEqual((error.errors as Error[]).map(({ message }) => message), [
      "credential 1 returned no token",
      "credential 2 returned no token",
    ]);
  }
});

test("tries the next credential if none of a nested chain is available, and stops if a nested chain fails", async () => {
  const inner = new ChainedTokenCredential(
    createLink(unavailable),
    createLink(new CredentialUnavailableError("Neither")),
  );
  const outer = new ChainedTokenCredential(inner, new StaticCredential("b"));
  assert.equal((await outer.getToken(SCOPE)).token, "b");
  const error = await failureOf(new ChainedTokenCredential(inner).getToken(SCOPE));
  assert.match(error.message, /Not here[^]*Neither/);
  const refusal = new AuthenticationError("Refused");
  const refused = new ChainedTokenCredential(
    new ChainedTokenCredential(createLink(refusal)),
    new StaticCredential("b"),
  );
  assert.equal(await failureOf(refused.getToken(SCOPE)) as unknown, refusal);
});

test("a subclass can override getToken", async () => {
  class Mine extends ChainedTokenCredential {
    override getToken(): Promise<AccessToken> {
      return Promise.resolve(tokenOf("mine"));
    }
  }
  assert.equal((await new Mine(createLink(tokenOf("a"))).getToken()).token, "mine");
});

// EnvironmentCredential

const APP: EntraOptions = {
  apps: [{
    tenantId: TENANT,
    clientId: CLIENT,
    secrets: ["a-secret"],
    certificates: [CERTIFICATE],
    allowPublicClient: true,
  }],
  users: [{ tenantId: TENANT, username: "jo@contoso.com", password: "a-password" }],
};
const ID = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT };
const SECRET = { AZURE_CLIENT_SECRET: "a-secret" };
const PATH = { AZURE_CLIENT_CERTIFICATE_PATH: "/app.pem" };
const USER = { AZURE_USERNAME: "jo@contoso.com", AZURE_PASSWORD: "a-password" };
const FILES: Readonly<Record<string, string>> = {
  "/app.pem": CERTIFICATE + KEY,
  "/encrypted.pem": CERTIFICATE + KEY_ENCRYPTED,
};

function createEnvironmentCredential(env: Record<string, unknown>, options: CredentialOptions = {}) {
  const entra = createEntra(APP);
  const readTextFile = (path: string) =>
    path in FILES ? Promise.resolve(FILES[path]!) : Promise.reject(new Error("No such file"));
  const all: CredentialOptions = { ...isolatedOptions(entra), env, runtime: { readTextFile }, ...options };
  return { entra, credential: new EnvironmentCredential(all), options: all };
}

/** Returns the kind of the credential that sent a token request. */
function kindOf(form: Readonly<Record<string, string>>): string {
  if (form.grant_type === "password") return "user";
  return form.client_assertion ? "certificate" : "secret";
}

for (
  const [variables, kind] of [
    [{ ...ID, ...SECRET }, "secret"],
    [{ ...ID, ...SECRET, ...PATH, ...USER }, "secret"],
    [{ ...ID, ...PATH }, "certificate"],
    [{ ...ID, ...PATH, ...USER }, "certificate"],
    [{ ...ID, ...PATH, AZURE_CLIENT_SECRET: "" }, "certificate"],
    [
      { ...ID, AZURE_CLIENT_CERTIFICATE_PATH: "/encrypted.pem", AZURE_CLIENT_CERTIFICATE_PASSWORD: PASSWORD },
      "certificate",
    ],
    [{ ...ID, ...PATH, AZURE_CLIENT_CERTIFICATE_PASSWORD: "" }, "certificate"],
    [{ ...ID, ...USER }, "user"],
    [{ ...ID, ...USER, AZURE_CLIENT_SECRET: "", AZURE_CLIENT_CERTIFICATE_PATH: "" }, "user"],
    [{ ...ID, ...SECRET, AZURE_USERNAME: "jo@contoso.com" }, "secret"],
    [{ ...ID, ...SECRET, AZURE_CLIENT_CERTIFICATE_PATH: 7, BINDING: {} }, "secret"],
  ] as [Record<string, unknown>, string][]
) {
  test(`EnvironmentCredential uses a ${kind} with ${Object.keys(variables).join(", ")}`, async () => {
    const { entra, credential } = createEnvironmentCredential(variables);
    const { token } = await credential.getToken(SCOPE);
    assert.equal((await entra.verify(token)).appid, CLIENT);
    assert.equal(kindOf(entra.requests[0]!.form), kind);
  });
}

const { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_USERNAME, AZURE_PASSWORD } = { ...ID, ...USER };

const NO_CLIENT_AUTH = "AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH is not set";

for (
  const [variables, reason] of [
    [{}, "None of its variables is set"],
    [{ AZURE_TENANT_ID }, `AZURE_CLIENT_ID is not set, ${NO_CLIENT_AUTH} (set: AZURE_TENANT_ID)`],
    [{ AZURE_CLIENT_ID }, `AZURE_TENANT_ID is not set, ${NO_CLIENT_AUTH} (set: AZURE_CLIENT_ID)`],
    [SECRET, "AZURE_TENANT_ID is not set, AZURE_CLIENT_ID is not set (set: AZURE_CLIENT_SECRET)"],
    [ID, `${NO_CLIENT_AUTH} (set: AZURE_TENANT_ID, AZURE_CLIENT_ID)`],
    [{ ...ID, AZURE_CLIENT_SECRET: "" }, "AZURE_CLIENT_SECRET is empty (set: AZURE_TENANT_ID, AZURE_CLIENT_ID)"],
    [{ AZURE_TENANT_ID, ...SECRET }, "AZURE_CLIENT_ID is not set (set: AZURE_TENANT_ID, AZURE_CLIENT_SECRET)"],
    [{ AZURE_CLIENT_ID, ...SECRET }, "AZURE_TENANT_ID is not set (set: AZURE_CLIENT_ID, AZURE_CLIENT_SECRET)"],
    [
      { AZURE_TENANT_ID: "", AZURE_CLIENT_ID, ...SECRET },
      "AZURE_TENANT_ID is empty (set: AZURE_CLIENT_ID, AZURE_CLIENT_SECRET)",
    ],
    [{ AZURE_TENANT_ID, ...PATH }, "AZURE_CLIENT_ID is not set (set: AZURE_TENANT_ID, AZURE_CLIENT_CERTIFICATE_PATH)"],
    [{ ...ID, AZURE_USERNAME }, "AZURE_PASSWORD is not set (set: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_USERNAME)"],
    [{ ...ID, AZURE_PASSWORD }, "AZURE_USERNAME is not set (set: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_PASSWORD)"],
    [{ ...ID, AZURE_CLIENT_CERTIFICATE_PASSWORD: "x" }, `${NO_CLIENT_AUTH} (set: AZURE_TENANT_ID, AZURE_CLIENT_ID)`],
    [USER, "AZURE_TENANT_ID is not set, AZURE_CLIENT_ID is not set (set: AZURE_USERNAME, AZURE_PASSWORD)"],
    [{ ...ID, AZURE_CLIENT_SECRET: 7 }, `${NO_CLIENT_AUTH} (set: AZURE_TENANT_ID, AZURE_CLIENT_ID)`],
  ] as [Record<string, unknown>, string][]
) {
  test(`EnvironmentCredential is unavailable with ${Object.keys(variables).join(", ") || "no variables"}: the error lists missing variables, then those that are set`, async () => {
    const { entra, credential } = createEnvironmentCredential(variables);
    const error = await failureOf(credential.getToken(SCOPE));
    assert.equal(error.name, "CredentialUnavailableError");
    assert.equal(
      error.message,
      `EnvironmentCredential: Cannot find a service principal or a user: ${reason}: Set AZURE_TENANT_ID, AZURE_CLIENT_ID ` +
        "and one of AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH, AZURE_USERNAME with AZURE_PASSWORD",
    );
    assert.doesNotMatch(error.message, /a-secret|a-password|jo@/);
    assert.equal(entra.requests.length, 0);
  });
}

for (
  const [variables, complaint] of [
    [
      { AZURE_TENANT_ID: "x/../evil", AZURE_CLIENT_ID, ...SECRET },
      "AZURE_TENANT_ID: It must be the id or the domain name of a tenant",
    ],
    [
      { AZURE_TENANT_ID: `"${TENANT}"`, AZURE_CLIENT_ID, ...PATH },
      `AZURE_TENANT_ID: It must be the id or the domain name of a tenant`,
    ],
    [
      { AZURE_TENANT_ID: "a b", AZURE_CLIENT_ID, ...USER },
      "AZURE_TENANT_ID: It must be the id or the domain name of a tenant",
    ],
    [
      { AZURE_TENANT_ID: " ", AZURE_CLIENT_ID, ...SECRET },
      "AZURE_TENANT_ID: It must be the id or the domain name of a tenant",
    ],
    [
      { AZURE_TENANT_ID: "Common", AZURE_CLIENT_ID, ...SECRET },
      'AZURE_TENANT_ID: It must be the app\'s own tenant, not "Common"',
    ],
    [
      { AZURE_TENANT_ID: "organizations", AZURE_CLIENT_ID, ...PATH },
      "AZURE_TENANT_ID: It must be the app's own tenant",
    ],
    [
      { AZURE_TENANT_ID, AZURE_CLIENT_ID: " ", ...SECRET },
      "AZURE_CLIENT_ID: It must be a non-empty string",
    ],
    ...[SECRET, PATH, USER].map((variables) => [
      { AZURE_TENANT_ID, AZURE_CLIENT_ID: "my client", ...variables },
      "AZURE_CLIENT_ID: It must be the client id of an app, and contains a blank",
    ]),
    ...[
      [`${CLIENT}\r\n`, "a carriage return"],
      [`${CLIENT}\n`, "a line feed"],
      [`\uFEFF${CLIENT}`, "a byte order mark"],
      [`"${CLIENT}"`, "a quotation mark"],
      [`'${CLIENT}'`, "a quotation mark"],
      [`“${CLIENT}”`, "a quotation mark"],
      [`${CLIENT}\u00A0`, "a blank"],
      [`${CLIENT}\u200B`, "a zero-width space"],
      [`${CLIENT}ä`, "an invalid character"],
    ].map(([id, character]) => [
      { AZURE_TENANT_ID, AZURE_CLIENT_ID: id, ...SECRET },
      `AZURE_CLIENT_ID: It must be the client id of an app, and contains ${character}`,
    ]),
    ...[
      [`${TENANT}\r`, "a carriage return"],
      [`\uFEFF${TENANT}`, "a byte order mark"],
      [`"${TENANT}"`, "a quotation mark"],
    ].map(([id, character]) => [
      { AZURE_TENANT_ID: id, AZURE_CLIENT_ID, ...SECRET },
      "AZURE_TENANT_ID: It must be the id or the domain name of a tenant (letters, digits, dots, hyphens; the Entra " +
      `admin center shows it under Overview), and contains ${character}`,
    ]),
    ...[
      ["/app.pem\r", "a carriage return"],
      ['"/app.pem"', "a quotation mark"],
    ].map(([path, character]) => [
      { ...ID, AZURE_CLIENT_CERTIFICATE_PATH: path },
      `AZURE_CLIENT_CERTIFICATE_PATH: It must be the path of a PEM file, and contains ${character}`,
    ]),
    [
      { ...ID, AZURE_CLIENT_SECRET: "\n" },
      "AZURE_CLIENT_SECRET: It must be a non-empty string",
    ],
    [
      { ...ID, AZURE_USERNAME: " ", AZURE_PASSWORD: "a-password" },
      "AZURE_USERNAME: It must be a non-empty string",
    ],
    [
      { ...ID, AZURE_USERNAME: "jo@contoso.com", AZURE_PASSWORD: " " },
      "AZURE_PASSWORD: It must be a non-empty string",
    ],
    [
      { ...ID, ...SECRET, AZURE_ADDITIONALLY_ALLOWED_TENANTS: "*;b/c" },
      "AZURE_ADDITIONALLY_ALLOWED_TENANTS: It must be the id or the domain name of a tenant",
    ],
    [
      { ...ID, AZURE_CLIENT_CERTIFICATE_PATH: " " },
      "AZURE_CLIENT_CERTIFICATE_PATH: It must be a non-empty string",
    ],
    [
      { ...ID, ...PATH, AZURE_CLIENT_CERTIFICATE_PASSWORD: " " },
      "AZURE_CLIENT_CERTIFICATE_PASSWORD: It must be a non-empty string",
    ],
    ...["Abc8Q~a-secret-in-the-wrong-place", "YSBzZWNyZXQ+Cg==", "a b".repeat(34), `\n${KEY}`].map((secret) => [
      { ...ID, ...SECRET, AZURE_TENANT_ID: secret },
      "AZURE_TENANT_ID: It must be the id or the domain name of a tenant",
    ]),
    ...[CERTIFICATE + KEY, KEY.replaceAll("\n", "\\n")].map((pem) => [
      { ...ID, AZURE_CLIENT_CERTIFICATE_PATH: pem },
      "AZURE_CLIENT_CERTIFICATE_PATH: It must be the path of a PEM file, not its content",
    ]),
  ] as [Record<string, string>, string][]
) {
  test(`an invalid variable ends a chain: ${complaint}`, async () => {
    const { entra, credential } = createEnvironmentCredential(variables);
    const chain = new ChainedTokenCredential(credential, new StaticCredential("b"));
    const error = await failureOf(chain.getToken(SCOPE));
    assert.equal(error.name, "AuthenticationError");
    assert.ok(
      error.message.startsWith(`EnvironmentCredential: Cannot use the variable ${complaint}`),
      error.message,
    );
    assert.doesNotMatch(error.message, /a-secret|a-password|BEGIN|MII|YSBz/);
    assert.equal(entra.requests.length, 0);
  });
}

test("a variable that is not used because another one takes precedence may be invalid", async () => {
  const { entra, credential } = createEnvironmentCredential({
    ...ID,
    ...SECRET,
    AZURE_CLIENT_CERTIFICATE_PATH: CERTIFICATE,
    AZURE_USERNAME: " ",
    AZURE_PASSWORD: " ",
  });
  await credential.getToken(SCOPE);
  assert.equal(entra.requests.length, 1);
});

test("a missing certificate file ends a chain with an error that contains its variable and path", async () => {
  const { entra, credential } = createEnvironmentCredential({ ...ID, AZURE_CLIENT_CERTIFICATE_PATH: "/missing.pem" });
  const chain = new ChainedTokenCredential(credential, new StaticCredential("b"));
  const error = await failureOf(chain.getToken(SCOPE));
  assert.equal(error.name, "AuthenticationError");
  assert.equal(
    error.message,
    "EnvironmentCredential: " +
      'Cannot read the certificate of AZURE_CLIENT_CERTIFICATE_PATH, "/missing.pem": No such file: ' +
      "Check the path, and that this program may read the file " +
      "(configured by the variables AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_CERTIFICATE_PATH)",
  );
  assert.equal(entra.requests.length, 0);
});

test("a certificate file that is created later is read by the next call", async () => {
  let exists = false;
  const readTextFile = () => exists ? Promise.resolve(CERTIFICATE + KEY) : Promise.reject(new Error("No such file"));
  const { entra, credential } = createEnvironmentCredential({ ...ID, ...PATH }, { runtime: { readTextFile } });
  await failureOf(credential.getToken(SCOPE));
  exists = true;
  await credential.getToken(SCOPE);
  assert.equal(entra.requests.length, 1);
});

test("a missing file at the certificate path of the constructor causes an AuthenticationError, which ends a chain", async () => {
  const { options } = createEnvironmentCredential({});
  const credential = new ClientCertificateCredential(TENANT, CLIENT, "/missing.pem", options);
  for (const subject of [credential, new ChainedTokenCredential(credential, new StaticCredential("b"))]) {
    const error = await failureOf(subject.getToken(SCOPE));
    assert.equal(error.name, "AuthenticationError");
    assert.equal(
      error.message,
      'ClientCertificateCredential: Cannot read the certificate of "certificatePath", "/missing.pem": No such file: ' +
        "Check the path, and that this program may read the file",
    );
  }
});

test("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN sends the certificate chain if it is true or 1", async () => {
  for (
    const [value, sent] of [
      ["true", true],
      ["TRUE", true],
      ["1", true],
      ["false", false],
      ["FALSE", false],
      ["0", false],
      ["", false],
    ] as const
  ) {
    const { entra, credential } = createEnvironmentCredential({
      ...ID,
      ...PATH,
      AZURE_CLIENT_SEND_CERTIFICATE_CHAIN: value,
    });
    await credential.getToken(SCOPE);
    const [header] = entra.requests[0]!.form.client_assertion!.split(".");
    assert.equal("x5c" in JSON.parse(atob(header!.replaceAll("-", "+").replaceAll("_", "/"))), sent, value);
  }
});

test("another value of AZURE_CLIENT_SEND_CERTIFICATE_CHAIN causes an AuthenticationError without the value, which ends a chain", async () => {
  for (const value of ["yes", " ", "true;", "on"]) {
    const { entra, credential } = createEnvironmentCredential({
      ...ID,
      ...PATH,
      AZURE_CLIENT_SEND_CERTIFICATE_CHAIN: value,
    });
    const chain = new ChainedTokenCredential(credential, new StaticCredential("b"));
    const error = await failureOf(chain.getToken(SCOPE));
    assert.equal(error.name, "AuthenticationError");
    assert.equal(
      error.message,
      "EnvironmentCredential: Cannot use the variable AZURE_CLIENT_SEND_CERTIFICATE_CHAIN: " +
        'It must be "true", "1", "false" or "0"',
    );
    assert.equal(entra.requests.length, 0);
  }
});

test("AZURE_ADDITIONALLY_ALLOWED_TENANTS adds tenants, separated by semicolons, to those of the option", async () => {
  const env = { ...ID, ...SECRET, AZURE_ADDITIONALLY_ALLOWED_TENANTS: " a.example ; b.example;;" };
  const service = createService();
  const credential = new EnvironmentCredential({
    ...isolatedOptions(service),
    env,
    additionallyAllowedTenants: ["c.example"],
  });
  for (const tenantId of ["a.example", "b.example", "c.example"]) {
    await credential.getToken(SCOPE, { tenantId });
    assert.ok(service.requests.at(-1)!.url.includes(`/${tenantId}/`));
  }
  // No other credential is used instead, because the variables configure the identity.
  const other = createLink(tokenOf("another's"));
  for (const subject of [credential, new ChainedTokenCredential(credential, other)]) {
    const error = await failureOf(subject.getToken(SCOPE, { tenantId: "d.example" }));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, /^EnvironmentCredential: Cannot get a token from tenant "d\.example"/);
  }
  assert.equal(other.calls.length, 0);
});

test("a call for a tenant that is not allowed rejects with an AuthenticationError, and tries no later credential", async () => {
  const service = createService();
  const options = isolatedOptions(service);
  const [first, second] = ["a.example", "b.example"].map((tenant) =>
    new ClientSecretCredential(tenant, CLIENT, "a-secret", options)
  );
  const chain = new ChainedTokenCredential(first!, second!);
  const error = await failureOf(chain.getToken(SCOPE, { tenantId: "b.example" }));
  assert.equal(error.name, "AuthenticationError");
  assert.match(error.message, /^ClientSecretCredential: Cannot get a token from tenant "b\.example"/);
  assert.equal(service.requests.length, 0);
  await chain.getToken(SCOPE);
  assert.deepEqual(service.requests.map(({ url }) => new URL(url).pathname), ["/a.example/oauth2/v2.0/token"]);
});

test("variables that are set later are found by the next call", async () => {
  const env: Record<string, string> = {};
  const { entra, credential } = createEnvironmentCredential(env);
  await failureOf(credential.getToken(SCOPE));
  Object.assign(env, ID, SECRET);
  await credential.getToken(SCOPE);
  assert.equal(entra.requests.length, 1);
});

test("options.runtime.env reads the variables unless options.env is set", async () => {
  const variables: Record<string, string> = { ...ID, ...SECRET };
  const service = createService();
  const { env: _env, ...options } = isolatedOptions(service);
  const runtime = { env: (name: string) => variables[name] };
  await new EnvironmentCredential({ ...options, runtime }).getToken(SCOPE);
  assert.equal(service.requests.length, 1);
  const error = await failureOf(new EnvironmentCredential({ ...options, runtime, env: {} }).getToken(SCOPE));
  assert.match(error.message, /None of its variables is set/);
});

// DefaultAzureCredential

test("DefaultAzureCredential uses EnvironmentCredential if its variables are set", async () => {
  const { entra, options } = createEnvironmentCredential({ ...ID, ...SECRET });
  const { token } = await new DefaultAzureCredential(options).getToken(SCOPE);
  assert.equal((await entra.verify(token)).appid, CLIENT);
});

test("DefaultAzureCredential logs once which credential it uses", async () => {
  const events: LogEvent[] = [];
  const { options } = createEnvironmentCredential({ ...ID, ...SECRET }, { log: (event) => events.push(event) });
  const credential = new DefaultAzureCredential(options);
  await Promise.all([credential.getToken(SCOPE), credential.getToken(SCOPE)]);
  await credential.getToken(SCOPE);
  assert.deepEqual(events.map(({ event, message }) => [event, message]), [
    ["token-acquired", `EnvironmentCredential got a token for ${SCOPE}`],
    ["credential-selected", "DefaultAzureCredential uses EnvironmentCredential"],
  ]);
});

test("DefaultAzureCredential rejects with the reason of each credential if none is available; a chain then tries the next one", async () => {
  const events: LogEvent[] = [];
  const { options } = createEnvironmentCredential({}, { log: (event) => events.push(event) });
  const credential = new DefaultAzureCredential(options);
  const error = await failureOf(credential.getToken(SCOPE));
  assert.equal(error.name, "AggregateAuthenticationError");
  assert.match(
    error.message,
    /^DefaultAzureCredential: Cannot get a token: No credential is available\n.*\n {2}EnvironmentCredential +absent +\d+ ms +Cannot find /,
  );
  assert.deepEqual(
    events.filter(({ event }) => event === "credential-skipped").map(({ credential, elapsedInMs }) => [
      credential,
      typeof elapsedInMs,
    ]),
    NAMES.map((name) => [name, "number"]),
  );
  assert.equal((await new ChainedTokenCredential(credential, new StaticCredential("b")).getToken(SCOPE)).token, "b");
});

test("DefaultAzureCredential tries no other credential if the secret in the variables is rejected", async () => {
  const { options } = createEnvironmentCredential({ ...ID, AZURE_CLIENT_SECRET: "another-secret" });
  const credential = new DefaultAzureCredential(options);
  const error = await failureOf(new ChainedTokenCredential(credential, new StaticCredential("b")).getToken(SCOPE));
  assert.equal(error.name, "AuthenticationError");
  assert.match(error.message, /^EnvironmentCredential: .*AADSTS7000215/);
  assert.ok(
    error.message.endsWith(" (configured by the variables AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET)"),
    error.message,
  );
});

for (
  const value of ["prod", "PROD", " prod ", "EnvironmentCredential", "environmentcredential", "ENVIRONMENTCREDENTIAL"]
) {
  test(`AZURE_TOKEN_CREDENTIALS="${value}" includes EnvironmentCredential`, async () => {
    const { options } = createEnvironmentCredential({ ...ID, ...SECRET, AZURE_TOKEN_CREDENTIALS: value });
    assert.ok((await new DefaultAzureCredential(options).getToken(SCOPE)).token);
  });
}

for (const value of ["", " "]) {
  test(`AZURE_TOKEN_CREDENTIALS="${value}" has no effect`, async () => {
    const { options } = createEnvironmentCredential({ ...ID, ...SECRET, AZURE_TOKEN_CREDENTIALS: value });
    assert.ok((await new DefaultAzureCredential(options).getToken(SCOPE)).token);
  });
}

for (
  const value of [
    "production",
    "prod,dev",
    "Environment",
    "ClientSecretCredential",
    "DefaultAzureCredential",
    "constructor",
    "0",
  ]
) {
  test(`the constructor throws a TypeError that lists the valid values for AZURE_TOKEN_CREDENTIALS="${value}"`, () => {
    const env = { AZURE_TOKEN_CREDENTIALS: value };
    assert.throws(() => new DefaultAzureCredential({ env }), {
      name: "TypeError",
      message: new RegExp(
        `^Variable AZURE_TOKEN_CREDENTIALS must be one of "prod", .*"EnvironmentCredential".*, and is "${value}"$`,
      ),
    });
  });
}

test('the constructor throws a TypeError with the reason for AZURE_TOKEN_CREDENTIALS="VisualStudioCodeCredential"', () => {
  assert.throws(() => new DefaultAzureCredential({ env: { AZURE_TOKEN_CREDENTIALS: "VisualStudioCodeCredential" } }), {
    name: "TypeError",
    message: /"EnvironmentCredential".*, and is "VisualStudioCodeCredential", which needs native code$/,
  });
});
