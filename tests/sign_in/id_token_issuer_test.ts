// Runs on: deno, node, bun, workerd, edge
// Validation of ID tokens: issuer, tenant and audience, for each cloud (OpenID Connect Core, section 3.1.3.7).
import { DeviceCodeCredential, type DeviceCodeCredentialOptions } from "@azweb/identity";
import { createEntra } from "@azweb/identity/testing";
import { createWebSignIn } from "@azweb/identity/web-sign-in";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HURRIED } from "../support/sign_in/people.ts";
import {
  type Asked,
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  jsonAnswer,
  TENANT,
  tokenAnswer,
} from "../support/service.ts";

const OTHER = "22222222-3333-4444-5555-666666666666";
const CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad";
const PUBLIC = "https://login.microsoftonline.com";
const SCOPE = "https://graph.microsoft.com/User.Read";
const PRIVATE = "https://login.private.example";

/** The beginnings of error messages. */
const WRONG_ISSUER = "Cannot use the ID token: It is from another issuer";
const WRONG_TENANT = "Cannot use the ID token: It is of another tenant";
const NO_TENANT = "Cannot use the ID token: It names no tenant";
const WRONG_APP = "Cannot use the ID token: It is for another app";

type Claims = Readonly<Record<string, unknown>>;

/** The authority, the tenant and the claims of the ID token. */
interface Row {
  readonly tenantId?: string;
  readonly authorityHost?: string;
  readonly disableInstanceDiscovery?: boolean;
  readonly allowInsecureLoopback?: boolean;
  /** The OpenID configuration of the authority, besides its endpoints. */
  readonly configuration?: Claims;
  readonly claims: Claims;
  /** The beginning of the error message; absent if the token is accepted. */
  readonly rejected?: string;
}

