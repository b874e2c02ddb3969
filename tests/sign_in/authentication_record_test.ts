import {
  type AuthenticationRecord,
  deserializeAuthenticationRecord,
  serializeAuthenticationRecord,
} from "@azweb/identity";
import assert from "node:assert/strict";
import { test } from "node:test";

const RECORD: AuthenticationRecord = {
  authority: "login.microsoftonline.com",
  homeAccountId: "an-object.a-tenant",
  clientId: "an-app",
  tenantId: "a-tenant",
  username: "jö@contoso.com",
};

/** Records as other libraries write them. */
const TEXTS: Readonly<Record<string, string>> = {
  "@azure/identity": JSON.stringify({ ...RECORD, version: "1.0" }),
  "an old release of @azure/identity": JSON.stringify(RECORD),
  "azure-identity for Python":
    '{"authority": "login.microsoftonline.com", "clientId": "an-app", "homeAccountId": "an-object.a-tenant", ' +
    '"tenantId": "a-tenant", "username": "j\\u00f6@contoso.com", "version": "1.0"}',
  "azidentity for Go":
    '{"authority":"https://login.microsoftonline.com","clientId":"an-app","homeAccountId":"an-object.a-tenant",' +
    '"tenantId":"a-tenant","username":"jö@contoso.com","version":"1.0"}',
  "azidentity for Go, with a slash at the end of the authority":
    '{"authority":"https://login.microsoftonline.com/","clientId":"an-app",' +
    '"homeAccountId":"an-object.a-tenant","tenantId":"a-tenant","username":"jö@contoso.com","version":"1.0"}',
};

for (const [library, text] of Object.entries(TEXTS)) {
  test(`reads a record of ${library}`, () => assert.deepEqual(deserializeAuthenticationRecord(text), RECORD));
}

test("writes a record in the common format, without other properties", () => {
  const text = serializeAuthenticationRecord({ ...RECORD, secret: "x" } as AuthenticationRecord);
  assert.deepEqual(JSON.parse(text), { ...RECORD, version: "1.0" });
  assert.deepEqual(deserializeAuthenticationRecord(text), RECORD);
});

for (
  const text of [
    "",
    "text",
    "null",
    "7",
    "[]",
    "{}",
    JSON.stringify({ ...RECORD, version: "2.0" }),
    JSON.stringify({ ...RECORD, version: null }),
    JSON.stringify({ ...RECORD, username: 7 }),
    JSON.stringify({ ...RECORD, homeAccountId: undefined }),
  ]
) {
  test(`rejects a malformed record: ${text}`, () => {
    assert.throws(() => deserializeAuthenticationRecord(text), {
      name: "TypeError",
      message: /^An authentication record must /,
    });
  });
}

test("does not write a malformed record", () => {
  assert.throws(() => serializeAuthenticationRecord({} as AuthenticationRecord), { name: "TypeError" });
});
