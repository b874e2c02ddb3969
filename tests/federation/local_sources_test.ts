import { fromCommand, fromCredential, fromEnvironmentVariable, fromTokenFile } from "@azweb/identity/federation";
import { ClientAssertionCredential, CredentialUnavailableError } from "@azweb/identity";
import type { StaticCredential } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { AUDIENCE, jwtOf, NOW, sourceOptions } from "../support/federation/assertions.ts";
import { CLIENT, createService, failureOf, isolatedOptions, SCOPE, TENANT } from "../support/service.ts";

/** Returns the options of a source on a machine with these variables and files. */
function machine(env: Record<string, string> = {}, files: Record<string, string> = {}) {
  const options = sourceOptions(createService(), env);
  const readTextFile = (path: string) =>
    Object.hasOwn(files, path) ? Promise.resolve(files[path]!) : Promise.reject(new Error("No such file"));
  return { ...options, runtime: { ...options.runtime, readTextFile } };
}

/** Returns the options of a source on a Linux machine whose folder `/bin` has the program. */
function withProgram(
  name: string,
  run: (args: readonly string[], env: unknown) => { code?: number; stdout?: string; stderr?: string },
) {
  const options = machine({ PATH: "/usr/bin:/bin" });
  return {
    ...options,
    runtime: {
      ...options.runtime,
      platform: "linux",
      run(command: string, args: readonly string[], { env }: { env?: unknown }) {
        if (command === `/bin/${name}`) return Promise.resolve({ code: 0, stdout: "", stderr: "", ...run(args, env) });
        return Promise.reject(Object.assign(new Error("No such program"), { code: "ENOENT" }));
      },
    },
  };
}

test("a token file is read at each call, and white space at its ends is removed", async () => {
  const files = { "/token": `${jwtOf()}\r\n` };
  const source = fromTokenFile("/token", machine({}, files));
  assert.equal(await source(), jwtOf());
  files["/token"] = jwtOf({ jti: "2" });
  assert.equal(await source(), jwtOf({ jti: "2" }));
});

test("without an argument, the path of the token file is in the first variable that is set", async () => {
  const files = { "/azure": jwtOf({ jti: "azure" }), "/arm": jwtOf({ jti: "arm" }) };
  const [azure, arm] = [{ AZURE_FEDERATED_TOKEN_FILE: "/azure" }, { ARM_OIDC_TOKEN_FILE_PATH: "/arm" }];
  assert.equal(await fromTokenFile(undefined, machine({ ...azure, ...arm }, files))(), files["/azure"]);
  assert.equal(await fromTokenFile(undefined, machine(arm, files))(), files["/arm"]);
  const { name, message } = await failureOf(fromTokenFile(undefined, machine())());
  assert.equal(name, "CredentialUnavailableError");
  assert.match(message, /None of AZURE_FEDERATED_TOKEN_FILE, ARM_OIDC_TOKEN_FILE_PATH is set/);
});

for (
  const [defect, path, content, expected] of [
    ["missing", "/none", "", /^Cannot read the token file of the argument, "\/none": No such file: Check the path/],
    ["empty", "/token", "", /^Cannot use the assertion in "\/token": It is empty$/],
    ["not a JWT", "/token", "hush-hush", /three parts/],
    ["two JWTs", "/token", `${jwtOf()}\n${jwtOf()}`, /three parts/],
    [
      "an expired token",
      "/token",
      jwtOf({ exp: NOW / 1000 - 7200 }),
      /expired 120 minutes ago.+file is not renewed any more/,
    ],
    [
      "a token that is signed with an elliptic curve",
      "/token",
      jwtOf({}, { alg: "ES384" }),
      /ES384.+SPIRE has jwt_key_type/,
    ],
    [
      "the token for the API server",
      "/var/run/secrets/kubernetes.io/serviceaccount/token",
      jwtOf(),
      /Its token is for the API server of the cluster\. Mount a projected volume/,
    ],
  ] as const
) {
  test(`a token file causes an error that does not contain its token: ${defect}`, async () => {
    const error = await failureOf(fromTokenFile(path, machine({}, path === "/none" ? {} : { [path]: content }))());
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, expected);
    assert.ok(!/hush|eyJ/.test(error.message));
  });
}

