import {
  AzureAuthorityHosts,
  ClientSecretCredential,
  type CredentialOptions,
  DeviceCodeCredential,
} from "@azweb/identity";
import { createEntra, createFakeClock, type FakeClock } from "@azweb/identity/testing";
import { createWebSignIn } from "@azweb/identity/web-sign-in";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Asked,
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  jsonAnswer,
  SCOPE,
  TENANT,
  tokenAnswer,
} from "../support/service.ts";

const INSTANCE = "https://login.microsoftonline.com/common/discovery/instance";
const UNKNOWN = "https://login.private.example";

/** Returns the URLs of the requests for one token. */
async function urlsOf(
  options: CredentialOptions,
  { tenantId = TENANT, requested = undefined as string | undefined } = {},
) {
  const service = createService();
  const all = { ...isolatedOptions(service), ...options };
  const credential = new ClientSecretCredential(tenantId, CLIENT, "a-secret", all);
  await credential.getToken(SCOPE, requested === undefined ? {} : { tenantId: requested });
  return service.requests.map(({ url }) => url);
}

test("uses the public cloud by default, with a single request", async () => {
  assert.deepEqual(await urlsOf({}), [`https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/token`]);
});

const KNOWN: Readonly<Record<string, string>> = {
  "login.microsoftonline.com": "login.microsoftonline.com",
  "login.windows.net": "login.microsoftonline.com",
  "login.microsoft.com": "login.microsoftonline.com",
  "sts.windows.net": "login.microsoftonline.com",
  "login.partner.microsoftonline.cn": "login.partner.microsoftonline.cn",
  "login.chinacloudapi.cn": "login.partner.microsoftonline.cn",
  "login.microsoftonline.us": "login.microsoftonline.us",
  "login.usgovcloudapi.net": "login.microsoftonline.us",
  "login-us.microsoftonline.com": "login-us.microsoftonline.com",
  "login.microsoftonline.de": "login.microsoftonline.de",
  "login.sovcloud-identity.fr": "login.sovcloud-identity.fr",
  "login.sovcloud-identity.de": "login.sovcloud-identity.de",
  "login.sovcloud-identity.sg": "login.sovcloud-identity.sg",
};

for (const [host, preferred] of Object.entries(KNOWN)) {
  test(`sends the token request for the known host ${host} to ${preferred}, without discovery`, async () => {
    const expected = [`https://${preferred}/${TENANT}/oauth2/v2.0/token`];
    assert.deepEqual(await urlsOf({ authorityHost: `https://${host}` }), expected);
    assert.deepEqual(await urlsOf({ authorityHost: `https://${host.toUpperCase()}/` }), expected);
    assert.deepEqual(await urlsOf({ env: { AZURE_AUTHORITY_HOST: `https://${host}` } }), expected);
  });
}

test("each constant of AzureAuthorityHosts is a known host", async () => {
  for (const authorityHost of Object.values(AzureAuthorityHosts)) {
    assert.equal((await urlsOf({ authorityHost })).length, 1);
  }
});

test("the option takes precedence over AZURE_AUTHORITY_HOST; an empty variable is ignored", async () => {
  const env = { AZURE_AUTHORITY_HOST: "https://login.chinacloudapi.cn" };
  const [url] = await urlsOf({ env, authorityHost: AzureAuthorityHosts.AzureGovernment });
  assert.equal(url, `https://login.microsoftonline.us/${TENANT}/oauth2/v2.0/token`);
  const [other] = await urlsOf({ env: { AZURE_AUTHORITY_HOST: "" } });
  assert.equal(other, `https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/token`);
});

