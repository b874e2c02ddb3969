import { AuthenticationError, CredentialUnavailableError } from "@azweb/identity";
import {
  type AssertionSource,
  type AssertionSourceOptions,
  fromAws,
  fromBuildkite,
  fromCircleCI,
  fromCommand,
  fromDenoDeploy,
  fromFly,
  fromGitHubActions,
  fromGitLab,
  fromGoogleCloud,
  fromPlatform,
  fromVercel,
} from "@azweb/identity/federation";
import assert from "node:assert/strict";
import { test } from "node:test";
import { AUDIENCE, jwtOf, NOW, sourceOptions } from "../support/federation/assertions.ts";
import { REQUESTING_SOURCES } from "../support/federation/requesting_sources.ts";
import { type Asked, createService, failureOf, jsonAnswer } from "../support/service.ts";

/** Returns the request that a source sends, with its headers as an object. */
async function requestOf(name: string, create?: (options: AssertionSourceOptions) => AssertionSource) {
  const row = REQUESTING_SOURCES.find((row) => row.name === name)!;
  const service = createService(() => row.respond(jwtOf()));
  await (create ?? row.create)(sourceOptions(service, row.env))();
  const { url, method, headers, body } = service.requests[0] as Asked;
  return { url, method, headers: Object.fromEntries(headers), body };
}

test("GitHub Actions: the audience is added to the URL's query", async () => {
  assert.deepEqual(await requestOf("GitHub Actions"), {
    url: "https://run.actions.example/token?api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange",
    method: "GET",
    headers: { accept: "application/json", authorization: "Bearer hush-hush" },
    body: "",
  });
});

test("GitHub Actions: the error for a missing permission contains the lines of YAML to add", async () => {
  const error = await failureOf(fromGitHubActions(sourceOptions(createService(), { GITHUB_ACTIONS: "true" }))());
  assert.deepEqual([error.name, error.outcome], ["CredentialUnavailableError", "absent"]);
  assert.match(
    error.message,
    /The job may not request an identity token: Add .+:\n {2}permissions:\n.+\n {4}id-token: write/,
  );
});

for (const token of ["hush\r\nx: y", "hush hush", "hüsh", "hush\0"]) {
  test(`the invalid request token ${JSON.stringify(token)} is not sent, and the error does not contain it`, async () => {
    const { env } = REQUESTING_SOURCES[0]!;
    const service = createService();
    const options = sourceOptions(service, { ...env, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token });
    const { name, message } = await failureOf(fromGitHubActions(options)());
    assert.equal(name, "AuthenticationError");
    assert.match(message, /^Cannot use the variable ACTIONS_ID_TOKEN_REQUEST_TOKEN: It must be a token/);
    assert.ok(!/h[uü]sh/.test(message));
    assert.equal(service.requests.length, 0);
  });
}

test("a line break at the end of a variable is removed", async () => {
  const { env } = REQUESTING_SOURCES[0]!;
  const service = createService(() => jsonAnswer({ value: jwtOf() }));
  const broken = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, `${value}\r\n`]));
  assert.equal(await fromGitHubActions(sourceOptions(service, broken))(), jwtOf());
  assert.equal(service.requests[0]!.headers.get("authorization"), "Bearer hush-hush");
});

test("an assertion without the requested audience causes an error", async () => {
  const { env, respond } = REQUESTING_SOURCES[0]!;
  const answer = (aud: unknown, audience?: string) => {
    const service = createService(() => respond(jwtOf({ aud })));
    return fromGitHubActions({ ...sourceOptions(service, env), ...audience && { audience } })();
  };
  assert.match(
    (await failureOf(answer("api://other"))).message,
    /Its audience is "api:\/\/other", and "api:\/\/AzureADTokenExchange" was requested/,
  );
  assert.match((await failureOf(answer(["a", "b"]))).message, /Its audience is "a", "b", and/);
  await answer([AUDIENCE]);
  await answer("api://other", "api://other");
});

