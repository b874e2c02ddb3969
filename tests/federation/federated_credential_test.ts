import { type CredentialOptions, DefaultAzureCredential } from "@azweb/identity";
import { createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { jwtOf, NOW } from "../support/federation/assertions.ts";
import {
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  jsonAnswer,
  SCOPE,
  type Service,
  TENANT,
  tokenAnswer,
} from "../support/service.ts";

const SELECTED = { AZURE_TOKEN_CREDENTIALS: "FederatedCredential" };
const APP = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT };
const GITHUB = {
  GITHUB_ACTIONS: "true",
  ACTIONS_ID_TOKEN_REQUEST_URL: "https://run.actions.example/token?api-version=2.0",
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: "a-request-token",
};

/** Creates a service that is both a platform, which issues assertions, and Entra, which accepts them. */
function createCloud(): Service {
  return createService(({ url }) =>
    url.startsWith("https://run.actions.example/") ? jsonAnswer({ value: jwtOf() }) : tokenAnswer()
  );
}

/** The runtime of a machine without developer tools. */
const MACHINE = { now: () => NOW, run: notFound, platform: "linux" };

function optionsOf(service: Pick<Service, "fetch">, env: Record<string, string>): CredentialOptions {
  return { ...isolatedOptions(service), env, runtime: MACHINE };
}

function notFound(): Promise<never> {
  return Promise.reject(Object.assign(new Error("No such program"), { code: "ENOENT" }));
}

