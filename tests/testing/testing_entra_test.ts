import { createEntra, createFakeClock, type Entra, type EntraFault, type EntraOptions } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { publicKeys, signAssertion, X5T, X5T_S256 } from "../support/certificates/assertion.ts";
import { CERTIFICATE } from "../support/certificates/certificates.ts";

const HOST = "https://login.microsoftonline.com";
const TENANT = "11111111-2222-3333-4444-555555555555";
const TOKEN_PATH = `/${TENANT}/oauth2/v2.0/token`;
const CLIENT_ID = "99999999-aaaa-bbbb-cccc-dddddddddddd";
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const NOON = Date.UTC(2030, 0, 31, 12);

const WITH_SECRET = {
  grant_type: "client_credentials",
  client_id: CLIENT_ID,
  client_secret: "a-secret",
  scope: "https://vault.azure.net/.default",
};
const WITH_PASSWORD = {
  grant_type: "password",
  client_id: "a-public-app",
  username: "ada@contoso.com",
  password: "a-password",
  scope: "https://vault.azure.net/.default openid profile offline_access",
};

function setUp(options: EntraOptions = {}): Entra {
  return createEntra({
    apps: [
      { tenantId: TENANT, clientId: CLIENT_ID, secrets: ["a-secret"], certificates: [CERTIFICATE] },
      { tenantId: TENANT, clientId: "a-public-app" },
      { tenantId: "contoso.com", clientId: CLIENT_ID, secrets: ["another-secret"] },
      { tenantId: "adfs", clientId: CLIENT_ID, secrets: ["a-secret"], certificates: [CERTIFICATE] },
    ],
    users: [
      { tenantId: TENANT, username: "ada@contoso.com", password: "a-password" },
      { tenantId: TENANT, username: "careful@contoso.com", password: "a-password", requiresMfa: true },
    ],
    now: () => NOON,
    ...options,
  });
}

type Form = Record<string, string | undefined>;

/** Creates a token request. Members that are `undefined` are omitted. */
function post(form: Form, path = TOKEN_PATH, host = HOST): [string, RequestInit] {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(form)) if (value !== undefined) body.set(name, value);
  return [host + path, { method: "POST", body }];
}

// deno-lint-ignore no-explicit-any
async function ask(entra: Entra, form: Form, path?: string, host?: string): Promise<{ status: number; body: any }> {
  const response = await entra.fetch(...post(form, path, host));
  return { status: response.status, body: await response.json() };
}

test("a client secret results in a token for the resource", async () => {
  const entra = setUp();
  const { status, body } = await ask(entra, WITH_SECRET);
  assert.equal(status, 200);
  const { access_token, ...rest } = body;
  assert.deepEqual(rest, { token_type: "Bearer", expires_in: 3_600, ext_expires_in: 3_600 });
  const { oid, sub, uti, ...claims } = await entra.verify(access_token);
  assert.deepEqual(claims, {
    aud: "https://vault.azure.net",
    iss: `https://sts.windows.net/${TENANT}/`,
    idp: `https://sts.windows.net/${TENANT}/`,
    iat: NOON / 1000 - 300,
    nbf: NOON / 1000 - 300,
    exp: NOON / 1000 + 3_600,
    appid: CLIENT_ID,
    appidacr: "1",
    idtyp: "app",
    tid: TENANT,
    ver: "1.0",
  });
  assert.match(String(oid), UUID);
  assert.equal(sub, oid);
  assert.match(String(uti), UUID);
});

test("the audience is the scope without /.default; other slashes are kept", async () => {
  const entra = setUp();
  for (const audience of ["https://storage.azure.com", "https://vault.azure.net/", "api://my-api", CLIENT_ID]) {
    const { body } = await ask(entra, { ...WITH_SECRET, scope: `${audience}/.default` });
    assert.equal((await entra.verify(body.access_token)).aud, audience);
  }
});

test("the scopes of OpenID Connect are ignored in an app's request, as MSAL for Go sends them", async () => {
  const entra = setUp();
  const { status, body } = await ask(entra, {
    ...WITH_SECRET,
    scope: `${WITH_SECRET.scope} openid offline_access profile`,
  });
  assert.equal(status, 200);
  assert.equal((await entra.verify(body.access_token)).aud, "https://vault.azure.net");
  assert.equal(body.refresh_token, undefined);
});

test("the issuer depends on the cloud", async () => {
  const entra = setUp();
  for (
    const [host, path, issuer] of [
      ["https://login.microsoftonline.us", TOKEN_PATH, `https://sts.windows.net/${TENANT}/`],
      ["https://login.partner.microsoftonline.cn", TOKEN_PATH, `https://sts.chinacloudapi.cn/${TENANT}/`],
      ["https://login.chinacloudapi.cn", TOKEN_PATH, `https://sts.chinacloudapi.cn/${TENANT}/`],
      ["https://westeurope.login.microsoft.com", TOKEN_PATH, `https://sts.windows.net/${TENANT}/`],
      ["https://fs.contoso.com", "/adfs/oauth2/token", "http://fs.contoso.com/adfs/services/trust"],
    ] as const
  ) {
    const { body } = await ask(entra, WITH_SECRET, path, host);
    assert.equal((await entra.verify(body.access_token)).iss, issuer, host);
  }
});

test("an app's token contains the app's own claims", async () => {
  const apps = [{ tenantId: TENANT, clientId: CLIENT_ID, secrets: ["a-secret"], claims: { roles: ["Reader"] } }];
  const entra = setUp({ apps });
  const { body } = await ask(entra, WITH_SECRET);
  assert.deepEqual((await entra.verify(body.access_token)).roles, ["Reader"]);
});

test("a token contains the client capability that the client sends", async () => {
  const entra = setUp();
  for (
    const [claims, xms_cc] of [
      [undefined, undefined],
      ["{}", undefined],
      ['{"access_token":{"nbf":{"essential":true}}}', undefined],
      ['{"access_token":{"xms_cc":{"values":["cp1"]}}}', ["cp1"]],
      ['{"access_token":{"xms_cc":{"values":["CP1"]}}}', ["cp1"]],
    ] as const
  ) {
    const { body } = await ask(entra, { ...WITH_SECRET, claims });
    assert.deepEqual((await entra.verify(body.access_token)).xms_cc, xms_cc, String(claims));
  }
});

