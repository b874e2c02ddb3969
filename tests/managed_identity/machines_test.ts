import { DefaultAzureCredential, ManagedIdentityCredential } from "@azweb/identity";
import {
  createAppService,
  createArcServer,
  createAzureMlCompute,
  createCloudShell,
  createServiceFabricNode,
  createVirtualMachine,
} from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CLIENT_ID, OBJECT_ID, RESOURCE_ID, VAULT } from "../support/managed_identity/machine.ts";
import { failureOf } from "../support/service.ts";

const IDENTITY = { clientId: CLIENT_ID, objectId: OBJECT_ID, resourceId: RESOURCE_ID };
const KINDS = ["clientId", "objectId", "resourceId"] as const;
/** Each machine with the kinds of ids by which it selects user-assigned identities. */
const MACHINES = {
  "virtual machine": [createVirtualMachine, KINDS],
  "App Service": [createAppService, KINDS],
  "Arc server": [createArcServer, KINDS],
  "Arc server with Windows": [(options: object) => createArcServer({ ...options, platform: "win32" }), KINDS],
  "Service Fabric node": [createServiceFabricNode, ["objectId"]],
  "Azure ML compute": [createAzureMlCompute, ["clientId"]],
  "Cloud Shell": [createCloudShell, []],
} as const;

for (const [name, [create, kinds]] of Object.entries(MACHINES)) {
  describe(`on a simulated ${name}`, () => {
    for (const Credential of [ManagedIdentityCredential, DefaultAzureCredential]) {
      test(`${Credential.name} gets a token of the system-assigned identity and caches it`, async () => {
        const machine = create({});
        const credential = new Credential(machine.options);
        const { token } = await credential.getToken(VAULT);
        assert.equal((await machine.verify(token)).aud, "https://vault.azure.net");
        const { length } = machine.requests;
        await credential.getToken(VAULT);
        assert.equal(machine.requests.length, length);
      });
    }

    for (const kind of KINDS) {
      const can = (kinds as readonly string[]).includes(kind);
      test(`a user-assigned identity by ${kind} ${can ? "returns its token" : "causes an AuthenticationError"}`, async () => {
        const machine = create({ userAssigned: [IDENTITY] });
        const getting = new ManagedIdentityCredential({ ...machine.options, [kind]: IDENTITY[kind] }).getToken(VAULT);
        if (can) assert.equal((await machine.verify((await getting).token)).appid, CLIENT_ID);
        else assert.equal((await failureOf(getting)).name, "AuthenticationError");
      });
    }
  });
}

test("a thousand callers of a chain send one probe and one token request", async () => {
  const machine = createVirtualMachine();
  const credential = new DefaultAzureCredential({ ...machine.options, waitUntil() {} });
  const tokens = await Promise.all(Array.from({ length: 1000 }, () => credential.getToken(VAULT)));
  assert.equal(new Set(tokens.map(({ token }) => token)).size, 1);
  assert.deepEqual(machine.requests.map(({ headers }) => headers.metadata), [undefined, "true"]);
});

test("on Service Fabric, a call with claims replaces the token, also for other programs on the node", async () => {
  const machine = createServiceFabricNode();
  const credential = new ManagedIdentityCredential(machine.options);
  const first = await credential.getToken(VAULT);
  const claims = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
  const second = await credential.getToken(VAULT, { claims });
  assert.notEqual(second.token, first.token);
  assert.equal((await credential.getToken(VAULT)).token, second.token);
  const another = new ManagedIdentityCredential({ ...machine.options, cache: false });
  assert.equal((await another.getToken(VAULT, { enableCae: true })).token, second.token);
});

test("a token of another identity from an old Arc agent is rejected", async () => {
  const machine = createArcServer({ userAssigned: [IDENTITY], ignoresUserAssigned: true });
  const error = await failureOf(new ManagedIdentityCredential(CLIENT_ID, machine.options).getToken(VAULT));
  assert.equal(error.name, "AuthenticationError");
  assert.match(error.message, /does not confirm the user-assigned identity/);
});
