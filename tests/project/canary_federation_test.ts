// Gives marked secrets to every source of assertions and makes it fail in every way. No error or log event may contain
// a marked secret.
import { ClientAssertionCredential, CredentialUnavailableError, type LogEvent } from "@azweb/identity";
import * as federation from "@azweb/identity/federation";
import {
  type AssertionSource,
  type AssertionSourceOptions,
  fromAws,
  fromAzurePipelines,
  fromBuildkite,
  fromCircleCI,
  fromCommand,
  fromCredential,
  fromDenoDeploy,
  fromEnvironmentVariable,
  fromFly,
  fromGitHubActions,
  fromGitLab,
  fromGoogleCloud,
  fromPlatform,
  fromPrivateKey,
  fromTokenFile,
  fromVercel,
} from "@azweb/identity/federation";
import { createFakeClock, StaticCredential } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { FEDERATED_TOKEN, findSecret, HEADER, textsOf } from "../support/project/canary.ts";
import { type Answer, FAULTS, SLOW, withForm } from "../support/project/canary_faults.ts";
import { CLIENT, createService, failureOf, isolatedOptions, jsonAnswer, SCOPE, TENANT } from "../support/service.ts";

type Create = (options: AssertionSourceOptions) => AssertionSource;

const AWS = { accessKeyId: "CANARYID", secretAccessKey: "CANARY-key-7f3a", sessionToken: "CANARY-session-7f3a" };
function withEnv(from: Create, env: Record<string, string>): Create {
  return (options) => from({ ...options, env });
}

const GITHUB = {
  ACTIONS_ID_TOKEN_REQUEST_URL: "https://actions.example/token?x=1",
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: HEADER,
};

/** The sources that send requests, each with a secret, by the name of their function. */
const REQUESTING: Readonly<Record<string, Create>> = {
  "fromGitHubActions": withEnv(fromGitHubActions, GITHUB),
  "fromPlatform": withEnv(fromPlatform, GITHUB),
  "fromAzurePipelines": withEnv(fromAzurePipelines, {
    SYSTEM_OIDCREQUESTURI: "https://dev.azure.example/oidctoken",
    SYSTEM_ACCESSTOKEN: HEADER,
    AZURESUBSCRIPTION_SERVICE_CONNECTION_ID: "a-connection",
  }),
  "fromVercel": withEnv(fromVercel, { VERCEL_OIDC_TOKEN: FEDERATED_TOKEN }),
  "fromBuildkite": withEnv(fromBuildkite, { BUILDKITE_JOB_ID: "a-job", BUILDKITE_AGENT_ACCESS_TOKEN: HEADER }),
  "fromGoogleCloud": withEnv(fromGoogleCloud, {}),
  "fromGoogleCloud, from outside of it": (options) =>
    fromGoogleCloud({ ...options, serviceAccount: "a@b", getAccessToken: () => Promise.resolve(HEADER) }),
  "fromAws": (options) => fromAws({ ...options, region: "eu-central-1", credentials: () => AWS }),
  "fromAws, with the app's own signer": (options) =>
    fromAws({
      ...options,
      region: "eu-central-1",
      sign: (request) => new Request(request, { headers: { authorization: `AWS4 ${HEADER}` } }),
    }),
  "fromFly": withEnv(fromFly, { FLY_APP_NAME: "an-app", FLY_MACHINE_ID: "a-machine" }),
};

/** Makes a source fail. Returns its error, its log events and the source itself. */
async function fail(create: Create, answer: Answer): Promise<readonly unknown[]> {
  const clock = createFakeClock(Date.now());
  const events: LogEvent[] = [];
  const service = createService((asked) => answer(withForm(asked)));
  const source = create({
    env: {},
    fetch: service.fetch,
    localFetch: service.fetch,
    log: (event) => events.push(event),
    retryOptions: { maxRetries: 1, retryDelayInMs: 0 },
    runtime: clock,
    timeoutInMs: 30_000,
  });
  const result = source().then(() => undefined, (error) => error);
  let isSettled = false;
  result.then(() => isSettled = true);
  if (SLOW.includes(answer)) {
    for (let i = 0; i < 20 && !isSettled; i++) {
      await clock.untilSleeping();
      await clock.advance(30_000);
    }
  }
  return [await result, events, source];
}

for (const [name, create] of Object.entries(REQUESTING)) {
  test(`no error and no log event of ${name} shows a secret or an assertion`, async () => {
    for (const [fault, answer] of Object.entries(FAULTS)) {
      const seen = await fail(create, answer);
      assert.notEqual(seen[0], undefined, fault);
      assert.equal(findSecret(textsOf(seen), [HEADER, FEDERATED_TOKEN, ...Object.values(AWS)]), undefined, fault);
    }
  });
}

/** An assertion that no source accepts. */
const EXPIRED = ['{"alg":"RS256","kid":"CANARY"}', '{"exp":1,"sub":"CANARY-claims"}', "CANARY-signature"]
  .map((part) => btoa(part).replaceAll("=", "")).join(".");