test("lifetime and refresh time are configurable, as numbers or strings", async () => {
  for (
    const [options, expected] of [
      [{}, [3_600, undefined]],
      [{ tokenLifetimeInMs: 7_199_999 }, [7_199, undefined]],
      [{ tokenLifetimeInMs: 7_200_000 }, [7_200, 3_600]],
      [{ tokenLifetimeInMs: 600_000, refreshInMs: 60_500 }, [600, 60]],
      [{ tokenLifetimeInMs: 7_200_000, numbersAsStrings: true }, ["7200", "3600"]],
    ] as const
  ) {
    const entra = setUp(options);
    const { body } = await ask(entra, WITH_SECRET);
    assert.deepEqual([body.expires_in, body.refresh_in], expected);
    assert.equal(body.ext_expires_in, expected[0]);
    assert.equal((await entra.verify(body.access_token)).exp, NOON / 1000 + Number(expected[0]));
  }
});

test("a secret is accepted until it expires", async () => {
  const clock = createFakeClock(NOON);
  const secrets = [{ value: "a-secret", expiresOnTimestamp: NOON + 1_000 }];
  const entra = setUp({ apps: [{ tenantId: TENANT, clientId: CLIENT_ID, secrets }], now: clock.now });
  assert.equal((await ask(entra, WITH_SECRET)).status, 200);
  await clock.advance(1_000);
  const { status, body } = await ask(entra, WITH_SECRET);
  assert.equal(status, 401);
  assert.deepEqual(body.error_codes, [7000222]);
});

test("each tenant has its own apps", async () => {
  const entra = setUp();
  const here = await ask(entra, WITH_SECRET, "/contoso.com/oauth2/v2.0/token");
  assert.deepEqual(here.body.error_codes, [7000215]);
  const { body } = await ask(
    entra,
    { ...WITH_SECRET, client_secret: "another-secret" },
    "/Contoso.com/oauth2/v2.0/token",
  );
  assert.equal((await entra.verify(body.access_token)).tid, "contoso.com");
});

const rejected: {
  name: string;
  form?: Form;
  path?: string;
  options?: EntraOptions;
  expected: [number, string, number];
  says?: RegExp;
}[] = [
  {
    name: "no grant",
    form: { ...WITH_SECRET, grant_type: undefined },
    expected: [400, "invalid_request", 900144],
    says: /'grant_type'/,
  },
  {
    name: "an unknown grant",
    form: { ...WITH_SECRET, grant_type: "magic" },
    expected: [400, "unsupported_grant_type", 70003],
    says: /'magic'/,
  },
  {
    name: "no client id",
    form: { ...WITH_SECRET, client_id: undefined },
    expected: [400, "invalid_request", 900144],
    says: /'client_id'/,
  },
  {
    name: "an unknown tenant",
    path: "/nowhere.example/oauth2/v2.0/token",
    expected: [400, "invalid_request", 90002],
    says: /'nowhere\.example'/,
  },
  {
    name: "an unknown app",
    form: { ...WITH_SECRET, client_id: "unknown-app" },
    expected: [400, "unauthorized_client", 700016],
    says: /'unknown-app'/,
  },
  {
    name: "an app of another tenant",
    form: { ...WITH_SECRET, client_id: "a-public-app" },
    path: "/contoso.com/oauth2/v2.0/token",
    expected: [400, "unauthorized_client", 700016],
  },
  {
    name: "a wrong secret",
    form: { ...WITH_SECRET, client_secret: "guess" },
    expected: [401, "invalid_client", 7000215],
    says: new RegExp(CLIENT_ID),
  },
  {
    name: "a secret in another letter case",
    form: { ...WITH_SECRET, client_secret: "A-secret" },
    expected: [401, "invalid_client", 7000215],
  },
  { name: "no secret", form: { ...WITH_SECRET, client_secret: undefined }, expected: [401, "invalid_client", 7000216] },
  { name: "an empty secret", form: { ...WITH_SECRET, client_secret: "" }, expected: [401, "invalid_client", 7000216] },
  {
    name: "a secret of an app that has none",
    form: { ...WITH_SECRET, client_id: "a-public-app" },
    expected: [401, "invalid_client", 700025],
  },
  {
    name: "no scope",
    form: { ...WITH_SECRET, scope: undefined },
    expected: [400, "invalid_request", 900144],
    says: /'scope'/,
  },
  {
    name: "a scope without /.default",
    form: { ...WITH_SECRET, scope: "https://vault.azure.net/read" },
    expected: [400, "invalid_scope", 1002012],
    says: /vault\.azure\.net\/read/,
  },
  {
    name: "an app's sign-in scopes alone",
    form: { ...WITH_SECRET, scope: "openid offline_access profile" },
    expected: [400, "invalid_scope", 1002012],
  },
  {
    name: "an app's two scopes",
    form: { ...WITH_SECRET, scope: "https://a.net/.default https://b.net/.default" },
    expected: [400, "invalid_scope", 1002012],
  },
  {
    name: "an empty scope",
    form: { ...WITH_SECRET, scope: "/.default" },
    expected: [400, "invalid_resource", 500011],
  },
  {
    name: "an unknown resource",
    options: { resources: ["https://storage.azure.com"] },
    expected: [400, "invalid_resource", 500011],
    says: /https:\/\/vault\.azure\.net/,
  },
  {
    name: "claims that are not JSON",
    form: { ...WITH_SECRET, claims: "{" },
    expected: [400, "invalid_request", 9002313],
  },
  {
    name: "claims that are not an object",
    form: { ...WITH_SECRET, claims: "null" },
    expected: [400, "invalid_request", 9002313],
  },
  {
    name: "a tenant that stands for several",
    path: "/organizations/oauth2/v2.0/token",
    expected: [400, "invalid_request", 50059],
  },
  { name: "a wrong password", form: { ...WITH_PASSWORD, password: "guess" }, expected: [400, "invalid_grant", 50126] },
  {
    name: "an unknown user",
    form: { ...WITH_PASSWORD, username: "eve@contoso.com" },
    expected: [400, "invalid_grant", 50034],
    says: /eve@contoso\.com/,
  },
  {
    name: "no password",
    form: { ...WITH_PASSWORD, password: undefined },
    expected: [400, "invalid_request", 900144],
    says: /'password'/,
  },
  {
    name: "a password that is not sufficient",
    form: { ...WITH_PASSWORD, username: "careful@contoso.com" },
    expected: [400, "interaction_required", 50076],
    says: /vault\.azure\.net/,
  },
  {
    name: "a password at the tenant common",
    form: WITH_PASSWORD,
    path: "/common/oauth2/v2.0/token",
    expected: [400, "invalid_request", 9001023],
  },
  {
    name: "a password with an app that must authenticate",
    form: { ...WITH_PASSWORD, client_id: CLIENT_ID },
    expected: [401, "invalid_client", 7000218],
  },
  {
    name: "a user's scopes of two resources",
    form: { ...WITH_PASSWORD, scope: "https://a.net/read https://b.net/read" },
    expected: [400, "invalid_request", 28000],
  },
  {
    name: "/.default beside other scopes",
    form: { ...WITH_PASSWORD, scope: "https://a.net/read https://a.net/.default" },
    expected: [400, "invalid_scope", 70011],
  },
  {
    name: "an unknown refresh token",
    form: { ...WITH_PASSWORD, grant_type: "refresh_token", refresh_token: "guess" },
    expected: [400, "invalid_grant", 70000],
  },
];

