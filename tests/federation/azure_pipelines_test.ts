import { AzurePipelinesCredential, type CredentialOptions } from "@azweb/identity";
import {
  type AzurePipelines,
  createAzurePipelines,
  createEntra,
  type Entra,
  type MachineFault,
} from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  jsonAnswer,
  SCOPE,
  TENANT,
  tokenAnswer,
} from "../support/service.ts";

const CONNECTION = "a connection&api-version=1#/../?%+ü";
const OTHER_SCOPE = "https://vault.azure.net/.default";
const URI = "https://dev.azure.com/contoso/_apis/oidctoken";

interface Scene {
  readonly job: AzurePipelines;
  readonly entra: Entra;
}

/** Creates a job with a service connection, and an Entra whose app trusts it. */
async function createScene(): Promise<Scene> {
  const job: AzurePipelines = createAzurePipelines({
    serviceConnections: [CONNECTION],
    systemAccessToken: "a-system-access-token",
    fetch: (input, init) => entra.fetch(input, init),
  });
  const federatedCredentials = [await job.federatedCredential(CONNECTION)];
  const entra = createEntra({ apps: [{ tenantId: TENANT, clientId: CLIENT, federatedCredentials }] });
  return { job, entra };
}

function create({ job }: Scene, options: CredentialOptions = {}, token = job.systemAccessToken) {
  const all = { ...isolatedOptions(job), env: job.env, ...options };
  return new AzurePipelinesCredential(TENANT, CLIENT, CONNECTION, token, all);
}

/** Creates a credential, and a service whose responses to requests for an OIDC token are those of `respond`. */
function createCredential(respond: () => unknown, uri = URI) {
  const service = createService(({ url }) => url.includes("oidctoken") ? respond() : tokenAnswer());
  const options = { ...isolatedOptions(service), env: { SYSTEM_OIDCREQUESTURI: uri } };
  return { service, credential: new AzurePipelinesCredential(TENANT, CLIENT, CONNECTION, "hush-hush", options) };
}

test("acquires a token of the service connection's app with one OIDC token request", async () => {
  const scene = await createScene();
  const credential = create(scene);
  const first = await credential.getToken(SCOPE);
  const { appid, appidacr, aud } = await scene.entra.verify(first.token);
  assert.deepEqual([appid, appidacr, aud], [CLIENT, "2", "https://storage.azure.com"]);
  assert.equal(await credential.getToken(SCOPE), first);
  assert.deepEqual([scene.job.requests.length, scene.entra.requests.length], [1, 1]);
  await credential.getToken(OTHER_SCOPE);
  assert.deepEqual([scene.job.requests.length, scene.entra.requests.length], [2, 2]);
  const [a, b] = scene.entra.requests.map(({ form }) => form.client_assertion);
  assert.notEqual(a, b);
});

test("encodes each part of the request, and keeps the query of the URL in the variable", async () => {
  const { credential, service } = createCredential(
    () => jsonAnswer({ oidcToken: "a.b.c" }),
    `${URI}?keep=me%26&api-version=1.0`,
  );
  await credential.getToken(SCOPE);
  const [{ url, method, headers, body }] = service.requests as [typeof service.requests[0]];
  const { origin, pathname, searchParams, hash } = new URL(url!);
  assert.equal(origin + pathname, URI);
  assert.deepEqual([...searchParams], [["keep", "me&"], ["api-version", "7.1"], ["serviceConnectionId", CONNECTION]]);
  assert.deepEqual([hash, method, body], ["", "POST", ""]);
  assert.deepEqual(Object.fromEntries(headers!), {
    "authorization": "Bearer hush-hush",
    "content-type": "application/json",
    "x-tfs-fedauthredirect": "Suppress",
  });
  assert.equal(service.requests[1]!.form.client_assertion, "a.b.c");
});

test("each attempt at the token endpoint uses a new OIDC token", async () => {
  const scene = await createScene();
  scene.entra.failNext({ status: 503 });
  await create(scene).getToken(SCOPE);
  assert.deepEqual([scene.job.requests.length, scene.entra.requests.length], [2, 2]);
});

