import {
  AuthenticationErrorName,
  ChainedTokenCredential,
  CredentialUnavailableErrorName,
  WorkloadIdentityCredential,
  type WorkloadIdentityCredentialOptions,
} from "@azweb/identity";
import { StaticCredential } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CLIENT, createWorkload, PATH, SCOPE, serviceAccountToken, START, TENANT } from "../support/workload.ts";

const OTHER_SCOPE = "https://vault.azure.net/.default";
const UNAVAILABLE = CredentialUnavailableErrorName;
const FAILED = AuthenticationErrorName;

async function errorOf(work: Promise<unknown>): Promise<Error> {
  return await work.then(() => assert.fail("It should have failed"), (error) => error);
}

describe("the identity", () => {
  test("is configured by the variables", async () => {
    const { entra, files, options } = await createWorkload();
    const { token } = await new WorkloadIdentityCredential(options).getToken(SCOPE);
    assert.equal((await entra.verify(token)).appid, CLIENT);
    const [{ path, form }] = entra.requests as [typeof entra.requests[number]];
    assert.equal(path, `/${TENANT}/oauth2/v2.0/token`);
    assert.equal(form.grant_type, "client_credentials");
    assert.equal(form.client_id, CLIENT);
    assert.equal(form.client_assertion, files.get(PATH));
    assert.equal(form.client_assertion_type, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
  });

  test("is configured by the options, which take precedence", async () => {
    const { entra, files, options } = await createWorkload();
    files.set("/other", files.get(PATH)!);
    files.set(PATH, "wrong");
    const env = { AZURE_TENANT_ID: "common", AZURE_CLIENT_ID: "wrong", AZURE_FEDERATED_TOKEN_FILE: PATH };
    const given = { tenantId: "fabrikam.onmicrosoft.com", clientId: CLIENT, tokenFilePath: "/other" };
    await new WorkloadIdentityCredential({ ...options, env, ...given }).getToken(SCOPE);
    assert.equal(entra.requests[0]!.path, "/fabrikam.onmicrosoft.com/oauth2/v2.0/token");
  });

  test("ignores an empty option", async () => {
    const { options } = await createWorkload();
    await new WorkloadIdentityCredential({ ...options, tenantId: "", clientId: "", tokenFilePath: "" }).getToken(SCOPE);
  });

  test("reads the variables at the first token request", async () => {
    const { env, options } = await createWorkload();
    const variables = { ...env };
    for (const name of Object.keys(env)) delete env[name];
    const credential = new WorkloadIdentityCredential(options);
    assert.equal((await errorOf(credential.getToken(SCOPE))).name, UNAVAILABLE);
    Object.assign(env, variables);
    await credential.getToken(SCOPE);
  });

  test("rejects another tenant that is not allowed", async () => {
    const { options } = await createWorkload();
    const tenantId = "fabrikam.onmicrosoft.com";
    const strict = new WorkloadIdentityCredential(options);
    const error = await errorOf(strict.getToken(SCOPE, { tenantId }));
    assert.equal(error.name, "AuthenticationError");
    assert.match(
      error.message,
      /^WorkloadIdentityCredential: Cannot get a token from tenant "fabrikam\.onmicrosoft\.com"/,
    );
    await new WorkloadIdentityCredential({ ...options, additionallyAllowedTenants: [tenantId] }).getToken(SCOPE, {
      tenantId,
    });
  });

  const MALFORMED: Record<string, WorkloadIdentityCredentialOptions> = {
    "a malformed tenant": { tenantId: "a/b" },
    "a tenant for user sign-in": { tenantId: "common" },
    "a client id with a space": { clientId: "a b" },
    "a path of white space": { tokenFilePath: " " },
    "a path that is not a string": { tokenFilePath: 5 as never },
    "allowed tenants that are not an array": { additionallyAllowedTenants: "*" as never },
  };
  for (const [name, options] of Object.entries(MALFORMED)) {
    test(`${name} as an option throws a TypeError`, () => {
      assert.throws(() => new WorkloadIdentityCredential(options), TypeError);
    });
  }

  const VARIABLES: Record<string, [name: string, value: string, expected: RegExp]> = {
    "a malformed tenant": ["AZURE_TENANT_ID", "a/b", /variable AZURE_TENANT_ID: It must be/],
    "a tenant for user sign-in": [
      "AZURE_TENANT_ID",
      "common",
      /variable AZURE_TENANT_ID: It must be the app's own tenant/,
    ],
    "a client id with a space": ["AZURE_CLIENT_ID", "a b", /variable AZURE_CLIENT_ID: It must be/],
    "a path of white space": ["AZURE_FEDERATED_TOKEN_FILE", " ", /variable AZURE_FEDERATED_TOKEN_FILE: It must be/],
    "a token instead of its path": [
      "AZURE_FEDERATED_TOKEN_FILE",
      "eyJ0.eyJ1.c2ln",
      /the path of a file, not the token/,
    ],
  };
  for (const [name, [variable, value, expected]] of Object.entries(VARIABLES)) {
    test(`${name} in a variable fails before any request`, async () => {
      const { entra, env, options } = await createWorkload();
      env[variable] = value;
      const { name, message } = await errorOf(new WorkloadIdentityCredential(options).getToken(SCOPE));
      assert.equal(name, FAILED);
      assert.match(message, /^WorkloadIdentityCredential: Cannot use /);
      assert.match(message, expected);
      assert.ok(!message.includes("eyJ0"));
      assert.equal(entra.requests.length, 0);
    });
  }
});

describe("the error names each variable that is not set", () => {
  const ALL = {
    AZURE_TENANT_ID: "tenantId",
    AZURE_CLIENT_ID: "clientId",
    AZURE_FEDERATED_TOKEN_FILE: "tokenFilePath",
  };
  const names = Object.keys(ALL) as (keyof typeof ALL)[];
  for (let bits = 1; bits < 8; bits++) {
    const unset = names.filter((_, i) => bits & (1 << i));
    test(unset.join(", "), async () => {
      const { entra, env, options } = await createWorkload();
      // An empty variable is treated as not set.
      for (const name of unset) bits % 2 ? delete env[name] : env[name] = "";
      const { name, message } = await errorOf(new WorkloadIdentityCredential(options).getToken(SCOPE));
      assert.equal(name, UNAVAILABLE);
      const wanted = `Set ${unset.join(", ")} or pass ${unset.map((name) => `"${ALL[name]}"`).join(", ")};`;
      assert.ok(message.includes(wanted), message);
      assert.equal(entra.requests.length, 0);
    });
  }
});

describe("the token file", () => {
  const NOT_ONE_JWT = /must contain exactly one JWT on one line$/;
  const junk = "c2VjcmV0LXRoaW5n";
  const MISSING =
    /Cannot read .*: ENOENT: .*: Check the path, .* that the pod has the label azure\.workload\.identity\/use, which mounts /;
  const DEFECTS: Record<string, { text?: string; expected: RegExp }> = {
    "missing": { expected: MISSING },
    "empty": { text: "", expected: /: It is empty$/ },
    "only white space": { text: " \n\t\r\n", expected: /: It is empty$/ },
    "too long": { text: "e".repeat(65_537), expected: /longer than 65536 characters/ },
    "far too long": { text: "e".repeat(5_000_000), expected: /longer than 65536 characters/ },
    "text that is not a JWT": { text: junk, expected: NOT_ONE_JWT },
    "text of two parts": { text: `${junk}.${junk}`, expected: NOT_ONE_JWT },
    "text of three parts, without claims": { text: `${junk}.${junk}.${junk}`, expected: NOT_ONE_JWT },
    "claims that are an array": { text: `${junk}.${btoa("[1]").replaceAll("=", "")}.${junk}`, expected: NOT_ONE_JWT },
    "an encrypted token": { text: Array(5).fill(junk).join("."), expected: NOT_ONE_JWT },
    "a web page": { text: `<html>${junk}</html>`, expected: NOT_ONE_JWT },
    "binary data": { text: `\0\ufffd${junk}`, expected: NOT_ONE_JWT },
    "a token in JSON": { text: `{"token":"${junk}"}`, expected: NOT_ONE_JWT },
  };
  for (
    const [namedBy, tokenFilePath] of [
      ["AZURE_FEDERATED_TOKEN_FILE", undefined],
      ['the option "tokenFilePath"', PATH],
    ] as const
  ) {
    for (const [defect, { text, expected }] of Object.entries(DEFECTS)) {
      test(`of ${namedBy} is not sent, and ends a chain with an AuthenticationError: ${defect}`, async () => {
        const { entra, env, files, options } = await createWorkload();
        if (tokenFilePath) env.AZURE_FEDERATED_TOKEN_FILE = "/another";
        text === undefined ? files.delete(PATH) : files.set(PATH, text);
        const credential = new WorkloadIdentityCredential({ ...options, tokenFilePath });
        const { name, message } = await errorOf(credential.getToken(SCOPE));
        assert.equal(name, FAILED, message);
        assert.match(message, /^WorkloadIdentityCredential: Cannot /);
        assert.match(message, expected);
        assert.ok(message.includes(`the token file of ${namedBy}, "${PATH}"`), message);
        assert.ok(!message.includes(junk), "The message must not contain the content");
        assert.ok(message.length < 450, message);
        const chain = new ChainedTokenCredential(credential, new StaticCredential("fallback"));
        assert.equal((await errorOf(chain.getToken(SCOPE))).message, message);
        assert.equal(entra.requests.length, 0);
      });
    }
  }

  test("with two tokens is not sent", async () => {
    const { entra, files, options } = await createWorkload();
    files.set(PATH, `${files.get(PATH)}\n${files.get(PATH)}\n`);
    const { name, message } = await errorOf(new WorkloadIdentityCredential(options).getToken(SCOPE));
    assert.equal(name, FAILED);
    assert.match(message, NOT_ONE_JWT);
    assert.equal(entra.requests.length, 0);
  });

  test("is sent without surrounding white space", async () => {
    const { entra, files, options } = await createWorkload();
    const token = files.get(PATH)!;
    files.set(PATH, `\ufeff\n ${token}\r\n`);
    await new WorkloadIdentityCredential(options).getToken(SCOPE);
    assert.equal(entra.requests[0]!.form.client_assertion, token);
  });

  for (const tokenFilePath of [undefined, PATH]) {
    const named = tokenFilePath ? "an option" : "a variable";

    test(`of ${named} causes an AuthenticationError that names the flag if Deno's permission is missing`, async () => {
      const { options } = await createWorkload();
      const refusal = Object.assign(new Error("Requires read access"), { name: "NotCapable" });
      const runtime = { ...options.runtime, readTextFile: () => Promise.reject(refusal) };
      const credential = new WorkloadIdentityCredential({ ...options, tokenFilePath, runtime });
      const { name, message } = await errorOf(credential.getToken(SCOPE));
      assert.equal(name, FAILED);
      assert.ok(message.endsWith(`: It is not permitted: Run Deno with --allow-read=${PATH}`), message);
    });

    test(`of ${named} causes an AuthenticationError even if readTextFile rejects with undefined`, async () => {
      const { options } = await createWorkload();
      const runtime = { ...options.runtime, readTextFile: () => Promise.reject(undefined) };
      const credential = new WorkloadIdentityCredential({ ...options, tokenFilePath, runtime });
      const { name, message } = await errorOf(credential.getToken(SCOPE));
      assert.equal(name, FAILED);
      assert.match(message, /: It cannot be opened: Check the path/);
    });
  }
});

describe("the token's expiry time", () => {
  test("an expired token is not sent, and the error names the file and the expiry time", async () => {
    const { clock, entra, options } = await createWorkload();
    clock.set(START + 3_600_000 + 300_000);
    const { name, message } = await errorOf(new WorkloadIdentityCredential(options).getToken(SCOPE));
    assert.equal(name, FAILED);
    assert.equal(
      message,
      `WorkloadIdentityCredential: Cannot use the token file of AZURE_FEDERATED_TOKEN_FILE, "${PATH}": ` +
        "Its token expired 5 minutes ago, at 2030-01-01T13:00:00.000Z. Check why the file is not renewed any more " +
        "(in AKS, the kubelet renews it), and check the clock of this machine",
    );
    assert.equal(entra.requests.length, 0);
  });

  test("a token is sent until five minutes after its expiry, because Entra accepts it until then", async () => {
    const { clock, entra, options } = await createWorkload();
    clock.set(START + 3_600_000 + 299_000);
    await new WorkloadIdentityCredential(options).getToken(SCOPE);
    assert.equal(entra.requests.length, 1);
  });

  for (const exp of [undefined, "tomorrow", -1, 1e300, null]) {
    test(`a token with exp ${exp} is sent, and Entra validates it`, async () => {
      const { entra, files, options } = await createWorkload();
      files.set(PATH, await serviceAccountToken({ exp }));
      const { name, message } = await errorOf(new WorkloadIdentityCredential(options).getToken(SCOPE));
      assert.equal(name, FAILED);
      assert.match(message, /AADSTS/);
      assert.equal(entra.requests.length, 1);
    });
  }

  test("a cached token is used after the file's token has expired", async () => {
    const { clock, entra, files, options } = await createWorkload();
    files.set(PATH, await serviceAccountToken({ exp: START / 1000 + 60 }));
    const credential = new WorkloadIdentityCredential(options);
    const { token } = await credential.getToken(SCOPE);
    await clock.advance(1_800_000);
    assert.equal((await credential.getToken(SCOPE)).token, token);
    assert.equal(entra.requests.length, 1);
  });
});

describe("rotation", () => {
  test("the file is read for each token request, and not for a cached token", async () => {
    const { clock, entra, files, options, reads } = await createWorkload();
    const credential = new WorkloadIdentityCredential(options);
    const first = files.get(PATH)!;
    await credential.getToken(SCOPE);
    const before = reads.get(PATH)!;
    await credential.getToken(SCOPE);
    assert.equal(reads.get(PATH), before);
    for (let hour = 1; hour <= 48; hour++) {
      await clock.advance(3_600_000);
      files.set(PATH, await serviceAccountToken({ jti: String(hour) }, clock.now()));
      await credential.getToken(SCOPE);
      assert.equal(entra.requests.length, hour + 1);
      assert.equal(entra.requests[hour]!.form.client_assertion, files.get(PATH));
    }
    assert.equal(reads.get(PATH), before + 48);
    assert.notEqual(files.get(PATH), first);
  });

  test("a retry reads the file again", async () => {
    const { clock, entra, files, options } = await createWorkload();
    const rotated = await serviceAccountToken({ jti: "rotated" });
    entra.failNext({ status: 503 });
    const credential = new WorkloadIdentityCredential({ ...options, retryOptions: { maxRetries: 1 } });
    const getting = credential.getToken(SCOPE);
    await entra.untilRequested(1);
    files.set(PATH, rotated);
    await clock.untilSleeping(9_999);
    await clock.advance(30_000);
    await getting;
    assert.equal(entra.requests[1]!.form.client_assertion, rotated);
  });

  test("a file that was missing is read once it exists", async () => {
    const { files, options } = await createWorkload();
    const credential = new WorkloadIdentityCredential(options);
    const token = files.get(PATH)!;
    files.delete(PATH);
    assert.match((await errorOf(credential.getToken(SCOPE))).message, /ENOENT/);
    files.set(PATH, "");
    assert.match((await errorOf(credential.getToken(SCOPE))).message, /It is empty$/);
    files.set(PATH, token);
    await credential.getToken(SCOPE);
  });
});

describe("cached tokens", () => {
  test("are shared by equal credentials, even after a rotation of the file", async () => {
    const { entra, files, options } = await createWorkload();
    const { token } = await new WorkloadIdentityCredential(options).getToken(SCOPE);
    files.set(PATH, await serviceAccountToken({ jti: "rotated" }));
    assert.equal((await new WorkloadIdentityCredential(options).getToken(SCOPE)).token, token);
    assert.equal(entra.requests.length, 1);
  });

  test("are acquired by one request for a thousand callers", async () => {
    const { entra, options } = await createWorkload();
    const withWaitUntil = { ...options, waitUntil: () => {} };
    const tokens = await Promise.all(
      Array.from({ length: 1000 }, () => new WorkloadIdentityCredential(withWaitUntil).getToken(SCOPE)),
    );
    assert.equal(new Set(tokens.map(({ token }) => token)).size, 1);
    assert.equal(entra.requests.length, 1);
  });

  const DIFFERENCES: Record<string, (files: Map<string, string>) => Promise<WorkloadIdentityCredentialOptions>> = {
    "another file": async (files) => {
      files.set("/other", await Promise.resolve("not-a-token"));
      return { tokenFilePath: "/other" };
    },
    "another service account": async (files) => {
      files.set(PATH, await serviceAccountToken({ sub: "system:serviceaccount:default:evil" }));
      return {};
    },
    "another cluster": async (files) => {
      files.set(PATH, await serviceAccountToken({ iss: "https://oidc.example/evil/" }));
      return {};
    },
    "another client id": async () => await Promise.resolve({ clientId: "another" }),
  };
  for (const [name, change] of Object.entries(DIFFERENCES)) {
    test(`are not used with ${name}, even if the cache is the same`, async () => {
      const { files, options } = await createWorkload();
      const shared = { ...options, cache: new Map() };
      await new WorkloadIdentityCredential(shared).getToken(SCOPE);
      const other = { ...shared, ...await change(files) };
      assert.equal((await errorOf(new WorkloadIdentityCredential(other).getToken(SCOPE))).name, FAILED);
    });
  }
});

describe("in a chain", () => {
  const fallback = () => new StaticCredential("fallback");

  test("a credential that is not configured is skipped", async () => {
    const { options } = await createWorkload();
    const chain = new ChainedTokenCredential(new WorkloadIdentityCredential({ ...options, env: {} }), fallback());
    assert.equal((await chain.getToken(SCOPE)).token, "fallback");
  });

  test("a token that Entra rejects ends the chain", async () => {
    const { files, options } = await createWorkload();
    files.set(PATH, await serviceAccountToken({ sub: "another-subject" }));
    const chain = new ChainedTokenCredential(new WorkloadIdentityCredential(options), fallback());
    const { name, message } = await errorOf(chain.getToken(SCOPE));
    assert.equal(name, FAILED);
    assert.match(message, /AADSTS700213/);
  });
});

test("an assertion in an error response is redacted in the message", async () => {
  const { files, options } = await createWorkload();
  const assertion = files.get(PATH)!;
  const fetch = () => Promise.resolve(Response.json({ error: "bad", error_description: assertion }, { status: 400 }));
  const { message } = await errorOf(new WorkloadIdentityCredential({ ...options, fetch }).getToken(OTHER_SCOPE));
  assert.match(message, /redacted/);
  for (const part of assertion.split(".")) assert.ok(!message.includes(part));
});

test("an aborted signal ends the wait for a file that is never read", async () => {
  const { options } = await createWorkload();
  const runtime = { ...options.runtime, readTextFile: () => new Promise<string>(() => {}) };
  const controller = new AbortController();
  const getting = new WorkloadIdentityCredential({ ...options, runtime }).getToken(SCOPE, {
    abortSignal: controller.signal,
  });
  controller.abort(new Error("Enough"));
  await assert.rejects(getting, { message: "Enough" });
});