function jwtOf(claims: Claims): string {
  return ['{"alg":"RS256"}', JSON.stringify(claims), "none"]
    .map((part) => btoa(part).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")).join(".");
}

/** Returns the responses of a token service whose users complete device code sign-ins at once. */
function respondWith({ configuration = {}, claims }: Pick<Row, "configuration" | "claims">) {
  return ({ url }: Asked) => {
    const base = url.split("/v2.0/")[0]!;
    if (url.includes("/discovery/instance?")) return jsonAnswer({ tenant_discovery_endpoint: "https://x.example" });
    if (url.endsWith("/openid-configuration")) {
      return jsonAnswer({
        token_endpoint: `${base}/oauth2/v2.0/token`,
        authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
        device_authorization_endpoint: `${base}/oauth2/v2.0/devicecode`,
        ...configuration,
      });
    }
    if (url.endsWith("/devicecode")) {
      return jsonAnswer({ device_code: "d", user_code: "u", verification_uri: "https://v.example", expires_in: 900 });
    }
    const right = { aud: CLIENT, sub: "a-user", iat: 1, exp: 9e9, tid: TENANT, iss: `${PUBLIC}/${TENANT}/v2.0` };
    return tokenAnswer({ id_token: jwtOf({ ...right, ...claims }) });
  };
}

async function signIn({ tenantId = TENANT, configuration, claims, ...options }: Omit<Row, "rejected">) {
  const service = createService(respondWith({ claims, ...configuration && { configuration } }));
  const all: DeviceCodeCredentialOptions = {
    ...isolatedOptions(service),
    runtime: HURRIED,
    cache: false,
    tenantId,
    clientId: CLIENT,
    userPromptCallback() {},
    ...options,
  };
  return await new DeviceCodeCredential(all).getToken(SCOPE);
}

function check(rows: Readonly<Record<string, Row>>): void {
  for (const [name, { rejected, ...row }] of Object.entries(rows)) {
    test(`${name}: ${rejected === undefined ? "accepted" : "rejected"}`, async () => {
      if (rejected === undefined) return assert.equal((await signIn(row)).token, "a-token");
      const error = await failureOf(signIn(row));
      assert.equal(error.name, "AuthenticationError");
      // The message for another issuer ends with the expected and the actual one.
      const [reason, issuers] = error.message.split(/(?<=issuer): /);
      assert.equal(reason, `DeviceCodeCredential: ${rejected}`);
      assert.equal(/^expected \S.*$/.test(issuers ?? ""), rejected === WRONG_ISSUER, error.message);
      const isText = typeof row.claims?.iss === "string" && /^https:\/\/[^/]/.test(row.claims.iss);
      if (rejected === WRONG_ISSUER && isText) assert.match(issuers!, /, got https:/);
    });
  }
}

describe("the tenant is configured by its id: an ID token with", () => {
  check({
    "its own issuer": { claims: {} },
    "its own issuer, with the tenant id in capitals": {
      tenantId: "ABCDEF11-2222-3333-4444-555555555555",
      claims: {
        tid: "abcdef11-2222-3333-4444-555555555555",
        iss: `${PUBLIC}/abcdef11-2222-3333-4444-555555555555/v2.0`,
      },
    },
    "its own issuer, version 1.0": { claims: { iss: `https://sts.windows.net/${TENANT}/` } },
    "another tenant's issuer and the configured tenant's tid": {
      claims: { iss: `${PUBLIC}/${OTHER}/v2.0` },
      rejected: WRONG_ISSUER,
    },
    "another tenant's issuer and the configured tenant's tid, version 1.0": {
      claims: { iss: `https://sts.windows.net/${OTHER}/` },
      rejected: WRONG_ISSUER,
    },
    "the configured tenant's issuer and another tenant's tid": { claims: { tid: OTHER }, rejected: WRONG_TENANT },
    "another tenant's issuer and tid": {
      claims: { tid: OTHER, iss: `${PUBLIC}/${OTHER}/v2.0` },
      rejected: WRONG_TENANT,
    },
    "no tid": { claims: { tid: undefined }, rejected: NO_TENANT },
    "an empty tid": { claims: { tid: "" }, rejected: NO_TENANT },
    "a tid that is not a string": { claims: { tid: [TENANT] }, rejected: NO_TENANT },
    "no issuer": { claims: { iss: undefined }, rejected: WRONG_ISSUER },
    "an empty issuer": { claims: { iss: "" }, rejected: WRONG_ISSUER },
    "an issuer in an array": { claims: { iss: [`${PUBLIC}/${TENANT}/v2.0`] }, rejected: WRONG_ISSUER },
    "an issuer without a tenant": { claims: { iss: `${PUBLIC}/` }, rejected: WRONG_ISSUER },
    "an issuer that is the template itself": { claims: { iss: `${PUBLIC}/{tenantid}/v2.0` }, rejected: WRONG_ISSUER },
    "an issuer of common": { claims: { iss: `${PUBLIC}/common/v2.0` }, rejected: WRONG_ISSUER },
    "an issuer with another path": { claims: { iss: `${PUBLIC}/${TENANT}/v2.0/x` }, rejected: WRONG_ISSUER },
    "an issuer with a trailing slash": { claims: { iss: `${PUBLIC}/${TENANT}/v2.0/` }, rejected: WRONG_ISSUER },
    "an issuer with a query": { claims: { iss: `${PUBLIC}/${TENANT}/v2.0?x` }, rejected: WRONG_ISSUER },
    "an issuer with white space": { claims: { iss: ` ${PUBLIC}/${TENANT}/v2.0` }, rejected: WRONG_ISSUER },
    "an issuer over http": {
      claims: { iss: `http://login.microsoftonline.com/${TENANT}/v2.0` },
      rejected: WRONG_ISSUER,
    },
    "an issuer of another cloud": {
      claims: { iss: `https://login.microsoftonline.us/${TENANT}/v2.0` },
      rejected: WRONG_ISSUER,
    },
    "an external tenant's issuer at the public cloud": {
      claims: { iss: `https://${TENANT}.ciamlogin.com/${TENANT}/v2.0` },
      rejected: WRONG_ISSUER,
    },
    "an issuer of another host": { claims: { iss: `https://evil.example/${TENANT}/v2.0` }, rejected: WRONG_ISSUER },
  });
});

describe("the audience", () => {
  check({
    "the app, which is the authorized party": { claims: { azp: CLIENT } },
    "the app, with another authorized party": { claims: { azp: "another" }, rejected: WRONG_APP },
    "the app, with an authorized party that is not a string": { claims: { azp: [CLIENT] }, rejected: WRONG_APP },
    "an array with the app only": { claims: { aud: [CLIENT] } },
    "an array with the app, which is the authorized party": { claims: { aud: [CLIENT, "another"], azp: CLIENT } },
    "an array with the app, and another authorized party": {
      claims: { aud: [CLIENT, "another"], azp: "another" },
      rejected: WRONG_APP,
    },
    "an array with the app, without an authorized party": { claims: { aud: [CLIENT, "another"] }, rejected: WRONG_APP },
  });
});

describe("a tenant name that stands for several tenants", () => {
  const claimsOf = (tid: string) => ({ tid, iss: `${PUBLIC}/${tid}/v2.0` });
  check({
    "common: an organization's token": { tenantId: "common", claims: claimsOf(OTHER) },
    "common: a personal account's token": { tenantId: "common", claims: claimsOf(CONSUMERS) },
    "common: an issuer of another tenant than the tid": {
      tenantId: "common",
      claims: { tid: OTHER },
      rejected: WRONG_ISSUER,
    },
    "common: no tid": { tenantId: "common", claims: { tid: undefined }, rejected: NO_TENANT },
    "organizations: an organization's token": { tenantId: "organizations", claims: claimsOf(OTHER) },
    "organizations: a personal account's token": {
      tenantId: "organizations",
      claims: claimsOf(CONSUMERS),
      rejected: WRONG_TENANT,
    },
    "organizations, capitalized: a personal account's token": {
      tenantId: "Organizations",
      claims: claimsOf(CONSUMERS.toUpperCase()),
      rejected: WRONG_TENANT,
    },
    "consumers: a personal account's token": { tenantId: "consumers", claims: claimsOf(CONSUMERS) },
    "consumers: an organization's token": { tenantId: "consumers", claims: claimsOf(OTHER), rejected: WRONG_TENANT },
    "a domain name: a token of the tenant with that domain": { tenantId: "contoso.com", claims: claimsOf(OTHER) },
    "a domain name: an issuer of another tenant than the tid": {
      tenantId: "contoso.com",
      claims: { tid: OTHER },
      rejected: WRONG_ISSUER,
    },
    "a domain name: no tid": { tenantId: "contoso.com", claims: { tid: undefined }, rejected: NO_TENANT },
  });
});

describe("other clouds", () => {
  const clouds = {
    "login.microsoftonline.us": { v2: "login.microsoftonline.us", v1: "sts.windows.net" },
    "login.usgovcloudapi.net": { v2: "login.microsoftonline.us", v1: "sts.windows.net" },
    "login.chinacloudapi.cn": { v2: "login.partner.microsoftonline.cn", v1: "sts.chinacloudapi.cn" },
    "login.partner.microsoftonline.cn": { v2: "login.chinacloudapi.cn", v1: "sts.chinacloudapi.cn" },
    "login.windows.net": { v2: "login.microsoftonline.com", v1: "sts.windows.net" },
    "login.sovcloud-identity.fr": { v2: "login.sovcloud-identity.fr", v1: undefined },
  };
  for (const [host, { v1, v2 }] of Object.entries(clouds)) {
    const authorityHost = `https://${host}`;
    check({
      [`authority ${host}, issuer ${v2}`]: { authorityHost, claims: { iss: `https://${v2}/${TENANT}/v2.0` } },
      [`authority ${host}, issuer ${v2} for another tenant`]: {
        authorityHost,
        claims: { iss: `https://${v2}/${OTHER}/v2.0` },
        rejected: WRONG_ISSUER,
      },
      ...v1 !== undefined &&
        { [`authority ${host}, issuer ${v1}`]: { authorityHost, claims: { iss: `https://${v1}/${TENANT}/` } } },
      [`authority ${host}, issuer of another cloud`]: {
        authorityHost,
        claims: { iss: `https://login.microsoftonline.de/${TENANT}/v2.0` },
        rejected: WRONG_ISSUER,
      },
    });
  }
  check({
    "authority of the cloud in China, issuer of version 1.0 of the public cloud": {
      authorityHost: "https://login.chinacloudapi.cn",
      claims: { iss: `https://sts.windows.net/${TENANT}/` },
      rejected: WRONG_ISSUER,
    },
  });
});

describe("an external tenant", () => {
  const authorityHost = "https://contoso.ciamlogin.com";
  const issuer = `https://${TENANT}.ciamlogin.com/${TENANT}/v2.0`;
  check({
    "the issuer with its id": { authorityHost, claims: { iss: issuer } },
    "the issuer with its id, if the tenant is configured by its name": {
      authorityHost,
      tenantId: "contoso.onmicrosoft.com",
      claims: { iss: issuer },
    },
    "the issuer with its name": { authorityHost, claims: { iss: `${authorityHost}/${TENANT}/v2.0` } },
    "the issuer with its name, for another tenant": {
      authorityHost,
      claims: { iss: `${authorityHost}/${OTHER}/v2.0` },
      rejected: WRONG_ISSUER,
    },
    "another tenant's issuer": {
      authorityHost,
      claims: { iss: `https://${OTHER}.ciamlogin.com/${OTHER}/v2.0` },
      rejected: WRONG_ISSUER,
    },
    "another tenant's token": {
      authorityHost,
      claims: { tid: OTHER, iss: `https://${OTHER}.ciamlogin.com/${OTHER}/v2.0` },
      rejected: WRONG_TENANT,
    },
    "no tid": { authorityHost, claims: { iss: issuer, tid: undefined }, rejected: NO_TENANT },
    "the public cloud's issuer": { authorityHost, claims: {}, rejected: WRONG_ISSUER },
  });
});

describe("AD FS, which has no tenants", () => {
  const authorityHost = "https://adfs.contoso.com";
  const adfs = { authorityHost, tenantId: "adfs" };
  check({
    "its issuer": { ...adfs, claims: { iss: `${authorityHost}/adfs`, tid: undefined } },
    "its issuer of access tokens": {
      ...adfs,
      claims: { iss: "http://adfs.contoso.com/adfs/services/trust", tid: undefined },
      rejected: WRONG_ISSUER,
    },
    "another path": { ...adfs, claims: { iss: `${authorityHost}/other`, tid: undefined }, rejected: WRONG_ISSUER },
    "another server": {
      ...adfs,
      claims: { iss: "https://adfs.fabrikam.com/adfs", tid: undefined },
      rejected: WRONG_ISSUER,
    },
  });
});

describe("an authority with discovery: its OpenID configuration names the issuer", () => {
  const row = (issuer: unknown, claims: Claims, rejected?: string, tenantId = TENANT): Row => ({
    authorityHost: PRIVATE,
    tenantId,
    configuration: { issuer },
    claims,
    ...rejected !== undefined && { rejected },
  });
  const own = `${PRIVATE}/${TENANT}/v2.0`;
  check({
    "that issuer": row(own, { iss: own }),
    "that issuer, with a trailing slash": row(`${own}/`, { iss: `${own}/` }),
    "that issuer, without a tenant id": row(`${PRIVATE}/people`, { iss: `${PRIVATE}/people`, tid: undefined }),
    "that issuer, which contains the tenant, without a tid": row(own, { iss: own, tid: undefined }),
    "that issuer with another tenant's tid": row(own, { iss: own, tid: OTHER }, WRONG_TENANT),
    "that issuer, for a domain name, with another tenant's tid": row(
      own,
      { iss: own, tid: OTHER },
      WRONG_ISSUER,
      "contoso.com",
    ),
    "an issuer template": row(`${PRIVATE}/{tenantid}/v2.0`, { iss: own }),
    "an issuer template, without a tid": row(`${PRIVATE}/{tenantid}/v2.0`, { iss: own, tid: undefined }, NO_TENANT),
    "an issuer template, with another tenant's issuer": row(`${PRIVATE}/{tenantid}/v2.0`, {
      iss: `${PRIVATE}/${OTHER}/v2.0`,
    }, WRONG_ISSUER),
    "another issuer of the same host": row(own, { iss: `${PRIVATE}/people` }, WRONG_ISSUER),
    "a configuration without an issuer": row(undefined, { iss: own }, WRONG_ISSUER),
    "an empty issuer": row("", { iss: "" }, WRONG_ISSUER),
    "an issuer of another host": row("https://evil.example/v2.0", { iss: "https://evil.example/v2.0" }, WRONG_ISSUER),
    "a known cloud's issuer": row(`${PUBLIC}/${TENANT}/v2.0`, {}),
  });
});

describe("an authority that is trusted without discovery: any issuer of its host, with the requested tenant", () => {
  const trusted = { authorityHost: PRIVATE, disableInstanceDiscovery: true };
  check({
    "the host alone": { ...trusted, claims: { iss: PRIVATE } },
    "the host, with another tenant's tid": { ...trusted, claims: { iss: PRIVATE, tid: OTHER }, rejected: WRONG_TENANT },
    "the host, without a tid": { ...trusted, claims: { iss: PRIVATE, tid: undefined }, rejected: NO_TENANT },
    "the host, without a tid, for a domain name": {
      ...trusted,
      tenantId: "contoso.com",
      claims: { iss: PRIVATE, tid: undefined },
    },
    "the host with the tenant": { ...trusted, claims: { iss: `${PRIVATE}/${TENANT}/v2.0` } },
    "the host with another tenant": { ...trusted, claims: { iss: `${PRIVATE}/${OTHER}/v2.0` }, rejected: WRONG_ISSUER },
    "organizations: a personal account's token": {
      ...trusted,
      tenantId: "organizations",
      claims: { iss: PRIVATE, tid: CONSUMERS },
      rejected: WRONG_TENANT,
    },
    "another host": { ...trusted, claims: { iss: `${PUBLIC}/${TENANT}/v2.0` }, rejected: WRONG_ISSUER },
    "the host after a space": { ...trusted, claims: { iss: ` ${PRIVATE}/` }, rejected: WRONG_ISSUER },
    "the host as user information": { ...trusted, claims: { iss: `${PRIVATE}@evil.example/` }, rejected: WRONG_ISSUER },
    "a host with the same prefix": { ...trusted, claims: { iss: `${PRIVATE}.evil.example/` }, rejected: WRONG_ISSUER },
    "another port": { ...trusted, claims: { iss: `${PRIVATE}:8443/${TENANT}/v2.0` }, rejected: WRONG_ISSUER },
  });
});

describe("the issuer of an authorization response (RFC 9207)", () => {
  const rows: Readonly<Record<string, readonly [string, string, boolean]>> = {
    "the requested tenant's": [TENANT, `${PUBLIC}/${TENANT}/v2.0`, true],
    "another tenant's": [TENANT, `${PUBLIC}/${OTHER}/v2.0`, false],
    "the host alone": [TENANT, PUBLIC, false],
    "any tenant's under common": ["common", `${PUBLIC}/${OTHER}/v2.0`, true],
    "an organization's under organizations": ["organizations", `${PUBLIC}/${OTHER}/v2.0`, true],
    "personal accounts' under organizations": ["organizations", `${PUBLIC}/${CONSUMERS}/v2.0`, false],
    "an empty string": [TENANT, "", false],
  };
  for (const [name, [tenantId, iss, isAccepted]] of Object.entries(rows)) {
    test(`${name}: ${isAccepted ? "the code is redeemed" : "no request is sent"}`, async () => {
      const service = createService(() => jsonAnswer({ error: "invalid_grant" }, { status: 400 }));
      const app = createWebSignIn({
        ...isolatedOptions(service),
        tenantId,
        clientId: CLIENT,
        clientSecret: "a-secret",
        redirectUri: "https://my.app/signed-in",
        scopes: SCOPE,
        sealingKey: btoa("1".repeat(32)),
      });
      const { headers } = await app.signIn(new Request("https://my.app/"));
      const state = new URL(headers.get("location")!).searchParams.get("state")!;
      const parameters = new URLSearchParams({ code: "a-code", state, iss });
      const cookie = headers.get("set-cookie")!.split(";")[0]!;
      const error = await failureOf(
        app.redeem(new Request(`https://my.app/signed-in?${parameters}`, { headers: { cookie } })),
      );
      assert.equal(error.name, "AuthenticationError");
      assert.match(
        error.message,
        isAccepted ? /invalid_grant/ : /^WebSignIn: Cannot sign in: The response is from another issuer: expected /,
      );
      assert.equal(service.requests.length, isAccepted ? 1 : 0);
    });
  }
});

describe("the simulated Entra uses the issuers of Entra", () => {
  const hosts: Readonly<Record<string, string>> = {
    "login.microsoftonline.com": `${PUBLIC}/${TENANT}/v2.0`,
    "login.windows.net": `${PUBLIC}/${TENANT}/v2.0`,
    "login.chinacloudapi.cn": `https://login.partner.microsoftonline.cn/${TENANT}/v2.0`,
    "contoso.ciamlogin.com": `https://${TENANT}.ciamlogin.com/${TENANT}/v2.0`,
    "login.private.example": `${PRIVATE}/${TENANT}/v2.0`,
  };
  for (const [host, issuer] of Object.entries(hosts)) {
    test(host, async () => {
      const entra = createEntra({
        apps: [{ tenantId: TENANT, clientId: CLIENT }],
        users: [{ tenantId: TENANT, username: "jo", password: "a-password" }],
      });
      const base = `https://${host}/${TENANT}`;
      const configuration = await (await entra.fetch(`${base}/v2.0/.well-known/openid-configuration`)).json();
      assert.equal(configuration.issuer, issuer);
      const form = { grant_type: "password", client_id: CLIENT, username: "jo", password: "a-password" };
      const body = new URLSearchParams({ ...form, scope: "openid profile" });
      const { id_token } = await (await entra.fetch(`${base}/oauth2/v2.0/token`, { method: "POST", body })).json();
      const { iss, tid } = await entra.verify(id_token);
      assert.deepEqual([iss, tid], [issuer, TENANT]);
    });
  }

  test("AD FS", async () => {
    const entra = createEntra({
      apps: [{ tenantId: "adfs", clientId: CLIENT }],
      users: [{ tenantId: "adfs", username: "jo", password: "a-password" }],
    });
    const base = "https://adfs.contoso.com/adfs";
    const form = { grant_type: "password", client_id: CLIENT, username: "jo", password: "a-password", scope: "openid" };
    const init = { method: "POST", body: new URLSearchParams(form) };
    const { id_token } = await (await entra.fetch(`${base}/oauth2/token`, init)).json();
    const { iss, tid } = await entra.verify(id_token);
    assert.deepEqual([iss, tid], [base, undefined]);
  });
});

describe("the error names the expected and the actual issuer", () => {
  for (
    const [name, row, issuers] of [
      [
        "an issuer of another host",
        { claims: { iss: `http://127.0.0.1:8080/${TENANT}/v2.0` } },
        `expected ${PUBLIC}/${TENANT}/v2.0, got http://127.0.0.1:8080/${TENANT}/v2.0`,
      ],
      [
        "a server for tests whose ID tokens have the issuer of the public cloud",
        {
          authorityHost: "http://127.0.0.1:8080",
          allowInsecureLoopback: true,
          disableInstanceDiscovery: true,
          claims: {},
        },
        `expected http://127.0.0.1:8080/…, got ${PUBLIC}/${TENANT}/v2.0`,
      ],
      [
        "an issuer of another tenant",
        { claims: { iss: `${PUBLIC}/${OTHER}/v2.0` } },
        `expected ${PUBLIC}/${TENANT}/v2.0, got ${PUBLIC}/${OTHER}/v2.0`,
      ],
      [
        "an issuer with an unknown path, which the error omits",
        { claims: { iss: "https://evil.example/CANARY?CANARY#CANARY" } },
        `expected ${PUBLIC}/${TENANT}/v2.0, got https://evil.example/…`,
      ],
      [
        "an issuer that is not a URL, which the error omits",
        { claims: { iss: "CANARY" } },
        `expected ${PUBLIC}/${TENANT}/v2.0`,
      ],
      [
        "an authority whose configuration has no issuer",
        { authorityHost: PRIVATE, claims: { iss: `${PRIVATE}/${TENANT}/v2.0` } },
        "expected the issuer in the OpenID configuration, which has none of its own, " +
        `got ${PRIVATE}/${TENANT}/v2.0`,
      ],
    ] as [string, Omit<Row, "rejected">, string][]
  ) {
    test(name, async () => {
      assert.equal((await failureOf(signIn(row))).message, `DeviceCodeCredential: ${WRONG_ISSUER}: ${issuers}`);
    });
  }
});