test("GitLab: the ID token is in the variable that the option names, or else in the first of AZURE_ID_TOKEN and ID_TOKEN", async () => {
  const service = createService();
  const env = { GITLAB_CI: "true", ID_TOKEN: jwtOf({ jti: "1" }), AZURE_ID_TOKEN: jwtOf({ jti: "2" }), MINE: jwtOf() };
  assert.equal(await fromGitLab(sourceOptions(service, env))(), env.AZURE_ID_TOKEN);
  assert.equal(await fromGitLab({ ...sourceOptions(service, env), variable: "MINE" })(), env.MINE);
  const error = await failureOf(fromGitLab(sourceOptions(service, { GITLAB_CI: "true" }))());
  assert.deepEqual([error.name, error.outcome], ["CredentialUnavailableError", "absent"]);
  assert.match(error.message, /\n {2}id_tokens:\n {4}AZURE_ID_TOKEN:\n {6}aud: api:\/\/AzureADTokenExchange$/);
  const expired = sourceOptions(service, { ID_TOKEN: jwtOf({ exp: NOW / 1000 - 3600 }) });
  assert.match(
    (await failureOf(fromGitLab(expired)())).message,
    /expired 60 minutes ago.+raise the timeout of the job/,
  );
});

test("Vercel: the token of the request's header, else of the file, else of the variable is exchanged for an assertion", async () => {
  const [own, file, header] = ["variable", "file", "header"].map((jti) => jwtOf({ jti, aud: "https://vercel.com/x" }));
  const service = createService(() => jsonAnswer({ token: jwtOf() }));
  const options = sourceOptions(service, { VERCEL_OIDC_TOKEN: own!, VERCEL_OIDC_TOKEN_FILE: "/token" });
  const readTextFile = () => Promise.resolve(`${file}\n`);
  const withFile = { ...options, runtime: { ...options.runtime, readTextFile } };
  const request = new Request("https://app.example", { headers: { "x-vercel-oidc-token": header! } });
  assert.equal(await fromVercel(sourceOptions(service, { VERCEL_OIDC_TOKEN: own! }))(), jwtOf());
  await fromVercel(withFile)();
  await fromVercel({ ...withFile, request })();
  const symbol = Symbol.for("@vercel/request-context");
  const context = globalThis as { [symbol]?: unknown };
  context[symbol] = { get: () => ({ headers: { "x-vercel-oidc-token": header } }) };
  try {
    await fromVercel(withFile)();
  } finally {
    delete context[symbol];
  }
  assert.deepEqual(
    service.requests.map(({ body }) => JSON.parse(body)),
    [own, file, header, header].map((token) => ({
      token,
      aud: AUDIENCE,
    })),
  );
  const { url, method, headers } = service.requests[0]!;
  assert.deepEqual([url, method, headers.get("content-type")], [
    "https://oidc.vercel.com/~token",
    "POST",
    "application/json",
  ]);
});

test('Vercel: a token with the requested audience is not exchanged, nor is any token for the audience "team"', async () => {
  const service = createService();
  assert.equal(await fromVercel(sourceOptions(service, { VERCEL_OIDC_TOKEN: jwtOf() }))(), jwtOf());
  const team = jwtOf({ aud: "https://vercel.com/contoso" });
  const options = sourceOptions(service, { VERCEL_OIDC_TOKEN: team });
  assert.equal(await fromVercel({ ...options, audience: "team" })(), team);
  assert.equal(service.requests.length, 0);
  const { message } = await failureOf(fromVercel(sourceOptions(service))());
  assert.match(message, /no request with the header x-vercel-oidc-token.+Call it within a request/);
});

