import {
  AggregateAuthenticationError,
  AuthenticationError,
  AuthenticationRequiredError,
  ChainedTokenCredential,
  ClientAssertionCredential,
  ClientSecretCredential,
  CredentialUnavailableError,
  EnvironmentCredential,
} from "@azweb/identity";
import { createEntra } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT, createService, failureOf, isolatedOptions, jsonAnswer, SCOPE, TENANT } from "../support/service.ts";

test("errors have the names of @azure/identity, as properties that minifiers do not change", () => {
  for (
    const [error, name] of [
      [new CredentialUnavailableError("Cannot do it"), "CredentialUnavailableError"],
      [new AuthenticationError("Cannot do it"), "AuthenticationError"],
      [new AggregateAuthenticationError([], "Cannot do it"), "AggregateAuthenticationError"],
    ] as const
  ) {
    assert.equal(error.name, name);
    assert.equal(Object.getOwnPropertyDescriptor(error, "name")!.value, name);
    assert.ok(error instanceof Error);
    assert.equal(error.message, "Cannot do it");
    assert.match(String(error), new RegExp(`^${name}: Cannot do it$`));
  }
});

test("an AuthenticationError has only the members that are passed to its constructor", () => {
  const bare = new AuthenticationError("Cannot do it");
  assert.equal(bare.statusCode, 0);
  for (const member of ["errorResponse", "claims", "retryAfterInMs", "cause"]) {
    assert.equal(member in bare, false, member);
  }
  const cause = new Error("why");
  const errorResponse = { error: "invalid_client", errorDescription: "No" };
  const full = new AuthenticationError("Cannot do it", {
    statusCode: 401,
    errorResponse,
    claims: "{}",
    retryAfterInMs: 0,
    cause,
  });
  assert.deepEqual(
    [full.statusCode, full.errorResponse, full.claims, full.retryAfterInMs, full.cause],
    [401, errorResponse, "{}", 0, cause],
  );
});

test("an AuthenticationError as JSON is plain data", async () => {
  const entra = createEntra({ apps: [{ tenantId: TENANT, clientId: CLIENT, secrets: ["a-secret"] }] });
  const credential = new ClientSecretCredential(TENANT, CLIENT, "another-secret", isolatedOptions(entra));
  const error = await failureOf(credential.getToken(SCOPE));
  const json = JSON.parse(JSON.stringify(error));
  assert.deepEqual(Object.keys(json).sort(), ["errorResponse", "name", "statusCode"]);
  assert.equal(json.name, "AuthenticationError");
  assert.equal(json.statusCode, 401);
  // @azure/identity has the same names.
  assert.deepEqual(
    Object.keys(json.errorResponse).sort(),
    ["correlationId", "error", "errorCodes", "errorDescription", "timestamp", "traceId"],
  );
  assert.equal(json.errorResponse.error, "invalid_client");
  assert.deepEqual(json.errorResponse.errorCodes, [7000215]);
  assert.match(json.errorResponse.errorDescription, /^AADSTS7000215: /);
});

test("the error contains the correlation id that was sent", async () => {
  const entra = createEntra({ apps: [{ tenantId: TENANT, clientId: CLIENT, secrets: ["a-secret"] }] });
  const credential = new ClientSecretCredential(TENANT, CLIENT, "another-secret", isolatedOptions(entra));
  const error = await failureOf(credential.getToken(SCOPE)) as unknown as AuthenticationError;
  assert.equal(error.errorResponse!.correlationId, entra.requests[0]!.form["client-request-id"]);
});

test("an AggregateAuthenticationError contains the errors unchanged and in order", async () => {
  const reasons = [new CredentialUnavailableError("No tool"), new CredentialUnavailableError("No machine")];
  const chain = new ChainedTokenCredential(...reasons.map((reason) => ({ getToken: () => Promise.reject(reason) })));
  const error = await failureOf(chain.getToken(SCOPE)) as unknown as AggregateAuthenticationError;
  assert.equal(error.name, "AggregateAuthenticationError");
  assert.deepEqual(error.errors, reasons);
  assert.match(
    error.message,
    /^ChainedTokenCredential: Cannot get a token: No credential is available\n.*\n.* {2}No tool\n.* {2}No machine$/,
  );
});