for (const { name, form = WITH_SECRET, path, options, expected, says } of rejected) {
  test(`Entra rejects ${name}`, async () => {
    const { status, body } = await ask(setUp(options), form, path);
    assert.deepEqual([status, body.error, body.error_codes[0]], expected, JSON.stringify(body));
    assert.ok(body.error_description.startsWith(`AADSTS${expected[2]}: `));
    assert.match(body.error_description, says ?? /^AADSTS/);
    for (const secret of ["a-secret", "a-password", "guess", "{"]) assert.ok(!body.error_description.includes(secret));
  });
}

test("an error response has Entra's shape", async () => {
  const id = "12345678-1234-1234-1234-123456789abc";
  const { body } = await ask(setUp(), { ...WITH_SECRET, client_secret: "guess", "client-request-id": id });
  assert.match(body.trace_id, UUID);
  assert.deepEqual(body, {
    error: "invalid_client",
    error_description:
      "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client " +
      `secret value, not the client secret ID, for a secret added to app '${CLIENT_ID}'. Trace ID: ${body.trace_id} ` +
      `Correlation ID: ${id} Timestamp: 2030-01-31 12:00:00Z`,
    error_codes: [7000215],
    timestamp: "2030-01-31 12:00:00Z",
    trace_id: body.trace_id,
    correlation_id: id,
    error_uri: "https://login.microsoftonline.com/error?code=7000215",
  });
});

test("an error response of conditional access contains a claims challenge", async () => {
  const { body } = await ask(setUp(), { ...WITH_PASSWORD, username: "careful@contoso.com" });
  assert.equal(body.suberror, "basic_action");
  assert.equal(JSON.parse(body.claims).access_token.capolids.essential, true);
});

test("the correlation id comes from the form, the query or a header, or is generated", async () => {
  const entra = setUp();
  const bad = { ...WITH_SECRET, client_secret: "guess" };
  assert.equal((await ask(entra, bad, `${TOKEN_PATH}?client-request-id=in-query`)).body.correlation_id, "in-query");
  const [url, init] = post(bad);
  const response = await entra.fetch(url, { ...init, headers: { "client-request-id": "in-header" } });
  assert.equal((await response.json()).correlation_id, "in-header");
  assert.match((await ask(entra, bad)).body.correlation_id, UUID);
});

test("known resources are matched with a trailing slash and in any letter case", async () => {
  const entra = setUp({ resources: ["https://Storage.azure.com"] });
  const { body } = await ask(entra, { ...WITH_SECRET, scope: "https://storage.azure.com//.default" });
  assert.equal((await entra.verify(body.access_token)).aud, "https://storage.azure.com/");
});

// Assertions

const CLAIMS = {
  aud: HOST + TOKEN_PATH,
  iss: CLIENT_ID,
  sub: CLIENT_ID,
  jti: "first",
  nbf: NOON / 1000,
  exp: NOON / 1000 + 600,
};

function withAssertion(assertion: string): Form {
  return {
    ...WITH_SECRET,
    client_secret: undefined,
    client_assertion: assertion,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
  };
}

test("an assertion signed with a registered certificate results in a token", async () => {
  const inStandardBase64 = X5T_S256.replaceAll("-", "+").replaceAll("_", "/") + "=";
  for (
    const header of [
      { alg: "PS256", "x5t#S256": X5T_S256 },
      { alg: "PS256", "x5t#S256": inStandardBase64 },
      { alg: "PS256", x5t: X5T },
      { alg: "RS256", x5t: X5T },
      { alg: "RS256", "x5t#S256": X5T_S256 },
    ]
  ) {
    const entra = setUp();
    const { status, body } = await ask(entra, withAssertion(await signAssertion(CLAIMS, header)));
    assert.equal(status, 200, JSON.stringify({ header, body }));
    assert.equal((await entra.verify(body.access_token)).appidacr, "2");
  }
});

test("an assertion may name the token endpoint, the tenant's issuer, or a region's global endpoint", async () => {
  const regional = "https://westeurope.login.microsoft.com";
  for (
    const [host, aud] of [
      [HOST, `${HOST}/${TENANT}/oauth2/token`],
      [HOST, `${HOST}/${TENANT}/v2.0`],
      [HOST, [`${HOST}/${TENANT}/`]],
      ["http://localhost:8080", `http://localhost:8080${TOKEN_PATH}`],
      [regional, regional + TOKEN_PATH],
      [regional, HOST + TOKEN_PATH],
    ] as const
  ) {
    const assertion = await signAssertion({ ...CLAIMS, aud }, { "x5t#S256": X5T_S256 });
    const { status, body } = await ask(setUp(), withAssertion(assertion), TOKEN_PATH, host);
    assert.equal(status, 200, JSON.stringify({ host, aud, body }));
  }
});

