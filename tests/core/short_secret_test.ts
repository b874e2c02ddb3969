// A short secret is redacted only where it is a whole word, because within other words it occurs by chance.
import { ClientSecretCredential } from "@azweb/identity";
import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT, createService, failureOf, isolatedOptions, jsonAnswer, SCOPE, TENANT } from "../support/service.ts";

for (
  const [secret, text, shown] of [
    ["e", "Invalid client secret provided.", "Invalid client secret provided"],
    ["e", "The secret e is wrong, and so is 'e'.", "The secret [redacted] is wrong, and so is '[redacted]'"],
    ["e", "e", "[redacted]"],
    ["e", "ee e2 _e é e", "ee e2 _e é [redacted]"],
    ["client", "invalid_client: the clients are no client", "invalid_client: the clients are no [redacted]"],
    ["pass-1", "Not pass-1, pass-12 or xpass-1", "Not [redacted], pass-12 or xpass-1"],
    ["p&s", 'Not "p&amp;s"', "[redacted]"],
    ["p&s", "Not client_secret=p%26s", "[redacted]"],
    ["p s", "Not client_secret=p+s", "[redacted]"],
    ["p s", "He helps some", "He helps some"],
    ["sevench", "Not xsevenchx", "Not xsevenchx"],
    ["eight-ch", "Not xeight-chx", "Not x[redacted]x"],
  ] as const
) {
  test(`the secret "${secret}" in the message ${JSON.stringify(text)}`, async () => {
    const body = { error: "invalid_request", error_description: text };
    const options = isolatedOptions(createService(() => jsonAnswer(body, { status: 400 })));
    const { message } = await failureOf(new ClientSecretCredential(TENANT, CLIENT, secret, options).getToken(SCOPE));
    assert.ok(message.endsWith(`invalid_request (HTTP 400). ${shown}`), message);
  });
}