describe("AZURE_TOKEN_CREDENTIALS=FederatedCredential", () => {
  for (const value of ["FederatedCredential", " federatedcredential "]) {
    test(`"${value}" gets a token of the app in the variables, with an assertion of the platform`, async () => {
      const cloud = createCloud();
      const env = { ...APP, ...GITHUB, AZURE_TOKEN_CREDENTIALS: value, AZURE_CLIENT_SECRET: "not-used" };
      const credential = new DefaultAzureCredential(optionsOf(cloud, env));
      assert.equal((await credential.getToken(SCOPE)).token, "a-token");
      await credential.getToken(SCOPE);
      assert.equal(cloud.requests.length, 2);
      const [assertion, { form }] = cloud.requests as [unknown, typeof cloud.requests[0]];
      assert.ok(assertion);
      assert.deepEqual(
        [form.client_id, form.client_assertion, form.client_secret],
        [CLIENT, jwtOf(), undefined],
      );
    });
  }

  test("the audience is that of the cloud of AZURE_AUTHORITY_HOST", async () => {
    const cloud = createService(({ url }) =>
      url.startsWith("https://run.")
        ? jsonAnswer({ value: jwtOf({ aud: "api://AzureADTokenExchangeUSGov" }) })
        : tokenAnswer()
    );
    const env = { ...APP, ...GITHUB, ...SELECTED, AZURE_AUTHORITY_HOST: "https://login.microsoftonline.us" };
    await new DefaultAzureCredential(optionsOf(cloud, env)).getToken(SCOPE);
    assert.equal(new URL(cloud.requests[0]!.url).searchParams.get("audience"), "api://AzureADTokenExchangeUSGov");
  });

  test("a missing permission of the job causes an AuthenticationError with the YAML to add", async () => {
    const cloud = createCloud();
    const env = { ...APP, ...SELECTED, GITHUB_ACTIONS: "true" };
    const credential = new DefaultAzureCredential(optionsOf(cloud, env));
    const { name, message } = await failureOf(credential.getToken(SCOPE));
    assert.equal(name, "AuthenticationError");
    assert.match(
      message,
      /FederatedCredential: Cannot get the assertion of GitHub Actions: .+\n {2}permissions:\n.+\n {4}id-token: write\n/,
    );
    assert.equal(cloud.requests.length, 0);
    const [{ credential: explained, state, detail }, ...others] = await credential.explain() as [
      Awaited<ReturnType<typeof credential.explain>>[0],
    ];
    assert.deepEqual([explained, state, others.length], ["FederatedCredential", "fails", 0]);
    assert.match(detail, /id-token: write/);
  });

  for (
    const [situation, env, expected] of [
      [
        "no platform",
        APP,
        /None of its variables is set\n +→ Run .+ file\n +a token .+GITHUB_ACTIONS.+ {6}the variable ARM_OIDC_TOKEN$/s,
      ],
      [
        "no tenant",
        { ...GITHUB, AZURE_CLIENT_ID: CLIENT },
        /GitHub Actions issues assertions\n? .*Set AZURE_TENANT_ID/s,
      ],
      ["no app", { ...GITHUB, AZURE_TENANT_ID: TENANT }, /Set AZURE_CLIENT_ID/],
    ] as const
  ) {
    test(`${situation}: no credential is available`, async () => {
      const credential = new DefaultAzureCredential(optionsOf(createCloud(), { ...SELECTED, ...env }));
      const { name, message } = await failureOf(credential.getToken(SCOPE));
      assert.equal(name, "AggregateAuthenticationError");
      assert.match(message, expected);
      assert.deepEqual((await credential.explain()).map(({ state }) => state), ["absent"]);
    });
  }

  test("a malformed variable causes an AuthenticationError", async () => {
    const env = { ...SELECTED, ...GITHUB, ...APP, AZURE_CLIENT_ID: "an app" };
    const { name, message } = await failureOf(
      new DefaultAzureCredential(optionsOf(createCloud(), env)).getToken(SCOPE),
    );
    assert.equal(name, "AuthenticationError");
    assert.match(message, /Cannot use the variable AZURE_CLIENT_ID/);
  });

  const GITLAB = { GITLAB_CI: "true" };
  const failures: readonly (readonly [
    situation: string,
    env: Record<string, string>,
    expected: RegExp,
    respond?: () => Response,
  ])[] = [
    [
      "a platform that rejects the request",
      GITHUB,
      /GitHub Actions from .+HTTP 401/,
      () => new Response("", { status: 401 }),
    ],
    [
      "an assertion that Entra rejects",
      { ...GITLAB, ID_TOKEN: jwtOf() },
      /AADSTS700213.+az ad app federated-credential create/s,
      () => jsonAnswer({ error: "invalid_client", error_codes: [700213] }, { status: 401 }),
    ],
    [
      "a variable with an http URL",
      { ...GITHUB, ACTIONS_ID_TOKEN_REQUEST_URL: "http://evil.example" },
      /with "https:"/,
    ],
    ["a malformed host", { K_SERVICE: "x", GCE_METADATA_HOST: "x:99999" }, /variable GCE_METADATA_HOST/],
    ["a job of GitLab without a token", GITLAB, /Add to the job in .gitlab-ci.yml:\n.+AZURE_ID_TOKEN/s],
    [
      "an expired ID token",
      { ...GITLAB, ID_TOKEN: jwtOf({ exp: NOW / 1000 - 600 }) },
      /It expired 10 minutes ago/,
    ],
    ["a step without SYSTEM_ACCESSTOKEN", { SYSTEM_OIDCREQUESTURI: "https://x" }, /Map it in the "env:" of the step/],
    ["a missing token file", { AZURE_FEDERATED_TOKEN_FILE: "/none" }, /Cannot read the token file/],
    ["a call outside of a request on Vercel", { VERCEL: "1" }, /Call it within a request/],
    ["a job of Buildkite without its token", { BUILDKITE: "true" }, /BUILDKITE_AGENT_ACCESS_TOKEN are not set/],
    ["AWS without a region", { AWS_EXECUTION_ENV: "x", AWS_ACCESS_KEY_ID: "x" }, /AWS_REGION is not set/],
  ];
  for (const [situation, env, expected, respond] of failures) {
    test(`${situation} causes an AuthenticationError that names the credential`, async () => {
      const cloud = createService(respond);
      const options = optionsOf(cloud, { ...APP, ...SELECTED, ...env });
      const readTextFile = () => Promise.reject(new Error("No such file"));
      const credential = new DefaultAzureCredential({ ...options, runtime: { ...options.runtime, readTextFile } });
      const { name, message } = await failureOf(credential.getToken(SCOPE));
      assert.equal(name, "AuthenticationError");
      assert.match(message, /^(DefaultAzureCredential: )?FederatedCredential: Cannot /);
      assert.match(message, expected);
      assert.ok(!/eyJ|a-request-token/.test(message), message);
      assert.equal(cloud.requests.length, respond ? 1 : 0);
    });
  }

  test("a cached token is returned after the assertion of the job has expired", async () => {
    const clock = createFakeClock(NOW);
    const cloud = createCloud();
    const env = { ...APP, ...SELECTED, ...GITLAB, ID_TOKEN: jwtOf() };
    const options = optionsOf(cloud, env);
    const credential = new DefaultAzureCredential({ ...options, runtime: { ...options.runtime, ...clock } });
    const first = await credential.getToken(SCOPE);
    await clock.advance(1_800_000);
    assert.equal(await credential.getToken(SCOPE), first);
    assert.equal(cloud.requests.length, 1);
    await clock.advance(1_800_000);
    assert.match((await failureOf(credential.getToken(SCOPE))).message, /It expired 55 minutes ago/);
  });

  test("equal credentials share tokens; credentials of another job, app or subject do not", async () => {
    const cloud = createCloud();
    const cache = new Map();
    const get = (env: Record<string, string>) =>
      new DefaultAzureCredential({ ...optionsOf(cloud, { ...APP, ...SELECTED, ...env }), cache }).getToken(SCOPE);
    const tokenRequests = () => cloud.requests.filter(({ form }) => form.client_assertion).length;
    await get(GITHUB);
    await get(GITHUB);
    assert.equal(tokenRequests(), 1);
    await get({ ...GITHUB, ACTIONS_ID_TOKEN_REQUEST_TOKEN: "another" });
    assert.equal(tokenRequests(), 2);
    await get({ ...GITHUB, AZURE_CLIENT_ID: "another-app" });
    assert.equal(tokenRequests(), 3);
    const gitlab = { GITLAB_CI: "true", ID_TOKEN: jwtOf() };
    await get(gitlab);
    // Two ID tokens with the same subject are of one identity.
    await get({ ...gitlab, ID_TOKEN: jwtOf({ jti: "2" }) });
    assert.equal(tokenRequests(), 4);
    await get({ ...gitlab, ID_TOKEN: jwtOf({ sub: "another" }) });
    assert.equal(tokenRequests(), 5);
  });

  test("explain names the platform, and sends nothing", async () => {
    const cloud = createCloud();
    const credential = new DefaultAzureCredential(optionsOf(cloud, { ...APP, ...GITHUB, ...SELECTED }));
    assert.deepEqual(await credential.explain(), [{
      credential: "FederatedCredential",
      state: "configured",
      detail: "An assertion of GitHub Actions for the app of AZURE_CLIENT_ID",
    }]);
    assert.equal(cloud.requests.length, 0);
  });
});

