// For any input, a call ends with a valid token, an error of this library or a TypeError that names the argument.
import {
  ClientAssertionCredential,
  ClientSecretCredential,
  type CredentialOptions,
  EnvironmentCredential,
  type LogEvent,
  ManagedIdentityCredential,
  type TokenSet,
} from "@azweb/identity";
import { createFakeClock } from "@azweb/identity/testing";
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { anyCharacter } from "../support/any_character.ts";
import { textsOf } from "../support/project/canary.ts";
import {
  breathe,
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  jsonAnswer,
  SCOPE,
  TENANT,
  TOKEN_ENDPOINT,
  tokenAnswer,
} from "../support/service.ts";

// A fixed seed, so that each run has the same inputs and a failure can be reproduced.
fc.configureGlobal({ seed: 20261122 });

const OURS = ["AuthenticationError", "CredentialUnavailableError", "AggregateAuthenticationError"];
const KEYS = "/var/opt/azcmagent/tokens/";
const SECRET = "a-Secret~with.32-Characters_or+so";

/** Calls `getToken` once with a response. Returns the token or the error. Fails if another library threw the error. */
async function outcomeOf(answer: () => unknown, options: CredentialOptions = {}) {
  const service = createService(answer);
  const events: LogEvent[] = [];
  const all = { ...isolatedOptions(service), log: (event: LogEvent) => void events.push(event), ...options };
  const credential = new ClientSecretCredential(TENANT, CLIENT, SECRET, all);
  let outcome: unknown;
  try {
    const token = await credential.getToken(SCOPE);
    assert.ok(typeof token.token === "string" && token.token !== "");
    assert.ok(Number.isFinite(token.expiresOnTimestamp) && new Date(token.expiresOnTimestamp).toISOString());
    assert.ok(token.tokenType === "Bearer" || token.tokenType === undefined);
    outcome = token;
  } catch (error) {
    assertOurs(error);
    outcome = error;
  }
  for (const text of textsOf([outcome, events])) assert.ok(!text.includes(SECRET));
  return outcome;
}

function assertOurs(error: unknown): void {
  const { name, message, statusCode, retryAfterInMs = 0 } = error as Record<string, unknown>;
  assert.ok(OURS.includes(String(name)), `${name}: ${message}`);
  assert.ok(typeof message === "string" && message.length < 1_500, String(message).slice(0, 2_000));
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(message, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  assert.ok(Number.isInteger(statusCode));
  assert.ok(Number.isFinite(retryAfterInMs) && Number(retryAfterInMs) >= 0);
}

const anyText = fc.oneof(
  fc.string({ unit: anyCharacter }),
  fc.string({ unit: "grapheme" }),
  fc.string({ maxLength: 3_000 }),
);
const anyJson = fc.jsonValue({ depthSize: "small" });
const status = fc.oneof(
  fc.constantFrom(200, 201, 301, 302, 400, 401, 403, 404, 408, 429, 500, 501, 503, 505),
  fc.integer({ min: 200, max: 599 }).filter((number) => ![204, 205, 304].includes(number)),
);
const headerValue = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) });
const tokenBody = fc.record({
  access_token: fc.oneof(fc.string(), anyJson),
  token_type: fc.oneof(fc.constantFrom("Bearer", "bearer"), anyJson),
  expires_in: fc.oneof(fc.integer(), fc.integer().map(String), fc.double(), anyJson),
  refresh_in: fc.oneof(fc.integer(), fc.integer().map(String), fc.double(), anyJson),
  id_token: anyJson,
  scope: anyJson,
}, { requiredKeys: [] });
const errorBody = fc.record({
  error: fc.oneof(anyText, anyJson),
  error_description: fc.oneof(anyText, anyJson),
  error_codes: fc.oneof(fc.array(fc.oneof(fc.integer(), anyJson)), anyJson),
  suberror: anyJson,
  trace_id: fc.oneof(anyText, anyJson),
  correlation_id: fc.oneof(anyText, anyJson),
  timestamp: fc.oneof(anyText, anyJson),
  claims: fc.oneof(anyText, anyJson),
}, { requiredKeys: [] });

