// Runs on: deno, node, bun
import { ChainedTokenCredential, CredentialUnavailableError } from "@azweb/identity";
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { failureOf, SCOPE } from "../support/service.ts";

test("an inspected AggregateAuthenticationError shows its table once, and no stack for each row", async () => {
  const reasons = [new CredentialUnavailableError("No tool"), new CredentialUnavailableError("No machine")];
  const chain = new ChainedTokenCredential(...reasons.map((reason) => ({ getToken: () => Promise.reject(reason) })));
  const error = await failureOf(chain.getToken(SCOPE));
  for (const shown of [inspect(error), inspect({ error })]) {
    assert.match(shown, /AggregateAuthenticationError: ChainedTokenCredential: Cannot get a token:/);
    for (const row of ["No tool", "No machine"]) assert.equal(shown.split(row).length, 2, shown);
    assert.doesNotMatch(shown, /CredentialUnavailableError/);
  }
});
