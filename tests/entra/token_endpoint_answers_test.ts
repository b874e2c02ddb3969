import { ClientSecretCredential, type ErrorResponse } from "@azweb/identity";
import { createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, failWith } from "../support/core/failing.ts";
import {
  type Asked,
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  jsonAnswer,
  SCOPE,
  TENANT,
  TOKEN_ENDPOINT,
  tokenAnswer,
} from "../support/service.ts";

const AT = Date.parse("2030-01-01T00:00:00Z");

test("an error response is not retried, and the next call sends a request", async () => {
  for (const status of [400, 401, 403, 404, 405]) {
    const service = createService(() => jsonAnswer({ error: "invalid_client" }, { status }));
    const credential = create(service);
    assert.equal((await failureOf(credential.getToken(SCOPE))).statusCode, status);
    assert.equal(service.requests.length, 1);
    await failureOf(credential.getToken(SCOPE));
    assert.equal(service.requests.length, 2);
  }
});

// Error responses of Entra

/** The descriptions of the most frequent error codes, and the next steps that the library adds. */
const CODES: readonly [code: number, status: number, error: string, description: string, advice: RegExp][] = [
  [
    7000215,
    401,
    "invalid_client",
    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app 'a'.",
    /Check the client secret: it must be the secret's value, not its id/,
  ],
  [
    7000222,
    401,
    "invalid_client",
    "The provided client secret keys for app 'a' are expired.",
    /The client secret has expired: create a new one/,
  ],
  [
    700016,
    400,
    "unauthorized_client",
    "Application with identifier 'a' was not found in the directory 'b'.",
    /Check the client id/,
  ],
  [90002, 400, "invalid_request", "Tenant 'b' not found.", /Check the tenant id, and the cloud/],
  [
    700027,
    401,
    "invalid_client",
    "The certificate with identifier used to sign the client assertion is not registered on application.",
    /Upload this certificate/,
  ],
  [700024, 401, "invalid_client", "Client assertion is not within its valid time range.", /Check the clock/],
  [
    500011,
    400,
    "invalid_resource",
    "The resource principal named d was not found in the tenant named b.",
    /Check the scope/,
  ],
  [
    1002012,
    400,
    "invalid_scope",
    "The provided value for scope d is not valid.",
    /Use a scope that ends in "\/\.default"/,
  ],
  [
    50126,
    400,
    "invalid_grant",
    "Error validating credentials due to invalid username or password.",
    /Check the user name and the password/,
  ],
  [
    50076,
    400,
    "interaction_required",
    "You must use multi-factor authentication to access 'd'.",
    /Sign in interactively/,
  ],
  [
    65001,
    400,
    "invalid_grant",
    "The user or administrator has not consented to use the application with ID 'a'.",
    /Grant the app/,
  ],
  [53003, 400, "invalid_grant", "Access has been blocked by Conditional Access policies.", /Conditional Access policy/],
  [
    7000218,
    401,
    "invalid_client",
    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    /^Give a secret, certificate or assertion; or allow public client flows in the app registration, for user /,
  ],
  [
    50013,
    400,
    "invalid_grant",
    "Assertion failed signature validation.",
    /^Send the unmodified token that was issued for this app$/,
  ],
  [
    500131,
    400,
    "invalid_grant",
    "Assertion audience does not match the Client app.",
    /^Send the unmodified token that was issued for/,
  ],
  [
    28000,
    400,
    "invalid_request",
    "It contains more than one resource.",
    /^Request the scopes of one resource per call$/,
  ],
  [
    9010010,
    400,
    "invalid_target",
    "The resource parameter provided in the request doesn't match with the requested scopes.",
    /^Request the scopes of one resource per call$/,
  ],
  [
    7000114,
    400,
    "invalid_grant",
    "Application 'a' is not allowed to make application on-behalf-of calls.",
    /^Send a user's token: an app's own token cannot be exchanged; for the app itself, use another credential$/,
  ],
  [
    650053,
    400,
    "invalid_client",
    "The application 'a' asked for scope 'e' that doesn't exist on the resource 'd'.",
    /^Check the name of the scope: the resource does not have it$/,
  ],
  [65004, 400, "access_denied", "User declined to consent to access the app.", /^Request the token again$/],
  [70020, 400, "expired_token", "This device code has expired.", /^Request the token again$/],
];