test("any JSON with any status ends with a token or an error", async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(tokenBody, errorBody, anyJson), status, async (body, status) => {
      await outcomeOf(() => jsonAnswer(body, { status }));
    }),
    { numRuns: 500 },
  );
});

test("any text or bytes as a body, complete, cut or in chunks, end with a token or an error", async () => {
  const bytes = fc.oneof(
    fc.uint8Array(),
    fc.tuple(
      fc.oneof(tokenBody, errorBody).map((body) => new TextEncoder().encode(JSON.stringify(body))),
      fc.double({ min: 0, max: 1, noNaN: true }),
    )
      .map(([whole, part]) => whole.slice(0, Math.floor(whole.length * part))),
    anyText.map((text) => new TextEncoder().encode(text)),
  );
  await fc.assert(
    fc.asyncProperty(bytes, fc.integer({ min: 1, max: 100 }), status, async (bytes, size, status) => {
      await outcomeOf(() =>
        new Response(
          new ReadableStream({
            start(controller) {
              for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
              controller.close();
            },
          }),
          { status },
        )
      );
    }),
    { numRuns: 300 },
  );
});

test("getToken returns a token only if the response contains one", async () => {
  await fc.assert(
    fc.asyncProperty(tokenBody, async (body) => {
      const outcome = await outcomeOf(() => jsonAnswer(body)) as { token?: string; name?: string };
      if (outcome.token === undefined) return;
      assert.equal(outcome.token, body.access_token);
      assert.ok(Number(body.expires_in) > 0);
      assert.equal(String(body.token_type).toLowerCase(), "bearer");
    }),
    { numRuns: 500 },
  );
});

test("any result of fetch ends with a token or an error", async () => {
  await fc.assert(
    fc.asyncProperty(fc.anything(), fc.boolean(), async (value, rejects) => {
      const error = await outcomeOf(() => rejects ? Promise.reject(value) : value) as { name: string };
      assert.equal(error.name, "AuthenticationError");
    }),
    { numRuns: 200 },
  );
});

test("delays stay within the deadline for any header", async () => {
  const start = Date.parse("2030-01-01T00:00:00Z");
  const retryAfter = fc.oneof(
    headerValue,
    fc.integer().map(String),
    fc.nat().map(String),
    fc.double().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  );
  const name = fc.constantFrom("retry-after", "retry-after-ms", "x-ms-retry-after-ms");
  await fc.assert(
    fc.asyncProperty(name, retryAfter, status, async (name, value, status) => {
      const clock = createFakeClock(start);
      const service = createService(() => new Response("", { status, headers: { [name]: value } }));
      const options = { ...isolatedOptions(service, clock), retryOptions: { retryDelayInMs: 0 } };
      let settled = false;
      const failed = failureOf(new ClientSecretCredential(TENANT, CLIENT, SECRET, options).getToken(SCOPE))
        .finally(() => settled = true);
      await service.untilRequested(1);
      for (let i = 0; i < 20 && !settled; i++) await clock.advance(6_000);
      assert.ok(settled);
      assertOurs(await failed);
      assert.ok(service.requests.length <= 4);
      assert.deepEqual(clock.sleeping, []);
    }),
    { numRuns: 200 },
  );
});

const challenge = fc.oneof(
  headerValue,
  fc.array(
    fc.oneof(
      fc.constantFrom(
        "Basic",
        "Bearer",
        "PoP",
        " ",
        ",",
        "=",
        '"',
        "\\",
        "realm=",
        'error="insufficient_claims"',
        'claims="e30="',
      ),
      fc.constantFrom(KEYS, "../", "/etc/", "a", ".key", ".pem", "\t"),
      headerValue,
    ),
    { maxLength: 8 },
  ).map((parts) => parts.join("")),
  fc.string({ unit: fc.constantFrom("a", ".", "/"), maxLength: 6 }).map((name) => `Basic realm=${KEYS}${name}.key`),
);

test("the error for a rejected request contains the AADSTS code, but no challenge of the response", async () => {
  await fc.assert(
    fc.asyncProperty(challenge, fc.constantFrom(400, 401, 403), async (challenge, status) => {
      const headers = { "www-authenticate": `${challenge}${SECRET}` };
      const body = { error: "invalid_client", error_codes: [7000215] };
      const error = await outcomeOf(() => jsonAnswer(body, { status, headers })) as Record<string, unknown>;
      assert.equal(error.statusCode, status);
      assert.match(String(error.message), /AADSTS7000215/);
    }),
    { numRuns: 200 },
  );
});