test("a variable is read at each call", async () => {
  const env: Record<string, string> = { TFC_WORKLOAD_IDENTITY_TOKEN: ` ${jwtOf()}\n` };
  const source = fromEnvironmentVariable("TFC_WORKLOAD_IDENTITY_TOKEN", machine(env));
  assert.equal(await source(), jwtOf());
  delete env.TFC_WORKLOAD_IDENTITY_TOKEN;
  const error = await failureOf(source());
  assert.deepEqual([error.name, error.outcome], ["CredentialUnavailableError", "absent"]);
  assert.match(error.message, /the variable TFC_WORKLOAD_IDENTITY_TOKEN: The variable is not set/);
});

test("the error for an expired token in a variable says when it expired, and does not contain it", async () => {
  const jwt = jwtOf({ exp: NOW / 1000 - 3000 });
  const { message } = await failureOf(fromEnvironmentVariable("ID_TOKEN", machine({ ID_TOKEN: jwt }))());
  assert.match(message, /^Cannot use the assertion in the variable ID_TOKEN: It expired 50 minutes ago/);
  assert.ok(!message.includes(jwt));
});

test("a token with the platform's own audience is accepted, because the app may have that audience", async () => {
  const jwt = jwtOf({ aud: ["https://vercel.com/contoso"] });
  assert.equal(await fromEnvironmentVariable("ID_TOKEN", machine({ ID_TOKEN: jwt }))(), jwt);
});

test("a program is started with its arguments, and its output is the assertion", async () => {
  const args = ["oidc", "request-token", "--audience", AUDIENCE];
  const seen: unknown[] = [];
  const options = withProgram("buildkite-agent", (args, env) => {
    seen.push(args, env);
    return { stdout: `${jwtOf()}\n` };
  });
  assert.equal(await fromCommand("buildkite-agent", args, options)(), jwtOf());
  assert.deepEqual(seen, [args, { PATH: "/usr/bin:/bin" }]);
  assert.equal(await fromCommand("/bin/buildkite-agent", args, options)(), jwtOf());
});

test("the option read converts the output of a program to the assertion", async () => {
  const options = withProgram("spire-agent", () => ({ stdout: JSON.stringify([{ svids: [{ svid: jwtOf() }] }]) }));
  const read = (stdout: string) => JSON.parse(stdout)[0].svids[0].svid;
  assert.equal(await fromCommand("spire-agent", [], { ...options, read })(), jwtOf());
  const broken = withProgram("spire-agent", () => ({ stdout: "hush-hush" }));
  const { message } = await failureOf(fromCommand("spire-agent", [], { ...broken, read })());
  assert.equal(
    message,
    'Cannot get the assertion of the program "spire-agent": The option "read" failed on its output',
  );
});

test("a program that fails, is not installed or writes no JWT causes an error without a token", async () => {
  const failing = withProgram("circleci", () => ({ code: 3, stderr: `No job ${jwtOf()}`, stdout: jwtOf() }));
  const error = await failureOf(fromCommand("circleci", [], failing)());
  assert.equal(
    error.message,
    'Cannot get the assertion of the program "circleci": It ended with exit code 3: No job [redacted]',
  );
  const coloured = withProgram("circleci", () => ({ code: 3, stderr: "\x1b[91mNo \x1b[1mjob\x1b[0m\n" }));
  assert.match((await failureOf(fromCommand("circleci", [], coloured)())).message, /exit code 3: No job$/);
  const missing = await failureOf(fromCommand("none", [], failing)());
  assert.equal(missing.name, "CredentialUnavailableError");
  assert.match(missing.message, /No folder of PATH has the program "none"/);
  const silent = withProgram("circleci", () => ({ stdout: "hush-hush" }));
  assert.match((await failureOf(fromCommand("circleci", [], silent)())).message, /It is not a JWT of three parts/);
});