describe("without AZURE_TOKEN_CREDENTIALS=FederatedCredential,", () => {
  const HINT = "GitHub Actions offers an identity to this program: set AZURE_TOKEN_CREDENTIALS=FederatedCredential, " +
    "AZURE_TENANT_ID and AZURE_CLIENT_ID to use it";

  test("the platform's identity is not used, and the error and explain() mention it", async () => {
    const clock = createFakeClock(NOW);
    const service = createService(() => Promise.reject(new TypeError("No route")));
    const options = optionsOf(service, { ...APP, ...GITHUB });
    const credential = new DefaultAzureCredential({ ...options, runtime: { ...options.runtime, ...clock } });
    const { name, message } = await failureOf(credential.getToken(SCOPE));
    assert.equal(name, "AggregateAuthenticationError");
    assert.ok(message.endsWith(`\n  ${HINT}`), message);
    assert.ok(service.requests.every(({ url }) => !url.includes("run.actions.example")));
    assert.deepEqual((await credential.explain()).at(-1), {
      credential: "FederatedCredential",
      state: "absent",
      detail: HINT,
    });
  });

  test("explain() does not mention it if there is no platform, or if one credential is selected", async () => {
    for (const env of [{}, { ...GITHUB, AZURE_TOKEN_CREDENTIALS: "EnvironmentCredential" }]) {
      const credential = new DefaultAzureCredential(optionsOf(createService(), env));
      const names = (await credential.explain()).map(({ credential }) => credential);
      assert.ok(!names.includes("FederatedCredential"), names.join());
    }
  });
});
