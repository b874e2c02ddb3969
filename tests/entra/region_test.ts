import { ClientSecretCredential, type CredentialOptions, UsernamePasswordCredential } from "@azweb/identity";
import { detectPlatform } from "@azweb/identity/runtime";
import { createFakeClock } from "@azweb/identity/testing";
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
  type Service,
  silence,
  TENANT,
  tokenAnswer,
} from "../support/service.ts";

const METADATA = "http://169.254.169.254/metadata/instance/compute?api-version=2021-02-01";
const REGION = "AZURE_REGIONAL_AUTHORITY_NAME";
// Edge isolates and pages have no access to a metadata service.
const hasMetadataService = !["workerd", "web"].includes(detectPlatform());

/** Gets a token. Returns the host of the token request, and the metadata service with its requests. */
async function getToken(
  env: Record<string, string>,
  options: CredentialOptions = {},
  metadata: (request: Asked) => unknown = () => jsonAnswer({ location: "westeurope" }),
) {
  const tokens = createService();
  const machine = createService(metadata);
  const all = { ...isolatedOptions(tokens), localFetch: machine.fetch, env, ...options };
  await new ClientSecretCredential(TENANT, CLIENT, "a-secret", all).getToken(SCOPE);
  assert.equal(tokens.requests.length, 1);
  return { host: new URL(tokens.requests[0]!.url).host, machine };
}

test("uses the global endpoint if the variable is not set or empty", async () => {
  for (const env of [{}, { [REGION]: "" }]) {
    const { host, machine } = await getToken(env as Record<string, string>);
    assert.equal(host, "login.microsoftonline.com");
    assert.equal(machine.requests.length, 0);
  }
});

for (
  const [authorityHost, expected] of [
    ["https://login.microsoftonline.com", "westeurope.login.microsoft.com"],
    ["https://login.windows.net", "westeurope.login.microsoft.com"],
    ["https://sts.windows.net", "westeurope.login.microsoft.com"],
    ["https://login.microsoftonline.us", "westeurope.login.microsoftonline.us"],
    ["https://login.chinacloudapi.cn", "westeurope.login.partner.microsoftonline.cn"],
    ["https://login.sovcloud-identity.fr", "westeurope.login.sovcloud-identity.fr"],
    ["https://contoso.ciamlogin.com", "contoso.ciamlogin.com"],
  ] as const
) {
  test(`the regional endpoint of ${authorityHost} is ${expected}`, async () => {
    const { host, machine } = await getToken({ [REGION]: "westeurope" }, { authorityHost });
    assert.equal(host, expected);
    assert.equal(machine.requests.length, 0);
  });
}

test("the request to a regional endpoint has the path and the form parameters of the global one", async () => {
  const service = createService();
  const options = { ...isolatedOptions(service), env: { [REGION]: "westeurope" } };
  await new ClientSecretCredential(TENANT, CLIENT, "a-secret", options).getToken(SCOPE);
  assert.equal(service.requests[0]!.url, `https://westeurope.login.microsoft.com/${TENANT}/oauth2/v2.0/token`);
  assert.equal(service.requests[0]!.form.scope, SCOPE);
});

test("AD FS has no regions", async () => {
  const service = createService();
  const options = {
    ...isolatedOptions(service),
    env: { [REGION]: "westeurope" },
    authorityHost: "https://adfs.contoso.com",
  };
  await new ClientSecretCredential("adfs", CLIENT, "a-secret", options).getToken(SCOPE);
  assert.equal(service.requests[0]!.url, "https://adfs.contoso.com/adfs/oauth2/token");
});

test("users sign in at the global endpoint", async () => {
  const service = createService();
  const options = { ...isolatedOptions(service), env: { [REGION]: "westeurope" } };
  await new UsernamePasswordCredential(TENANT, CLIENT, "jo@contoso.com", "a-password", options).getToken(SCOPE);
  assert.equal(new URL(service.requests[0]!.url).host, "login.microsoftonline.com");
});

test("a malformed region causes an AuthenticationError that does not contain it, and no request is sent", async () => {
  for (
    const region of [
      "evil.example/",
      "evil.example#",
      "evil.example?",
      "evil.example:443",
      "user@evil.example",
      "a.b",
      "-a",
      "a-",
      "West Europe",
      "WestEurope",
      "w€st",
      "a\\b",
      "../a",
      "%2e",
      "a".repeat(64),
      " ",
    ]
  ) {
    const service = createService();
    const options = { ...isolatedOptions(service), env: { [REGION]: region } };
    const error = await failureOf(new ClientSecretCredential(TENANT, CLIENT, "a-secret", options).getToken(SCOPE));
    assert.equal(error.name, "AuthenticationError", region);
    assert.equal(
      error.message,
      "ClientSecretCredential: Cannot use the variable AZURE_REGIONAL_AUTHORITY_NAME: " +
        'It must be the name of a region, such as "westeurope"',
    );
    assert.equal(service.requests.length, 0);
  }
});