for (const [code, status, error, description, advice] of CODES) {
  test(`AADSTS${code}: the message has the cause, the next step and the ids for Microsoft's support`, async () => {
    const body = {
      error,
      error_description:
        `AADSTS${code}: ${description} Trace ID: 1111 Correlation ID: 2222 Timestamp: 2030-01-01 00:00:00Z`,
      error_codes: [code],
      timestamp: "2030-01-01 00:00:00Z",
      trace_id: "1111",
      correlation_id: "2222",
      error_uri: `https://login.microsoftonline.com/error?code=${code}`,
      suberror: "client_mismatch",
    };
    // This header must not hide the AADSTS code.
    const headers = { "www-authenticate": 'Bearer realm="x", error="invalid_client"' };
    const { error: failure, message, asked } = await failWith(() => jsonAnswer(body, { status, headers }));
    const [head, ...rest] = message.split(". ");
    assert.equal(head, `${error} (HTTP ${status}, AADSTS${code})`);
    assert.equal(rest.slice(0, -1).join(". "), description.replace(/\.$/, ""));
    assert.match(rest.at(-1)!, advice);
    assert.doesNotMatch(message, /\.$|Trace ID|undefined/);
    assert.equal(asked, 1);
    assert.equal(failure.statusCode, status);
    assert.deepEqual(failure.errorResponse, {
      error,
      errorDescription: body.error_description,
      errorCodes: [code],
      suberror: "client_mismatch",
      correlationId: "2222",
      timestamp: "2030-01-01 00:00:00Z",
      traceId: "1111",
    });
  });
}

test("an unknown code is part of the message, without a next step", async () => {
  const body = { error: "invalid_request", error_description: "AADSTS4711: Something. ", error_codes: [4711] };
  const { message } = await failWith(() => jsonAnswer(body, { status: 400 }));
  assert.equal(message, "invalid_request (HTTP 400, AADSTS4711). Something");
});

test("several codes are all part of the message, with the next step of the first known one", async () => {
  const body = {
    error: "invalid_grant",
    error_description: "AADSTS50076: Several.",
    error_codes: [4711, 50126, 50076],
  };
  const { message } = await failWith(() => jsonAnswer(body, { status: 400 }));
  assert.equal(
    message,
    "invalid_grant (HTTP 400, AADSTS4711, AADSTS50126, AADSTS50076). Several. Check the user name and the password",
  );
});

test("an error without a description, as other services send it, is part of the message", async () => {
  const { error, message } = await failWith(() => jsonAnswer({ error: "invalid_client" }, { status: 401 }));
  assert.equal(message, "invalid_client (HTTP 401)");
  assert.deepEqual(error.errorResponse, { error: "invalid_client", errorDescription: "", errorCodes: [] });
});

test("the name of the error determines the next step if no code does; a name such as constructor has none", async () => {
  for (
    const [error, advice] of [
      ["expired_token", ". Request the token again"],
      ["authorization_declined", ". Request the token again"],
      ["access_denied", ". Request the token again"],
      ["constructor", ""],
      ["__proto__", ""],
    ] as const
  ) {
    const { message } = await failWith(() => jsonAnswer({ error, error_codes: [4711] }, { status: 400 }));
    assert.equal(message, `${error} (HTTP 400, AADSTS4711)${advice}`);
  }
  const body = { error: "expired_token", error_codes: [7000215] };
  assert.match((await failWith(() => jsonAnswer(body, { status: 400 }))).message, /\. Check the client secret/);
});

test("members of an error response that have a wrong type are ignored", async () => {
  for (const odd of [null, 7, true, {}, [], [[7]]]) {
    const body = {
      error: "invalid_client",
      error_description: odd,
      error_codes: odd,
      timestamp: odd,
      trace_id: odd,
      correlation_id: odd,
      suberror: odd,
      claims: odd,
    };
    const { error, message } = await failWith(() => jsonAnswer(body, { status: 401 }));
    assert.equal(message, "invalid_client (HTTP 401)");
    assert.deepEqual(error.errorResponse, { error: "invalid_client", errorDescription: "", errorCodes: [] });
  }
});