const badAssertions: {
  name: string;
  claims?: object;
  header?: Record<string, unknown>;
  tamper?: (jwt: string) => string;
  expected: number;
  says?: RegExp;
}[] = [
  { name: "a string that is not a JWT", tamper: () => "abc", expected: 50027 },
  { name: "a JWT with malformed parts", tamper: () => "a.b.c", expected: 50027 },
  { name: "an unknown thumbprint", header: { "x5t#S256": X5T }, expected: 700027, says: /The key was not found/ },
  { name: "a malformed thumbprint", header: { x5t: "%%%" }, expected: 700027, says: /The key was not found/ },
  {
    name: "a changed signature",
    tamper: (jwt) => jwt.slice(0, -8) + "AAAAAAAA",
    expected: 700027,
    says: /use of the key/,
  },
  {
    name: "changed claims",
    tamper: (jwt) => jwt.replace(/\.[^.]+\./, `.${btoa(JSON.stringify(CLAIMS)).replace(/=/g, "")}.`),
    claims: { jti: "second" },
    expected: 700027,
  },
  { name: "no signature", tamper: (jwt) => jwt.slice(0, jwt.lastIndexOf(".") + 1), expected: 700027 },
  { name: "a wrong algorithm", header: { "x5t#S256": X5T_S256, alg: "HS256" }, expected: 700027 },
  { name: "no algorithm", header: { "x5t#S256": X5T_S256, alg: "none" }, expected: 700027 },
  { name: "another app's issuer and subject", claims: { iss: "another", sub: "another" }, expected: 700021 },
  { name: "different issuer and subject", claims: { iss: "another" }, expected: 50048 },
  { name: "another service's audience", claims: { aud: "https://evil.example" + TOKEN_PATH }, expected: 700023 },
  {
    name: "an http audience",
    claims: { aud: `http://login.microsoftonline.com${TOKEN_PATH}` },
    expected: 700023,
  },
  { name: "another tenant's endpoint", claims: { aud: `${HOST}/contoso.com/oauth2/v2.0/token` }, expected: 700023 },
  { name: "no audience", claims: { aud: undefined }, expected: 700023 },
  {
    name: "an expiry time in the past",
    claims: { exp: NOON / 1000 - 300 },
    expected: 700024,
    says: /2030-01-31 11:55:00Z/,
  },
  { name: "a start in the future", claims: { nbf: NOON / 1000 + 300 }, expected: 700024 },
  { name: "no expiry time", claims: { exp: undefined }, expected: 700024 },
  { name: "an expiry time that is not a number", claims: { exp: "tomorrow" }, expected: 50027 },
  { name: "a start that is out of range", claims: { nbf: 1e300 }, expected: 50027 },
  { name: "no jti", claims: { jti: undefined }, expected: 50013, says: /no jti/ },
];

for (const { name, claims, header, tamper, expected, says } of badAssertions) {
  test(`Entra rejects an assertion with ${name}`, async () => {
    const assertion = await signAssertion({ ...CLAIMS, ...claims }, header ?? { "x5t#S256": X5T_S256 });
    const { status, body } = await ask(setUp(), withAssertion(tamper ? tamper(assertion) : assertion));
    assert.deepEqual(
      [status, body.error, body.error_codes[0]],
      [401, "invalid_client", expected],
      JSON.stringify(body),
    );
    assert.match(body.error_description, says ?? /^AADSTS/);
  });
}

test("Entra tolerates a clock skew of less than five minutes", async () => {
  for (const times of [{ exp: NOON / 1000 - 299 }, { nbf: NOON / 1000 + 299 }]) {
    const assertion = await signAssertion({ ...CLAIMS, ...times }, { "x5t#S256": X5T_S256 });
    assert.equal((await ask(setUp(), withAssertion(assertion))).status, 200);
  }
});

test("Entra rejects a replayed assertion, unless the option allows it", async () => {
  const form = withAssertion(await signAssertion(CLAIMS, { "x5t#S256": X5T_S256 }));
  const strict = setUp();
  assert.equal((await ask(strict, form)).status, 200);
  const { body } = await ask(strict, form);
  assert.equal(body.error_codes[0], 50013);
  assert.match(body.error_description, /presented before/);
  const lenient = setUp({ allowReplay: true });
  for (const _ of [1, 2]) assert.equal((await ask(lenient, form)).status, 200);
});

test("an assertion may be sent again if its first request was aborted without a response", async () => {
  const entra = setUp();
  const form = withAssertion(await signAssertion(CLAIMS, { "x5t#S256": X5T_S256 }));
  entra.failNext("silent");
  const controller = new AbortController();
  const silent = entra.fetch(post(form)[0], { ...post(form)[1], signal: controller.signal });
  controller.abort();
  await assert.rejects(silent, { name: "AbortError" });
  assert.equal((await ask(entra, form)).status, 200);
});

test("an assertion needs client_assertion_type", async () => {
  const form = withAssertion(await signAssertion(CLAIMS, { "x5t#S256": X5T_S256 }));
  assert.equal((await ask(setUp(), { ...form, client_assertion_type: undefined })).body.error_codes[0], 900144);
  assert.equal((await ask(setUp(), { ...form, client_assertion_type: "saml" })).body.error_codes[0], 9002313);
});

test("Active Directory Federation Services accepts only RS256", async () => {
  const claims = { ...CLAIMS, aud: "https://fs.contoso.com/adfs/oauth2/token" };
  for (const [alg, status] of [["RS256", 200], ["PS256", 401]] as const) {
    const assertion = await signAssertion(claims, { alg, x5t: X5T });
    const response = await ask(setUp(), withAssertion(assertion), "/adfs/oauth2/token", "https://fs.contoso.com");
    assert.equal(response.status, status, JSON.stringify(response.body));
  }
});

