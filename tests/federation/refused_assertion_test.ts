import { ClientAssertionCredential, ClientCertificateCredential } from "@azweb/identity";
import assert from "node:assert/strict";
import { test } from "node:test";
import { CERTIFICATE, KEY } from "../support/certificates/certificates.ts";
import { jwtOf, NOW } from "../support/federation/assertions.ts";
import { CLIENT, createService, failureOf, isolatedOptions, jsonAnswer, SCOPE, TENANT } from "../support/service.ts";

/** Creates a service that rejects every request with the AADSTS code. */
function createRejecting(code: number) {
  const body = { error: "invalid_client", error_description: `AADSTS${code}: Refused.`, error_codes: [code] };
  return createService(() => jsonAnswer(body, { status: 401 }));
}

/** Returns the advice in the error for an assertion that is rejected with the AADSTS code. */
async function adviceFor(code: number, jwt: string, clientId: string = CLIENT): Promise<string> {
  const options = { ...isolatedOptions(createRejecting(code)), runtime: { now: () => NOW } };
  const credential = new ClientAssertionCredential(TENANT, clientId, () => Promise.resolve(jwt), options);
  const { name, message } = await failureOf(credential.getToken(SCOPE));
  assert.equal(name, "AuthenticationError");
  assert.ok(!message.includes(jwt), "The assertion is secret");
  const start = `(HTTP 401, AADSTS${code}). Refused. `;
  return message.slice(message.indexOf(start) + start.length);
}

const COMMANDS = [
  'It needs the issuer "https://issuer.example", the subject "a-subject" and the audience "api://AzureADTokenExchange". ' +
  "In bash, run for an app",
  `  az ad app federated-credential create --id '${CLIENT}' --parameters ` +
  `'{"name":"federated-a-subject","issuer":"https://issuer.example","subject":"a-subject","audiences":["api://AzureADTokenExchange"]}'`,
  "and for a managed identity",
  "  az identity federated-credential create --name federated-a-subject --identity-name NAME --resource-group GROUP " +
  "--issuer 'https://issuer.example' --subject 'a-subject' --audiences 'api://AzureADTokenExchange'",
  "A change takes a few minutes",
].join("\n");

for (
  const [code, expected] of [
    [70021, "No federated credential of the app matches the assertion"],
    [70025, "The app has no federated credential, or the client id is that of another app"],
    [700211, "No federated credential of the app has the assertion's issuer; a slash at its end counts"],
    [700212, "No federated credential of the app has the assertion's audience"],
    [700213, "No federated credential of the app has the assertion's subject"],
    [7002138, "The subject of the federated credential differs from the assertion's by letter case, which counts"],
  ] as const
) {
  test(`AADSTS${code}: the error has the values to configure and the commands that do it`, async () => {
    assert.equal(await adviceFor(code, jwtOf()), `${expected}. ${COMMANDS}`);
  });
}

for (
  const [code, jwt, advice] of [
    [
      700024,
      jwtOf({ exp: NOW / 1000 - 3000 }),
      'The assertion expired 50 minutes ago, at 2030-01-01T11:10:00.000Z: The callback "getAssertion" has to return a new ' +
      "one",
    ],
    [
      700024,
      jwtOf(),
      "By the clock of this machine it is 2030-01-01T12:00:00.000Z, and the assertion is valid until " +
      "2030-01-01T12:05:00.000Z: Check the clock",
    ],
    [
      700027,
      jwtOf(),
      "Microsoft Entra takes the assertion for one that a certificate of the app signs: check that the app has a " +
      "federated credential",
    ],
    [7000272, jwtOf(), 'The keys of the issuer have no key "a-key": check whether they have changed'],
    [
      5002738,
      jwtOf({}, { alg: "ES256" }),
      'The assertion is signed by ES256: let the issuer sign by RS256 with a "kid"',
    ],
    ...[501661, 50166, 90061].map((code) =>
      [
        code,
        jwtOf(),
        "Microsoft Entra cannot fetch the keys of the issuer: its OpenID configuration and keys must be on the public " +
        "internet, with a certificate of a public authority",
      ] as const
    ),
    [
      700222,
      jwtOf(),
      "Of its own tokens, Microsoft Entra accepts only those of a user-assigned managed identity as an assertion",
    ],
    [700016, jwtOf(), "Check the client id, and that the app is registered in this tenant"],
  ] as const
) {
  test(`AADSTS${code}: ${advice.slice(0, 50)}…`, async () => assert.equal(await adviceFor(code, jwt), advice));
}

test("a quotation mark in a value is escaped in the commands", async () => {
  const advice = await adviceFor(700213, jwtOf({ sub: "it's; rm -rf /" }));
  assert.ok(advice.includes(`--subject 'it'\\''s; rm -rf /'`), advice);
  assert.ok(advice.includes(`"subject":"it'\\''s; rm -rf /"`), advice);
});

for (
  const sub of [
    ...[undefined, null, 7, "", [], {}, "two\nlines", "two\r\nlines", "two\u2028lines", "\u009b31m", "a".repeat(601)],
    // Characters that change the displayed order or are invisible, half of a surrogate pair, an option, and a file.
    ...["\u202emain", "zero\u200bwidth", "\ud800", "--audiences", "@/etc/passwd"],
  ]
) {
  test(`the error for the subject ${JSON.stringify(sub)?.slice(0, 20)} contains no command`, async () => {
    assert.equal(
      await adviceFor(700213, jwtOf({ sub })),
      "No federated credential of the app has the assertion's subject. Compare its issuer, subject and audience with " +
        "those of the assertion. A change takes a few minutes",
    );
  });
}

test("the error for an assertion with members of unexpected types still has advice", async () => {
  const odd = { toString: 7, valueOf: null };
  assert.match(await adviceFor(700024, jwtOf({ exp: odd, nbf: odd })), /^Check the clock of this machine/);
  assert.match(await adviceFor(7000272, jwtOf({}, { kid: odd })), /have no key "\(object\)": check/);
  assert.match(
    await adviceFor(5002738, jwtOf({}, { alg: odd })),
    /is signed by \(object\): let the issuer sign by RS256/,
  );
  assert.match(await adviceFor(5002738, jwtOf({}, { alg: "x\n\u001b[31m".repeat(500) })), /is signed by x \[31mx/);
});

test("the error for an assertion that cannot be decoded has the general advice", async () => {
  assert.match(await adviceFor(70021, "a.b.c"), /Compare its issuer, subject and audience/);
});

for (
  const [iss, expected] of [
    ["https://oidc.fly.io/contoso", /name of the machine/],
    ["https://oidc.circleci.com/org/1", /id of the user/],
    ["https://api.bitbucket.org/2.0/workspaces/x", /id of the step/],
    ["https://agent.buildkite.com", /pipeline_id/],
  ] as const
) {
  test(`the error for ${iss} names the part of the subject that changes`, async () => {
    assert.match((await adviceFor(700213, jwtOf({ iss }))).split("\n").at(-1)!, expected);
  });
}

test("for an assertion that is signed with a certificate, the error has the advice for certificates", async () => {
  for (
    const [code, advice] of [[700024, /By the clock of this machine it is .*: Check the clock$/], [
      700027,
      /Upload this certificate/,
    ]] as const
  ) {
    const options = isolatedOptions(createRejecting(code));
    const credential = new ClientCertificateCredential(TENANT, CLIENT, { certificate: CERTIFICATE + KEY }, options);
    assert.match((await failureOf(credential.getToken(SCOPE))).message, advice);
  }
});