test("error codes that are not integers are ignored", async () => {
  const body = '{"error":"invalid_client","error_codes":[1e999,1.5,4711]}';
  const { error, message } = await failWith(() => new Response(body, { status: 401 }));
  assert.equal(message, "invalid_client (HTTP 401, AADSTS4711)");
  assert.deepEqual((error.errorResponse as ErrorResponse).errorCodes, [4711]);
});

test("line breaks in a description are replaced by single spaces", async () => {
  const error_description = "AADSTS4711: Wrong. \r\n  Try\t again.";
  const { message } = await failWith(() => jsonAnswer({ error: "invalid_client", error_description }, { status: 401 }));
  assert.equal(message, "invalid_client (HTTP 401). Wrong. Try again");
});

test("characters that change the direction of the text are replaced by single spaces", async () => {
  const error_description = "AADSTS4711: Run\u202Emr\u202C \u2066x\u2069 y";
  const { message } = await failWith(() => jsonAnswer({ error: "invalid_client", error_description }, { status: 401 }));
  assert.equal(message, "invalid_client (HTTP 401). Run mr x y");
});

test("a very long description of many lines is truncated to one line", async () => {
  const error_description = `AADSTS4711: ${"All work and no play.\r\n\u0000\u001b[31m".repeat(1_000)}`;
  const { error, message } = await failWith(() =>
    jsonAnswer({ error: "e".repeat(5_000), error_description }, { status: 400 })
  );
  assert.ok(message.length < 1_000, String(message.length));
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(message + JSON.stringify(error.errorResponse).replaceAll("\\u", "\\\\u"), /[\x00-\x1f]/);
});

test("a description that is too long is truncated after a whole word", async () => {
  const words = "no play and ".repeat(100);
  for (
    const [error_description, expected] of [
      [words, /^(no play and )+no…$/],
      [`a ${words}`, /^a (no play and )+no play and…$/],
      [`AADSTS7000215: ${words}`, /^(no play and )+no play and…$/],
      ["x".repeat(401), /^x{400}…$/],
      ["x".repeat(400), /^x{400}$/],
      [`x ${"y".repeat(400)}`, /^x…$/],
    ] as const
  ) {
    const body = { error: "invalid_client", error_description };
    const { message } = await failWith(() => jsonAnswer(body, { status: 401 }));
    assert.match(message.replace("invalid_client (HTTP 401). ", ""), expected);
    assert.ok(message.length < 450);
  }
  const body = { error: "invalid_client", error_description: words, error_codes: [7000215] };
  assert.match((await failWith(() => jsonAnswer(body, { status: 401 }))).message, / no… Check the client secret/);
});

test("an error response with status 5xx is retried, and is then part of the message", async () => {
  const body = {
    error: "temporarily_unavailable",
    error_description: "AADSTS90033: A transient error.",
    error_codes: [90033],
  };
  const { message, asked } = await failWith(() => jsonAnswer(body, { status: 503 }));
  assert.equal(message, "temporarily_unavailable (HTTP 503, AADSTS90033). A transient error");
  assert.equal(asked, 4);
});

// Malformed token responses

for (
  const expires_in of [
    undefined,
    null,
    0,
    -1,
    -3600,
    "",
    "0",
    "-1",
    "3599abc",
    "abc",
    "1e3",
    "0x10",
    " 3599",
    "3599.5",
    "NaN",
    "Infinity",
    true,
    [],
    [3599],
    {},
    1e300,
    1e11,
    "99999999999",
  ]
) {
  test(`rejects expires_in ${JSON.stringify(expires_in)}`, async () => {
    const { error, message, asked } = await failWith(() => tokenAnswer({ expires_in }));
    assert.equal(message, 'The response has no usable "expires_in"');
    assert.equal(error.statusCode, 200);
    assert.equal(asked, 1);
  });
}

test("rejects the expires_in NaN, which some services send, because NaN is not JSON", async () => {
  const text = '{"token_type":"Bearer","access_token":"a-token","expires_in":NaN}';
  assert.equal(
    (await failWith(() => new Response(text))).message,
    'HTTP 200: The response is not the JSON of a token service. Check the network, and that "fetch" uses the proxy, ' +
      "if there is one",
  );
});

