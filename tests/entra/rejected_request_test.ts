// The next step after a rejected request, if the request itself shows the reason: characters around a secret, the times
// of an assertion, or several resources.
import {
  AuthorizationCodeCredential,
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  DeviceCodeCredential,
  EnvironmentCredential,
  OnBehalfOfCredential,
  UsernamePasswordCredential,
  WorkloadIdentityCredential,
} from "@azweb/identity";
import { createEntra, createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { CERTIFICATE, KEY } from "../support/certificates/certificates.ts";
import { CLIENT, createService, failureOf, isolatedOptions, jsonAnswer, SCOPE, TENANT } from "../support/service.ts";

const NOW = Date.UTC(2030, 0, 1, 12);
const ENDS = "begins or ends with a blank, a line break or a quotation mark: Remove it, if it does not belong to the " +
  'value ("echo" adds a line break, "echo -n" does not)';
const VAULT = "https://vault.azure.net/.default";

/** Returns the options of a credential whose requests are rejected with an error of Entra. */
function rejecting(error: string, code?: number, status = 401) {
  const body = { error, error_description: "No", ...code !== undefined && { error_codes: [code] } };
  const service = createService(() => jsonAnswer(body, { status }));
  return isolatedOptions(service, createFakeClock(NOW));
}

/** Returns a JWT with an invalid signature. */
function unsigned(claims: object): string {
  const encode = (part: object) => btoa(JSON.stringify(part)).replaceAll("=", "");
  return `${encode({ alg: "RS256" })}.${encode(claims)}.c2lnbmF0dXJl`;
}

for (
  const secret of ['"a-secret"', "'a-secret'", "a-secret ", " a-secret", "a-secret\n", "a-secret\r\n", "\uFEFFa-secret"]
) {
  test(`the error for the secret ${JSON.stringify(secret)} mentions the characters around it, and does not contain it`, async () => {
    const entra = createEntra({ apps: [{ tenantId: TENANT, clientId: CLIENT, secrets: ["a-secret"] }] });
    const options = isolatedOptions(entra);
    const env = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: secret };
    for (
      const credential of [
        new ClientSecretCredential(TENANT, CLIENT, secret, options),
        new EnvironmentCredential({ ...options, env }),
        new AuthorizationCodeCredential(TENANT, CLIENT, secret, "a-code", "https://my.app", options),
        new OnBehalfOfCredential({
          ...options,
          ...{ tenantId: TENANT, clientId: CLIENT, clientSecret: secret, userAssertionToken: "a.b.c" },
        }),
      ]
    ) {
      const { name, message } = await failureOf(credential.getToken(SCOPE));
      assert.equal(name, "AuthenticationError");
      assert.ok(message.includes(`. The client secret ${ENDS}`), message);
      assert.match(message, /AADSTS7000215/);
      assert.doesNotMatch(message, /a-secret/);
    }
  });
}

test("the next step is the same for AD FS, which sends no AADSTS code, and for a password", async () => {
  const options = rejecting("invalid_client");
  const secret = await failureOf(new ClientSecretCredential("adfs", CLIENT, "a-secret\n", options).getToken(SCOPE));
  assert.ok(secret.message.endsWith(`. The client secret ${ENDS}`), secret.message);
  const user = new UsernamePasswordCredential(TENANT, CLIENT, "jo", " pass", rejecting("invalid_grant", 50126, 400));
  const { message } = await failureOf(user.getToken(SCOPE));
  assert.ok(message.endsWith(`. The password ${ENDS}`), message);
});

test("for a secret without such characters, or another AADSTS code, the next step depends on the code alone", async () => {
  for (
    const [secret, code, advice] of [
      ["a-secret", 7000215, "it must be the secret's value, not its id"],
      ["a-secret ", 7000222, "The client secret has expired"],
      ["a-secret ", 700016, "Check the client id"],
    ] as const
  ) {
    const options = rejecting("invalid_client", code);
    const { message } = await failureOf(new ClientSecretCredential(TENANT, CLIENT, secret, options).getToken(SCOPE));
    assert.ok(message.includes(advice), message);
    assert.doesNotMatch(message, /blank/);
  }
});

const CALLBACK = 'The callback "getAssertion" has to return a new one';
const CLOCK = "By the clock of this machine it is 2030-01-01T12:00:00.000Z, and the assertion is";
for (
  const [claims, advice] of [
    [
      { exp: NOW / 1000 - 720 },
      `The assertion expired 12 minutes ago, at 2030-01-01T11:48:00.000Z: ${CALLBACK}`,
    ],
    [{ exp: NOW / 1000 - 60 }, `The assertion expired a minute ago, at 2030-01-01T11:59:00.000Z: ${CALLBACK}`],
    [
      { exp: String(NOW / 1000 - 1) },
      `The assertion expired less than a minute ago, at 2030-01-01T11:59:59.000Z: ${CALLBACK}`,
    ],
    [{ exp: NOW / 1000 + 60 }, `${CLOCK} valid until 2030-01-01T12:01:00.000Z: Check the clock`],
    [
      { exp: NOW / 1000 + 900, nbf: NOW / 1000 + 600 },
      `${CLOCK} not valid before 2030-01-01T12:10:00.000Z: Check the clock`,
    ],
    [{}, "Check the clock of this machine, and that the assertion has not expired"],
    [{ exp: "soon" }, "Check the clock of this machine, and that the assertion has not expired"],
  ] as const
) {
  test(`AADSTS700024 for an assertion with ${JSON.stringify(claims)}: ${advice}`, async () => {
    const assertion = unsigned(claims);
    const getAssertion = () => Promise.resolve(assertion);
    const options = rejecting("invalid_client", 700024);
    for (
      const credential of [
        new ClientAssertionCredential(TENANT, CLIENT, getAssertion, options),
        new OnBehalfOfCredential({
          ...options,
          ...{ tenantId: TENANT, clientId: CLIENT, getAssertion, userAssertionToken: unsigned({ exp: 1 }) },
        }),
      ]
    ) {
      const { message } = await failureOf(credential.getToken(SCOPE));
      assert.ok(message.endsWith(`No. ${advice}`), message);
      assert.ok(!message.includes(assertion));
    }
  });
}