/** Returns options for a machine whose files contain this text, and whose programs print it. */
function machine(text: string): AssertionSourceOptions {
  return {
    env: { PATH: "/bin", CIRCLECI: "true", CIRCLE_OIDC_TOKEN: EXPIRED, AZURE_ID_TOKEN: EXPIRED },
    runtime: {
      platform: "linux",
      readTextFile: () => Promise.resolve(text),
      run: () => Promise.resolve({ code: text === EXPIRED ? 0 : 1, stdout: text, stderr: `Refused ${EXPIRED}` }),
    },
  };
}

/** The sources that send no request, each with this text as its assertion, by the name of their function. */
const LOCAL: Readonly<Record<string, (text: string, options: AssertionSourceOptions) => AssertionSource>> = {
  fromTokenFile: (_text, options) => fromTokenFile("/token", options),
  fromEnvironmentVariable: (text, options) =>
    fromEnvironmentVariable("AZURE_ID_TOKEN", { ...options, env: { AZURE_ID_TOKEN: text } }),
  fromGitLab: (text, options) => fromGitLab({ ...options, env: { AZURE_ID_TOKEN: text } }),
  fromCircleCI: (_text, options) => fromCircleCI(options),
  fromCommand: (_text, options) => fromCommand("program", [], options),
  fromCredential: (text, options) => fromCredential(new StaticCredential(text), options),
  fromDenoDeploy: (text, options) => fromDenoDeploy({ ...options, getIdToken: () => Promise.resolve(text) }),
  "fromVercel, without an exchange": (text, options) =>
    fromVercel({ ...options, env: { VERCEL_OIDC_TOKEN: text }, audience: "team" }),
  fromPrivateKey: (_text, options) =>
    fromPrivateKey({
      ...options,
      issuer: "https://x",
      subject: "s",
      keyId: "k",
      key: () => Promise.reject(new Error("No")),
    }),
};

for (const [name, create] of Object.entries(LOCAL)) {
  test(`no error of ${name} shows an assertion`, async () => {
    for (const text of [EXPIRED, `${EXPIRED} ${EXPIRED}`, `${EXPIRED}.${EXPIRED}`]) {
      const source = create(text, machine(text));
      const error = await source().then(() => undefined, (error) => error);
      assert.notEqual(error, undefined);
      assert.equal(findSecret(textsOf([error, source]), [EXPIRED]), undefined);
    }
  });
}

/** The sources that take a callback, each with a callback that rejects, by the name of their function. */
const CALLING: Readonly<
  Record<string, (reject: () => Promise<never>, options: AssertionSourceOptions) => AssertionSource>
> = {
  fromAws: (credentials, options) => fromAws({ ...options, region: "eu-central-1", credentials }),
  "fromAws, with the app's own signer": (sign, options) => fromAws({ ...options, region: "eu-central-1", sign }),
  fromCredential: (getToken, options) => fromCredential({ getToken }, options),
  fromDenoDeploy: (getIdToken, options) => fromDenoDeploy({ ...options, getIdToken }),
  fromGoogleCloud: (getAccessToken, options) => fromGoogleCloud({ ...options, serviceAccount: "a@b", getAccessToken }),
  fromPrivateKey: (key, options) => fromPrivateKey({ ...options, issuer: "https://x", subject: "s", keyId: "k", key }),
};

for (const [name, create] of Object.entries(CALLING)) {
  test(`no message of ${name} shows the secrets in the error of a callback and in its causes`, async () => {
    for (const text of [`Cannot use ${EXPIRED}`, `{"client_secret":"${HEADER}"}`, `password=${HEADER}`]) {
      for (const error of [new Error(text), new Error("No", { cause: new Error(text) }), { message: text }, text]) {
        const { message } = await failureOf(create(() => Promise.reject(error), machine(EXPIRED))());
        assert.match(message, /redacted/);
        assert.equal(findSecret([message], [EXPIRED, HEADER]), undefined);
      }
    }
  });
}

test("each exported source is in one of the lists of this file", () => {
  const listed = [...Object.keys(REQUESTING), ...Object.keys(LOCAL)].map((name) => name.split(",", 1)[0]);
  const exported = Object.keys(federation).filter((name) => name.startsWith("from"));
  assert.deepEqual(exported.filter((name) => !listed.includes(name)), []);
});

test("the error of a credential does not show the assertion that Entra rejected", async () => {
  for (const code of [700211, 700212, 700213, 70021, 70025, 7002138, 5002738, 700024, 501661]) {
    const jwt = [
      '{"alg":"RS256","kid":"a-key"}',
      '{"iss":"https://x","sub":"s","aud":"a","jti":"CANARY"}',
      "CANARY-signature",
    ]
      .map((part) => btoa(part).replaceAll("=", "")).join(".");
    const service = createService(({ body }) =>
      jsonAnswer({ error: "invalid_client", error_description: `AADSTS${code}: ${body}`, error_codes: [code] }, {
        status: 401,
      })
    );
    const source = fromEnvironmentVariable("ID_TOKEN", { env: { ID_TOKEN: jwt } });
    const credential = new ClientAssertionCredential(TENANT, CLIENT, source, isolatedOptions(service));
    const error = await credential.getToken(SCOPE).then(() => undefined, (error) => error);
    assert.ok(error && !(error instanceof CredentialUnavailableError));
    assert.equal(findSecret(textsOf([error, credential]), [jwt]), undefined, String(code));
  }
});