test("the stack of an error contains the unchanged message", async () => {
  const service = createService(() =>
    // `String.replace` would interpret these patterns.
    jsonAnswer({ error: "$&$`$'$1", error_description: "AADSTS4711: $& $` $' $$" }, { status: 400 })
  );
  const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(service));
  const error = await failureOf(credential.getToken(SCOPE));
  assert.match(error.message, /\$&\$`\$'\$1 \(HTTP 400\)\. \$& \$` \$' \$\$$/);
  // Not every engine includes the message.
  if (error.stack!.includes("Cannot get a token")) assert.ok(error.stack!.includes(error.message));
});

test("messages begin with the credential's name, once, and a capital letter, without a final period or contractions", async () => {
  const failures: Error[] = [];
  const bodies = [
    new Response("<html>"),
    new Response(null, { status: 302 }),
    jsonAnswer({
      error: "invalid_client",
      error_description: "AADSTS7000215: Bad. Trace ID: x",
      error_codes: [7000215],
    }, { status: 401 }),
    jsonAnswer({ error: "invalid_client", error_description: "Bad." }, { status: 401 }),
    jsonAnswer({ access_token: "x" }),
    jsonAnswer({ expires_in: 1, token_type: "x" }),
    jsonAnswer({ expires_in: 1, token_type: "Bearer" }),
  ];
  for (const body of bodies) {
    const options = isolatedOptions(createService(() => body));
    const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", options);
    failures.push(await failureOf(credential.getToken(SCOPE)));
  }
  failures.push(await failureOf(new EnvironmentCredential({ env: {} }).getToken(SCOPE)));
  for (const { message } of failures) {
    assert.match(message, /^(ClientSecretCredential|EnvironmentCredential): Cannot [^]*[^.\s]$/);
    assert.doesNotMatch(message, /\b(can't|won't|doesn't|isn't|don't|undefined|\[object)\b/);
    assert.equal(message.split(/ClientSecretCredential|EnvironmentCredential/).length, 2, message);
  }
});

test("an AuthenticationError can be created from a status and a body, as in @azure/identity", () => {
  const body = {
    error: "invalid_client",
    error_description: "AADSTS7000215: Invalid client secret",
    error_codes: [7000215],
    timestamp: "2026-11-29 10:00:00Z",
    trace_id: "a-trace",
    correlation_id: "a-correlation",
  };
  const errorResponse = {
    error: "invalid_client",
    errorDescription: "AADSTS7000215: Invalid client secret",
    errorCodes: [7000215],
    timestamp: "2026-11-29 10:00:00Z",
    traceId: "a-trace",
    correlationId: "a-correlation",
  };
  const cause = new Error("why");
  for (const given of [body, JSON.stringify(body)]) {
    const error = new AuthenticationError(400, given, { cause });
    assert.equal(error.name, "AuthenticationError");
    assert.equal(error.message, "invalid_client (HTTP 400): AADSTS7000215: Invalid client secret");
    assert.deepEqual([error.statusCode, error.errorResponse, error.cause], [400, errorResponse, cause]);
  }
  for (
    const [given, description] of [
      ["Bad gateway", "Bad gateway"],
      ["", ""],
      [undefined, ""],
      [null, ""],
      [{}, ""],
      [{ error: undefined }, ""],
    ] as const
  ) {
    const error = new AuthenticationError(502, given);
    assert.equal(error.message, `unknown_error (HTTP 502)${description && `: ${description}`}`);
    assert.deepEqual(error.errorResponse, { error: "unknown_error", errorDescription: description });
    assert.equal("cause" in error, false);
  }
});

test("an error of a callback that cannot be changed is thrown unchanged", async () => {
  for (
    const error of [
      new AuthenticationError("Cannot do it"),
      new AuthenticationRequiredError({ scopes: [SCOPE] }),
      Object.assign(new Error("Of another package"), { name: "AuthenticationRequiredError" }),
    ].map(Object.freeze)
  ) {
    const getAssertion = () => Promise.reject(error);
    const credential = new ClientAssertionCredential(TENANT, CLIENT, getAssertion, isolatedOptions(createService()));
    assert.equal(await failureOf(credential.getToken(SCOPE)), error);
  }
});

test("an AggregateAuthenticationError without a message has a line for each error", () => {
  const errors = [
    new CredentialUnavailableError("No tool"),
    "a thrown string",
    null,
    Object.create(null),
    Symbol("a symbol"),
  ];
  assert.equal(
    new AggregateAuthenticationError(errors).message,
    [
      "Cannot get a token: No credential is available",
      "CredentialUnavailableError: No tool",
      "a thrown string",
      ...["An error without a message", "An error without a message", "An error without a message"],
    ].join("\n  "),
  );
});
