// Runs on: deno, node, bun, workerd, edge
// Which ID tokens are those of the tenant that was asked: issuer, tenant and app, cloud by cloud (OpenID Connect Core, section 3.1.3.7).
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

const ISSUER = "Cannot use the ID token: It is from another issuer";
const ANOTHER = "Cannot use the ID token: It is of another tenant";
const NONE = "Cannot use the ID token: It names no tenant";
const APP = "Cannot use the ID token: It is for another app";

type Claims = Readonly<Record<string, unknown>>;

/** A row: which authority is asked for which tenant, what its ID token says, and why that is refused. */
interface Row {
  readonly tenantId?: string;
  readonly authorityHost?: string;
  readonly disableInstanceDiscovery?: boolean;
  readonly allowInsecureLoopback?: boolean;
  /** The OpenID configuration of the authority, besides its endpoints. */
  readonly configuration?: Claims;
  readonly claims: Claims;
  readonly refused?: string;
}

function jwtOf(claims: Claims): string {
  return ['{"alg":"RS256"}', JSON.stringify(claims), "none"]
    .map((part) => btoa(part).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")).join(".");
}

/** A token service whose users enter device codes at once. */
function answerWith({ configuration = {}, claims }: Pick<Row, "configuration" | "claims">) {
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
    const right = { aud: CLIENT, sub: "somebody", iat: 1, exp: 9e9, tid: TENANT, iss: `${PUBLIC}/${TENANT}/v2.0` };
    return tokenAnswer({ id_token: jwtOf({ ...right, ...claims }) });
  };
}

async function signIn({ tenantId = TENANT, configuration, claims, ...options }: Omit<Row, "refused">) {
  const service = createService(answerWith({ claims, ...configuration && { configuration } }));
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
  for (const [name, { refused, ...row }] of Object.entries(rows)) {
    test(`${name}: ${refused === undefined ? "believed" : "refused"}`, async () => {
      if (refused === undefined) return assert.equal((await signIn(row)).token, "a-token");
      const error = await failureOf(signIn(row));
      assert.equal(error.name, "AuthenticationError");
      // For another issuer, both follow.
      const [why, issuers] = error.message.split(/(?<=issuer): /);
      assert.equal(why, `DeviceCodeCredential: ${refused}`);
      assert.equal(/^expected \S.*$/.test(issuers ?? ""), refused === ISSUER, error.message);
    });
  }
}

describe("a tenant by its id", () => {
  check({
    "its own issuer": { claims: {} },
    "its own issuer, asked for in capitals": {
      tenantId: "ABCDEF11-2222-3333-4444-555555555555",
      claims: {
        tid: "abcdef11-2222-3333-4444-555555555555",
        iss: `${PUBLIC}/abcdef11-2222-3333-4444-555555555555/v2.0`,
      },
    },
    "its own issuer, version 1.0": { claims: { iss: `https://sts.windows.net/${TENANT}/` } },
    "another tenant's issuer with our tid": { claims: { iss: `${PUBLIC}/${OTHER}/v2.0` }, refused: ISSUER },
    "another tenant's issuer with our tid, version 1.0": {
      claims: { iss: `https://sts.windows.net/${OTHER}/` },
      refused: ISSUER,
    },
    "our issuer with another tenant's tid": { claims: { tid: OTHER }, refused: ANOTHER },
    "another tenant's token": { claims: { tid: OTHER, iss: `${PUBLIC}/${OTHER}/v2.0` }, refused: ANOTHER },
    "no tid": { claims: { tid: undefined }, refused: NONE },
    "an empty tid": { claims: { tid: "" }, refused: NONE },
    "a tid that is no string": { claims: { tid: [TENANT] }, refused: NONE },
    "no issuer": { claims: { iss: undefined }, refused: ISSUER },
    "an empty issuer": { claims: { iss: "" }, refused: ISSUER },
    "an issuer in a list": { claims: { iss: [`${PUBLIC}/${TENANT}/v2.0`] }, refused: ISSUER },
    "an issuer without a tenant": { claims: { iss: `${PUBLIC}/` }, refused: ISSUER },
    "an issuer that is the template itself": { claims: { iss: `${PUBLIC}/{tenantid}/v2.0` }, refused: ISSUER },
    "an issuer of common": { claims: { iss: `${PUBLIC}/common/v2.0` }, refused: ISSUER },
    "an issuer with another path": { claims: { iss: `${PUBLIC}/${TENANT}/v2.0/x` }, refused: ISSUER },
    "an issuer with a slash behind": { claims: { iss: `${PUBLIC}/${TENANT}/v2.0/` }, refused: ISSUER },
    "an issuer with a query": { claims: { iss: `${PUBLIC}/${TENANT}/v2.0?x` }, refused: ISSUER },
    "an issuer with white space": { claims: { iss: ` ${PUBLIC}/${TENANT}/v2.0` }, refused: ISSUER },
    "an issuer over http": {
      claims: { iss: `http://login.microsoftonline.com/${TENANT}/v2.0` },
      refused: ISSUER,
    },
    "an issuer of another cloud": {
      claims: { iss: `https://login.microsoftonline.us/${TENANT}/v2.0` },
      refused: ISSUER,
    },
    "an external tenant's issuer at the public cloud": {
      claims: { iss: `https://${TENANT}.ciamlogin.com/${TENANT}/v2.0` },
      refused: ISSUER,
    },
    "an issuer of another host": { claims: { iss: `https://evil.example/${TENANT}/v2.0` }, refused: ISSUER },
  });
});

