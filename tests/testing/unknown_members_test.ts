// A misspelt name is a TypeError: a test that passes because of it would prove nothing.
import {
  createAksProxy,
  createAppService,
  createArcServer,
  createAws,
  createAzureMlCompute,
  createAzurePipelines,
  createCloudShell,
  createContainerInstance,
  createEntra,
  createGitHubActions,
  createGitLab,
  createGoogleCloud,
  createServiceFabricNode,
  createVercel,
  createVirtualMachine,
  StaticCredential,
} from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";

const APP = { tenantId: "contoso.com", clientId: "my-app" };
const USER = { tenantId: "contoso.com", username: "jo@contoso.com", password: "a-password" };

/** Never called. */
function fetch(): Promise<Response> {
  return Promise.reject(new Error("Never called"));
}

/** The functions of `./testing` that create something, with the options that they require. */
const MAKERS: Readonly<Record<string, readonly [make: (options: never) => object, options?: object]>> = {
  createEntra: [createEntra],
  createVirtualMachine: [createVirtualMachine],
  createContainerInstance: [createContainerInstance],
  createAppService: [createAppService],
  createArcServer: [createArcServer],
  createServiceFabricNode: [createServiceFabricNode],
  createAzureMlCompute: [createAzureMlCompute],
  createCloudShell: [createCloudShell],
  createAksProxy: [createAksProxy, { fetch }],
  createAzurePipelines: [createAzurePipelines, { serviceConnections: [] }],
  createGitHubActions: [createGitHubActions],
  createGitLab: [createGitLab, { audience: "an-audience" }],
  createVercel: [createVercel],
  createGoogleCloud: [createGoogleCloud],
  createAws: [createAws],
  StaticCredential: [(options) => new StaticCredential("a-token", options)],
};

describe("an unknown option is a TypeError:", () => {
  for (const [name, [make, options]] of Object.entries(MAKERS)) {
    test(name, async () => {
      assert.ok(await make({ ...options } as never));
      for (const unknown of ["tokenLifeTimeInMs", "TenantId", "constructor", "toString", ""]) {
        for (const value of [1, undefined]) {
          await assert.rejects(async () => await make({ ...options, [unknown]: value } as never), (error: Error) => {
            assert.equal(error.name, "TypeError");
            assert.ok(error.message.startsWith(`Unknown option of ${name} "${unknown}": Use one of "`), error.message);
            return true;
          });
        }
      }
      for (const none of ["text", []]) {
        await assert.rejects(async () => await make(none as never), {
          name: "TypeError",
          message: `Every option of ${name} must be in an object`,
        });
      }
    });
  }

  test("the message lists the known options, which are accepted", () => {
    assert.throws(() => createEntra({ aps: [] } as object), {
      message: 'Unknown option of createEntra "aps": Use one of "apps", "users", "resources", "hosts", ' +
        '"tokenLifetimeInMs", "refreshInMs", "numbersAsStrings", "allowReplay", "now", "origin", "fetch"',
    });
    createVirtualMachine({ maxRequestsPerSecond: 1, location: "a", systemAssigned: false, response: {}, env: {} });
    createArcServer({ platform: "win32", ignoresUserAssigned: true, expiresOn: "iso" });
    createServiceFabricNode({ thumbprint: "a" });
    createAksProxy({ fetch, path: "/", env: {}, files: {} });
  });
});