for (
  const value of [
    "login.microsoftonline.us",
    "http://login.microsoftonline.us",
    "http://127.0.0.1:8080",
    '"https://login.microsoftonline.us"',
    " ",
    "a\nb",
    "https://user:CANARY@login.microsoftonline.us",
    "https://login.microsoftonline.us?CANARY",
    "https://login.microsoftonline.us#CANARY",
  ] as const
) {
  test(`with the invalid AZURE_AUTHORITY_HOST "${value}" the constructor does not throw, and getToken rejects without a request`, async () => {
    const service = createService();
    const options = { ...isolatedOptions(service), env: { AZURE_AUTHORITY_HOST: value } };
    const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", options);
    const error = await failureOf(credential.getToken(SCOPE));
    assert.equal(error.name, "AuthenticationError");
    assert.match(
      error.message,
      /^ClientSecretCredential: Cannot determine the authority: "AZURE_AUTHORITY_HOST" must be a URL with "https:" and /,
    );
    assert.ok(value === " " || !error.message.includes(value), error.message);
    assert.doesNotMatch(error.message, /CANARY/);
    assert.equal(service.requests.length, 0);
  });
}

test("replaces the path of a known authority by the requested tenant", async () => {
  for (
    const path of [
      "//",
      `/${TENANT}`,
      `/${TENANT}/`,
      "/common",
      "/organizations/",
      "/contoso.example",
      "/common/oauth2",
    ]
  ) {
    for (const requested of [undefined, "contoso.onmicrosoft.com"]) {
      for (const host of ["login.microsoftonline.us", "contoso.ciamlogin.com"]) {
        const options = { authorityHost: `https://${host}${path}`, additionallyAllowedTenants: ["*"] };
        const expected = `https://${host}/${requested ?? TENANT}/oauth2/v2.0/token`;
        assert.deepEqual(await urlsOf(options, { requested }), [expected]);
        const { authorityHost: AZURE_AUTHORITY_HOST, ...more } = options;
        assert.deepEqual(await urlsOf({ ...more, env: { AZURE_AUTHORITY_HOST } }, { requested }), [expected]);
      }
    }
  }
});

test("an unknown authority may have a path, which may end with the tenant in any letter case", async () => {
  for (
    const [path, expected] of [
      ["/base", "/base/contoso.example"],
      ["/base/", "/base/contoso.example"],
      ["/contoso.example", "/contoso.example"],
      ["/Contoso.Example/", "/contoso.example"],
      ["/contoso.example/v2.0", "/contoso.example"],
      ["/Contoso.Example/V2.0/", "/contoso.example"],
      ["/base/contoso.example/oauth2/v2.0", "/base/contoso.example"],
      ["/base/v2.0", "/base/v2.0/contoso.example"],
      ["/base/CONTOSO.example", "/base/contoso.example"],
      ["/notcontoso.example", "/notcontoso.example/contoso.example"],
    ] as const
  ) {
    const options = { authorityHost: `${UNKNOWN}${path}`, disableInstanceDiscovery: true };
    const urls = await urlsOf(options, { tenantId: "contoso.example" });
    assert.deepEqual(urls, [`${UNKNOWN}${expected}/oauth2/v2.0/token`]);
  }
});

test("the tenant of the call is the tenant in the URL", async () => {
  const other = "contoso.onmicrosoft.com";
  for (const additionallyAllowedTenants of [["*"], [other], [other.toUpperCase()]]) {
    const [url] = await urlsOf({ additionallyAllowedTenants }, { requested: other });
    assert.equal(url, `https://login.microsoftonline.com/${other}/oauth2/v2.0/token`);
  }
});

test("a tenant that is not allowed causes an AuthenticationError with a next step before any request", async () => {
  const service = createService();
  const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(service));
  const error = await failureOf(credential.getToken(SCOPE, { tenantId: "contoso.onmicrosoft.com" }));
  assert.equal(error.name, "AuthenticationError");
  assert.equal(
    error.message,
    `ClientSecretCredential: Cannot get a token from tenant "contoso.onmicrosoft.com": The credential is for tenant "${TENANT}". ` +
      'Add the other tenant, or "*" for any, to "additionallyAllowedTenants"',
  );
  assert.equal(service.requests.length, 0);
});

test("AZURE_IDENTITY_DISABLE_MULTITENANTAUTH restricts requests to the credential's own tenant", async () => {
  const env = { AZURE_IDENTITY_DISABLE_MULTITENANTAUTH: "true" };
  const [url] = await urlsOf({ env }, { requested: "contoso.onmicrosoft.com" });
  assert.equal(url, `https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/token`);
});

