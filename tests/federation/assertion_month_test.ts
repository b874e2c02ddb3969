// Runs on: deno, node
import { ClientAssertionCredential } from "@azweb/identity";
import { fromGitHubActions } from "@azweb/identity/federation";
import { createEntra, createFakeClock, createGitHubActions } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT, isolatedOptions, SCOPE, TENANT } from "../support/service.ts";

test("thirty days: 24 assertions a day, and never an expired one", async () => {
  const clock = createFakeClock(Date.UTC(2030, 0, 1));
  const job = createGitHubActions({ now: clock.now });
  const app = { tenantId: TENANT, clientId: CLIENT, federatedCredentials: [job.federatedCredential] };
  const entra = createEntra({ apps: [app], fetch: job.fetch, now: clock.now });
  const source = fromGitHubActions({ env: job.env, fetch: job.fetch, runtime: clock });
  const options = { ...isolatedOptions(entra, clock), retryOptions: { maxRetries: 0 } };
  const credential = new ClientAssertionCredential(TENANT, CLIENT, source, options);
  const minutes = 30 * 24 * 60;
  for (let minute = 0; minute < minutes; minute += 20) {
    const { token, expiresOnTimestamp } = await credential.getToken(SCOPE);
    assert.ok(expiresOnTimestamp > clock.now());
    if (minute % 1440 === 0) await entra.verify(token);
    await clock.advance(20 * 60_000);
  }
  // One for each token, which lives an hour.
  assert.deepEqual([job.requests.length, entra.requests.length], [30 * 24, 30 * 24]);
});
