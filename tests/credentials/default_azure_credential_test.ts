import {
  ChainedTokenCredential,
  type CredentialOptions,
  DefaultAzureCredential,
  type LogEvent,
  ManagedIdentityCredential,
} from "@azweb/identity";
import {
  createAppService,
  createEntra,
  createFakeClock,
  createVirtualMachine,
  StaticCredential,
} from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NAMES } from "../support/developer_tools/laptop.ts";
import {
  CLIENT_ID,
  federatedToken,
  IMDS,
  machineAnswer,
  machineOptions,
  MACHINES,
  RESOURCE_ID,
  VAULT,
} from "../support/managed_identity/machine.ts";
import { type Asked, createService, failureOf, jsonAnswer, silence, TENANT, tokenAnswer } from "../support/service.ts";

const SECRET = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT_ID, AZURE_CLIENT_SECRET: "a-secret" };
const TOKEN_FILE = "/var/run/secrets/token";
const WORKLOAD = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE: TOKEN_FILE };
const APP_SERVICE = MACHINES["App Service"];

/** Creates a credential with the variables. Records its requests to Microsoft Entra and to the machine. */
function setUp(env: Record<string, string>, options: object = {}, respond: (request: Asked) => unknown = metadata) {
  const entra = createService(() => tokenAnswer({ access_token: "of Entra" }));
  const service = createService(respond);
  const machine = machineOptions({ env, files: { [TOKEN_FILE]: federatedToken() }, service });
  const events: LogEvent[] = [];
  const log = (event: LogEvent) => void events.push(event);
  const credential = new DefaultAzureCredential({ ...machine, fetch: entra.fetch, log, ...options });
  const selected = () =>
    events.filter(({ event }) => event === "credential-selected").map(({ credential }) => credential);
  return { credential, entra, service, selected };
}

function metadata(request: Asked): Response {
  if (!request.url.startsWith(IMDS) || request.headers.has("metadata")) return machineAnswer();
  return jsonAnswer({ error: "invalid_request" }, { status: 400 });
}

describe("the chain, in order", () => {
  for (
    const [env, expected] of [
      [{ ...SECRET, ...WORKLOAD, ...APP_SERVICE }, "EnvironmentCredential"],
      [{ ...WORKLOAD, ...APP_SERVICE }, "WorkloadIdentityCredential"],
      [{ ...APP_SERVICE }, "ManagedIdentityCredential"],
      [{}, "ManagedIdentityCredential"],
    ] as [Record<string, string>, string][]
  ) {
    test(`${Object.keys(env).join(", ") || "no variable"}: ${expected}`, async () => {
      const { credential, entra, service, selected } = setUp(env);
      const { token } = await credential.getToken(VAULT);
      assert.deepEqual(selected(), [expected]);
      const isManaged = expected === "ManagedIdentityCredential";
      assert.equal(token, isManaged ? "a-token" : "of Entra");
      assert.equal(entra.requests.length, isManaged ? 0 : 1);
      assert.equal(service.requests.length, isManaged ? env.IDENTITY_HEADER ? 1 : 2 : 0);
    });
  }

  test("the error gives a reason for each credential if none is available", async () => {
    const { credential } = setUp({}, {}, () => new Response("", { status: 404 }));
    const error = await failureOf(credential.getToken(VAULT));
    assert.equal(error.name, "AggregateAuthenticationError");
    const lines = error.message.split(/\n {2}(?! )/).slice(2).map((line) => line.split(" ")[0]);
    assert.deepEqual(lines, NAMES);
    assert.equal((error.errors as unknown[]).length, 6);
  });
});

