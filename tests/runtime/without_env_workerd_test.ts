// Runs on: workerd
// A Worker that passes no bindings is told how.
import { DefaultAzureCredential, EnvironmentCredential, WorkloadIdentityCredential } from "@azweb/identity";
import assert from "node:assert/strict";
import { test } from "node:test";
import { failureOf, SCOPE } from "../support/service.ts";

for (
  const [credential, call] of [
    [new DefaultAzureCredential(), "new DefaultAzureCredential({ env })"],
    [new EnvironmentCredential(), "new EnvironmentCredential({ env })"],
    [new WorkloadIdentityCredential(), "new WorkloadIdentityCredential({ env })"],
  ] as const
) {
  test(call, async () => {
    const { message } = await failureOf(credential.getToken(SCOPE));
    assert.ok(message.includes(`Pass the Worker's bindings: \`${call}\``), message);
  });
}