test("any challenge of Azure Arc makes the credential read only key files in the agent's folder", async () => {
  await fc.assert(
    fc.asyncProperty(challenge, async (challenge) => {
      const read: string[] = [];
      const service = createService(() =>
        new Response("", { status: 401, headers: { "www-authenticate": challenge } })
      );
      const credential = new ManagedIdentityCredential({
        ...isolatedOptions(service),
        env: { IDENTITY_ENDPOINT: "http://127.0.0.1:40342/token", IMDS_ENDPOINT: "http://127.0.0.1:40342" },
        runtime: {
          platform: "linux",
          readTextFile: (path) => Promise.resolve((read.push(path), SECRET)),
        },
      });
      const error = await failureOf(credential.getToken(SCOPE));
      assertOurs(error);
      for (const text of textsOf(error)) assert.ok(!text.includes(SECRET));
      for (const path of read) assert.match(path, /^\/var\/opt\/azcmagent\/tokens\/[^/]+\.key$/);
      assert.equal(service.requests.length, 1 + read.length);
    }),
    { numRuns: 500 },
  );
});

test("any scopes are rejected or sent unchanged", async () => {
  const scopes = fc.oneof(
    anyText,
    fc.webUrl(),
    fc.array(fc.oneof(anyText, fc.webUrl()), { maxLength: 4 }),
    fc.anything(),
  );
  await fc.assert(
    fc.asyncProperty(scopes, async (scopes) => {
      const service = createService();
      const credential = new ClientSecretCredential(TENANT, CLIENT, SECRET, isolatedOptions(service));
      const error = await credential.getToken(scopes as string).then(() => undefined, (error) => error);
      if (error) {
        assert.equal(error.name, "TypeError");
        assert.equal(service.requests.length, 0);
        return;
      }
      const sent = service.requests[0]!.form.scope!.split(" ");
      const asked = typeof scopes === "string" ? scopes.trim().split(/ +/) : scopes as string[];
      assert.deepEqual(new Set(sent), new Set(asked));
      assert.equal(service.requests[0]!.url, TOKEN_ENDPOINT);
      assert.equal(service.requests[0]!.form.client_secret, SECRET);
    }),
    { numRuns: 500 },
  );
});

const tenantLike = fc.oneof(
  anyText,
  fc.uuid(),
  fc.domain(),
  fc.string({ unit: fc.constantFrom("a", ".", "/", "-", "%", "2", "e", "\\", "?", "#", "@", ":", " ") }),
);

test("any tenant is rejected or becomes exactly one segment of the path", async () => {
  await fc.assert(
    fc.asyncProperty(tenantLike, fc.boolean(), async (tenant, perCall) => {
      const service = createService();
      const options = { ...isolatedOptions(service), additionallyAllowedTenants: ["*"] };
      try {
        const credential = new ClientSecretCredential(perCall ? TENANT : tenant, CLIENT, SECRET, options);
        await credential.getToken(SCOPE, perCall ? { tenantId: tenant } : {});
      } catch (error) {
        assert.equal((error as Error).name, "TypeError");
        assert.equal(service.requests.length, 0);
        return;
      }
      const { url } = service.requests[0]!;
      const path = tenant === "adfs" ? "oauth2/token" : "oauth2/v2.0/token";
      assert.equal(url, `https://login.microsoftonline.com/${tenant}/${path}`);
      assert.equal(new URL(url).href, url);
    }),
    { numRuns: 500 },
  );
});