test("AADSTS700024 for an assertion that is not a JWT has the general next step", async () => {
  for (const text of ["no-jwt", "a.b.c", `a.${btoa("[]")}.c`, `a.${btoa("{")}.c`]) {
    const credential = new ClientAssertionCredential(
      TENANT,
      CLIENT,
      () => Promise.resolve(text),
      rejecting("invalid_client", 700024),
    );
    const { message } = await failureOf(credential.getToken(SCOPE));
    assert.match(message, /Check the clock of this machine, and that the assertion has not expired$/);
  }
});

test("for AADSTS700024, the next step names the token file and what renews it", async () => {
  const env = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_FEDERATED_TOKEN_FILE: "/token" };
  const options = rejecting("invalid_client", 700024);
  const readTextFile = () => Promise.resolve(unsigned({ exp: NOW / 1000 - 180 }));
  const credential = new WorkloadIdentityCredential({ ...options, env, runtime: { ...options.runtime, readTextFile } });
  const { message } = await failureOf(credential.getToken(SCOPE));
  assert.ok(
    message.endsWith(
      "The assertion expired 3 minutes ago, at 2030-01-01T11:57:00.000Z: Check why the token file of " +
        'AZURE_FEDERATED_TOKEN_FILE, "/token", is not renewed any more; in AKS, the kubelet renews it',
    ),
    message,
  );
});

test("for AADSTS700024 and an assertion that the library made, the next step is to check the clock", async () => {
  const certificate = { certificate: CERTIFICATE + KEY };
  const options = rejecting("invalid_client", 700024);
  const { message } = await failureOf(
    new ClientCertificateCredential(TENANT, CLIENT, certificate, options).getToken(SCOPE),
  );
  assert.ok(message.endsWith(`${CLOCK} valid until 2030-01-01T12:10:00.000Z: Check the clock`), message);
});

test("for AADSTS500133, the error says when the user's token expired, and that the client has to send a new one", async () => {
  const credential = new OnBehalfOfCredential({
    ...rejecting("invalid_grant", 500133, 400),
    tenantId: TENANT,
    clientId: CLIENT,
    clientSecret: "a-secret",
    userAssertionToken: unsigned({ exp: NOW / 1000 - 3600 }),
  });
  const { message } = await failureOf(credential.getToken(SCOPE));
  assert.ok(
    message.endsWith(
      "The user's token expired 60 minutes ago, at 2030-01-01T11:00:00.000Z: The client of this API has to send a new one",
    ),
    message,
  );
});

test("for two resources in one call, the next step is to request one per call, whatever the AADSTS code", async () => {
  const scopes = [SCOPE, VAULT];
  const expected = "Request the scopes of one resource per call: these are of several";
  const app = { tenantId: TENANT, clientId: CLIENT, secrets: ["a-secret"] };
  const simulated = isolatedOptions(createEntra({ apps: [app] }));
  for (
    const options of [
      simulated,
      rejecting("invalid_scope", 1002012, 400),
      rejecting("invalid_scope", 70011, 400),
      rejecting("invalid_request", 28000, 400),
      rejecting("invalid_target", 9010010, 400),
      rejecting("invalid_scope", undefined, 400),
    ]
  ) {
    const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", options);
    for (const given of [scopes, scopes.join(" ")]) {
      const { message } = await failureOf(credential.getToken(given));
      assert.ok(message.endsWith(`. ${expected}`), message);
    }
  }
  const one = await failureOf(
    new ClientSecretCredential(TENANT, CLIENT, "a-secret", simulated).getToken("https://vault.azure.net/user"),
  );
  assert.match(one.message, /Use a scope that ends in "\/\.default"$/);
});

test("the scopes of OpenID Connect, which the library adds for a user, do not count as those of another resource", async () => {
  const service = createService(({ url }) =>
    url.endsWith("/devicecode")
      ? jsonAnswer({
        device_code: "a",
        user_code: "b",
        verification_uri: "https://microsoft.com/devicelogin",
        expires_in: 900,
        interval: 1,
      })
      : jsonAnswer({ error: "invalid_scope", error_codes: [70011] }, { status: 400 })
  );
  const clock = createFakeClock(NOW);
  const options = { ...isolatedOptions(service, clock), tenantId: TENANT, clientId: CLIENT, userPromptCallback() {} };
  const failing = failureOf(new DeviceCodeCredential(options).getToken(SCOPE));
  await clock.untilSleeping(1000);
  await clock.advance(1000);
  assert.match((await failing).message, /invalid_scope \(HTTP 400, AADSTS70011\)$/);
});