test('for the tenant "adfs" in any letter case, uses the AD FS endpoint of any host, without discovery', async () => {
  for (const tenantId of ["adfs", "ADFS", "AdFs"]) {
    for (const path of ["", "/", "/adfs", "/ADFS/"]) {
      for (const requested of [undefined, "contoso.onmicrosoft.com"]) {
        const urls = await urlsOf({ authorityHost: `https://adfs.contoso.com${path}` }, { tenantId, requested });
        assert.deepEqual(urls, ["https://adfs.contoso.com/adfs/oauth2/token"]);
      }
    }
  }
});

test("sends the token request to a host of ciamlogin.com without discovery", async () => {
  const urls = await urlsOf({ authorityHost: "https://contoso.ciamlogin.com" }, {
    tenantId: "contoso.onmicrosoft.com",
  });
  assert.deepEqual(urls, ["https://contoso.ciamlogin.com/contoso.onmicrosoft.com/oauth2/v2.0/token"]);
});

// Unknown hosts

/** Responds to discovery and token requests as a private cloud does. */
function privateCloud({ url }: Asked): Response {
  if (url.startsWith(INSTANCE)) {
    return jsonAnswer({ tenant_discovery_endpoint: "https://login.private.example/x", metadata: [] });
  }
  const issuer = url.split("/v2.0/")[0]!;
  if (url.endsWith("/.well-known/openid-configuration")) {
    return jsonAnswer({ issuer, token_endpoint: `${issuer}/oauth2/v2.0/token`, jwks_uri: `${issuer}/keys` });
  }
  return tokenAnswer();
}

test("an unknown host needs three requests: instance discovery, its OpenID configuration and the token request", async () => {
  const service = createService(privateCloud);
  const options = { ...isolatedOptions(service), authorityHost: UNKNOWN };
  await new ClientSecretCredential(TENANT, CLIENT, "a-secret", options).getToken(SCOPE);
  const [instance, configuration, token] = service.requests.map(({ url }) => url);
  const endpoint = encodeURIComponent(`${UNKNOWN}/${TENANT}/oauth2/v2.0/authorize`);
  assert.equal(instance, `${INSTANCE}?api-version=1.1&authorization_endpoint=${endpoint}`);
  assert.equal(configuration, `${UNKNOWN}/${TENANT}/v2.0/.well-known/openid-configuration`);
  assert.equal(token, `${UNKNOWN}/${TENANT}/oauth2/v2.0/token`);
  assert.equal(service.requests.length, 3);
  assert.ok(service.requests.slice(0, 2).every(({ method, body }) => method === "GET" && body === ""));
});

test("instance discovery of the simulated Entra confirms its configured hosts and no other", async () => {
  const entra = createEntra({
    apps: [{ tenantId: TENANT, clientId: CLIENT, secrets: ["a-secret"] }],
    hosts: ["login.private.example"],
  });
  const options = isolatedOptions(entra);
  await new ClientSecretCredential(TENANT, CLIENT, "a-secret", { ...options, authorityHost: UNKNOWN }).getToken(SCOPE);
  assert.equal(entra.requests.length, 3);
  const unknown = { ...options, authorityHost: "https://login.stranger.example" };
  const error = await failureOf(new ClientSecretCredential(TENANT, CLIENT, "a-secret", unknown).getToken(SCOPE));
  assert.match(
    error.message,
    /The public cloud does not know its host; set "disableInstanceDiscovery" if you trust "login\.stranger\.example"/,
  );
});

test("caches the result of discovery for a day", async () => {
  const clock = createFakeClock();
  const service = createService(privateCloud);
  const options = { ...isolatedOptions(service, clock), authorityHost: UNKNOWN, cache: false as const };
  const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", options);
  await credential.getToken(SCOPE);
  await credential.getToken(SCOPE);
  await new ClientSecretCredential(TENANT, CLIENT, "a-secret", options).getToken("another/.default");
  assert.equal(service.requests.length, 5);
  clock.set(clock.now() + 86_399_999);
  await credential.getToken(SCOPE);
  assert.equal(service.requests.length, 6);
  clock.set(clock.now() + 1);
  await credential.getToken(SCOPE);
  assert.equal(service.requests.length, 9);
});