test("Active Directory Federation Services sends errors without codes", async () => {
  const { status, body } = await ask(setUp(), { ...WITH_SECRET, client_secret: "guess" }, "/adfs/oauth2/token");
  assert.equal(status, 401);
  assert.deepEqual(Object.keys(body), ["error", "error_description"]);
  assert.equal(body.error, "invalid_client");
});

test("a malformed certificate throws, because the test is wrong", async () => {
  const entra = setUp({ apps: [{ tenantId: TENANT, clientId: CLIENT_ID, certificates: ["-----BEGIN NOTHING-----"] }] });
  const form = withAssertion(await signAssertion(CLAIMS, { x5t: X5T }));
  await assert.rejects(ask(entra, form), { name: "TypeError", message: /"CERTIFICATE"/ });
});

// Workload identity federation

const ISSUER = "https://token.actions.githubusercontent.com";
const SUBJECT = "repo:contoso/app:ref:refs/heads/main";
const FOREIGN = {
  iss: ISSUER,
  sub: SUBJECT,
  aud: "api://AzureADTokenExchange",
  iat: NOON / 1000,
  exp: NOON / 1000 + 300,
};

async function setUpFederation(): Promise<Entra> {
  const jwks = await publicKeys("a-key");
  const federatedCredentials = [{ issuer: ISSUER, subject: SUBJECT, jwks }];
  return setUp({ apps: [{ tenantId: TENANT, clientId: CLIENT_ID, federatedCredentials }] });
}

test("a federated token results in an access token and can be exchanged repeatedly", async () => {
  const entra = await setUpFederation();
  const form = withAssertion(await signAssertion(FOREIGN, { alg: "RS256", kid: "a-key" }));
  for (const _ of [1, 2]) assert.equal((await ask(entra, form)).status, 200);
});

for (
  const [name, claims, header, code] of [
    ["issuer", { iss: "https://evil.example" }, {}, 700211],
    ["subject", { sub: "repo:evil/app:ref:refs/heads/main" }, {}, 700213],
    ["letter case of the subject", { sub: SUBJECT.toUpperCase() }, {}, 7002138],
    ["audience", { aud: "https://vault.azure.net" }, {}, 700212],
    ["expiry time", { exp: NOON / 1000 - 301 }, {}, 700024],
    ["key", {}, { kid: "another-key" }, 7000272],
    ["algorithm", {}, { alg: "none" }, 5002738],
  ] as const
) {
  test(`Entra rejects a federated token with a wrong ${name}`, async () => {
    const assertion = await signAssertion({ ...FOREIGN, ...claims }, { alg: "RS256", kid: "a-key", ...header });
    const { status, body } = await ask(await setUpFederation(), withAssertion(assertion));
    assert.deepEqual([status, body.error, body.error_codes[0]], [401, "invalid_client", code], JSON.stringify(body));
  });
}

test("Entra rejects a federated token with a changed signature", async () => {
  const assertion = await signAssertion(FOREIGN, { alg: "RS256", kid: "a-key" });
  const { body } = await ask(await setUpFederation(), withAssertion(assertion.slice(0, -8) + "AAAAAAAA"));
  assert.equal(body.error_codes[0], 50013);
});

// Users

test("a password results in an access token, an ID token and a refresh token", async () => {
  const entra = setUp();
  const { status, body } = await ask(entra, { ...WITH_PASSWORD, client_info: "1" });
  assert.equal(status, 200);
  assert.equal(body.scope, "https://vault.azure.net/.default openid profile offline_access");
  const access = await entra.verify(body.access_token);
  assert.deepEqual([access.aud, access.upn, access.idtyp, access.appidacr], [
    "https://vault.azure.net",
    "ada@contoso.com",
    "user",
    "0",
  ]);
  const id = await entra.verify(body.id_token);
  assert.deepEqual([id.aud, id.iss, id.preferred_username], [
    "a-public-app",
    `${HOST}/${TENANT}/v2.0`,
    "ada@contoso.com",
  ]);
  assert.deepEqual(JSON.parse(atob(body.client_info)), { uid: access.oid, utid: TENANT });

  const refresh = {
    grant_type: "refresh_token",
    client_id: "a-public-app",
    scope: "https://storage.azure.com/.default",
  };
  const next = await ask(entra, { ...refresh, refresh_token: body.refresh_token });
  assert.equal(next.status, 200);
  const claims = await entra.verify(next.body.access_token);
  assert.deepEqual([claims.aud, claims.oid], ["https://storage.azure.com", access.oid]);
  assert.equal(next.body.id_token, undefined);
  assert.equal(next.body.refresh_token, undefined);
});

test("a refresh token is accepted only for its app and its tenant", async () => {
  const apps = [
    { tenantId: TENANT, clientId: "a-public-app" },
    { tenantId: TENANT, clientId: "another-app" },
    { tenantId: "contoso.com", clientId: "a-public-app" },
  ];
  const entra = setUp({ apps });
  const { body } = await ask(entra, WITH_PASSWORD);
  const form = { ...WITH_PASSWORD, grant_type: "refresh_token", refresh_token: body.refresh_token };
  assert.equal((await ask(entra, { ...form, client_id: "another-app" })).body.error_codes[0], 70000);
  assert.equal((await ask(entra, form, "/contoso.com/oauth2/v2.0/token")).body.error_codes[0], 50020);
  assert.equal((await ask(entra, form, "/common/oauth2/v2.0/token")).status, 200);
});

test("a user can sign in at the tenant organizations", async () => {
  const entra = setUp();
  const { body } = await ask(entra, WITH_PASSWORD, "/organizations/oauth2/v2.0/token");
  assert.equal((await entra.verify(body.access_token)).tid, TENANT);
});

test("a scope without a resource is for Microsoft Graph", async () => {
  const entra = setUp();
  const { body } = await ask(entra, { ...WITH_PASSWORD, scope: "User.Read Mail.Read" });
  const { aud, scp } = await entra.verify(body.access_token);
  assert.deepEqual([aud, scp], ["https://graph.microsoft.com", "User.Read Mail.Read"]);
});

