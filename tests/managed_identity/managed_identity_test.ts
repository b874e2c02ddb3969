import { ManagedIdentityCredential } from "@azweb/identity";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  arcAnswers,
  askOn,
  CLIENT_ID,
  IMDS,
  machineAnswer,
  type MachineName,
  machineOptions,
  MACHINES,
  OBJECT_ID,
  RESOURCE_ID,
  VAULT,
} from "../support/managed_identity/machine.ts";
import { createService, failureOf } from "../support/service.ts";

const RESOURCE = "https://vault.azure.net";

/** The request that each source must receive. */
const WIRE: Record<MachineName, {
  url: string;
  method?: string;
  headers: Record<string, string>;
  query?: Record<string, string>;
  body?: string;
  /** The query parameter for each kind of id that the source supports. */
  identities: Partial<Record<"clientId" | "objectId" | "resourceId", string>>;
}> = {
  "Service Fabric": {
    url: "https://node:2377/metadata/identity/oauth2/token",
    headers: { secret: "a-header" },
    query: { "api-version": "2020-05-01", resource: RESOURCE },
    identities: { objectId: "principalId" },
  },
  "App Service": {
    url: "http://127.0.0.1:41741/msi/token/",
    headers: { "x-identity-header": "a-header" },
    query: { "api-version": "2019-08-01", resource: RESOURCE },
    identities: { clientId: "client_id", objectId: "object_id", resourceId: "mi_res_id" },
  },
  "Azure Machine Learning": {
    url: "http://127.0.0.1:46808/MSI/auth",
    headers: { secret: "a-secret" },
    query: { "api-version": "2017-09-01", resource: RESOURCE },
    identities: { clientId: "clientid" },
  },
  "Cloud Shell": {
    url: "http://localhost:50342/oauth2/token",
    method: "POST",
    headers: { metadata: "true" },
    body: "resource=https%3A%2F%2Fvault.azure.net",
    identities: {},
  },
  "Azure Arc": {
    url: "http://127.0.0.1:40342/metadata/identity/oauth2/token",
    headers: { metadata: "true", authorization: "Basic a-key" },
    query: { "api-version": "2020-06-01", resource: RESOURCE },
    identities: { clientId: "client_id", objectId: "object_id", resourceId: "msi_res_id" },
  },
  IMDS: {
    url: IMDS,
    headers: { metadata: "true" },
    query: { "api-version": "2018-02-01", resource: RESOURCE },
    identities: { clientId: "client_id", objectId: "object_id", resourceId: "msi_res_id" },
  },
};
const IDS = { clientId: CLIENT_ID, objectId: OBJECT_ID, resourceId: RESOURCE_ID };

for (const [name, { url, method = "GET", headers, query = {}, body = "", identities }] of Object.entries(WIRE)) {
  describe(name, () => {
    test("receives the documented request and nothing else", async () => {
      const { token, requests } = await askOn(name as MachineName);
      assert.equal(token.token, "a-token");
      assert.equal(token.tokenType, "Bearer");
      assert.equal(requests.length, name === "Azure Arc" ? 2 : 1);
      const request = requests.at(-1)!;
      const address = new URL(request.url);
      assert.equal(address.origin + address.pathname, url);
      assert.deepEqual(Object.fromEntries(address.searchParams), query);
      assert.equal(request.method, method);
      assert.deepEqual(Object.fromEntries(request.headers), headers);
      assert.equal(request.body, body);
      assert.equal(request.redirect, "manual");
    });

    for (const [kind, id] of Object.entries(IDS)) {
      const parameter = identities[kind as keyof typeof IDS];
      const result = parameter ? "receives a request" : "causes an AuthenticationError";
      test(`${result} for a user-assigned identity by ${kind}`, async () => {
        const echo = { client_id: CLIENT_ID.toUpperCase(), object_id: OBJECT_ID, msi_res_id: RESOURCE_ID };
        const answer = (request: Parameters<typeof arcAnswers>[0]) =>
          name === "Azure Arc" && !request.headers.has("authorization") ? arcAnswers(request) : machineAnswer(echo);
        const pending = askOn(name as MachineName, { identity: { [kind]: id }, answer });
        if (parameter) {
          const { requests } = await pending;
          for (const { url } of requests) {
            assert.deepEqual(Object.fromEntries(new URL(url).searchParams), { ...query, [parameter]: id });
          }
        } else {
          const error = await failureOf(pending);
          assert.equal(error.name, "AuthenticationError");
          assert.ok(error.message.includes(`user-assigned identity "${id}": ${name}`), error.message);
        }
      });
    }
  });
}

