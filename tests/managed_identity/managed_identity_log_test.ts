// Log events name the source and the identity, so that a log shows which of several identities was used.
import {
  DefaultAzureCredential,
  type LogEvent,
  ManagedIdentityCredential,
  WorkloadIdentityCredential,
} from "@azweb/identity";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  arcAnswers,
  CLIENT_ID,
  machineAnswer,
  type MachineName,
  machineOptions,
  MACHINES,
  OBJECT_ID,
  RESOURCE_ID,
  VAULT,
} from "../support/managed_identity/machine.ts";
import { type Asked, createService, failureOf, jsonAnswer } from "../support/service.ts";
import { createWorkload } from "../support/workload.ts";

const SYSTEM = "system-assigned identity";
const NAMES = { IMDS: "the instance metadata service" } as Readonly<Record<string, string>>;

for (
  const [machine, identity, expected, variables] of [
    ["App Service", {}, SYSTEM],
    ["App Service", { clientId: CLIENT_ID }, `identity with the client id "${CLIENT_ID}"`],
    ["IMDS", { resourceId: RESOURCE_ID }, `identity with the resource id "${RESOURCE_ID}"`],
    ["Service Fabric", { objectId: OBJECT_ID }, `identity with the object id "${OBJECT_ID}"`],
    ["Azure Machine Learning", {}, SYSTEM],
    [
      "Azure Machine Learning",
      {},
      `identity with the client id "${CLIENT_ID}"`,
      { DEFAULT_IDENTITY_CLIENT_ID: CLIENT_ID },
    ],
    ["Cloud Shell", {}, "signed-in user"],
    ["Azure Arc", {}, SYSTEM],
  ] as [MachineName, object, string, Record<string, string>?][]
) {
  test(`log events name the source and the identity: ${machine}, ${expected}`, async () => {
    const events: LogEvent[] = [];
    const log = (event: LogEvent) => void events.push(event);
    const files = { "/var/opt/azcmagent/tokens/a.key": "a-key" };
    let answer = (asked: Asked) => machine === "Azure Arc" ? arcAnswers(asked) : machineAnswer();
    const service = createService((asked) => answer(asked));
    const options = { ...machineOptions({ env: { ...MACHINES[machine], ...variables }, files, service }), log };
    const credential = new ManagedIdentityCredential({ ...options, ...identity });
    await credential.getToken(VAULT);
    const source = NAMES[machine] ?? machine;
    const { event, source: named, identity: used, message } = events.at(-1)!;
    assert.deepEqual([event, named, used], ["token-acquired", source, expected]);
    assert.ok(!("tenantId" in events.at(-1)!));
    assert.equal(message, `ManagedIdentityCredential got a token for ${VAULT} from ${source} as the ${expected}`);
    answer = () => jsonAnswer({ error: "no" }, { status: 400 });
    await failureOf(credential.getToken("https://graph.microsoft.com/.default"));
    const failed = events.at(-1)!;
    assert.deepEqual([failed.event, failed.source, failed.identity], ["token-failed", source, expected]);
  });
}

test("log events of a managed identity name a federated token as the source", async () => {
  const events: LogEvent[] = [];
  const { env, options } = await createWorkload();
  const log = (event: LogEvent) => void events.push(event);
  await new ManagedIdentityCredential({ ...options, env, log }).getToken(VAULT);
  const { event, source, identity, message } = events.at(-1)!;
  const expected = `identity with the client id "${env.AZURE_CLIENT_ID}"`;
  assert.deepEqual([event, source, identity], ["token-acquired", "workload identity", expected]);
  assert.equal(message, `ManagedIdentityCredential got a token for ${VAULT} from workload identity as the ${expected}`);
  await new WorkloadIdentityCredential({ ...options, cache: false, log }).getToken(VAULT);
  assert.deepEqual([events.at(-1)!.credential, events.at(-1)!.source], ["WorkloadIdentityCredential", undefined]);
});

test("a chain logs the same, and the client id from AZURE_CLIENT_ID", async () => {
  const events: LogEvent[] = [];
  const service = createService(() => machineAnswer());
  const env = { ...MACHINES["App Service"], AZURE_CLIENT_ID: CLIENT_ID };
  const credential = new DefaultAzureCredential({
    ...machineOptions({ env, service }),
    log: (event) => void events.push(event),
  });
  await credential.getToken(VAULT);
  const acquired = events.find(({ event }) => event === "token-acquired")!;
  assert.deepEqual([acquired.source, acquired.identity], ["App Service", `identity with the client id "${CLIENT_ID}"`]);
});