describe("an unknown or malformed member is a TypeError:", () => {
  const app = (more: object) => createEntra({ apps: [{ ...APP, ...more }] });
  const secret = (secret: unknown) => app({ secrets: [secret] });
  for (
    const [what, make, message] of [
      [
        "an app",
        () => app({ secret: "a" }),
        /^Unknown member of an app "secret": Use one of "tenantId", "clientId", "sec/,
      ],
      [
        "a user",
        () => createEntra({ users: [{ ...USER, mfa: true } as typeof USER] }),
        /^Unknown member of a user "mfa"/,
      ],
      [
        "a secret",
        () => secret({ value: "a", expiresOn: 1 }),
        /^Unknown member of a secret "expiresOn": Use one of "value"/,
      ],
      ["a secret by another name", () => secret({ secret: "s3cret" }), /^Unknown member of a secret "secret": /],
      ["a secret that is no string", () => secret(7), /^Every member of a secret must be in an object$/],
      [
        "a secret that is empty",
        () => secret(""),
        /^A secret must be a non-empty string, or have a "value" and an "ex/,
      ],
      ["a secret without a value", () => secret({ expiresOnTimestamp: 1 }), /^A secret must be a non-empty string/],
      ["a secret without an expiry", () => secret({ value: "s3cret" }), /^A secret must be a non-empty string/],
      [
        "a federated credential",
        () => app({ federatedCredentials: [{ issuer: "a", subject: "b", jwks: { keys: [] }, aud: "c" }] }),
        /^Unknown member of a federated credential "aud": Use one of "issuer", "subject", "audience", "jwks", "expression"$/,
      ],
      [
        "a federated credential of a promise",
        () =>
          app({
            federatedCredentials: [(createGitLab() as unknown as { federatedCredential: never }).federatedCredential],
          }),
        /^A federated credential is undefined: Await createGitLab and createVercel, which return a promise$/,
      ],
      [
        "an identity",
        () => createAppService({ userAssigned: [{ clientId: "a", principalId: "b" } as { clientId: string }] }),
        /^Unknown member of an identity "principalId": Use one of "clientId", "objectId", "resourceId"$/,
      ],
      [
        "the form of a date",
        () => createAppService({ expiresOn: "text" as "string" }),
        /^Option "expiresOn" must be one of "string", "number", "date", "iso"$/,
      ],
      [
        "an operating system",
        () => createArcServer({ platform: "windows" as "win32" }),
        /^Option "platform" must be one of "linux", "win32"$/,
      ],
    ] as [string, () => unknown, RegExp][]
  ) {
    test(what, () => {
      assert.throws(make, (error: Error) => {
        assert.equal(error.name, "TypeError");
        assert.match(error.message, message);
        assert.ok(!error.message.includes("s3cret"));
        return true;
      });
    });
  }

  test("known members are accepted", () => {
    const jwks = { keys: [] };
    assert.ok(app({
      secrets: ["a", { value: "b", expiresOnTimestamp: 1 }],
      certificates: [],
      federatedCredentials: [{ issuer: "a", subject: "b", audience: "c", jwks }],
      ...{ allowPublicClient: true, redirectUris: [], identifierUris: [], claims: { roles: [] } },
    }));
    assert.ok(createEntra({ users: [{ ...USER, requiresMfa: true }] }));
    assert.ok(createAppService({ userAssigned: [{ clientId: "a", objectId: "b", resourceId: "c" }] }));
  });
});

describe("an unknown failure is a TypeError:", () => {
  const services = {
    entra: createEntra(),
    machine: createVirtualMachine(),
    proxy: createAksProxy({ fetch }),
    job: createAzurePipelines({ serviceConnections: [] }),
  };
  for (const [name, service] of Object.entries(services)) {
    test(name, () => {
      const failNext = service.failNext as (fault: unknown, times?: unknown) => void;
      for (const fault of ["refuse", "Refused", "", "toString", undefined, 503, () => {}]) {
        assert.throws(() => failNext(fault), (error: Error) => {
          assert.equal(error.name, "TypeError");
          assert.ok(error.message.startsWith(`Unknown failure "${String(fault)}": Use an error response, or`));
          assert.match(error.message, /one of "refused", "silent", /);
          return true;
        });
      }
      for (const [member, fault] of [["statusCode", { statusCode: 503 }], ["retryAfterInMs", { retryAfterInMs: 1 }]]) {
        assert.throws(() => failNext(fault), {
          name: "TypeError",
          message: `Unknown member of a failure "${member}": Use one of "status", "retryAfter", "headers", "body"` +
            (name === "entra" ? ', "code", "claims"' : ""),
        });
      }
      for (const fault of [null, []]) {
        assert.throws(() => failNext(fault), {
          name: "TypeError",
          message: "Every member of a failure must be in an object",
        });
      }
      for (const times of [-1, NaN, "a"]) {
        assert.throws(() => failNext("refused", times), {
          name: "TypeError",
          message: 'Argument "times" must be a non-negative number',
        });
      }
      if (name !== "entra") assert.throws(() => failNext({ code: 7000215 }), { name: "TypeError" });
    });

    test(`${name}: it fails no request`, async () => {
      const failNext = service.failNext as (fault: unknown) => void;
      assert.throws(() => failNext("refuse"), { name: "TypeError" });
      assert.throws(() => failNext({ statusCode: 503 }), { name: "TypeError" });
      const response = await service.handle(new Request("https://login.microsoftonline.com/nothing"));
      assert.notEqual(response.status, 503);
    });
  }
});