test("a public app need not authenticate for a user's token, but may", async () => {
  const apps = [{ tenantId: TENANT, clientId: CLIENT_ID, secrets: ["a-secret"], allowPublicClient: true }];
  const form = { ...WITH_PASSWORD, client_id: CLIENT_ID };
  assert.equal((await ask(setUp({ apps }), form)).status, 200);
  assert.equal((await ask(setUp({ apps }), { ...form, client_secret: "a-secret" })).status, 200);
  assert.equal((await ask(setUp({ apps }), { ...form, client_secret: "guess" })).body.error_codes[0], 7000215);
});

// Other endpoints

test("the metadata contains the host of the request", async () => {
  const entra = setUp();
  for (
    const [base, token, keys, issuer] of [
      [
        `${HOST}/${TENANT}/v2.0`,
        `${HOST}${TOKEN_PATH}`,
        `${HOST}/${TENANT}/discovery/v2.0/keys`,
        `${HOST}/${TENANT}/v2.0`,
      ],
      [
        `${HOST}/common/v2.0`,
        `${HOST}/common/oauth2/v2.0/token`,
        `${HOST}/common/discovery/v2.0/keys`,
        `${HOST}/{tenantid}/v2.0`,
      ],
      [
        "https://fs.contoso.com/adfs",
        "https://fs.contoso.com/adfs/oauth2/token",
        "https://fs.contoso.com/adfs/discovery/keys",
        "https://fs.contoso.com/adfs",
      ],
    ] as const
  ) {
    const metadata = await (await entra.fetch(`${base}/.well-known/openid-configuration`)).json();
    assert.deepEqual([metadata.token_endpoint, metadata.jwks_uri, metadata.issuer], [token, keys, issuer]);
    const { keys: [key] } = await (await entra.fetch(metadata.jwks_uri)).json();
    assert.deepEqual(Object.keys(key).sort(), ["alg", "e", "kid", "kty", "n", "use"]);
  }
  const unknown = await entra.fetch(`${HOST}/nowhere.example/v2.0/.well-known/openid-configuration`);
  assert.equal(unknown.status, 400);
  assert.equal((await unknown.json()).error_codes[0], 90002);
});

test("the published key verifies the tokens", async () => {
  const entra = setUp();
  const { body } = await ask(entra, WITH_SECRET);
  const { keys: [jwk] } = await (await entra.fetch(`${HOST}/${TENANT}/discovery/v2.0/keys`)).json();
  const [header, payload, signature] = body.access_token.split(".");
  assert.equal(JSON.parse(atob(header)).kid, jwk.kid);
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["verify"]);
  const bytes = Uint8Array.from(
    atob(signature.replace(/-/g, "+").replace(/_/g, "/")),
    (character) => character.charCodeAt(0),
  );
  assert.ok(await crypto.subtle.verify(algorithm, key, bytes, new TextEncoder().encode(`${header}.${payload}`)));
});

test("verify rejects a token that is changed, expired or malformed", async () => {
  const clock = createFakeClock(NOON);
  const entra = setUp({ now: clock.now });
  const token: string = (await ask(entra, WITH_SECRET)).body.access_token;
  await assert.rejects(entra.verify(token.slice(0, -8) + "AAAAAAAA"), {
    code: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
  });
  await assert.rejects(entra.verify("no-token"), { code: "ERR_JWS_INVALID" });
  await entra.verify(token);
  await clock.advance(3_600_000);
  await assert.rejects(entra.verify(token), /exp/);
});

test("instance discovery confirms the known clouds and the configured hosts", async () => {
  const entra = setUp({ hosts: ["login.azurestack.example"] });
  const discover = async (authority: string) => {
    const endpoint = encodeURIComponent(`${authority}/${TENANT}/oauth2/v2.0/authorize`);
    const response = await entra.fetch(
      `${HOST}/common/discovery/instance?api-version=1.1&authorization_endpoint=${endpoint}`,
    );
    return { status: response.status, body: await response.json() };
  };
  for (const host of ["https://login.microsoftonline.us", "https://login.azurestack.example"]) {
    const { status, body } = await discover(host);
    assert.equal(status, 200);
    assert.equal(body.tenant_discovery_endpoint, `${host}/${TENANT}/v2.0/.well-known/openid-configuration`);
    assert.ok(body.metadata.some(({ aliases }: { aliases: string[] }) => aliases.includes("login.windows.net")));
  }
  const { status, body } = await discover("https://evil.example");
  assert.deepEqual([status, body.error, body.error_codes[0]], [400, "invalid_instance", 50049]);
  assert.equal((await discover("nonsense")).body.error, "invalid_instance");
  assert.equal((await entra.fetch(`${HOST}/common/discovery/instance`)).status, 400);
});

test("an unknown path results in 404", async () => {
  const entra = setUp();
  for (const path of ["/", `/${TENANT}`, `/${TENANT}/oauth2/v2.0/logout`, `/adfs/oauth2/v2.0/token`]) {
    assert.equal((await entra.fetch(HOST + path)).status, 404, path);
  }
});

test("a token request must be a POST with a form", async () => {
  const entra = setUp();
  const got = await entra.fetch(HOST + TOKEN_PATH);
  assert.deepEqual([got.status, (await got.json()).error_codes[0]], [400, 900561]);
  const posted = await entra.fetch(HOST + TOKEN_PATH, { method: "POST", body: JSON.stringify(WITH_SECRET) });
  assert.deepEqual([posted.status, (await posted.json()).error_codes[0]], [400, 900144]);
});

test("pages may read the responses, but may not send custom headers", async () => {
  const entra = setUp();
  const preflight = await entra.fetch(HOST + TOKEN_PATH, { method: "OPTIONS" });
  assert.equal(preflight.status, 200);
  assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
  assert.equal(preflight.headers.get("access-control-allow-headers"), null);
  for (const client_secret of ["a-secret", "guess"]) {
    const response = await entra.fetch(...post({ ...WITH_SECRET, client_secret }));
    assert.equal(response.headers.get("access-control-allow-origin"), "*");
  }
});

