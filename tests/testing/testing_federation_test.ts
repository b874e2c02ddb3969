import { ClientAssertionCredential, DefaultAzureCredential } from "@azweb/identity";
import {
  type AssertionSource,
  type AssertionSourceOptions,
  fromAws,
  fromGitHubActions,
  fromGitLab,
  fromGoogleCloud,
  fromPlatform,
  fromVercel,
} from "@azweb/identity/federation";
import {
  createAws,
  createEntra,
  createGitHubActions,
  createGitLab,
  createGoogleCloud,
  createVercel,
  type EntraFederatedCredential,
  type PlatformOptions,
  type SimulatedPlatform,
} from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT, failureOf, isolatedOptions, jsonAnswer, SCOPE, TENANT } from "../support/service.ts";

type Create = (options?: PlatformOptions) => SimulatedPlatform | Promise<SimulatedPlatform>;
type From = (options: AssertionSourceOptions) => AssertionSource;

const PLATFORMS: readonly [name: string, create: Create, from: From, requests: number][] = [
  ["GitHub Actions", createGitHubActions, fromGitHubActions, 1],
  ["GitLab", createGitLab, fromGitLab, 0],
  ["Vercel", createVercel, fromVercel, 1],
  ["Google Cloud", createGoogleCloud, fromGoogleCloud, 1],
  ["AWS", createAws, fromAws, 1],
];

function optionsOf({ env, fetch }: SimulatedPlatform): AssertionSourceOptions {
  return { env, fetch, localFetch: fetch, retryOptions: { maxRetries: 0 } };
}

/** Creates an app, a simulated Entra in which the app trusts the platform, and the app's credential on the platform. */
function createApp(
  platform: SimulatedPlatform,
  from: From,
  federatedCredential: EntraFederatedCredential = platform.federatedCredential,
) {
  const app = { tenantId: TENANT, clientId: CLIENT, federatedCredentials: [federatedCredential] };
  const entra = createEntra({ apps: [app], fetch: platform.fetch });
  const source = from(optionsOf(platform));
  return { entra, credential: new ClientAssertionCredential(TENANT, CLIENT, source, isolatedOptions(entra)) };
}

for (const [name, create, from, requests] of PLATFORMS) {
  test(`${name}: a program on it gets tokens of the app, with the platform's own source and with fromPlatform`, async () => {
    for (const source of [from, fromPlatform]) {
      const platform = await create();
      const { entra, credential } = createApp(platform, source);
      const { token } = await credential.getToken(SCOPE);
      assert.equal((await entra.verify(token)).appid, CLIENT);
      assert.equal(platform.requests.length, requests);
    }
  });

  test(`${name}: DefaultAzureCredential uses it if FederatedCredential is selected`, async () => {
    const platform = await create({ fetch: (input, init) => entra.fetch(input, init) });
    const app = { tenantId: TENANT, clientId: CLIENT, federatedCredentials: [platform.federatedCredential] };
    const entra = createEntra({ apps: [app], fetch: platform.fetch });
    const env = {
      ...platform.env,
      AZURE_TOKEN_CREDENTIALS: "FederatedCredential",
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_ID: CLIENT,
    };
    const credential = new DefaultAzureCredential({ ...optionsOf(platform), env });
    assert.equal((await entra.verify((await credential.getToken(SCOPE)).token)).appid, CLIENT);
  });

  test(`${name}: another subject is refused, and the error says which one the platform has`, async () => {
    const platform = await create({ subject: "another" });
    const { federatedCredential } = await create();
    const { message } = await failureOf(createApp(platform, from, federatedCredential).credential.getToken(SCOPE));
    assert.match(message, /AADSTS700213/);
    assert.ok(message.includes(`--subject 'another'`), message);
  });
}

for (const [name, create, from] of PLATFORMS.filter(([, , , requests]) => requests > 0)) {
  test(`${name}: its failures are errors, and a request without its secret is refused`, async () => {
    const platform = await create();
    const source = from(optionsOf(platform));
    for (const fault of ["html", "redirect", "huge", "truncated", { status: 503 }] as const) {
      platform.failNext(fault);
      assert.equal((await failureOf(source())).name, "AuthenticationError", JSON.stringify(fault));
    }
    await source();
    const other = await create();
    const mixed = { ...other, fetch: platform.fetch };
    if (name !== "Google Cloud" && name !== "AWS") {
      assert.match((await failureOf(from(optionsOf(mixed))())).message, /HTTP 401/);
    }
  });
}