describe("an app", () => {
  check({
    "named as the authorized party": { claims: { azp: CLIENT } },
    "another app as the authorized party": { claims: { azp: "another" }, refused: APP },
    "an authorized party that is no string": { claims: { azp: [CLIENT] }, refused: APP },
    "the only one of a list": { claims: { aud: [CLIENT] } },
    "one of several, and the authorized party": { claims: { aud: [CLIENT, "another"], azp: CLIENT } },
    "one of several, and another is the authorized party": {
      claims: { aud: [CLIENT, "another"], azp: "another" },
      refused: APP,
    },
    "one of several without an authorized party": { claims: { aud: [CLIENT, "another"] }, refused: APP },
  });
});

describe("many tenants", () => {
  const theirs = (tid: string) => ({ tid, iss: `${PUBLIC}/${tid}/v2.0` });
  check({
    "common: an organization's": { tenantId: "common", claims: theirs(OTHER) },
    "common: a personal account's": { tenantId: "common", claims: theirs(CONSUMERS) },
    "common: an issuer of another tenant than the tid": {
      tenantId: "common",
      claims: { tid: OTHER },
      refused: ISSUER,
    },
    "common: no tid": { tenantId: "common", claims: { tid: undefined }, refused: NONE },
    "organizations: an organization's": { tenantId: "organizations", claims: theirs(OTHER) },
    "organizations: a personal account's": {
      tenantId: "organizations",
      claims: theirs(CONSUMERS),
      refused: ANOTHER,
    },
    "organizations, in capitals: a personal account's": {
      tenantId: "Organizations",
      claims: theirs(CONSUMERS.toUpperCase()),
      refused: ANOTHER,
    },
    "consumers: a personal account's": { tenantId: "consumers", claims: theirs(CONSUMERS) },
    "consumers: an organization's": { tenantId: "consumers", claims: theirs(OTHER), refused: ANOTHER },
    "a domain name: the tenant behind it": { tenantId: "contoso.com", claims: theirs(OTHER) },
    "a domain name: an issuer of another tenant than the tid": {
      tenantId: "contoso.com",
      claims: { tid: OTHER },
      refused: ISSUER,
    },
    "a domain name: no tid": { tenantId: "contoso.com", claims: { tid: undefined }, refused: NONE },
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
      [`${host} by ${v2}`]: { authorityHost, claims: { iss: `https://${v2}/${TENANT}/v2.0` } },
      [`${host} by ${v2} for another tenant`]: {
        authorityHost,
        claims: { iss: `https://${v2}/${OTHER}/v2.0` },
        refused: ISSUER,
      },
      ...v1 !== undefined && { [`${host} by ${v1}`]: { authorityHost, claims: { iss: `https://${v1}/${TENANT}/` } } },
      [`${host} by another cloud`]: {
        authorityHost,
        claims: { iss: `https://login.microsoftonline.de/${TENANT}/v2.0` },
        refused: ISSUER,
      },
    });
  }
  check({
    "China by the public cloud's issuer of version 1.0": {
      authorityHost: "https://login.chinacloudapi.cn",
      claims: { iss: `https://sts.windows.net/${TENANT}/` },
      refused: ISSUER,
    },
  });
});