test("any authority is rejected or becomes the host of an https request", async () => {
  const hostLike = fc.oneof(
    anyText,
    fc.webUrl({ withFragments: true, withQueryParameters: true, validSchemes: ["http", "https"] }),
    fc.string({
      unit: fc.constantFrom(
        "https:",
        "http:",
        "//",
        "login.microsoftonline.com",
        "a",
        "@",
        ":",
        "/",
        "?",
        "#",
        "\\",
        ".",
        "%",
      ),
    }),
  );
  await fc.assert(
    fc.asyncProperty(hostLike, fc.boolean(), async (host, byVariable) => {
      const service = createService();
      const options = {
        ...isolatedOptions(service),
        disableInstanceDiscovery: true,
        ...byVariable ? { env: { AZURE_AUTHORITY_HOST: host } } : { authorityHost: host },
      };
      try {
        await new ClientSecretCredential(TENANT, CLIENT, SECRET, options).getToken(SCOPE);
      } catch (error) {
        assert.equal((error as Error).name, byVariable ? "AuthenticationError" : "TypeError");
        assert.equal(service.requests.length, 0);
        return;
      }
      const url = new URL(service.requests[0]!.url);
      assert.equal(url.protocol, "https:");
      assert.equal(url.username + url.password + url.search + url.hash, "");
      assert.ok(url.pathname.endsWith(`/${TENANT}/oauth2/v2.0/token`));
      if (host) assert.ok([new URL(host).host, "login.microsoftonline.com"].includes(url.host));
    }),
    { numRuns: 500 },
  );
});

test("any region is rejected or becomes one label before the host", async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(tenantLike, fc.constantFrom("westeurope", "eastus2")), async (region) => {
      const service = createService();
      const options = { ...isolatedOptions(service), env: { AZURE_REGIONAL_AUTHORITY_NAME: region } };
      try {
        await new ClientSecretCredential(TENANT, CLIENT, SECRET, options).getToken(SCOPE);
      } catch (error) {
        assertOurs(error);
        assert.equal(service.requests.length, 0);
        return;
      }
      const { host } = new URL(service.requests[0]!.url);
      assert.equal(host, region ? `${region}.login.microsoft.com` : "login.microsoftonline.com");
    }),
    { numRuns: 300 },
  );
});

test("any claims are rejected or sent with the same meaning", async () => {
  const claims = fc.oneof(anyText, fc.json(), fc.object().map((object) => JSON.stringify(object) ?? ""));
  await fc.assert(
    fc.asyncProperty(claims, fc.boolean(), async (claims, enableCae) => {
      const service = createService();
      const credential = new ClientSecretCredential(TENANT, CLIENT, SECRET, isolatedOptions(service));
      const error = await credential.getToken(SCOPE, { claims, enableCae }).then(() => undefined, (error) => error);
      if (error) {
        assert.equal(error.name, "TypeError");
        assert.equal(service.requests.length, 0);
        return;
      }
      const sent = service.requests[0]!.form.claims;
      // White space alone counts as no claims.
      const given = claims.trim() && claims;
      if (!enableCae) return assert.equal(sent, given || undefined);
      const { access_token: { xms_cc, ...theirs }, ...rest } = JSON.parse(sent!);
      assert.deepEqual(xms_cc, { values: ["cp1"] });
      if (!given) return assert.deepEqual([theirs, rest], [{}, {}]);
      const { access_token = {}, ...others } = JSON.parse(claims);
      assert.equal(JSON.stringify(rest), JSON.stringify(others));
      const isObject = typeof access_token === "object" && access_token !== null && !Array.isArray(access_token);
      const { xms_cc: _, ...asked } = isObject ? access_token : {};
      assert.equal(JSON.stringify(theirs), JSON.stringify(asked));
    }),
    { numRuns: 500 },
  );
});