/** Returns the code with which Entra refuses an assertion for an app with this federated credential. */
async function codeFor(
  federatedCredential: EntraFederatedCredential | undefined,
  job: SimulatedPlatform = createGitHubActions(),
  source: From = fromGitHubActions,
): Promise<unknown> {
  const federatedCredentials = federatedCredential ? [federatedCredential] : [];
  const app = { tenantId: TENANT, clientId: CLIENT, secrets: ["a-secret"], federatedCredentials };
  const entra = createEntra({ apps: [app], fetch: job.fetch });
  const credential = new ClientAssertionCredential(TENANT, CLIENT, source(optionsOf(job)), isolatedOptions(entra));
  try {
    await credential.getToken(SCOPE);
    return "accepted";
  } catch (error) {
    return (error as { errorResponse: { errorCodes: number[] } }).errorResponse.errorCodes[0];
  }
}

const ISSUER = "https://token.actions.githubusercontent.com";
const SUBJECT = "repo:contoso@1/app@2:ref:refs/heads/main";

for (
  const [what, federatedCredential, expected] of [
    ["no federated credential", undefined, 70025],
    ["another issuer", { issuer: `${ISSUER}/`, subject: SUBJECT }, 700211],
    ["another subject", { issuer: ISSUER, subject: `${SUBJECT}x` }, 700213],
    ["a subject in another case", { issuer: ISSUER, subject: SUBJECT.toUpperCase() }, 7002138],
    ["another audience", { issuer: ISSUER, subject: SUBJECT, audience: "api://other" }, 700212],
    [
      "an expression that matches",
      { issuer: ISSUER, expression: "claims['sub'] matches 'repo:contoso*/app@?:ref:*'" },
      "accepted",
    ],
    [
      "two conditions that match",
      { issuer: ISSUER, expression: `claims['sub'] eq '${SUBJECT}' and claims['iss'] matches 'https://*'` },
      "accepted",
    ],
    ["an expression that does not match", {
      issuer: ISSUER,
      expression: "claims['sub'] matches 'repo:contoso*/other*'",
    }, 700213],
    [
      "one condition of two that does not match",
      { issuer: ISSUER, expression: `claims['sub'] eq '${SUBJECT}' and claims['job_workflow_ref'] eq 'x'` },
      700213,
    ],
  ] as const
) {
  test(`an app with ${what}: ${expected}`, async () => assert.equal(await codeFor(federatedCredential), expected));
}

test("an issuer whose documents cannot be fetched, or declare another issuer, is AADSTS501661", async () => {
  const job = createGitHubActions();
  const { fetch } = job;
  const failing = {
    ...job,
    fetch:
      ((input, init) =>
        String(input).includes(".well-known") ? fetch("https://none") : fetch(input, init)) as typeof fetch,
  };
  assert.equal(await codeFor(job.federatedCredential, failing), 501661);
  const lying = {
    ...job,
    fetch:
      ((input, init) =>
        String(input).includes("openid-configuration")
          ? Promise.resolve(jsonAnswer({ issuer: "https://evil.example", jwks_uri: `${ISSUER}/.well-known/jwks` }))
          : fetch(input, init)) as typeof fetch,
  };
  assert.equal(await codeFor(job.federatedCredential, lying), 501661);
});

test("a malformed federated credential is a TypeError", () => {
  for (
    const [wrong, says] of [
      [{}, /exactly one of "subject" and "expression"/],
      [{ subject: "a", expression: "claims['sub'] eq 'a'" }, /exactly one/],
      [{ expression: "claims['sub'] like 'a'" }, /must be conditions such as/],
      [{ expression: "claims['sub'] eq 'a'  and claims['sub'] eq 'b'" }, /must be conditions such as/],
    ] as const
  ) {
    const app = { tenantId: TENANT, clientId: CLIENT, federatedCredentials: [{ issuer: ISSUER, ...wrong }] };
    assert.throws(
      () => createEntra({ apps: [app] }),
      (error: Error) => error.name === "TypeError" && says.test(error.message),
    );
  }
});