describe("an external tenant", () => {
  const authorityHost = "https://contoso.ciamlogin.com";
  const issuer = `https://${TENANT}.ciamlogin.com/${TENANT}/v2.0`;
  check({
    "the issuer with its id": { authorityHost, claims: { iss: issuer } },
    "the issuer with its id, asked for by its name": {
      authorityHost,
      tenantId: "contoso.onmicrosoft.com",
      claims: { iss: issuer },
    },
    "the issuer with its name": { authorityHost, claims: { iss: `${authorityHost}/${TENANT}/v2.0` } },
    "its name's issuer for another tenant": {
      authorityHost,
      claims: { iss: `${authorityHost}/${OTHER}/v2.0` },
      refused: ISSUER,
    },
    "another tenant's issuer": {
      authorityHost,
      claims: { iss: `https://${OTHER}.ciamlogin.com/${OTHER}/v2.0` },
      refused: ISSUER,
    },
    "another tenant's token": {
      authorityHost,
      claims: { tid: OTHER, iss: `https://${OTHER}.ciamlogin.com/${OTHER}/v2.0` },
      refused: ANOTHER,
    },
    "no tid": { authorityHost, claims: { iss: issuer, tid: undefined }, refused: NONE },
    "the public cloud's issuer": { authorityHost, claims: {}, refused: ISSUER },
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
      refused: ISSUER,
    },
    "another path": { ...adfs, claims: { iss: `${authorityHost}/other`, tid: undefined }, refused: ISSUER },
    "another server": { ...adfs, claims: { iss: "https://adfs.fabrikam.com/adfs", tid: undefined }, refused: ISSUER },
  });
});

describe("an authority that is discovered: its OpenID configuration names the issuer", () => {
  const row = (issuer: unknown, claims: Claims, refused?: string, tenantId = TENANT): Row => ({
    authorityHost: PRIVATE,
    tenantId,
    configuration: { issuer },
    claims,
    ...refused !== undefined && { refused },
  });
  const own = `${PRIVATE}/${TENANT}/v2.0`;
  check({
    "that one": row(own, { iss: own }),
    "that one, with a slash behind": row(`${own}/`, { iss: `${own}/` }),
    "that one, without a tenant's id": row(`${PRIVATE}/people`, { iss: `${PRIVATE}/people`, tid: undefined }),
    "that one, with the tenant in it, without a tid": row(own, { iss: own, tid: undefined }),
    "that one with another tenant's tid": row(own, { iss: own, tid: OTHER }, ANOTHER),
    "that one, for a domain name, with another tenant's tid": row(own, { iss: own, tid: OTHER }, ISSUER, "contoso.com"),
    "for every tenant": row(`${PRIVATE}/{tenantid}/v2.0`, { iss: own }),
    "for every tenant, without a tid": row(`${PRIVATE}/{tenantid}/v2.0`, { iss: own, tid: undefined }, NONE),
    "for every tenant, with another's": row(`${PRIVATE}/{tenantid}/v2.0`, { iss: `${PRIVATE}/${OTHER}/v2.0` }, ISSUER),
    "another of the same host": row(own, { iss: `${PRIVATE}/people` }, ISSUER),
    "none": row(undefined, { iss: own }, ISSUER),
    "an empty one": row("", { iss: "" }, ISSUER),
    "a stranger's": row("https://evil.example/v2.0", { iss: "https://evil.example/v2.0" }, ISSUER),
    "a known cloud's": row(`${PUBLIC}/${TENANT}/v2.0`, {}),
  });
});

describe("an authority that is trusted without discovery: any issuer of its host, with the tenant that was asked", () => {
  const trusted = { authorityHost: PRIVATE, disableInstanceDiscovery: true };
  check({
    "the host": { ...trusted, claims: { iss: PRIVATE } },
    "the host, with another tenant's tid": { ...trusted, claims: { iss: PRIVATE, tid: OTHER }, refused: ANOTHER },
    "the host, without a tid": { ...trusted, claims: { iss: PRIVATE, tid: undefined }, refused: NONE },
    "the host, without a tid, for a domain name": {
      ...trusted,
      tenantId: "contoso.com",
      claims: { iss: PRIVATE, tid: undefined },
    },
    "the tenant": { ...trusted, claims: { iss: `${PRIVATE}/${TENANT}/v2.0` } },
    "another tenant": { ...trusted, claims: { iss: `${PRIVATE}/${OTHER}/v2.0` }, refused: ISSUER },
    "organizations, a personal account's": {
      ...trusted,
      tenantId: "organizations",
      claims: { iss: PRIVATE, tid: CONSUMERS },
      refused: ANOTHER,
    },
    "another host": { ...trusted, claims: { iss: `${PUBLIC}/${TENANT}/v2.0` }, refused: ISSUER },
    "the host behind a blank": { ...trusted, claims: { iss: ` ${PRIVATE}/` }, refused: ISSUER },
    "the host as a user": { ...trusted, claims: { iss: `${PRIVATE}@evil.example/` }, refused: ISSUER },
    "a host that begins alike": { ...trusted, claims: { iss: `${PRIVATE}.evil.example/` }, refused: ISSUER },
    "another port": { ...trusted, claims: { iss: `${PRIVATE}:8443/${TENANT}/v2.0` }, refused: ISSUER },
  });
});