test("handle responds to a server's requests and needs no this", async () => {
  const { handle } = setUp();
  const response = await handle(new Request(...post(WITH_SECRET, TOKEN_PATH, "http://127.0.0.1:8080")));
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^application\/json/);
  assert.match(response.headers.get("cache-control") ?? "", /no-store/);
});

test("a registration without a tenant or a name throws", () => {
  const empty = { tenantId: "", clientId: "", username: "", password: "" };
  assert.throws(() => createEntra({ apps: [empty] }), { name: "TypeError", message: /"clientId"/ });
  assert.throws(() => createEntra({ users: [empty] }), { name: "TypeError", message: /"username"/ });
});

// Recorded and held requests

test("requests are recorded as plain data, in order", async () => {
  const entra = setUp();
  await entra.fetch(new URL(`${HOST}/${TENANT}/discovery/v2.0/keys`));
  const [url, init] = post({ ...WITH_SECRET, scope: "https://a.net/.default" }, `${TOKEN_PATH}?a=b`);
  await entra.fetch(new Request(url, { ...init, headers: { "X-Custom": "yes" } }));
  assert.deepEqual(entra.requests.map(({ method, path }) => [method, path]), [
    ["GET", `/${TENANT}/discovery/v2.0/keys`],
    ["POST", TOKEN_PATH],
  ]);
  const recorded = JSON.parse(JSON.stringify(entra.requests[1]));
  assert.equal(recorded.url, `${HOST}${TOKEN_PATH}?a=b`);
  assert.equal(recorded.headers["x-custom"], "yes");
  assert.deepEqual(recorded.form, { ...WITH_SECRET, scope: "https://a.net/.default" });
  entra.requests.length = 0;
  await ask(entra, WITH_SECRET);
  assert.equal(entra.requests.length, 1);
});

test("held requests, including later ones, wait until they are released", async () => {
  const entra = setUp();
  const letGo = entra.hold();
  let responses = 0;
  const first = ask(entra, WITH_SECRET).then(() => responses++);
  await entra.untilRequested();
  const second = ask(entra, WITH_SECRET).then(() => responses++);
  await entra.untilRequested(2);
  assert.equal(responses, 0);
  letGo();
  await Promise.all([first, second]);
  await ask(entra, WITH_SECRET);
  assert.equal(entra.requests.length, 3);
});

test("releasing an earlier hold does not release a later one", async () => {
  const entra = setUp();
  const letGoFirst = entra.hold();
  const first = ask(entra, WITH_SECRET);
  await entra.untilRequested(1);
  const letGoSecond = entra.hold();
  let done = false;
  const second = ask(entra, WITH_SECRET).then(() => done = true);
  await entra.untilRequested(2);
  letGoFirst();
  await first;
  const third = entra.fetch(HOST).then(() => done = true);
  await entra.untilRequested(3);
  await ask(setUp(), WITH_SECRET);
  assert.equal(done, false);
  letGoSecond();
  await Promise.all([second, third]);
});

test("an aborted signal rejects a request with its reason, before and during the response", async () => {
  const entra = setUp();
  const letGo = entra.hold();
  const controller = new AbortController();
  const reason = new Error("enough");
  const [url, init] = post(WITH_SECRET);
  const held = entra.fetch(url, { ...init, signal: controller.signal });
  await entra.untilRequested();
  controller.abort(reason);
  await assert.rejects(held, reason);
  await assert.rejects(entra.fetch(url, { ...init, signal: controller.signal }), reason);
  assert.equal(entra.requests.length, 1);
  letGo();
});

test("the signal of a Request aborts it too", async () => {
  const entra = setUp();
  const letGo = entra.hold();
  const controller = new AbortController();
  const [url, init] = post(WITH_SECRET);
  const held = entra.fetch(new Request(url, { ...init, signal: controller.signal }));
  await entra.untilRequested();
  controller.abort();
  await assert.rejects(held, { name: "AbortError" });
  letGo();
});

// Faults

test("faults occur in the configured order and number", async () => {
  const entra = setUp();
  entra.failNext({ code: 7000222 }, 2);
  entra.failNext({ status: 500 });
  entra.failNext({ code: 1 }, 0);
  const seen = [];
  for (let i = 0; i < 4; i++) seen.push((await entra.fetch(...post(WITH_SECRET))).status);
  assert.deepEqual(seen, [401, 401, 500, 200]);
  assert.equal(entra.requests.length, 4);
});

test("recovering removes endless faults", async () => {
  const entra = setUp();
  entra.failNext({ status: 500 }, Infinity);
  for (let i = 0; i < 3; i++) assert.equal((await entra.fetch(...post(WITH_SECRET))).status, 500);
  entra.recover();
  assert.equal((await entra.fetch(...post(WITH_SECRET))).status, 200);
});

test("faults apply to requests in the order of their arrival, held or not", async () => {
  const entra = setUp();
  entra.failNext({ status: 500 });
  const letGo = entra.hold();
  const first = entra.fetch(...post(WITH_SECRET));
  await entra.untilRequested(1);
  const second = entra.fetch(...post(WITH_SECRET));
  letGo();
  assert.deepEqual([(await first).status, (await second).status], [500, 200]);
});

test("faults do not apply to a preflight request", async () => {
  const entra = setUp();
  entra.failNext({ status: 500 });
  assert.equal((await entra.fetch(HOST + TOKEN_PATH, { method: "OPTIONS" })).status, 200);
  assert.equal((await entra.fetch(...post(WITH_SECRET))).status, 500);
});

const responses: {
  fault: EntraFault;
  status: number;
  error?: string;
  code?: number;
  headers?: Record<string, string>;
}[] = [
  { fault: { code: 7000222 }, status: 401, error: "invalid_client", code: 7000222 },
  { fault: { code: 53003 }, status: 400, error: "invalid_grant", code: 53003 },
  { fault: { code: 50196 }, status: 400, error: "invalid_grant", code: 50196 },
  { fault: { code: 123 }, status: 400, error: "invalid_request", code: 123 },
  { fault: { code: 90033 }, status: 503, error: "temporarily_unavailable", code: 90033 },
  { fault: { status: 429 }, status: 429, error: "temporarily_unavailable", code: 90055 },
  { fault: { status: 503, retryAfter: 2 }, status: 503, code: 90033, headers: { "retry-after": "2" } },
  {
    fault: { status: 429, retryAfter: new Date(NOON) },
    status: 429,
    headers: { "retry-after": "Thu, 31 Jan 2030 12:00:00 GMT" },
  },
  { fault: { code: 50126, status: 500 }, status: 500, error: "invalid_grant", code: 50126 },
  {
    fault: { code: 50126, headers: { "www-authenticate": "Bearer" } },
    status: 400,
    headers: { "www-authenticate": "Bearer" },
  },
];