test("does not share the result of discovery between fetch functions, so that a simulated cloud does not affect the real one", async () => {
  const services = [createService(privateCloud), createService(privateCloud)];
  for (const service of services) {
    const options = { ...isolatedOptions(service), authorityHost: UNKNOWN };
    await new ClientSecretCredential(TENANT, CLIENT, "a-secret", options).getToken(SCOPE);
  }
  assert.deepEqual(services.map(({ requests }) => requests.length), [3, 3]);
});

test("with disableInstanceDiscovery, an unknown host needs one request", async () => {
  const urls = await urlsOf({ authorityHost: UNKNOWN, disableInstanceDiscovery: true });
  assert.deepEqual(urls, [`${UNKNOWN}/${TENANT}/oauth2/v2.0/token`]);
});

test("hosts that resemble known hosts are unknown", async () => {
  for (
    const host of [
      "login.microsoftonline.com.evil.example",
      "evil-login.microsoftonline.com",
      "microsoftonline.com",
      "login.microsoftonline.com:8443",
      "login.microsoftonline.com.",
      "ciamlogin.com",
      "evilciamlogin.com",
      "contoso.ciamlogin.com.evil.example",
      "constructor",
      "__proto__",
      "toString",
    ]
  ) {
    const service = createService(({ url }) =>
      url.startsWith(INSTANCE) ? jsonAnswer({ error: "invalid_instance" }, { status: 400 }) : tokenAnswer()
    );
    const options = { ...isolatedOptions(service), authorityHost: `https://${host}` };
    const error = await failureOf(new ClientSecretCredential(TENANT, CLIENT, "a-secret", options).getToken(SCOPE));
    assert.equal(error.name, "AuthenticationError", host);
    assert.match(
      error.message,
      /^ClientSecretCredential: Cannot use the authority "https:.*set "disableInstanceDiscovery"/,
    );
    assert.equal(service.requests.length, 1, host);
    assert.equal(service.requests[0]!.body, "");
  }
});

test("another error of instance discovery does not mean that the host is unknown", async () => {
  const service = createService((request) =>
    request.url.startsWith(INSTANCE) ? jsonAnswer({ error: "invalid_tenant" }, { status: 400 }) : privateCloud(request)
  );
  const options = { ...isolatedOptions(service), authorityHost: UNKNOWN };
  await new ClientSecretCredential(TENANT, CLIENT, "a-secret", options).getToken(SCOPE);
  assert.equal(service.requests.length, 3);
});

function configurationOf(members: unknown): () => Response {
  return () => jsonAnswer(members);
}

const UNUSABLE: Readonly<Record<string, () => Response>> = {
  "no token endpoint": configurationOf({ issuer: UNKNOWN }),
  "a token endpoint that is not a URL": configurationOf({ token_endpoint: "/token" }),
  "a token endpoint that is null": configurationOf({ token_endpoint: null }),
  "a token endpoint that is an array": configurationOf({ token_endpoint: [] }),
  "a token endpoint on another host": configurationOf({ token_endpoint: "https://evil.example/token" }),
  "a token endpoint on another port": configurationOf({ token_endpoint: "https://login.private.example:444/token" }),
  "a token endpoint without TLS": configurationOf({ token_endpoint: "http://login.private.example/token" }),
  "a token endpoint on a host with the name of an inherited property": configurationOf({
    token_endpoint: "https://constructor/token",
  }),
};

for (const [name, respond] of Object.entries(UNUSABLE)) {
  test(`an OpenID configuration with ${name} is rejected before a secret is sent`, async () => {
    const service = createService((request) =>
      request.url.includes("openid-configuration") ? respond() : privateCloud(request)
    );
    const options = { ...isolatedOptions(service), authorityHost: UNKNOWN };
    const error = await failureOf(new ClientSecretCredential(TENANT, CLIENT, "a-secret", options).getToken(SCOPE));
    assert.equal(error.name, "AuthenticationError");
    assert.match(
      error.message,
      /Cannot use the authority "https:\/\/login\.private\.example\/[^"]*": Its OpenID configuration has no valid "token_endpoint"/,
    );
    assert.ok(service.requests.every(({ body }) => body === ""));
  });
}