describe("a credential that is configured and fails ends the chain", () => {
  test("with a wrong secret", async () => {
    const entra = createService(() => jsonAnswer({ error: "invalid_client" }, { status: 401 }));
    const { credential, service } = setUp({ ...SECRET, ...APP_SERVICE }, { fetch: entra.fetch });
    assert.equal((await failureOf(credential.getToken(VAULT))).name, "AuthenticationError");
    assert.equal(service.requests.length, 0);
  });

  test("with a federated token that Entra rejects", async () => {
    const entra = createService(() => jsonAnswer({ error: "invalid_client" }, { status: 401 }));
    const { credential, service } = setUp({ ...WORKLOAD, ...APP_SERVICE }, { fetch: entra.fetch });
    assert.match(
      (await failureOf(credential.getToken(VAULT))).message,
      /^WorkloadIdentityCredential: .*invalid_client/,
    );
    assert.equal(service.requests.length, 0);
  });

  test("with a missing token file: neither the machine nor the developer tools are tried", async () => {
    const { credential, service } = setUp({ ...WORKLOAD, ...APP_SERVICE, AZURE_FEDERATED_TOKEN_FILE: "/nowhere" });
    const error = await failureOf(credential.getToken(VAULT));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, /^WorkloadIdentityCredential: Cannot read the token file of AZURE.*, "\/nowhere": /);
    assert.equal(service.requests.length, 0);
  });

  for (
    const [what, name, env] of [
      ["a secret", "EnvironmentCredential", { ...SECRET, ...WORKLOAD, ...APP_SERVICE }],
      ["a federated token", "WorkloadIdentityCredential", { ...WORKLOAD, ...APP_SERVICE }],
    ] as const
  ) {
    test(`with ${what}, for a tenant that is not allowed`, async () => {
      const { credential, entra, service } = setUp(env);
      const error = await failureOf(credential.getToken(VAULT, { tenantId: "fabrikam.example" }));
      assert.equal(error.name, "AuthenticationError");
      assert.match(error.message, new RegExp(`^${name}: Cannot get a token from tenant "fabrikam.example"`));
      assert.equal(entra.requests.length + service.requests.length, 0);
    });
  }

  test("with an identity in AZURE_CLIENT_ID that App Service does not have: the error names the id and the variable", async () => {
    const machine = createAppService();
    const env = { ...machine.options.env, AZURE_CLIENT_ID: "nope" };
    const error = await failureOf(new DefaultAzureCredential({ ...machine.options, env }).getToken(VAULT));
    assert.equal(error.name, "AuthenticationError");
    assert.equal(
      error.message,
      'ManagedIdentityCredential: Cannot get a token for "https://vault.azure.net" from App Service: ' +
        "Unable to load the proper Managed Identity. (HTTP 400). " +
        'The request is for the identity with the client id "nope" of the variable AZURE_CLIENT_ID: ' +
        "Assign the identity to the machine, or correct the id",
    );
  });

  test("with an identity that App Service rejects", async () => {
    const respond = () => jsonAnswer({ statusCode: 400, message: "No such identity" }, { status: 400 });
    const error = await failureOf(setUp(APP_SERVICE, {}, respond).credential.getToken(VAULT));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, /^ManagedIdentityCredential: .*No such identity/);
  });

  for (
    const [what, variables, options] of [
      ["managedIdentityClientId", {}, { managedIdentityClientId: "a" }],
      ["managedIdentityClientId, beside AZURE_CLIENT_ID", { AZURE_CLIENT_ID: "a" }, { managedIdentityClientId: "a" }],
      ["managedIdentityResourceId", {}, { managedIdentityResourceId: RESOURCE_ID }],
    ] as const
  ) {
    test(`with ${what} for an identity that the machine does not have`, async () => {
      const respond = () =>
        jsonAnswer({ error: "invalid_request", error_description: "Identity not found" }, { status: 400 });
      const error = await failureOf(setUp({ ...variables }, options, respond).credential.getToken(VAULT));
      assert.equal(error.name, "AuthenticationError");
      assert.match(
        error.message,
        /^ManagedIdentityCredential: .*Identity not found\. The request is for the identity with the (client id "a"|resource id ".*\/me") of the options: Assign the identity to the machine, or correct the id$/,
      );
    });
  }

  test("AZURE_CLIENT_ID without such an identity on the machine is inconclusive: it may be a service principal's", async () => {
    const respond = () =>
      jsonAnswer({ error: "invalid_request", error_description: "Identity not found" }, { status: 400 });
    const error = await failureOf(setUp({ AZURE_CLIENT_ID: "b" }, {}, respond).credential.getToken(VAULT));
    assert.equal(error.name, "AggregateAuthenticationError");
    assert.match(
      error.message,
      /ManagedIdentityCredential +inconclusive .*Identity not found\. The variable AZURE_CLIENT_ID was tried as a client id\n +→ Assign that identity to the machine, or exclude ManagedIdentityCredential if the id is a service principal's\n/,
    );
  });

  test("a machine without an identity is inconclusive", async () => {
    const respond = () =>
      jsonAnswer({ error: "invalid_request", error_description: "Identity not found" }, { status: 400 });
    const error = await failureOf(setUp({}, {}, respond).credential.getToken(VAULT));
    assert.equal(error.name, "AggregateAuthenticationError");
    assert.match(
      error.message,
      /ManagedIdentityCredential +inconclusive .*Identity not found\n +→ Give the machine an id/,
    );
  });
});