describe("selects the first source, in the documented order, whose variables are all set", () => {
  const every = Object.assign({}, ...Object.values(MACHINES).reverse()) as Record<string, string>;
  for (
    const [without, expected] of [
      [[], "Service Fabric"],
      [["IDENTITY_SERVER_THUMBPRINT"], "App Service"],
      [["IDENTITY_HEADER"], "Azure Machine Learning"],
      [["IDENTITY_ENDPOINT"], "Azure Machine Learning"],
      [["IDENTITY_HEADER", "MSI_SECRET"], "Cloud Shell"],
      [["IDENTITY_HEADER", "MSI_ENDPOINT"], "Azure Arc"],
      [["IDENTITY_HEADER", "MSI_ENDPOINT", "IMDS_ENDPOINT"], "IMDS"],
      [["IDENTITY_ENDPOINT", "MSI_ENDPOINT"], "IMDS"],
    ] as const
  ) {
    const variables = without.length > 0 ? `without ${without.join(" and ")}` : "with the variables of all sources";
    test(`${variables}: ${expected}`, async () => {
      const env: Record<string, string> = { ...every, ...MACHINES[expected] };
      for (const name of without) delete env[name];
      const service = createService((request) => expected === "Azure Arc" ? arcAnswers(request) : machineAnswer());
      const files = { "/var/opt/azcmagent/tokens/a.key": "a-key" };
      await new ManagedIdentityCredential(machineOptions({ env, files, service })).getToken(VAULT);
      const { origin, pathname } = new URL(service.requests[0]!.url);
      assert.equal(origin + pathname, WIRE[expected].url);
    });
  }

  test("treats empty variables as not set", async () => {
    const service = createService(() => machineAnswer());
    const env = { IDENTITY_ENDPOINT: "", IDENTITY_HEADER: "", MSI_ENDPOINT: "", MSI_SECRET: "" };
    await new ManagedIdentityCredential(machineOptions({ env, service })).getToken(VAULT);
    assert.ok(service.requests[0]!.url.startsWith(IMDS));
  });

  test("each credential selects its source at its first token request, from the environment in its options", async () => {
    const service = createService(() => machineAnswer());
    const env: Record<string, string> = {};
    const early = new ManagedIdentityCredential(machineOptions({ env, service }));
    Object.assign(env, MACHINES["App Service"]);
    await early.getToken(VAULT);
    for (const name of Object.keys(env)) delete env[name];
    await new ManagedIdentityCredential(machineOptions({ env, service })).getToken(VAULT);
    await early.getToken("https://storage.azure.com/.default");
    const hosts = service.requests.map(({ url }) => new URL(url).host);
    assert.deepEqual(hosts, ["127.0.0.1:41741", "169.254.169.254", "127.0.0.1:41741"]);
  });

  test("AZURE_POD_IDENTITY_AUTHORITY_HOST replaces the metadata service's host", async () => {
    for (const host of ["http://127.0.0.1:2579", "http://127.0.0.1:2579/", "http://127.0.0.1:2579//"]) {
      const service = createService(() => machineAnswer());
      const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: host };
      await new ManagedIdentityCredential(machineOptions({ env, service })).getToken(VAULT);
      assert.ok(service.requests[0]!.url.startsWith("http://127.0.0.1:2579/metadata/identity/oauth2/token?"));
    }
  });
});

test("DEFAULT_IDENTITY_CLIENT_ID selects the default identity of Azure Machine Learning", async () => {
  const service = createService(() => machineAnswer());
  const env = { ...MACHINES["Azure Machine Learning"], DEFAULT_IDENTITY_CLIENT_ID: CLIENT_ID };
  await new ManagedIdentityCredential(machineOptions({ env, service })).getToken(VAULT);
  await new ManagedIdentityCredential("another", machineOptions({ env, service })).getToken(VAULT);
  const ids = service.requests.map(({ url }) => new URL(url).searchParams.get("clientid"));
  assert.deepEqual(ids, [CLIENT_ID, "another"]);
});

describe("converts a scope to a resource", () => {
  for (
    const [scope, resource] of [
      ["https://vault.azure.net/.default", "https://vault.azure.net"],
      ["https://vault.azure.net//.default", "https://vault.azure.net/"],
      ["https://vault.azure.net", "https://vault.azure.net"],
      ["api://app/.default", "api://app"],
      [["https://vault.azure.net/.default"], "https://vault.azure.net"],
    ] as const
  ) {
    test(JSON.stringify(scope), async () => {
      const { requests } = await askOn("IMDS", { scope: scope as string });
      assert.equal(new URL(requests[0]!.url).searchParams.get("resource"), resource);
    });
  }

  test("rejects a call with two scopes with an AuthenticationError", async () => {
    const error = await failureOf(askOn("IMDS", { scope: ["https://a/.default", "https://b/.default"] }));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, /one scope at a time/);
  });
});