test("retries after an outage of Azure Pipelines", async () => {
  const scene = await createScene();
  scene.job.failNext({ status: 503 }, 2);
  await create(scene).getToken(SCOPE);
  assert.deepEqual([scene.job.requests.length, scene.entra.requests.length], [3, 1]);
});

for (
  const [name, respond, status, expected] of [
    [
      "status 401",
      () => new Response("", { status: 401, headers: { "x-vss-e2eid": "trace-1" } }),
      401,
      /: HTTP 401: The job's token is invalid or has expired\. Check .* the step maps System\.AccessToken .*\. x-vss-e2eid: trace-1$/,
    ],
    [
      "status 403 with a message",
      () => jsonAnswer({ message: "hush-hush" }, { status: 403 }),
      403,
      /Check the service connection's id/,
    ],
    [
      "status 404",
      () => jsonAnswer({}, { status: 404, headers: { "x-msedge-ref": "Ref A" } }),
      404,
      /: HTTP 404: The service connection does not exist, or the pipeline may not use it\. Check .*\. x-msedge-ref: Ref A$/,
    ],
    [
      "a redirect to a page",
      () => new Response(null, { status: 302, headers: { location: "https://x" } }),
      302,
      /sent a redirect/,
    ],
    ["a web page", () => new Response("<html>hush-hush"), 200, /a web page/],
    ["an empty body", () => new Response(""), 200, /empty/],
    ["JSON without a token", () => jsonAnswer({ token: "hush-hush" }), 200, /Check the service connection's id/],
    ["an empty token", () => jsonAnswer({ oidcToken: "" }), 200, /Cannot get the token of the service connection/],
    ["a token that is not a string", () => jsonAnswer({ oidcToken: ["hush-hush"] }), 200, /Cannot get the token/],
    [
      "a token with status 400",
      () => jsonAnswer({ oidcToken: "hush-hush" }, { status: 400 }),
      400,
      /Cannot get the token/,
    ],
    [
      "status 404 with a message",
      () => jsonAnswer({ $id: "1", message: "The connection hush-hush is unknown." }, { status: 404 }),
      404,
      /HTTP 404: The service connection does not exist, or the pipeline may not use it: The connection \[redacted\] is unknown\. /,
    ],
    [
      "status 403 with plain text",
      () => new Response("Not for hush-hush", { status: 403 }),
      403,
      /HTTP 403: Not for \[redacted\]\. Check the service connection's id/,
    ],
    ["an error that repeats the token", () => jsonAnswer({ error: "hush-hush" }, { status: 400 }), 400, /\[redacted\]/],
    [
      "headers that repeat the token",
      () => new Response("", { status: 401, headers: { "x-vss-e2eid": "a hush-hush" } }),
      401,
      /x-vss-e2eid: a \[redacted\]/,
    ],
    [
      "a failed connection",
      () => Promise.reject(new TypeError("No way: hush-hush")),
      0,
      /No way: \[redacted\]\. Check the network/,
    ],
  ] as const
) {
  test(`the request to Azure Pipelines results in ${name}: the error has the cause and no token`, async () => {
    const { credential, service } = createCredential(respond);
    const error = await failureOf(credential.getToken(SCOPE));
    assert.deepEqual([error.name, error.statusCode], ["AuthenticationError", status]);
    assert.match(
      error.message,
      /^AzurePipelinesCredential: Cannot get the token of the service connection from "dev\.azure\.com": /,
    );
    assert.match(error.message, expected);
    assert.ok(!JSON.stringify([error.message, error, String(error.stack)]).includes("hush-hush"), error.message);
    assert.ok(service.requests.every(({ url }) => url.includes("oidctoken")), "Entra gets no request");
  });
}

for (const fault of ["html", "truncated", "huge", "redirect"] satisfies MachineFault[]) {
  test(`the fault "${fault}" causes an error`, async () => {
    const scene = await createScene();
    scene.job.failNext(fault, 9);
    assert.equal((await failureOf(create(scene).getToken(SCOPE))).name, "AuthenticationError");
  });
}

test("a wrong System.AccessToken, or another service connection, causes an error", async () => {
  const scene = await createScene();
  const error = await failureOf(create(scene, {}, "another-token").getToken(SCOPE));
  assert.equal(error.statusCode, 401);
  const all = { ...isolatedOptions(scene.job), env: scene.job.env };
  const other = new AzurePipelinesCredential(TENANT, CLIENT, "another", scene.job.systemAccessToken, all);
  assert.equal((await failureOf(other.getToken(SCOPE))).statusCode, 404);
});

test("the error contains Entra's description if Entra rejects the OIDC token", async () => {
  const scene = await createScene();
  scene.entra.failNext({ code: 700213 });
  assert.match((await failureOf(create(scene).getToken(SCOPE))).message, /AADSTS700213/);
});

test("outside of a job the credential is unavailable, so that a chain continues", async () => {
  for (const env of [{}, { SYSTEM_OIDCREQUESTURI: "" }]) {
    const error = await failureOf(create(await createScene(), { env }).getToken(SCOPE));
    assert.equal(error.name, "CredentialUnavailableError");
    assert.match(error.message, /SYSTEM_OIDCREQUESTURI is not set: Run the program in a job of Azure Pipelines/);
  }
});

test("System.AccessToken is never sent without TLS", async () => {
  for (
    const uri of ["http://dev.azure.com/oidctoken", "oidctoken", "ftp://x/oidctoken", "https://hush:hush@x/oidctoken"]
  ) {
    const { credential, service } = createCredential(() => jsonAnswer({ oidcToken: "a.b.c" }), uri);
    const error = await failureOf(credential.getToken(SCOPE));
    assert.match(error.message, /Cannot use the variable SYSTEM_OIDCREQUESTURI: It must be a URL with "https:"/);
    assert.ok(!error.message.includes("hush"));
    assert.equal(service.requests.length, 0);
  }
});

test("credentials with different values of System.AccessToken do not share tokens", async () => {
  const scene = await createScene();
  const cache = new Map();
  await create(scene, { cache }).getToken(SCOPE);
  await create(scene, { cache }).getToken(SCOPE);
  assert.equal(scene.entra.requests.length, 1);
  await failureOf(create(scene, { cache }, "another-token").getToken(SCOPE));
  assert.equal(scene.job.requests.length, 2);
  assert.ok(!JSON.stringify([...cache]).includes(scene.job.systemAccessToken));
});

test("the constructor throws a TypeError for invalid arguments and does not repeat their values", () => {
  const Credential = AzurePipelinesCredential as unknown as new (...rest: unknown[]) => unknown;
  for (
    const [name, args] of [
      ["tenantId", ["common", CLIENT, CONNECTION, "hush"]],
      ["clientId", [TENANT, undefined, CONNECTION, "hush"]],
      ["serviceConnectionId", [TENANT, CLIENT, "", "hush"]],
      ["systemAccessToken", [TENANT, CLIENT, CONNECTION]],
      ["systemAccessToken", [TENANT, CLIENT, CONNECTION, "hush\r\nx: y"]],
      ["systemAccessToken", [TENANT, CLIENT, CONNECTION, "hüsh"]],
      ['"systemAccessToken" must be a value, not the name of a variable: Map it in the "env:"', [
        TENANT,
        CLIENT,
        CONNECTION,
        "$(System.AccessToken)",
      ]],
      ['"systemAccessToken" must be a value', [TENANT, CLIENT, CONNECTION, " $(hush)\n"]],
      ['"serviceConnectionId" must be a value', [TENANT, CLIENT, "$(AZURE_SERVICE_CONNECTION_ID)", "hush"]],
      ["options", [TENANT, CLIENT, CONNECTION, "hush", null]],
    ] as const
  ) {
    assert.throws(() => new Credential(...args), (error: Error) => {
      assert.equal(error.name, "TypeError");
      assert.ok(error.message.includes(name), `${name}: ${error.message}`);
      return !/h[uü]sh/.test(error.message);
    });
  }
});