for (const expires_in of [3599, "3599", 3599.0, "0003599"]) {
  test(`expires_in ${JSON.stringify(expires_in)} is 3,599 seconds from the request`, async () => {
    const clock = createFakeClock(AT);
    const service = createService(() => tokenAnswer({ expires_in }));
    const token = await create(service, { runtime: clock }).getToken(SCOPE);
    assert.equal(token.expiresOnTimestamp, AT + 3_599_000);
    assert.equal(token.tokenType, "Bearer");
  });
}

for (const token_type of [undefined, null, "", "pop", "mac", "DPoP", "Bearer ", 7, {}, { toString: 0 }, ["Bearer"]]) {
  test(`rejects token_type ${JSON.stringify(token_type)}`, async () => {
    const { error, message, asked } = await failWith(() => tokenAnswer({ token_type }));
    assert.equal(message, 'The response has no usable "token_type"');
    assert.equal(error.statusCode, 200);
    assert.equal(asked, 1);
  });
}

for (const token_type of ["Bearer", "bearer", "BEARER"]) {
  test(`accepts token_type ${token_type} as Bearer`, async () => {
    assert.equal((await create(createService(() => tokenAnswer({ token_type }))).getToken(SCOPE)).tokenType, "Bearer");
  });
}

for (const access_token of [undefined, null, "", 7, true, {}, ["a-token"]]) {
  test(`rejects access_token ${JSON.stringify(access_token)}`, async () => {
    const { error, message, asked } = await failWith(() => tokenAnswer({ access_token }));
    assert.match(message, /"access_token"/);
    assert.equal(error.statusCode, 200);
    assert.equal("cause" in error, false);
    assert.equal(asked, 1);
  });
}

test("other members of a response are ignored", async () => {
  for (
    const members of [
      { id_token: "not.a.jwt" },
      { id_token: 7 },
      { refresh_token: 7 },
      { scope: 7 },
      { scope: ["a"] },
      { ext_expires_in: "x", client_info: {}, foci: 1 },
      { refresh_in: "x" },
      { refresh_in: -1 },
      { refresh_in: null },
      { error: "none" },
    ]
  ) {
    const token = await create(createService(() => tokenAnswer(members))).getToken(SCOPE);
    assert.equal(token.token, "a-token", JSON.stringify(members));
    assert.equal(token.refreshAfterTimestamp, undefined);
  }
});

test("members such as __proto__ have no effect", async () => {
  const text = '{"__proto__":{"access_token":"evil"},"token_type":"Bearer","expires_in":3600,"access_token":"a-token"}';
  assert.equal((await create(createService(() => new Response(text))).getToken(SCOPE)).token, "a-token");
  assert.match(
    (await failWith(() => new Response(text.replace(',"access_token":"a-token"', "")))).message,
    /"access_token"/,
  );
});

test("the form parameters and headers of a token request", async () => {
  const service = createService();
  await create(service).getToken(SCOPE);
  const [{ method, headers, form, url }] = service.requests as [Asked];
  assert.equal(method, "POST");
  assert.equal(url, TOKEN_ENDPOINT);
  assert.match(headers.get("content-type")!, /^application\/x-www-form-urlencoded/);
  assert.deepEqual([...headers.keys()].sort(), ["accept", "content-type"]);
  assert.deepEqual(Object.keys(form).sort(), [
    "client-request-id",
    "client_id",
    "client_secret",
    "grant_type",
    "scope",
    "x-client-SKU",
    "x-client-VER",
  ]);
});

test("a short secret is redacted only where it occurs, so that the message remains readable", async () => {
  for (const secret of ["пароль", "пароль1", "!1", "密码abc"]) {
    const service = createService(() =>
      new Response(
        JSON.stringify({
          error: "invalid_client",
          error_description: "AADSTS7000215: Invalid client secret provided.",
          error_codes: [7000215],
          trace_id: "0abc1111-2222-3333-4444-555555555555",
        }),
        { status: 401 },
      )
    );
    const error = await failureOf(
      new ClientSecretCredential(TENANT, CLIENT, secret, isolatedOptions(service)).getToken(SCOPE),
    );
    const response = error.errorResponse as ErrorResponse;
    assert.equal(response.error, "invalid_client", secret);
    assert.equal(response.traceId, "0abc1111-2222-3333-4444-555555555555", secret);
    assert.match(error.message, /Invalid client secret provided/, secret);
  }
});