const NO_REGION: Readonly<Record<string, () => unknown>> = {
  "refuses the connection": () => {
    throw new TypeError("Connection refused");
  },
  "rejects with undefined": () => Promise.reject(),
  "responds with 400": () => jsonAnswer({ error: "Bad request", "newest-versions": ["2021-02-01"] }, { status: 400 }),
  "responds with 500": () => new Response("", { status: 500 }),
  "responds with a web page": () => new Response("<html>"),
  "responds with truncated JSON": () => new Response('{"location":"west'),
  "responds with null": () => jsonAnswer(null),
  "redirects": () => new Response(null, { status: 302, headers: { location: "https://evil.example/" } }),
  "responds without a region": () => jsonAnswer({}),
  "responds with a number as the region": () => jsonAnswer({ location: 7 }),
  "responds with an empty region": () => jsonAnswer({ location: "" }),
  "responds with a malformed region": () => jsonAnswer({ location: "evil.example/" }),
};

for (const word of ["AutoDiscoverRegion", "TryAutoDetect"]) {
  testDetection(word);

  // On other platforms this would send a request to the real address; azure_in_a_box_test.ts tests them.
  if (!hasMetadataService) {
    test(`${word} without localFetch sends no request to a metadata service on this platform`, async () => {
      const machine = createService(() => jsonAnswer({ location: "westeurope" }));
      const original = globalThis.fetch;
      globalThis.fetch = machine.fetch;
      try {
        const { host } = await getToken({ [REGION]: word }, { localFetch: undefined });
        assert.equal(host, "login.microsoftonline.com");
        assert.equal(machine.requests.length, 0);
      } finally {
        globalThis.fetch = original;
      }
    });
  }
}

function testDetection(word: string): void {
  test(`${word} uses the variable REGION_NAME first`, async () => {
    for (const [name, region] of [["westeurope", "westeurope"], ["West Europe", "westeurope"]] as const) {
      const { host, machine } = await getToken({ [REGION]: word, REGION_NAME: name });
      assert.equal(host, `${region}.login.microsoft.com`);
      assert.equal(machine.requests.length, 0);
    }
  });

  test(`${word} sends the request to the metadata service by localFetch, never by fetch`, async () => {
    const { host, machine } = await getToken({ [REGION]: word });
    assert.equal(host, "westeurope.login.microsoft.com");
    const [request] = machine.requests;
    assert.equal(request!.url, METADATA);
    assert.equal(request!.headers.get("metadata"), "true");
    assert.equal(request!.redirect, "manual");
    assert.equal(machine.requests.length, 1);
  });

  test(`${word}: each credential determines the region once`, async () => {
    const machine = createService(() => jsonAnswer({ location: "westeurope" }));
    const service = createService();
    const options = { ...isolatedOptions(service), localFetch: machine.fetch, env: { [REGION]: word } };
    const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", options);
    await credential.getToken(SCOPE);
    await credential.getToken("https://vault.azure.net/.default");
    assert.deepEqual([service, machine].map(({ requests }) => requests.length), [2, 1]);
  });

  for (const [name, metadata] of Object.entries(NO_REGION)) {
    test(`${word}: uses the global endpoint if the metadata service ${name}`, async () => {
      const { host } = await getToken({ [REGION]: word }, {}, metadata);
      assert.equal(host, "login.microsoftonline.com");
    });
  }

  test(`${word}: tries again a minute after a failed detection, and keeps a region for the credential's lifetime`, async () => {
    const clock = createFakeClock();
    const responses = [
      () => new Response("", { status: 500 }),
      () => jsonAnswer({ location: "evil.example/" }),
      () => jsonAnswer({ location: "WestEurope" }),
    ];
    const machine = createService((_request, index) => responses[index]!());
    const service = createService();
    const options = {
      ...isolatedOptions(service, clock),
      localFetch: machine.fetch,
      env: { [REGION]: word },
      cache: false as const,
    };
    const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", options);
    const hosts: [string, number][] = [];
    for (const ms of [0, 59_999, 1, 59_999, 1, 60_000, 86_400_000]) {
      clock.set(clock.now() + ms);
      await credential.getToken(SCOPE);
      hosts.push([new URL(service.requests.at(-1)!.url).host, machine.requests.length]);
    }
    const [global, regional] = ["login.microsoftonline.com", "westeurope.login.microsoft.com"];
    assert.deepEqual(hosts, [
      [global, 1],
      [global, 1],
      [global, 2],
      [global, 2],
      [regional, 3],
      [regional, 3],
      [regional, 3],
    ]);
  });

  test(`${word}: uses the global endpoint if REGION_NAME is malformed`, async () => {
    const { host } = await getToken({ [REGION]: word, REGION_NAME: "evil.example/" }, {}, () => new Response(""));
    assert.equal(host, "login.microsoftonline.com");
  });

  test(`${word}: waits once for at most two seconds if the metadata service does not respond`, async () => {
    for (const respond of [silence, () => new Promise(() => {})]) {
      const clock = createFakeClock();
      const machine = createService(respond);
      const service: Service = createService(() => tokenAnswer());
      const options = {
        ...isolatedOptions(service, clock),
        localFetch: machine.fetch,
        env: { [REGION]: word },
      };
      const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", options);
      const token = credential.getToken(SCOPE);
      await machine.untilRequested(1);
      await clock.advance(1_999);
      assert.equal(service.requests.length, 0);
      await clock.advance(1);
      await token;
      assert.equal(new URL(service.requests[0]!.url).host, "login.microsoftonline.com");
      assert.equal(machine.requests[0]!.signal.aborted, true);
      await credential.getToken("https://vault.azure.net/.default");
      assert.deepEqual([service, machine].map(({ requests }) => requests.length), [2, 1]);
      assert.deepEqual(clock.sleeping, []);
    }
  });
}