describe("the selected identity", () => {
  for (
    const [what, options, variables, expected] of [
      ["the system-assigned identity", {}, {}, {}],
      ["managedIdentityClientId", { managedIdentityClientId: "a" }, {}, { client_id: "a" }],
      ["AZURE_CLIENT_ID", {}, { AZURE_CLIENT_ID: "b" }, { client_id: "b" }],
      ["an empty AZURE_CLIENT_ID is ignored", {}, { AZURE_CLIENT_ID: "" }, {}],
      ["managedIdentityClientId before AZURE_CLIENT_ID", { managedIdentityClientId: "a" }, { AZURE_CLIENT_ID: "b" }, {
        client_id: "a",
      }],
      ["managedIdentityResourceId before AZURE_CLIENT_ID", { managedIdentityResourceId: RESOURCE_ID }, {
        AZURE_CLIENT_ID: "b",
      }, { mi_res_id: RESOURCE_ID }],
    ] as const
  ) {
    test(`managed identity: ${what}`, async () => {
      const { credential, service } = setUp({ ...APP_SERVICE, ...variables }, options);
      await credential.getToken(VAULT);
      const { resource: _, "api-version": __, ...ids } = Object.fromEntries(
        new URL(service.requests[0]!.url).searchParams,
      );
      assert.deepEqual(ids, expected);
    });
  }

  test("a malformed AZURE_CLIENT_ID causes an AuthenticationError that ends the chain and does not contain the value", async () => {
    for (const AZURE_CLIENT_ID of [" ", "an id", "id\n"]) {
      for (const env of [{}, APP_SERVICE]) {
        const { credential, entra, service } = setUp({ ...env, AZURE_CLIENT_ID });
        const error = await failureOf(credential.getToken(VAULT));
        assert.equal(error.name, "AuthenticationError");
        assert.match(error.message, /^ManagedIdentityCredential: Cannot use the variable AZURE_CLIENT_ID: It must be /);
        assert.doesNotMatch(error.message, /an id\b|"id/);
        assert.equal(entra.requests.length + service.requests.length, 0);
      }
    }
  });

  test("the constructor throws a TypeError for two ids", () => {
    const both = { managedIdentityClientId: "a", managedIdentityResourceId: RESOURCE_ID };
    assert.throws(() => new DefaultAzureCredential(both), {
      name: "TypeError",
      message:
        'Options "managedIdentityClientId" and "managedIdentityResourceId" name two identities: Give one of them',
    });
  });

  for (
    const [option, value] of [
      ["managedIdentityClientId", ""],
      ["managedIdentityClientId", "an id"],
      ["managedIdentityResourceId", ""],
      ["managedIdentityResourceId", "my-identity"],
      ["workloadIdentityClientId", "an id"],
      ["interactiveBrowserClientId", "an id"],
    ] as const
  ) {
    test(`"${value}" as ${option} causes a TypeError that names the option of DefaultAzureCredential`, () => {
      const options = { [option]: value, includeInteractiveBrowser: true };
      assert.throws(() => new DefaultAzureCredential(options), (error: Error) => {
        assert.equal(error.name, "TypeError");
        return error.message.startsWith(`Option "${option}" must be `);
      });
    });
  }

  for (
    const [what, options, expected] of [
      ["workloadIdentityClientId", { workloadIdentityClientId: "a", managedIdentityClientId: "b" }, "a"],
      ["managedIdentityClientId", { managedIdentityClientId: "b" }, "b"],
      ["AZURE_CLIENT_ID", {}, CLIENT_ID],
    ] as const
  ) {
    test(`workload identity: ${what}`, async () => {
      const { credential, entra } = setUp(WORKLOAD, options);
      await credential.getToken(VAULT);
      assert.equal(entra.requests[0]!.form.client_id, expected);
    });
  }

  test("workload identity: the option tenantId takes precedence over the variable", async () => {
    const { credential, entra } = setUp(WORKLOAD, { tenantId: "another.example" });
    await credential.getToken(VAULT);
    assert.ok(entra.requests[0]!.url.includes("/another.example/"));
  });
});

describe("ManagedIdentityCredential in a pod with a federated token", () => {
  function pod(identity: object, env: Record<string, string> = WORKLOAD) {
    const entra = createService(() => tokenAnswer());
    const service = createService(metadata);
    const machine = machineOptions({ env, files: { [TOKEN_FILE]: federatedToken() }, service });
    return {
      credential: new ManagedIdentityCredential({ ...machine, fetch: entra.fetch, ...identity }),
      entra,
      service,
    };
  }

  for (
    const [what, identity, clientId] of [["AZURE_CLIENT_ID", {}, CLIENT_ID], [
      "clientId",
      { clientId: "a" },
      "a",
    ]] as const
  ) {
    test(`exchanges the token, with ${what}, and caches the result`, async () => {
      const { credential, entra, service } = pod(identity);
      for (let i = 0; i < 3; i++) await credential.getToken(VAULT);
      assert.equal(entra.requests.length, 1);
      assert.equal(entra.requests[0]!.form.client_id, clientId);
      assert.ok(entra.requests[0]!.form.client_assertion);
      assert.equal(service.requests.length, 0);
    });
  }

  test("names itself in errors, and ends a chain if the file that the variable names is missing", async () => {
    const { credential } = pod({}, { ...WORKLOAD, AZURE_FEDERATED_TOKEN_FILE: "/nowhere" });
    const error = await failureOf(new ChainedTokenCredential(credential, new StaticCredential("b")).getToken(VAULT));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, /^ManagedIdentityCredential: Cannot read the token file of AZURE.*\/nowhere/);
  });

  for (
    const [what, identity, env] of [
      ["without a client id", {}, { ...WORKLOAD, AZURE_CLIENT_ID: "" }],
      ["without a tenant", {}, { ...WORKLOAD, AZURE_TENANT_ID: "" }],
      ["without a file", {}, { ...WORKLOAD, AZURE_FEDERATED_TOKEN_FILE: "" }],
      ["for an object id, which the exchange does not support", { objectId: "a" }, WORKLOAD],
      ["for a resource id", { resourceId: RESOURCE_ID }, WORKLOAD],
    ] as const
  ) {
    test(`sends the request to the machine ${what}`, async () => {
      const { credential, entra, service } = pod(identity, env);
      await credential.getToken(VAULT);
      assert.deepEqual([entra.requests.length, service.requests.length], [0, 1]);
    });
  }
});