test("the token of another credential is the assertion, for the audience of the cloud", async () => {
  const options = machine();
  const scopes: unknown[] = [];
  const identity = {
    getToken(scope: string | string[]) {
      scopes.push(scope);
      return Promise.resolve({ token: jwtOf({ aud: "fb60f99c" }), expiresOnTimestamp: NOW });
    },
  };
  assert.equal(await fromCredential(identity, options)(), jwtOf({ aud: "fb60f99c" }));
  await fromCredential(identity, { ...options, authorityHost: "https://login.microsoftonline.us" })();
  await fromCredential(identity, { ...options, audience: "api://custom" })();
  assert.deepEqual(scopes, [
    "api://AzureADTokenExchange/.default",
    "api://AzureADTokenExchangeUSGov/.default",
    "api://custom/.default",
  ]);
});

test("a source from a credential is unavailable if the credential is, and fails if it fails", async () => {
  const unavailable = { getToken: () => Promise.reject(new CredentialUnavailableError("No identity")) };
  assert.equal((await failureOf(fromCredential(unavailable, machine())())).name, "CredentialUnavailableError");
  const cause = new Error("down");
  const error = await failureOf(fromCredential({ getToken: () => Promise.reject(cause) }, machine())());
  assert.deepEqual([error.name, error.cause], ["AuthenticationError", cause]);
  assert.equal(error.message, "Cannot get the assertion of the credential: It failed: down");
  const nested = new ClientAssertionCredential(TENANT, CLIENT, () => Promise.reject(cause), machine());
  assert.equal(
    (await failureOf(fromCredential(nested, machine())())).message,
    "Cannot get the assertion of the credential: It failed: ClientAssertionCredential: Cannot get a client assertion: " +
      'The callback "getAssertion" failed: down',
  );
  assert.equal(
    (await failureOf(fromCredential({ getToken: () => Promise.resolve(null) }, machine())())).message,
    "Cannot use the assertion of the credential: It is empty",
  );
});

test("the default audience is that of the token endpoint's cloud, or of AZURE_AUTHORITY_HOST", async () => {
  const audiences: unknown[] = [];
  const identity = {
    getToken(scope: string | string[]) {
      audiences.push(String(scope).replace("api://AzureADTokenExchange", "").replace("/.default", ""));
      return Promise.resolve({ token: jwtOf(), expiresOnTimestamp: NOW });
    },
  };
  const china = { AZURE_AUTHORITY_HOST: "https://login.chinacloudapi.cn" };
  await fromCredential(identity, machine(china))();
  await fromCredential(identity, machine(china))({ tokenEndpoint: "https://login.microsoftonline.com/x/token" });
  const regional = "https://usgovvirginia.login.microsoftonline.us/x/token";
  await fromCredential(identity, machine())({ tokenEndpoint: regional });
  const own = { ...machine(), authorityHost: "https://login.partner.microsoftonline.cn" };
  await fromCredential(identity, own)({ tokenEndpoint: regional });
  const entra = createService();
  const credential = new ClientAssertionCredential(TENANT, CLIENT, fromCredential(identity, machine()), {
    ...isolatedOptions(entra),
    authorityHost: "https://login.microsoftonline.us",
  });
  await credential.getToken(SCOPE);
  assert.deepEqual(audiences, ["China", "", "USGov", "China", "USGov"]);
});

test("invalid arguments cause TypeErrors that name them", () => {
  const any = (value: unknown) => value as string & string[] & StaticCredential;
  for (
    const [create, expected] of [
      [() => fromTokenFile(""), /Argument "path" must be a non-empty string/],
      [() => fromEnvironmentVariable(any(undefined)), /Argument "name" must be a non-empty string/],
      [() => fromCommand("", []), /Argument "command" must be a non-empty string/],
      [() => fromCommand("./agent", []), /Argument "command" must be the name of a program, or an absolute path/],
      [() => fromCommand("agent", any("-x")), /Argument "args" must be an array of strings/],
      [() => fromCommand("agent", any([1])), /Argument "args" must be an array of strings/],
      [() => fromCredential(any({})), /Argument "credential" must be a credential, with the method "getToken"/],
      [() => fromEnvironmentVariable("X", { audience: "" }), /Option "audience" must be a non-empty string/],
      [() => fromEnvironmentVariable("X", { authorityHost: "http://x" }), /"authorityHost" must be a URL/],
    ] as const
  ) {
    assert.throws(create, (error: Error) => error.name === "TypeError" && expected.test(error.message));
  }
});