for (const { fault, status, error, code, headers = {} } of responses) {
  test(`the fault ${JSON.stringify(fault)} sends the configured response`, async () => {
    const entra = setUp();
    entra.failNext(fault);
    const response = await entra.fetch(...post({ ...WITH_SECRET, "client-request-id": "an-id" }));
    assert.equal(response.status, status);
    for (const [name, value] of Object.entries(headers)) assert.equal(response.headers.get(name), value);
    const body = await response.json();
    if (error) assert.equal(body.error, error);
    if (code) assert.deepEqual(body.error_codes, [code]);
    assert.equal(body.correlation_id, "an-id");
  });
}

test("a fault can contain claims, or any body", async () => {
  const entra = setUp();
  entra.failNext({ code: 50076, claims: '{"access_token":{"acrs":{"essential":true}}}' });
  entra.failNext({ status: 502, body: "<h1>Bad gateway</h1>", headers: { "content-type": "text/html" } });
  entra.failNext({ status: 200, body: '{"access_token":1}' });
  entra.failNext({ status: 500 });
  assert.equal((await ask(entra, WITH_SECRET)).body.claims, '{"access_token":{"acrs":{"essential":true}}}');
  const gateway = await entra.fetch(...post(WITH_SECRET));
  assert.deepEqual([gateway.status, gateway.headers.get("content-type"), await gateway.text()], [
    502,
    "text/html",
    "<h1>Bad gateway</h1>",
  ]);
  assert.deepEqual(await ask(entra, WITH_SECRET), { status: 200, body: { access_token: 1 } });
  assert.equal(await (await entra.fetch(...post(WITH_SECRET))).text(), "");
});

test("refused: fetch rejects as it does without a network", async () => {
  const entra = setUp();
  entra.failNext("refused");
  await assert.rejects(entra.fetch(...post(WITH_SECRET)), { name: "TypeError", message: /^fetch failed/ });
  assert.equal(entra.requests.length, 1);
});

test("silent: no response until the caller aborts", async () => {
  const entra = setUp();
  entra.failNext("silent");
  const controller = new AbortController();
  const reason = new Error("enough");
  const [url, init] = post(WITH_SECRET);
  const silent = entra.fetch(url, { ...init, signal: controller.signal });
  await entra.untilRequested();
  assert.equal((await ask(entra, WITH_SECRET)).status, 200);
  controller.abort(reason);
  await assert.rejects(silent, reason);
});

test("reset: the connection breaks in the middle of the body", async () => {
  const entra = setUp();
  entra.failNext("reset");
  const response = await entra.fetch(...post(WITH_SECRET));
  assert.equal(response.status, 200);
  const reader = response.body!.getReader();
  assert.match(new TextDecoder().decode((await reader.read()).value), /^\{"token_type"/);
  await assert.rejects(reader.read(), { name: "TypeError", message: /^terminated/ });
});

test("stalled: half of a body, and then nothing until the caller aborts", async () => {
  const entra = setUp();
  entra.failNext("stalled");
  const controller = new AbortController();
  const reason = new Error("enough");
  const [url, init] = post(WITH_SECRET);
  const response = await entra.fetch(url, { ...init, signal: controller.signal });
  const reader = response.body!.getReader();
  assert.match(new TextDecoder().decode((await reader.read()).value), /^\{"token_type"/);
  const rest = reader.read();
  controller.abort(reason);
  await assert.rejects(rest, reason);
});

test("stalled: a reader that cancels needs no signal", async () => {
  const entra = setUp();
  entra.failNext("stalled");
  const reader = (await entra.fetch(...post(WITH_SECRET))).body!.getReader();
  await reader.read();
  await reader.cancel();
});

test("truncated: half of a body, without an error", async () => {
  const entra = setUp();
  entra.failNext("truncated");
  const text = await (await entra.fetch(...post(WITH_SECRET))).text();
  assert.match(text, /^\{"token_type"/);
  assert.throws(() => JSON.parse(text), SyntaxError);
});

test("html: a web page instead of a token response", async () => {
  const entra = setUp();
  entra.failNext("html");
  const response = await entra.fetch(...post(WITH_SECRET));
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^text\/html/);
  assert.match(await response.text(), /^<!DOCTYPE html>/);
});

test("huge: ten megabytes, generated while they are read", async () => {
  const entra = setUp();
  entra.failNext("huge", 2);
  const { access_token } = await (await entra.fetch(...post(WITH_SECRET))).json();
  assert.equal(access_token.length, 10_000_000);
  await (await entra.fetch(...post(WITH_SECRET))).body!.cancel();
});

test("redirect: only a client that follows the redirect sends the secret to another host", async () => {
  const entra = setUp();
  const [url, init] = post(WITH_SECRET);
  entra.failNext("redirect");
  const response = await entra.fetch(url, { ...init, redirect: "manual" });
  assert.equal(response.status, 307);
  assert.equal(response.headers.get("location"), `https://elsewhere.example${TOKEN_PATH}`);
  assert.equal(entra.requests.length, 1);

  entra.failNext("redirect");
  await entra.fetch(url, init);
  assert.equal(entra.requests.length, 3);
  assert.equal(entra.requests[2]?.url, `https://elsewhere.example${TOKEN_PATH}`);
  assert.equal(entra.requests[2]?.form.client_secret, "a-secret");

  entra.failNext("redirect");
  const keys = await entra.fetch(`${HOST}/${TENANT}/discovery/v2.0/keys`);
  assert.equal(keys.status, 200);
});