describe("the constructor", () => {
  for (
    const [what, first, second, message] of [
      [
        "a client id and an object id",
        { clientId: "a", objectId: "b" },
        undefined,
        /"clientId" and "objectId" name two identities/,
      ],
      [
        "an object id and a resource id",
        { objectId: "a", resourceId: RESOURCE_ID },
        undefined,
        /"objectId" and "resourceId" name two identities/,
      ],
      [
        "a client id as the argument and another one as an option",
        "a",
        { clientId: "b" },
        /"clientId" and option "clientId" name two identities/,
      ],
      [
        "a client id as the argument and a resource id as an option",
        "a",
        { resourceId: RESOURCE_ID },
        /"clientId" and "resourceId" name two identities/,
      ],
      ["an empty client id", "", undefined, /"clientId"/],
      ["a client id with spaces", { clientId: "a b" }, undefined, /"clientId"/],
      ["an object id that is not a string", { objectId: 5 }, undefined, /"objectId"/],
      ["an object id with a line ending", { objectId: "a\nb" }, undefined, /"objectId" must be an id/],
      ["a resource id of another resource type", { resourceId: "/b" }, undefined, /"resourceId" must be a resource id/],
      ["a resource id with a line ending", { resourceId: `${RESOURCE_ID}\r\nX: y` }, undefined, /"resourceId" must be/],
      ["a malformed resource id", { resourceId: "me" }, undefined, /"resourceId" must be a resource id/],
      ["a negative probe timeout", { probeTimeoutInMs: -1 }, undefined, /"probeTimeoutInMs"/],
      ["options that are not an object", 5, undefined, /"options"/],
    ] as const
  ) {
    test(`throws a TypeError for ${what}`, () => {
      assert.throws(() => new ManagedIdentityCredential(first as never, second as never), (error: Error) => {
        assert.equal(error.name, "TypeError");
        assert.match(error.message, message);
        return true;
      });
    });
  }

  test("accepts the client id as the first argument or as an option", async () => {
    for (const first of [true, false]) {
      const service = createService(() => machineAnswer());
      const options = machineOptions({ service });
      const credential = first
        ? new ManagedIdentityCredential(CLIENT_ID, options)
        : new ManagedIdentityCredential({ ...options, clientId: CLIENT_ID });
      await credential.getToken(VAULT);
      assert.equal(new URL(service.requests[0]!.url).searchParams.get("client_id"), CLIENT_ID);
    }
  });

  test("ignores an undefined id and undefined options", async () => {
    const service = createService(() => machineAnswer());
    const options = { ...machineOptions({ service }), clientId: undefined, timeoutInMs: undefined };
    await new ManagedIdentityCredential(options).getToken(VAULT);
    new ManagedIdentityCredential(undefined);
    assert.equal(service.requests.length, 1);
  });
});

describe("a malformed variable causes an error that names it, and no request is sent", () => {
  for (
    const [machine, variable, value] of [
      ["Service Fabric", "IDENTITY_ENDPOINT", "http://node:2377/metadata/identity/oauth2/token"],
      ["Service Fabric", "IDENTITY_SERVER_THUMBPRINT", "AB:CD"],
      ["Service Fabric", "IDENTITY_HEADER", "CANARY\nx"],
      ["App Service", "IDENTITY_ENDPOINT", "127.0.0.1:41741/msi/token"],
      ["App Service", "IDENTITY_ENDPOINT", "ftp://127.0.0.1/msi/token"],
      ["App Service", "IDENTITY_ENDPOINT", "http://user:CANARY@127.0.0.1/msi/token"],
      ["App Service", "IDENTITY_HEADER", "CANARY\u20ac"],
      ["Azure Machine Learning", "MSI_ENDPOINT", "nowhere"],
      ["Azure Machine Learning", "MSI_SECRET", "CANARY\u0000"],
      ["Cloud Shell", "MSI_ENDPOINT", "localhost"],
      ["Azure Arc", "IDENTITY_ENDPOINT", "//localhost"],
      ["Azure Machine Learning", "DEFAULT_IDENTITY_CLIENT_ID", "CANARY id"],
      ["Azure Machine Learning", "DEFAULT_IDENTITY_CLIENT_ID", "CANARY\n"],
      ["IMDS", "AZURE_POD_IDENTITY_AUTHORITY_HOST", "127.0.0.1:2579"],
      ["IMDS", "AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:2579/?CANARY"],
      ["IMDS", "AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:2579/#CANARY"],
    ] as const
  ) {
    test(`${machine}: ${variable} is ${JSON.stringify(value)}`, async () => {
      const service = createService(() => machineAnswer());
      const env = { ...MACHINES[machine], [variable]: value };
      const error = await failureOf(new ManagedIdentityCredential(machineOptions({ env, service })).getToken(VAULT));
      assert.equal(error.name, "AuthenticationError");
      assert.ok(error.message.startsWith(`ManagedIdentityCredential: Cannot use the variable ${variable}: It must be`));
      assert.ok(!error.message.includes("CANARY"));
      assert.equal(service.requests.length, 0);
    });
  }
});