test("a token endpoint of a known cloud is accepted from any OpenID configuration", async () => {
  const token_endpoint = "https://login.microsoftonline.us/x/oauth2/v2.0/token";
  const service = createService((request) =>
    request.url.includes("openid-configuration") ? jsonAnswer({ token_endpoint }) : privateCloud(request)
  );
  const options = { ...isolatedOptions(service), authorityHost: UNKNOWN };
  await new ClientSecretCredential(TENANT, CLIENT, "a-secret", options).getToken(SCOPE);
  assert.equal(service.requests.at(-1)!.url, token_endpoint);
});

/** Creates two kinds of sign-in at a private cloud that has these endpoints in its OpenID configuration. */
function createSignIns(endpoints: Record<string, unknown>) {
  const service = createService((request) =>
    request.url.includes("openid-configuration")
      ? jsonAnswer({ token_endpoint: `${UNKNOWN}/token`, ...endpoints })
      : privateCloud(request)
  );
  const options = {
    ...isolatedOptions(service),
    authorityHost: UNKNOWN,
    tenantId: TENANT,
    clientId: CLIENT,
    retryOptions: { maxRetries: 0 },
  };
  return {
    service,
    device: new DeviceCodeCredential({ ...options, userPromptCallback() {} }),
    web: createWebSignIn({
      ...options,
      clientSecret: "a-secret",
      redirectUri: "https://app.example/signed-in",
      scopes: SCOPE,
      sealingKey: "A".repeat(43),
    }),
  };
}

test("users sign in at the endpoints of the OpenID configuration", async () => {
  const { service, device, web } = createSignIns({
    authorization_endpoint: `${UNKNOWN}/sign-in?p=1`,
    device_authorization_endpoint: "https://login.microsoftonline.us/devices",
  });
  await failureOf(device.getToken(SCOPE));
  assert.equal(service.requests.at(-1)!.url, "https://login.microsoftonline.us/devices");
  const response = await web.signIn(new Request("https://app.example/"));
  const url = new URL(response.headers.get("location")!);
  assert.equal(url.origin + url.pathname, `${UNKNOWN}/sign-in`);
  assert.equal(url.searchParams.get("p"), "1");
  assert.equal(url.searchParams.get("client_id"), CLIENT);
});

for (
  const endpoint of [undefined, null, "", "/devices", "https://evil.example/devices", "http://login.private.example/x"]
) {
  test(`an OpenID configuration with the endpoint ${JSON.stringify(endpoint)} starts no sign-in`, async () => {
    const { service, device, web } = createSignIns({
      authorization_endpoint: endpoint,
      device_authorization_endpoint: endpoint,
    });
    for (
      const [work, name] of [
        [() => device.getToken(SCOPE), "device_authorization_endpoint"],
        [() => web.signIn(new Request("https://app.example/")), "authorization_endpoint"],
      ] as const
    ) {
      const { message } = await failureOf(work());
      assert.match(
        message,
        new RegExp(`Cannot use the authority ".*": Its OpenID configuration has no valid "${name}"`),
      );
    }
    assert.ok(service.requests.every(({ url }) => /discovery|openid-configuration/.test(url)));
  });
}

const BROKEN: Readonly<Record<string, (request: Asked, clock: FakeClock) => unknown>> = {
  "a refused connection": () => {
    throw new TypeError("Connection refused");
  },
  "a web page": () => new Response("<html>Sign in to the proxy</html>"),
  "truncated JSON": () => new Response('{"token_endpoint":"https://login.pri'),
  "an empty response": () => new Response(""),
  "the JSON null": () => jsonAnswer(null),
  "an array": () => jsonAnswer([]),
  "a number": () => jsonAnswer(7),
  "status 404": () => new Response("Not found", { status: 404 }),
  "status 500": () => new Response("", { status: 500 }),
  "status 503 with an error in JSON": () => jsonAnswer({ error: "temporarily_unavailable" }, { status: 503 }),
  "status 429 with an error in JSON": () => jsonAnswer({ error: "temporarily_unavailable" }, { status: 429 }),
  "a redirect": () => new Response(null, { status: 302, headers: { location: "https://evil.example/" } }),
};