describe("the issuer of an authorization response (RFC 9207)", () => {
  const rows: Readonly<Record<string, readonly [string, string, boolean]>> = {
    "our tenant's": [TENANT, `${PUBLIC}/${TENANT}/v2.0`, true],
    "another tenant's": [TENANT, `${PUBLIC}/${OTHER}/v2.0`, false],
    "the host alone": [TENANT, PUBLIC, false],
    "any tenant's under common": ["common", `${PUBLIC}/${OTHER}/v2.0`, true],
    "an organization's under organizations": ["organizations", `${PUBLIC}/${OTHER}/v2.0`, true],
    "personal accounts' under organizations": ["organizations", `${PUBLIC}/${CONSUMERS}/v2.0`, false],
    "no URL": [TENANT, "", false],
  };
  for (const [name, [tenantId, iss, isOurs]] of Object.entries(rows)) {
    test(`${name}: ${isOurs ? "the code is redeemed" : "nothing is sent"}`, async () => {
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
      const answer = new URLSearchParams({ code: "a-code", state, iss });
      const cookie = headers.get("set-cookie")!.split(";")[0]!;
      const error = await failureOf(
        app.redeem(new Request(`https://my.app/signed-in?${answer}`, { headers: { cookie } })),
      );
      assert.equal(error.name, "AuthenticationError");
      assert.match(
        error.message,
        isOurs ? /invalid_grant/ : /^WebSignIn: Cannot sign in: The response is from another issuer: expected /,
      );
      assert.equal(service.requests.length, isOurs ? 1 : 0);
    });
  }
});

describe("the simulated Entra names issuers as Entra does", () => {
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

describe("both issuers are named", () => {
  for (
    const [name, row, issuers] of [
      [
        "another host",
        { claims: { iss: `http://127.0.0.1:8080/${TENANT}/v2.0` } },
        `expected ${PUBLIC}/${TENANT}/v2.0, got http://127.0.0.1:8080/${TENANT}/v2.0`,
      ],
      [
        "a server for tests, whose ID tokens are of the public cloud",
        {
          authorityHost: "http://127.0.0.1:8080",
          allowInsecureLoopback: true,
          disableInstanceDiscovery: true,
          claims: {},
        },
        `expected http://127.0.0.1:8080/…, got ${PUBLIC}/${TENANT}/v2.0`,
      ],
      [
        "another tenant's",
        { claims: { iss: `${PUBLIC}/${OTHER}/v2.0` } },
        `expected ${PUBLIC}/${TENANT}/v2.0, got ${PUBLIC}/${OTHER}/v2.0`,
      ],
      [
        "a path that may be anything",
        { claims: { iss: "https://evil.example/CANARY?CANARY#CANARY" } },
        `expected ${PUBLIC}/${TENANT}/v2.0, got https://evil.example/…`,
      ],
      ["no URL", { claims: { iss: "CANARY" } }, `expected ${PUBLIC}/${TENANT}/v2.0`],
      [
        "an authority that declares none",
        { authorityHost: PRIVATE, claims: { iss: `${PRIVATE}/${TENANT}/v2.0` } },
        "expected the issuer in the OpenID configuration, which has none of its own, " +
        `got ${PRIVATE}/${TENANT}/v2.0`,
      ],
    ] as [string, Omit<Row, "refused">, string][]
  ) {
    test(name, async () => {
      assert.equal((await failureOf(signIn(row))).message, `DeviceCodeCredential: ${ISSUER}: ${issuers}`);
    });
  }
});