describe("tokens are cached by the request", () => {
  test("regardless of the resource and identity in the response", async () => {
    const service = createService(() => machineAnswer({ resource: "https://another.example", client_id: "another" }));
    const credential = new ManagedIdentityCredential(machineOptions({ service }));
    for (let i = 0; i < 5; i++) await credential.getToken(VAULT);
    assert.equal(service.requests.length, 1);
  });

  test("and a thousand callers share one request", async () => {
    const service = createService(() => machineAnswer());
    const credential = new ManagedIdentityCredential(machineOptions({ service }));
    await Promise.all(Array.from({ length: 1000 }, () => credential.getToken(VAULT)));
    assert.equal(service.requests.length, 1);
  });

  test("and never shared between identities", async () => {
    const service = createService(({ url }) => machineAnswer({ access_token: `token of ${new URL(url).search}` }));
    const options = machineOptions({ service });
    const identities = [{}, { clientId: "a" }, { objectId: "a" }, { clientId: "b" }, { resourceId: RESOURCE_ID }];
    const tokens = new Set<string>();
    for (const identity of identities) {
      tokens.add((await new ManagedIdentityCredential({ ...options, ...identity }).getToken(VAULT)).token);
    }
    assert.equal(tokens.size, identities.length);
    assert.equal(service.requests.length, identities.length);
  });

  test("and never shared between values of IDENTITY_HEADER", async () => {
    const service = createService(() => machineAnswer());
    const options = machineOptions({ service });
    for (const header of ["a", "b", "a"]) {
      const env = { ...MACHINES["App Service"], IDENTITY_HEADER: header };
      await new ManagedIdentityCredential({ ...options, env }).getToken(VAULT);
    }
    assert.equal(service.requests.length, 2);
  });

  test("regardless of the tenant of the call", async () => {
    const service = createService(() => machineAnswer());
    const credential = new ManagedIdentityCredential(machineOptions({ service }));
    await credential.getToken(VAULT);
    await credential.getToken(VAULT, { tenantId: "another.example" });
    assert.equal(service.requests.length, 1);
  });
});

describe("claims", () => {
  const claims = '{"access_token":{"nbf":{"essential":true}}}';

  test("bypass the cache and replace the cached token", async () => {
    const service = createService((_, index) => machineAnswer({ access_token: `token ${index}` }));
    const credential = new ManagedIdentityCredential(machineOptions({ service }));
    assert.equal((await credential.getToken(VAULT)).token, "token 0");
    assert.equal((await credential.getToken(VAULT, { claims })).token, "token 1");
    assert.equal((await credential.getToken(VAULT)).token, "token 1");
    assert.equal(service.requests.length, 2);
    assert.ok(service.requests.every(({ url }) => !url.includes("claims") && !url.includes("sha256")));
  });

  test("add the digest of the revoked token and the client capability to a request to Service Fabric", async () => {
    const service = createService((_, index) => machineAnswer({ access_token: `token ${index}` }));
    const env = { ...MACHINES["Service Fabric"] };
    const credential = new ManagedIdentityCredential(machineOptions({ env, service }));
    await credential.getToken(VAULT);
    await credential.getToken(VAULT, { claims });
    await credential.getToken(VAULT, { enableCae: true });
    const query = service.requests.map(({ url }) => Object.fromEntries(new URL(url).searchParams));
    assert.deepEqual(query.map(({ xms_cc }) => xms_cc), [undefined, "cp1", "cp1"]);
    // The output of: printf 'token 0' | sha256sum
    const digest = "5985e1752c7ca6cae56d5d1ef2d8412b28b0768e71d271dc2ee955a44e99459a";
    assert.deepEqual(query.map((one) => one.token_sha256_to_refresh), [undefined, digest, undefined]);
  });
});

test("requests to Service Fabric use a fetch that trusts only the certificate with the thumbprint", async () => {
  const trusted: unknown[] = [];
  const service = createService(() => machineAnswer());
  const env = { ...MACHINES["Service Fabric"] };
  const tlsFetch = (trust: unknown) => {
    trusted.push(trust);
    return service.fetch;
  };
  const options = machineOptions({ env, service, tlsFetch });
  const localFetch = () => Promise.reject(new Error("Must not be called"));
  await new ManagedIdentityCredential({ ...options, localFetch }).getToken(VAULT);
  assert.deepEqual(trusted, [{ thumbprint: "ab".repeat(20) }]);
});