test("if instance discovery cannot be reached, the error suggests to check the host or to disable instance discovery", async () => {
  const service = createService(() => Promise.reject(new TypeError("getaddrinfo ENOTFOUND login.microsoftonline.com")));
  const options = { ...isolatedOptions(service), authorityHost: UNKNOWN };
  const error = await failureOf(new ClientSecretCredential(TENANT, CLIENT, "a-secret", options).getToken(SCOPE));
  assert.match(
    error.message,
    /\. Check the name of the host .*, or set "disableInstanceDiscovery" if you trust "login\.private\.example"$/,
  );
});

for (const [name, respond] of Object.entries(BROKEN)) {
  for (const step of ["discovery/instance", "openid-configuration"]) {
    test(`${step}, ${name}: the error has the host and a next step, and the next call sends the request again`, async () => {
      const clock = createFakeClock();
      let isBroken = true;
      const service = createService((request) =>
        isBroken && request.url.includes(step) ? respond(request, clock) : privateCloud(request)
      );
      const options = { ...isolatedOptions(service, clock), authorityHost: UNKNOWN };
      const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", options);
      const error = await failureOf(credential.getToken(SCOPE));
      assert.equal(error.name, "AuthenticationError");
      const host = step === "discovery/instance" ? "login.microsoftonline.com" : "login.private.example";
      assert.ok(
        error.message.startsWith(
          `ClientSecretCredential: Cannot discover the authority "${UNKNOWN}/${TENANT}" at "${host}": `,
        ),
        error.message,
      );
      assert.match(error.message, /set "disableInstanceDiscovery" if you trust "login\.private\.example"$/);
      assert.ok(service.requests.every(({ body, redirect }) => body === "" && redirect === "manual"));
      isBroken = false;
      await clock.advance(1);
      assert.equal((await credential.getToken(SCOPE)).token, "a-token");
    });
  }
}

test("discovery without a response ends at the deadline", async () => {
  const clock = createFakeClock();
  const service = createService(() => new Promise(() => {}));
  const options = { ...isolatedOptions(service, clock), authorityHost: UNKNOWN };
  const failed = failureOf(new ClientSecretCredential(TENANT, CLIENT, "a-secret", options).getToken(SCOPE));
  await service.untilRequested(1);
  await clock.advance(60_000);
  assert.match((await failed).message, /No response within the 60000 ms of "timeoutInMs"/);
  assert.equal(service.requests[0]!.signal.aborted, true);
});

// http

test("http needs a loopback address and an explicit option", async () => {
  for (const host of ["127.0.0.1:8080", "127.1.2.3", "localhost:9", "[::1]:8080"]) {
    const authorityHost = `http://${host}`;
    assert.throws(() => new ClientSecretCredential(TENANT, CLIENT, "a-secret", { authorityHost }), {
      name: "TypeError",
      message: /for a test server set "allowInsecureLoopback"$/,
    });
    const urls = await urlsOf({ authorityHost, allowInsecureLoopback: true, disableInstanceDiscovery: true });
    assert.deepEqual(urls, [`http://${host}/${TENANT}/oauth2/v2.0/token`]);
    const env = { AZURE_AUTHORITY_HOST: authorityHost };
    assert.equal((await urlsOf({ env, allowInsecureLoopback: true, disableInstanceDiscovery: true })).length, 1);
  }
});

test("allowInsecureLoopback allows http for loopback addresses only", () => {
  for (
    const host of [
      "login.microsoftonline.com",
      "10.0.0.1",
      "0.0.0.0",
      "169.254.169.254",
      "localhost.evil.example",
      "127.0.0.1.evil.example",
      "evil.example/127.0.0.1",
      "[::2]",
      "[::ffff:10.0.0.1]",
      "128.0.0.1",
    ]
  ) {
    const options = { authorityHost: `http://${host}`, allowInsecureLoopback: true };
    assert.throws(() => new ClientSecretCredential(TENANT, CLIENT, "a-secret", options), { name: "TypeError" }, host);
  }
});