/** The encodings in which a service may return a text. */
const SPELLINGS: readonly ((text: string) => string)[] = [
  (text) => text,
  encodeURIComponent,
  (text) => encodeURIComponent(encodeURIComponent(text)),
  (text) => new URLSearchParams({ a: text }).toString().slice(2),
  (text) => new URLSearchParams({ a: text }).toString().slice(2).replace(/%../g, (code) => code.toLowerCase()),
  (text) => JSON.stringify(text).slice(1, -1),
  (text) => JSON.stringify(JSON.stringify(text)).slice(3, -3),
  (text) => text.replace(/[^\w.-]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
  (text) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`),
  (text) => text.replace(/[^\w.-]/gu, (character) => `&#x${character.codePointAt(0)!.toString(16)};`),
];

test("any secret that a service returns, in any encoding, is redacted", async () => {
  // Well-formed, because a form replaces a lone surrogate; and long enough not to occur in the message by chance.
  const secrets = fc.string({ unit: "grapheme", minLength: 12, maxLength: 60 })
    .filter((text) =>
      text.isWellFormed() && text.trim() === text && text.replace(/\W/g, "").length >= 4 || /^\S{12,}$/.test(text)
    );
  await fc.assert(
    fc.asyncProperty(
      secrets,
      fc.constantFrom(...SPELLINGS),
      fc.string(),
      fc.string(),
      async (secret, spell, before, after) => {
        const spelled = spell(secret);
        const body = {
          error: "invalid_client",
          error_description: `${before} ${spelled} ${after}`,
          claims: spelled,
          suberror: spelled,
        };
        const service = createService(() => jsonAnswer(body, { status: 401 }));
        const credential = new ClientAssertionCredential(
          TENANT,
          CLIENT,
          () => Promise.resolve(secret),
          isolatedOptions(service),
        );
        const error = await failureOf(credential.getToken(SCOPE));
        for (
          const text of [
            error.message,
            error.claims as string,
            ...Object.values(error.errorResponse as object).map(String),
          ]
        ) {
          assert.ok(!text.includes(spelled) && !text.includes(secret), text);
        }
      },
    ),
    { numRuns: 1_000 },
  );
});

test("any cached value is returned if it is a valid token, or else a token is requested", async () => {
  const garbage = fc.oneof(
    fc.anything(),
    fc.record({
      token: fc.anything(),
      expiresOnTimestamp: fc.anything(),
      acquiredOnTimestamp: fc.anything(),
      refreshAfterTimestamp: fc.anything(),
    }, { requiredKeys: [] }),
  );
  await fc.assert(
    fc.asyncProperty(garbage, fc.constantFrom("now", "later", "throws", "rejects"), async (value, how) => {
      const cache = {
        get(): TokenSet | Promise<TokenSet> {
          if (how === "throws") throw value;
          return how === "now"
            ? value as TokenSet
            : how === "later"
            ? Promise.resolve(value as TokenSet)
            : Promise.reject(value);
        },
        set() {},
        delete() {},
      };
      await outcomeOf(() => tokenAnswer(), { cache });
    }),
    { numRuns: 300 },
  );
});

test("any environment ends with a token or an error", async () => {
  const names = [
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_USERNAME",
    "AZURE_PASSWORD",
    "AZURE_ADDITIONALLY_ALLOWED_TENANTS",
    "AZURE_AUTHORITY_HOST",
    "AZURE_REGIONAL_AUTHORITY_NAME",
  ];
  const value = fc.oneof(fc.constantFrom(TENANT, "a-text", ""), anyText, fc.anything());
  const env = fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] });
  await fc.assert(
    fc.asyncProperty(env, async (env) => {
      const service = createService();
      const runtime = { readTextFile: () => Promise.reject(new Error("No such file")) };
      const options = { ...isolatedOptions(service), env, runtime, disableInstanceDiscovery: true };
      const error = await new EnvironmentCredential(options).getToken(SCOPE).then(() => undefined, (error) => error);
      if (error) assert.ok(OURS.includes(error.name), error.stack);
    }),
    { numRuns: 300 },
  );
});

test("any argument or option of the constructor is accepted or throws a TypeError", async () => {
  const names = [
    "authorityHost",
    "additionallyAllowedTenants",
    "retryOptions",
    "timeoutInMs",
    "cache",
    "fetch",
    "env",
    "runtime",
    "log",
  ];
  const options = fc.record(Object.fromEntries(names.map((name) => [name, fc.anything()])), { requiredKeys: [] });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.anything(), { maxLength: 3 }),
      fc.oneof(options, fc.anything()),
      async (args, options) => {
        try {
          new ClientSecretCredential(
            ...[...args, ...[TENANT, CLIENT, SECRET].slice(args.length)] as [string, string, string],
            options as object,
          );
        } catch (error) {
          assert.equal((error as Error).name, "TypeError");
        }
        await Promise.resolve();
      },
    ),
    { numRuns: 500 },
  );
  await breathe();
});
