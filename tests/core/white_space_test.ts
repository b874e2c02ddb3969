// White space is defined by the protocol or format, not by JavaScript's `trim`: U+00A0, U+3000, U+FEFF and others are
// ordinary characters.
import { ClientSecretCredential, EnvironmentCredential } from "@azweb/identity";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  SCOPE,
  TENANT,
  TOKEN_ENDPOINT,
} from "../support/service.ts";
import { ANSWERS, createDesk } from "../support/developer_tools/tool.ts";

const BLANKS = ["\u00a0", "\u2003", "\u3000", "\ufeff", "\v"];

function nameOf(blank: string): string {
  return `U+${blank.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

describe("scopes are separated only by SP (RFC 6749, section 3.3)", () => {
  for (const blank of [...BLANKS, "\t", "\n"]) {
    test(`${nameOf(blank)} neither separates scopes nor is allowed in one`, async () => {
      const service = createService();
      const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(service));
      for (const scopes of [blank + SCOPE, SCOPE + blank, ` ${blank} ${SCOPE}`, `a${blank}${SCOPE}`]) {
        const error = await failureOf(credential.getToken(scopes));
        assert.equal(error.name, "TypeError");
        assert.match(error.message, /Argument "scopes" has a malformed scope/);
      }
      assert.equal(service.requests.length, 0);
    });
  }

  test("any number of SP around and between scopes is ignored", async () => {
    const service = createService();
    const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(service));
    await credential.getToken("  b/.default   a/.default ");
    assert.equal(service.requests[0]!.form.scope, "a/.default b/.default");
    for (const scopes of ["", " ", "   "]) {
      assert.match((await failureOf(credential.getToken(scopes))).message, /must have at least one scope/);
    }
  });
});

describe("in AZURE_ADDITIONALLY_ALLOWED_TENANTS,", () => {
  function credentialFor(tenants: string) {
    const service = createService();
    const env = {
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_ID: CLIENT,
      AZURE_CLIENT_SECRET: "a-secret",
      AZURE_ADDITIONALLY_ALLOWED_TENANTS: tenants,
    };
    return { service, credential: new EnvironmentCredential({ ...isolatedOptions(service), env }) };
  }
  const tenantId = "fabrikam.onmicrosoft.com";

  for (const blank of BLANKS) {
    test(`${nameOf(blank)} is neither trimmed from a tenant nor allowed in one`, async () => {
      for (const tenant of [`${blank}${tenantId}`, `${tenantId}${blank}`, `${blank}*`]) {
        const { service, credential } = credentialFor(`x.example;${tenant}`);
        const error = await failureOf(credential.getToken(SCOPE, { tenantId }));
        assert.equal(error.name, "AuthenticationError");
        assert.match(error.message, /Cannot use the variable AZURE_ADDITIONALLY_ALLOWED_TENANTS/);
        assert.equal(service.requests.length, 0);
      }
    });
  }

  test("ASCII blanks and line breaks around a tenant are trimmed", async () => {
    const { service, credential } = credentialFor(` x.example ;\t${tenantId} ; \r\n`);
    await credential.getToken(SCOPE, { tenantId });
    assert.equal(service.requests[0]!.url, TOKEN_ENDPOINT.replace(TENANT, tenantId));
  });
});

describe("in PATH on Windows,", () => {
  for (const blank of ["\u00a0", "\u3000", "\ufeff"]) {
    test(`${nameOf(blank)} is not trimmed from a folder: before it, it makes the path relative; after it, it is part of the name`, async () => {
      const { credential, programs } = createDesk("pwsh", () => ANSWERS.pwsh(), {
        platform: "win32",
        env: { PATH: `${blank}C:\\evil;C:\\one${blank}` },
      });
      await credential.getToken(SCOPE);
      assert.deepEqual(programs.started.map(({ command }) => command), [`C:\\one${blank}\\pwsh.exe`]);
    });
  }
});