test("Google Cloud: the request goes to the metadata server in the variable, or to the default one", async () => {
  assert.deepEqual(await requestOf("Google Cloud"), {
    url: "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/identity" +
      "?audience=api%3A%2F%2FAzureADTokenExchange&format=full",
    method: "GET",
    headers: { "metadata-flavor": "Google" },
    body: "",
  });
  const { url } = await requestOf(
    "Google Cloud",
    (options) => fromGoogleCloud({ ...options, env: {}, serviceAccount: "a@b/../c" }),
  );
  assert.equal(
    new URL(url).pathname,
    "/computeMetadata/v1/instance/service-accounts/a%40b%2F..%2Fc/identity",
  );
  assert.equal(new URL(url).host, "metadata.google.internal");
});

test("Google Cloud: another server at the address causes an error, and so does an invalid host in the variable", async () => {
  const options = sourceOptions(createService(() => new Response(jwtOf())));
  assert.match((await failureOf(fromGoogleCloud(options)())).message, /Another server has the address of Google's/);
  const missing = sourceOptions(createService(() => new Response("", { status: 404 })));
  assert.match((await failureOf(fromGoogleCloud(missing)())).message, /HTTP 404.+Attach a service account/);
  for (
    const host of [
      "evil.example/x?",
      "user:hush@host",
      "a b",
      "#",
      "host:99999",
      "999.999.999.999",
      "1.2.3.4.5",
    ]
  ) {
    const service = createService();
    const { message } = await failureOf(fromGoogleCloud(sourceOptions(service, { GCE_METADATA_HOST: host }))());
    assert.equal(message, "Cannot use the variable GCE_METADATA_HOST: It must be the name or address of a host");
    assert.equal(service.requests.length, 0);
  }
});

test("outside of Google Cloud, its IAM Credentials API issues the assertion", async () => {
  assert.deepEqual(await requestOf("Google Cloud, from elsewhere"), {
    url: "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/" +
      "app%40project.iam.gserviceaccount.com:generateIdToken",
    method: "POST",
    headers: {
      accept: "application/json",
      authorization: "Bearer hush-hush",
      "content-type": "application/json",
    },
    body: `{"audience":"${AUDIENCE}","includeEmail":true}`,
  });
});

test("Buildkite: the subject is the pipeline's id by default, and the options can change it", async () => {
  const { url, headers, body } = await requestOf("Buildkite");
  assert.equal(url, "https://agent.buildkite.example/v3/jobs/a%2Fjob/oidc/tokens");
  assert.equal(headers.authorization, "Token hush-hush");
  assert.equal(body, `{"audience":"${AUDIENCE}","subject_claim":"pipeline_id"}`);
  const other = await requestOf(
    "Buildkite",
    (options) => fromBuildkite({ ...options, subjectClaim: "cluster_id", lifetimeInSeconds: 60 }),
  );
  assert.equal(other.body, `{"audience":"${AUDIENCE}","lifetime":60,"subject_claim":"cluster_id"}`);
});

test("AWS: the request goes to the regional endpoint, with RS256 and the audience", async () => {
  const { url, method, headers, body } = await requestOf("AWS");
  assert.deepEqual([url, method], ["https://sts.eu-central-1.amazonaws.com/", "POST"]);
  assert.equal(
    body,
    "Action=GetWebIdentityToken&Version=2011-06-15&Audience.member.1=api%3A%2F%2FAzureADTokenExchange" +
      "&SigningAlgorithm=RS256&DurationSeconds=300",
  );
  assert.match(
    headers.authorization!,
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20300101\/eu-central-1\/sts\/aws4_request, /,
  );
  assert.equal(headers["x-amz-security-token"], "hush-hush-session");
  const china = await requestOf("AWS", (options) => fromAws({ ...options, region: "cn-north-1" }));
  assert.equal(china.url, "https://sts.cn-north-1.amazonaws.com.cn/");
});

test("AWS: callbacks of the app can supply the credentials or sign the request", async () => {
  const credentials = () => Promise.resolve({ accessKeyId: "AKIDOTHER", secretAccessKey: "secret" });
  const own = await requestOf("AWS", (options) => fromAws({ ...options, credentials }));
  assert.match(own.headers.authorization!, /Credential=AKIDOTHER\//);
  assert.equal(own.headers["x-amz-security-token"], undefined);
  const signed = await requestOf("AWS", (options) =>
    fromAws({
      ...options,
      async sign(request) {
        assert.match(await request.clone().text(), /^Action=GetWebIdentityToken/);
        return new Request(request, { headers: { authorization: "mine" } });
      },
    }));
  assert.equal(signed.headers.authorization, "mine");
});

for (
  const [code, expected] of [
    ["OutboundWebIdentityFederationDisabledException", /aws iam enable-outbound-web-identity-federation/],
    ["AccessDenied", /Allow the role the action sts:GetWebIdentityToken/],
    ["SessionDurationEscalationException", /Lower "durationInSeconds"/],
    ["Other", /HTTP 403: Other$/],
    ["constructor", /HTTP 403: constructor$/],
  ] as const
) {
  test(`AWS: the error for the code ${code} contains it and the next step, if there is one`, async () => {
    const { env } = REQUESTING_SOURCES.find(({ name }) => name === "AWS")!;
    const xml = `<ErrorResponse><Error><Code>${code}</Code><Message>No</Message></Error></ErrorResponse>`;
    const service = createService(() => new Response(xml, { status: 403 }));
    const { message } = await failureOf(fromAws(sourceOptions(service, env))());
    assert.match(message, expected);
    assert.ok(message.includes(`HTTP 403: ${code}`), message);
  });
}

test("AWS: an invalid region or a failing callback causes an error before any request", async () => {
  const { env } = REQUESTING_SOURCES.find(({ name }) => name === "AWS")!;
  const service = createService();
  for (const region of ["evil.example/", "x", "eu-central-1.evil.example", "a".repeat(90_000)]) {
    const { message } = await failureOf(fromAws(sourceOptions(service, { ...env, AWS_REGION: region }))());
    assert.equal(message, "Cannot use the variable AWS_REGION: It must be the name of a region");
  }
  for (const value of [undefined, null, 7, {}, { accessKeyId: 1, secretAccessKey: 2 }, new Headers()]) {
    for (const name of ["credentials", "sign"]) {
      const error = await failureOf(fromAws({ ...sourceOptions(service, env), [name]: () => value })());
      const beginning = `Cannot get the assertion of AWS: The callback "${name}" failed: It must return `;
      assert.ok(error.message.startsWith(beginning), error.message);
    }
  }
  for (const keys of [{ accessKeyId: "hush\r\nx: y" }, { secretAccessKey: "" }, { sessionToken: "h\u00fcsh" }]) {
    const credentials = () => ({ accessKeyId: "AKIDOTHER", secretAccessKey: "hush", ...keys });
    const { message, cause } = await failureOf(fromAws({ ...sourceOptions(service, env), credentials })());
    assert.match(message, /The callback "credentials" failed/);
    assert.match(String(cause), /^TypeError: It must return .*"sessionToken".* ASCII characters without spaces$/);
  }
  const cause = new Error("No role for eyJhbGciOi.eyJhdWQi.x");
  for (const name of ["credentials", "sign"]) {
    const error = await failureOf(fromAws({ ...sourceOptions(service, env), [name]: () => Promise.reject(cause) })());
    assert.equal(
      error.message,
      `Cannot get the assertion of AWS: The callback "${name}" failed: No role for [redacted]`,
    );
    assert.equal(error.cause, cause);
  }
  assert.equal(service.requests.length, 0);
});

test("Google Cloud: a failing callback, or a token with invalid characters, causes an error before any request", async () => {
  const service = createService();
  for (
    const [getAccessToken, shown] of [
      [() => Promise.reject(new Error("No network")), "No network"],
      [() => Promise.resolve("CANARY\n"), "It must return a non-empty string of "],
    ] as const
  ) {
    const options = { ...sourceOptions(service), serviceAccount: "app@contoso.example", getAccessToken };
    const { message } = await failureOf(fromGoogleCloud(options)());
    assert.ok(
      message.startsWith(`Cannot get the assertion of Google Cloud: The callback "getAccessToken" failed: ${shown}`),
      message,
    );
    assert.doesNotMatch(message, /CANARY/);
  }
  assert.equal(service.requests.length, 0);
});

test("if a callback rejects with the error of a credential, the source does so too", async () => {
  for (const error of [new AuthenticationError("Rejected"), new CredentialUnavailableError("Absent")]) {
    const callback = () => Promise.reject(error);
    const options = sourceOptions(createService(), { AWS_REGION: "eu-central-1" });
    for (
      const source of [
        fromAws({ ...options, credentials: callback }),
        fromDenoDeploy({ ...options, getIdToken: callback }),
        fromGoogleCloud({ ...options, getAccessToken: callback, serviceAccount: "a@b.example" }),
      ]
    ) {
      assert.equal(await failureOf(source()), error);
    }
  }
});

test("CircleCI: the program circleci issues a token for the audience", async () => {
  const seen: unknown[] = [];
  const env = { CIRCLECI: "true", CIRCLE_OIDC_TOKEN_V2: jwtOf({ aud: "an-organization" }), PATH: "/bin" };
  const options = sourceOptions(createService(), env);
  const run = (command: string, args: readonly string[]) => {
    seen.push([command, ...args]);
    return Promise.resolve({ code: 0, stdout: `${jwtOf()}\n`, stderr: "" });
  };
  const source = fromCircleCI({ ...options, runtime: { ...options.runtime, platform: "linux", run } });
  assert.equal(await source(), jwtOf());
  assert.deepEqual(seen, [["/bin/circleci", "run", "oidc", "get", "--claims", `{"aud":"${AUDIENCE}"}`]]);
  const elsewhere = fromCircleCI({ ...sourceOptions(createService()), runtime: { run } });
  assert.equal((await failureOf(elsewhere())).name, "CredentialUnavailableError");
});

test("Fly.io: the audience is sent to the API of the machine", async () => {
  assert.deepEqual(await requestOf("Fly.io"), {
    url: "http://localhost/v1/tokens/oidc",
    method: "POST",
    headers: { "content-type": "application/json" },
    body: `{"aud":"${AUDIENCE}"}`,
  });
  const service = createService(() => new Response(jwtOf()));
  await fromFly({ ...sourceOptions(service), socketPath: "/other" })();
});

test("Deno Deploy: getIdToken gets the audience, and the error for a token that is signed by ES256 has a next step", async () => {
  const audiences: string[] = [];
  const getIdToken = (audience: string) => {
    audiences.push(audience);
    return Promise.resolve(jwtOf({}, { alg: audiences.length === 1 ? "RS256" : "ES256" }));
  };
  const source = fromDenoDeploy({ ...sourceOptions(createService()), getIdToken });
  await source();
  assert.match(
    (await failureOf(source())).message,
    /^Cannot use the assertion of Deno Deploy: It is signed by ES256, .+use a certificate, or fromPrivateKey/,
  );
  assert.deepEqual(audiences, [AUDIENCE, AUDIENCE]);
  const cause = new Error("down");
  const failing = fromDenoDeploy({ ...sourceOptions(createService()), getIdToken: () => Promise.reject(cause) });
  const error = await failureOf(failing());
  assert.equal(error.message, 'Cannot get the assertion of Deno Deploy: The callback "getIdToken" failed: down');
  assert.equal(error.cause, cause);
});

for (const { name, env, respond } of REQUESTING_SOURCES.filter(({ name }) => !name.includes("elsewhere"))) {
  test(`fromPlatform detects ${name}`, async () => {
    const service = createService(() => respond(jwtOf()));
    const lambda = name === "AWS" ? { AWS_LAMBDA_FUNCTION_NAME: "a-function" } : {};
    const source = fromPlatform(sourceOptions(service, { ...lambda, ...env }));
    assert.equal(await source(), jwtOf());
    assert.equal(await source(), jwtOf());
    assert.equal(service.requests.length, 2);
  });
}

for (
  const [name, env] of [
    ["GitLab", { GITLAB_CI: "true", ID_TOKEN: jwtOf() }],
    ["HCP Terraform", { TFC_WORKLOAD_IDENTITY_TOKEN: jwtOf() }],
    ["ARM_OIDC_TOKEN", { ARM_OIDC_TOKEN: jwtOf() }],
  ] as const
) {
  test(`fromPlatform detects ${name}`, async () => {
    assert.equal(await fromPlatform(sourceOptions(createService(), env))(), jwtOf());
  });
}

test("fromPlatform prefers a token file, and keeps the detected source, even if it fails", async () => {
  const env: Record<string, string> = { GITLAB_CI: "true", AZURE_FEDERATED_TOKEN_FILE: "/token", ID_TOKEN: jwtOf() };
  const options = sourceOptions(createService(), env);
  const readTextFile = () => Promise.reject(new Error("No such file"));
  const source = fromPlatform({ ...options, runtime: { ...options.runtime, readTextFile } });
  assert.match((await failureOf(source())).message, /^Cannot read the token file of AZURE_FEDERATED_TOKEN_FILE/);
  delete env.AZURE_FEDERATED_TOKEN_FILE;
  assert.match((await failureOf(source())).message, /None of AZURE_FEDERATED_TOKEN_FILE, .+ is set/);
});

test("without a platform, the error of fromPlatform names the variables of every platform", async () => {
  const error = await failureOf(fromPlatform(sourceOptions(createService()))());
  assert.deepEqual([error.name, error.outcome], ["CredentialUnavailableError", "absent"]);
  for (const name of ["GITHUB_ACTIONS", "GITLAB_CI", "VERCEL", "FLY_MACHINE_ID, and FLY_APP_NAME", "K_SERVICE"]) {
    assert.ok(error.message.includes(name), error.message);
  }
});

test("invalid options cause TypeErrors that name them", () => {
  const any = (value: unknown) => value as never;
  for (
    const [create, expected] of [
      [() => fromAws({ region: "evil/" }), /Option "region" must be the name of a region/],
      [() => fromAws({ sign: any(1) }), /Option "sign" must be a function/],
      [() => fromCommand("agent", [], { read: any("x") }), /Option "read" must be a function/],
      [
        () => fromGoogleCloud({ serviceAccount: "a@b", getAccessToken: any("x") }),
        /Option "getAccessToken" must be a function/,
      ],
      [() => fromPlatform({ audience: any(7) }), /Option "audience" must be a non-empty string/],
      [() => fromVercel({ request: any({}) }), /Option "request" must be a request/],
      [() => fromVercel({ request: any(null) }), /Option "request" must be a request/],
      [() => fromAws({ durationInSeconds: -1 }), /Option "durationInSeconds" must be a non-negative number/],
      [() => fromBuildkite({ subjectClaim: "" }), /Option "subjectClaim" must be a non-empty string/],
      [() => fromDenoDeploy(any({})), /Option "getIdToken" must be a function/],
      [() => fromFly({ socketPath: "" }), /Option "socketPath" must be a non-empty string/],
      [() => fromGitLab({ variable: "" }), /Option "variable" must be a non-empty string/],
      [() => fromGoogleCloud({ getAccessToken: any(() => {}) }), /"getAccessToken" needs the option "serviceAccount"/],
    ] as const
  ) {
    assert.throws(create, (error: Error) => error.name === "TypeError" && expected.test(error.message));
  }
});