test("the constructor throws a TypeError if a required variable is not set", () => {
  const env = { AZURE_CLIENT_ID: CLIENT_ID, AZURE_TENANT_ID: "" };
  for (
    const [requiredEnvVars, missing] of [
      ["AZURE_TENANT_ID", "AZURE_TENANT_ID"],
      [["AZURE_CLIENT_ID", "AZURE_TENANT_ID", "OTHER"], "AZURE_TENANT_ID, OTHER"],
    ] as [string | string[], string][]
  ) {
    assert.throws(() => new DefaultAzureCredential({ env, requiredEnvVars }), {
      name: "TypeError",
      message: `Option "requiredEnvVars" names variables that are not set: ${missing}`,
    });
  }
  new DefaultAzureCredential({ env, requiredEnvVars: ["AZURE_CLIENT_ID"] });
});

describe("AZURE_TOKEN_CREDENTIALS", () => {
  for (const value of ["prod", "ManagedIdentityCredential", "managedidentitycredential"]) {
    test(`"${value}": sends no probe and does not limit the time for the response`, async () => {
      const clock = createFakeClock();
      const env = { AZURE_TOKEN_CREDENTIALS: value };
      const { credential, service } = setUp(env, {
        runtime: { ...machineOptions({ service: createService() }).runtime, ...clock },
      }, silence);
      const failing = failureOf(credential.getToken(VAULT));
      await service.untilRequested(1);
      assert.equal(service.requests[0]!.headers.get("metadata"), "true");
      assert.equal(clock.sleeping.at(-1), 120_000);
      await clock.advance(120_000);
      assert.match((await failing).message, /No response within the 120000 ms/);
    });
  }

  test("not set: the probe times out after one second", async () => {
    const clock = createFakeClock();
    const { credential, service } = setUp({}, {
      runtime: { ...machineOptions({ service: createService() }).runtime, ...clock },
    }, silence);
    const failing = failureOf(credential.getToken(VAULT));
    await clock.untilSleeping(100_000);
    await clock.advance(1000);
    assert.equal((await failing).name, "AggregateAuthenticationError");
    assert.equal(service.requests.length, 1);
  });

  test('"WorkloadIdentityCredential" selects only that credential', async () => {
    const env = { ...SECRET, ...WORKLOAD, AZURE_TOKEN_CREDENTIALS: "WorkloadIdentityCredential" };
    const { credential, selected } = setUp(env);
    await credential.getToken(VAULT);
    assert.deepEqual(selected(), ["WorkloadIdentityCredential"]);
  });
});

test("probeTimeoutInMs is passed to the managed identity", async () => {
  const clock = createFakeClock();
  const runtime = { ...machineOptions({ service: createService() }).runtime, ...clock };
  const { credential } = setUp({}, { runtime, probeTimeoutInMs: 200 }, silence);
  const failing = failureOf(credential.getToken(VAULT));
  assert.equal(await clock.untilSleeping(100_000), 200);
  await clock.advance(200);
  await failing;
});

test("works on a simulated virtual machine, and beside an independent simulated Entra", async () => {
  const machine = createVirtualMachine();
  const options: CredentialOptions = { ...machine.options, fetch: createEntra({ apps: [] }).fetch };
  const { token } = await new DefaultAzureCredential(options).getToken(VAULT);
  assert.equal((await machine.verify(token)).aud, "https://vault.azure.net");
});
