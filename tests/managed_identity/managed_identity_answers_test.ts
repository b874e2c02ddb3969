import { type AccessToken, ManagedIdentityCredential } from "@azweb/identity";
import { createFakeClock, type FakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  askOn,
  CLIENT_ID,
  machineAnswer,
  type MachineName,
  machineOptions,
  MACHINES,
  RESOURCE_ID,
  VAULT,
} from "../support/managed_identity/machine.ts";
import { type Asked, createService, failureOf, jsonAnswer } from "../support/service.ts";

const NOW = Date.parse("2026-11-23T10:00:00Z");
const HOUR = 3_600_000;

function credentialOn(
  name: MachineName,
  respond: (request: Asked, index: number) => unknown,
  { clock = createFakeClock(NOW), ...options }: { clock?: FakeClock; retryOptions?: object; timeoutInMs?: number } = {},
) {
  const service = createService(respond);
  const machine = machineOptions({ env: { ...MACHINES[name] }, service });
  const runtime = { ...machine.runtime, ...clock };
  const all = { ...machine, retryOptions: {}, ...options, runtime };
  return { credential: new ManagedIdentityCredential(all), service, clock };
}

describe("the expiry time of a token", () => {
  const inSeconds = NOW / 1000;
  for (
    const [what, members, expiresInMs] of [
      ["seconds since the epoch", { expires_on: inSeconds + 3600 }, HOUR],
      ["seconds since the epoch as a string", { expires_on: String(inSeconds + 3600) }, HOUR],
      ["a date of the previous App Service API, in the morning", { expires_on: "11/23/2026 11:00:00 AM +00:00" }, HOUR],
      ["a date in the afternoon", { expires_on: "11/23/2026 01:05:09 PM +00:00" }, 3 * HOUR + 309_000],
      ["a date at noon", { expires_on: "11/23/2026 12:00:00 PM +00:00" }, 2 * HOUR],
      ["a date at midnight", { expires_on: "11/24/2026 12:00:00 AM +00:00" }, 14 * HOUR],
      ["a date without leading zeros", { expires_on: "12/1/2026 1:00:00 AM +00:00" }, 7 * 24 * HOUR + 15 * HOUR],
      ["a date with another time zone", { expires_on: "11/23/2026 01:00:00 PM +02:00" }, HOUR],
      ["a date with 24 hours, as on Linux", { expires_on: "11/23/2026 15:05:09 +00:00" }, 5 * HOUR + 309_000],
      ["a date with 24 hours, after midnight", { expires_on: "11/24/2026 00:05:09 +00:00" }, 14 * HOUR + 309_000],
      ["a date without zeros in the time", { expires_on: "11/23/2026 1:0:9 PM +00:00" }, 3 * HOUR + 9000],
      ["a date with 24 hours without zeros", { expires_on: "11/23/2026 15:5:9 +00:00" }, 5 * HOUR + 309_000],
      [
        "a date at midnight without zeros",
        { expires_on: "1/1/2027 12:0:12 AM +00:00" },
        38 * 24 * HOUR + 14 * HOUR + 12_000,
      ],
      ["an ISO 8601 date", { expires_on: "2026-11-23T11:00:00Z" }, HOUR],
      ["an ISO 8601 date with fractions", { expires_on: "2026-11-23T11:00:00.000Z" }, HOUR],
      ["an ISO 8601 date with another time zone", { expires_on: "2026-11-23T13:00:00+02:00" }, HOUR],
      ["seconds from now", { expires_in: 3600 }, HOUR],
      ["seconds from now as a string", { expires_in: "3600" }, HOUR],
      ["both: expires_on takes precedence", { expires_on: inSeconds + 3600, expires_in: "86400" }, HOUR],
      ["an unreadable expires_on, and expires_in", { expires_on: "tomorrow", expires_in: "3600" }, HOUR],
      ["an empty expires_on, and expires_in", { expires_on: "", expires_in: 3600 }, HOUR],
      ["an expires_on that is null, and expires_in", { expires_on: null, expires_in: 3600 }, HOUR],
      ["a date without a time zone, and expires_in", { expires_on: "2026-11-23T11:00:00", expires_in: 3600 }, HOUR],
      ["an impossible hour, and expires_in", { expires_on: "11/23/2026 24:30:00 +00:00", expires_in: 3600 }, HOUR],
      ["an impossible date, and expires_in", { expires_on: "13/41/2026 11:00:00 AM +00:00", expires_in: 3600 }, HOUR],
    ] as const
  ) {
    test(`${what}: ${JSON.stringify(members)}`, async () => {
      const { credential } = credentialOn("App Service", () => jsonAnswer({ access_token: "a-token", ...members }));
      const token = await credential.getToken(VAULT);
      assert.equal(token.expiresOnTimestamp, NOW + expiresInMs);
    });
  }

  for (
    const members of [
      {},
      { expires_on: "tomorrow" },
      { expires_on: -1 },
      { expires_on: {} },
      { expires_in: "1h" },
      { expires_in: 0 },
      { expires_in: 1e300 },
      { expires_on: 1e13 },
    ]
  ) {
    test(`rejects an unknown expiry time: ${JSON.stringify(members)}`, async () => {
      const { credential } = credentialOn("App Service", () => jsonAnswer({ access_token: "a-token", ...members }));
      const error = await failureOf(credential.getToken(VAULT));
      assert.equal(error.name, "AuthenticationError");
      assert.match(error.message, /from App Service: The response has no usable "expires_on"$/);
    });
  }

  test("the error for an expired token mentions the clock", async () => {
    const { credential } = credentialOn("IMDS", () => jsonAnswer({ access_token: "x", expires_on: inSeconds }));
    const error = await failureOf(credential.getToken(VAULT));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, /expired on 2026-11-23T10:00:00.000Z.*Check the clock of this machine/);
  });
});

describe("the token is refreshed", () => {
  const HALF = { expires_on: NOW / 1000 + 86_400 };
  for (
    const [what, members, afterMs] of [
      ["at half of its lifetime if that is two hours or more", HALF, 12 * HOUR],
      ["at half of a lifetime of two hours", { expires_in: 7200 }, HOUR],
      ["after the refresh_in of the source", { ...HALF, refresh_in: 3600 }, HOUR],
      ["after the refresh_in of the source as a string", { ...HALF, refresh_in: "3600" }, HOUR],
      ["not before its expiry if its lifetime is shorter than two hours", { expires_in: 7199 }, undefined],
    ] as const
  ) {
    test(what, async () => {
      const { credential } = credentialOn("IMDS", () => jsonAnswer({ access_token: "a-token", ...members }));
      const token = await credential.getToken(VAULT) as AccessToken & { refreshAfterTimestamp?: number };
      assert.equal(token.refreshAfterTimestamp, afterMs && NOW + afterMs);
    });
  }
});

function html(): Response {
  return new Response("<!DOCTYPE html><p>CANARY", { headers: { "content-type": "text/html" } });
}

const NO_RETRIES = { maxRetries: 0 };

describe("a response without a token", () => {
  for (
    const [what, machine, respond, otherwise, message, statusCode] of [
      [
        "400, identity not found",
        "IMDS",
        () =>
          jsonAnswer(
            { error: "invalid_request", error_description: "Identity not found" },
            { status: 400 },
          ),
        "CredentialUnavailableError",
        /invalid_request \(HTTP 400\)\. Identity not found(: |\. The request is for the [^:]*: )[^:]*$/,
      ],
      [
        "400 without a message",
        "IMDS",
        () => new Response("", { status: 400 }),
        "AuthenticationError",
        /HTTP 400/,
        400,
      ],
      [
        "400 for an unknown resource",
        "IMDS",
        () => jsonAnswer({ error: "invalid_resource", error_description: "Which one" }, { status: 400 }),
        "AuthenticationError",
        /invalid_resource \(HTTP 400\)\. Which one$/,
        400,
      ],
      [
        "403 of Docker Desktop",
        "IMDS",
        () =>
          new Response("connecting to 169.254.169.254:80: connectex: an unreachable network", {
            status: 403,
          }),
        "CredentialUnavailableError",
        /HTTP 403/,
      ],
      ["200 that is not JSON", "IMDS", html, "CredentialUnavailableError", /web page: is a proxy in between\?$/],
      ["200 that is empty", "IMDS", () => new Response(""), "CredentialUnavailableError", /The response is empty/],
      [
        "no response",
        "IMDS",
        () =>
          Promise.reject(
            new TypeError("fetch failed", { cause: new Error("connect ENETUNREACH 169.254.169.254:80") }),
          ),
        "CredentialUnavailableError",
        /fetch failed: connect ENETUNREACH/,
      ],
      ...["EHOSTUNREACH", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENOTFOUND"].map((code) => [
        `no response: ${code}`,
        "IMDS",
        () => Promise.reject(new TypeError("fetch failed", { cause: new Error(`connect ${code} 169.254.169.254:80`) })),
        "CredentialUnavailableError",
        new RegExp(`fetch failed: connect ${code}`),
      ]),
      ...[502, 503, 504].map((status) => [
        `${status}`,
        "IMDS",
        () => jsonAnswer({ error: "unavailable" }, { status }),
        "AuthenticationError",
        new RegExp(`unavailable \\(HTTP ${status}\\)$`),
        status,
      ]),
      [
        "no response",
        "App Service",
        () => Promise.reject(new TypeError("refused")),
        "AuthenticationError",
        /from App Service: refused$/,
        0,
      ],
      [
        "403 of another proxy",
        "IMDS",
        () => new Response("denied", { status: 403 }),
        "AuthenticationError",
        /HTTP 403/,
        403,
      ],
      [
        "429",
        "IMDS",
        () => jsonAnswer({ error: "too_many_requests" }, { status: 429, headers: { "Retry-After": "7" } }),
        "AuthenticationError",
        /too_many_requests/,
        429,
      ],
      [
        "500",
        "IMDS",
        () => jsonAnswer({ error: "unknown", error_description: "Failed to retrieve token" }, { status: 500 }),
        "AuthenticationError",
        /unknown \(HTTP 500\)\. Failed to retrieve token$/,
        500,
      ],
      [
        "404",
        "IMDS",
        () => new Response("", { status: 404 }),
        "AuthenticationError",
        /HTTP 404/,
        404,
      ],
      [
        "410",
        "IMDS",
        () => new Response("", { status: 410 }),
        "AuthenticationError",
        /HTTP 410/,
        410,
      ],
      [
        "a redirect",
        "IMDS",
        () => new Response("", { status: 307, headers: { location: "https://evil.example" } }),
        "AuthenticationError",
        /The service sent a redirect, which is not followed/,
        307,
      ],
      [
        "200 with an error",
        "IMDS",
        () => jsonAnswer({ error: "invalid_scope" }),
        "AuthenticationError",
        /invalid_scope/,
        200,
      ],
      [
        "200 with neither a token nor an error",
        "IMDS",
        () => jsonAnswer({ expires_in: 3600 }),
        "AuthenticationError",
        /no usable "access_token"/,
        200,
      ],
      [
        "200 with a token that is not a string",
        "IMDS",
        () => machineAnswer({ access_token: 5 }),
        "AuthenticationError",
        /no usable "access_token"/,
        200,
      ],
      [
        "200 with a token of another type",
        "IMDS",
        () => machineAnswer({ token_type: "pop" }),
        "AuthenticationError",
        /no usable "token_type"/,
        200,
      ],
      ["200 that is not JSON", "App Service", html, "AuthenticationError", /a web page/, 200],
      [
        "400 with the error format of App Service",
        "App Service",
        () =>
          jsonAnswer(
            { statusCode: 400, message: "No managed identity was found", correlationId: "an-id" },
            { status: 400 },
          ),
        "AuthenticationError",
        /from App Service: No managed identity was found \(HTTP 400\)\. (The request is for the [^:.]*: )?[^:.]*$/,
        400,
      ],
      [
        "401 with the error format of App Service",
        "App Service",
        () => jsonAnswer({ statusCode: 401, message: "Wrong a-header" }, { status: 401 }),
        "AuthenticationError",
        /Wrong \[redacted\] \(HTTP 401\)$/,
        401,
      ],
      [
        "404 with the error format of Service Fabric",
        "Service Fabric",
        () =>
          jsonAnswer({
            error: { correlationId: "an-id", code: "ManagedIdentityNotFound", message: "Managed identity not found" },
          }, { status: 404 }),
        "AuthenticationError",
        /from Service Fabric: ManagedIdentityNotFound \(HTTP 404\)\. Managed identity not found\. [^:.]*$/,
        404,
      ],
      [
        "400 of Cloud Shell",
        "Cloud Shell",
        () => jsonAnswer({ error: { code: "invalid_resource", message: "Which one" } }, { status: 400 }),
        "AuthenticationError",
        /invalid_resource \(HTTP 400\)\. Which one$/,
        400,
      ],
      [
        "400 of Azure Container Instances",
        "IMDS",
        () => new Response("Required metadata header not specified or not correct", { status: 400 }),
        "AuthenticationError",
        /HTTP 400: Required metadata header not specified or not correct$/,
        400,
      ],
      [
        "501 as text with a secret",
        "App Service",
        () => new Response("Two\nlines: a-header, Bearer CANARY.x, eyJCANARY.eyJCANARY.CANARY.", { status: 501 }),
        "AuthenticationError",
        /from App Service: HTTP 501: Two lines: \[redacted\], Bearer \[redacted\], \[redacted\]$/,
        501,
      ],
      [
        "a text of 36 kB",
        "App Service",
        () => new Response(`Sorry ${"so sorry ".repeat(4000)}`, { status: 400 }),
        "AuthenticationError",
        /HTTP 400: \[redacted\]$/,
        400,
      ],
      [
        "a text of 4 kB",
        "App Service",
        () => new Response(`Sorry ${"so sorry ".repeat(400)}`, { status: 400 }),
        "AuthenticationError",
        /HTTP 400: Sorry (so sorry ){40,45}so…$/,
        400,
      ],
      [
        "an error_description without an error",
        "App Service",
        () => jsonAnswer({ error_description: "Not a-header" }, { status: 400 }),
        "AuthenticationError",
        /from App Service: Not \[redacted\] \(HTTP 400\)$/,
        400,
      ],
      [
        "an error with a message and no code",
        "Service Fabric",
        () => jsonAnswer({ error: { message: "Not a-header" } }, { status: 400 }),
        "AuthenticationError",
        /from Service Fabric: Not \[redacted\] \(HTTP 400\)$/,
        400,
      ],
      [
        "an error code and a description",
        "App Service",
        () => jsonAnswer({ error: "no_identity", message: "None is assigned" }, { status: 400 }),
        "AuthenticationError",
        /from App Service: no_identity \(HTTP 400\)\. None is assigned$/,
        400,
      ],
      [
        "other JSON",
        "App Service",
        () => jsonAnswer({ detail: "Not a-header" }, { status: 400 }),
        "AuthenticationError",
        /HTTP 400: \{"detail":"Not \[redacted\]"\}$/,
        400,
      ],
      [
        "empty JSON",
        "App Service",
        () => jsonAnswer({}, { status: 400 }),
        "AuthenticationError",
        /HTTP 400: The response is not the JSON of a token service$/,
        400,
      ],
      [
        "a web page",
        "App Service",
        () => new Response(" <html>CANARY", { status: 403 }),
        "AuthenticationError",
        /a web page/,
        403,
      ],
      [
        "401 of Azure Machine Learning",
        "Azure Machine Learning",
        () => jsonAnswer({ error: "invalid_secret", error_description: "Not a-secret" }, { status: 401 }),
        "AuthenticationError",
        /invalid_secret \(HTTP 401\)\. Not \[redacted\]$/,
        401,
      ],
    ] as [string, MachineName, () => unknown, string, RegExp, number?][]
  ) {
    for (
      const identity of machine === "Service Fabric" || machine === "Cloud Shell" ? [{}] : [{}, { clientId: CLIENT_ID }]
    ) {
      const kind = "clientId" in identity ? "user-assigned" : "system-assigned";
      // If the options name an identity that the machine lacks, the failure is definitive.
      const isDefinitive = machine === "IMDS" && what.startsWith("400") && "clientId" in identity;
      const name = isDefinitive ? "AuthenticationError" : otherwise;
      test(`${machine}, ${kind}: ${what}: ${name}`, async () => {
        const service = createService(respond);
        const options = machineOptions({ env: { ...MACHINES[machine] }, service });
        const credential = new ManagedIdentityCredential({ ...options, ...identity, retryOptions: NO_RETRIES });
        const error = await failureOf(credential.getToken(VAULT));
        assert.equal(error.name, name);
        assert.ok(
          error.message.startsWith('ManagedIdentityCredential: Cannot get a token for "https://vault.azure.net" from'),
        );
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /CANARY|a-header|a-secret/);
        assert.equal(error.statusCode, isDefinitive ? 400 : statusCode);
        const outcome = what.startsWith("400") ? "inconclusive" : "absent";
        assert.equal(error.outcome, name === "CredentialUnavailableError" ? outcome : undefined);
      });
    }
  }

  const NOT_FOUND = { error: "invalid_request", error_description: "Identity not found" };
  const NONE_FOUND = { statusCode: 400, message: "No User Assigned or Delegated Managed Identity found for this id" };
  const NOT_LOADED = { statusCode: 400, message: "Unable to load the proper Managed Identity." };
  const NO_FABRIC = { error: { code: "ManagedIdentityNotFound", message: "There is none" } };
  const assign = (id: string) =>
    `The request is for the identity with the ${id}: Assign the identity to the machine, or correct the id`;
  for (
    const [machine, identity, body, nextStep] of [
      ["IMDS", {}, NOT_FOUND, ": Give the machine an identity"],
      ["IMDS", { clientId: CLIENT_ID }, NOT_FOUND, `. ${assign(`client id "${CLIENT_ID}" of the options`)}`],
      ["IMDS", { resourceId: RESOURCE_ID }, NOT_FOUND, `. ${assign(`resource id "${RESOURCE_ID}" of the options`)}`],
      ["App Service", {}, NONE_FOUND, ". Give the machine an identity"],
      ["App Service", {}, NOT_LOADED, ". Give the machine an identity"],
      ["App Service", { clientId: "nope" }, NONE_FOUND, `. ${assign('client id "nope" of the options')}`],
      ["App Service", { clientId: "nope" }, NOT_LOADED, `. ${assign('client id "nope" of the options')}`],
      ["App Service", { objectId: "nope" }, NOT_LOADED, `. ${assign('object id "nope" of the options')}`],
      ["Service Fabric", { objectId: "nope" }, NO_FABRIC, `. ${assign('object id "nope" of the options')}`],
      ["Azure Machine Learning", { clientId: "nope" }, NONE_FOUND, `. ${assign('client id "nope" of the options')}`],
      ["IMDS", { clientId: CLIENT_ID }, { error: "invalid_resource" }, "invalid_resource (HTTP 400)"],
    ] as const
  ) {
    test(`${machine}: ${JSON.stringify(body)} for ${JSON.stringify(identity)}: ${nextStep}`, async () => {
      const answer = () => jsonAnswer(body, { status: 400 });
      const error = await failureOf(askOn(machine, { identity, answer }));
      assert.ok(error.message.endsWith(nextStep), error.message);
      assert.equal(error.nextStep, nextStep.startsWith(": ") ? nextStep.slice(2) : undefined);
    });
  }

  test("the default identity of Azure Machine Learning: the error names its variable", async () => {
    const service = createService(() => jsonAnswer(NONE_FOUND, { status: 400 }));
    const env = { ...MACHINES["Azure Machine Learning"], DEFAULT_IDENTITY_CLIENT_ID: "nope" };
    const { message } = await failureOf(
      new ManagedIdentityCredential(machineOptions({ env, service })).getToken(VAULT),
    );
    const id = assign('client id "nope" of the variable DEFAULT_IDENTITY_CLIENT_ID');
    assert.ok(message.endsWith(id), message);
  });

  test("the error contains the service's correlation id, in each format of error responses", async () => {
    for (
      const body of [
        { error: "e", correlation_id: "an-id" },
        { statusCode: 400, message: "m", correlationId: "an-id" },
        { error: { code: "c", message: "m", correlationId: "an-id" } },
      ]
    ) {
      const pending = askOn("App Service", { answer: () => jsonAnswer(body, { status: 400 }) });
      const { errorResponse } = await failureOf(pending) as { errorResponse?: { correlationId?: string } };
      assert.equal(errorResponse?.correlationId, "an-id");
    }
  });
});

describe("retries", () => {
  const IMDS = [0, 404, 408, 429, 500, 502, 503, 504, 599];
  const OTHERS = [0, 404, 408, 429, 500, 503, 504];
  const ALL = [0, 301, 400, 401, 403, 404, 405, 408, 429, 500, 501, 502, 503, 504, 505, 599];
  for (const machine of ["IMDS", "App Service", "Azure Machine Learning", "Cloud Shell", "Service Fabric"] as const) {
    for (const status of ALL) {
      const isTransient = (machine === "IMDS" ? IMDS : OTHERS).includes(status);
      test(`${machine}: ${status || "no response"} ${isTransient ? "is retried five times" : "is final"}`, async () => {
        const { credential, service, clock } = credentialOn(
          machine,
          () => status ? new Response("", { status }) : Promise.reject(new TypeError("No")),
          { retryOptions: { retryDelayInMs: 0 } },
        );
        const failing = failureOf(credential.getToken(VAULT));
        await service.untilRequested(isTransient ? 5 : 1);
        // IMDS would reject a sixth request in the same second, so the credential waits.
        await clock.advance(1000);
        await failing;
        assert.equal(service.requests.length, isTransient ? 6 : 1);
      });
    }
  }

  test("sends at most five requests a second to IMDS, and any number to the other sources", async () => {
    for (const machine of ["IMDS", "App Service"] as const) {
      const times: number[] = [];
      const { credential, service, clock } = credentialOn(machine, () => {
        times.push(clock.now() - NOW);
        return machineAnswer();
      });
      const pending = Promise.all(
        Array.from({ length: 12 }, (_, index) => credential.getToken(`https://resource-${index}.example/.default`)),
      );
      await service.untilRequested(5);
      await clock.advance(2000);
      await pending;
      const seconds = times.map((time) => time / 1000);
      assert.deepEqual(seconds, machine === "IMDS" ? [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2] : Array(12).fill(0));
    }
  });

  test("a clock that goes back does not delay requests", async () => {
    const { credential, service, clock } = credentialOn("IMDS", () => machineAnswer());
    await Promise.all(
      [0, 1, 2, 3, 4].map((index) => credential.getToken(`https://resource-${index}.example/.default`)),
    );
    clock.set(NOW - 3_600_000);
    await credential.getToken("https://another.example/.default");
    assert.equal(service.requests.length, 6);
  });

  test("410 is retried regardless of maxRetries, the last time after seventy seconds", async () => {
    for (const maxRetries of [1, 5]) {
      const times: number[] = [];
      const clock = createFakeClock(NOW);
      const { credential } = credentialOn("IMDS", () => {
        times.push(clock.now() - NOW);
        return new Response("", { status: 410 });
      }, { clock, retryOptions: { maxRetries } });
      const failing = failureOf(credential.getToken(VAULT));
      await clock.untilSleeping(9_999);
      await clock.advance(120_000);
      const error = await failing;
      assert.equal(error.statusCode, 410);
      assert.equal(times.at(-1), 70_000);
      assert.ok(times[1]! <= 3000 && times.length >= 4, String(times));
    }
  });

  test("410 for less than seventy seconds is followed by a token", async () => {
    const clock = createFakeClock(NOW);
    const { credential } = credentialOn(
      "IMDS",
      () =>
        clock.now() < NOW + 70_000
          ? new Response("", { status: 410 })
          : jsonAnswer({ access_token: "x", expires_in: 9 }),
      { clock },
    );
    const getting = credential.getToken(VAULT);
    await clock.untilSleeping(9_999);
    await clock.advance(70_000);
    assert.equal((await getting).token, "x");
  });

  test("a 500 that follows a minute of 410 is retried too", async () => {
    const clock = createFakeClock(NOW);
    let errors = 0;
    const { credential } = credentialOn("IMDS", () => {
      if (clock.now() < NOW + 60_000) return new Response("", { status: 410 });
      return errors++ < 5
        ? new Response("", { status: 500 })
        : jsonAnswer({ access_token: "after all", expires_in: 9 });
    }, { clock });
    const getting = credential.getToken(VAULT);
    await clock.untilSleeping(9_999);
    await clock.advance(120_000);
    assert.equal((await getting).token, "after all");
  });

  test("410 is not retried if maxRetries is 0", async () => {
    const { credential, service } = credentialOn("IMDS", () => new Response("", { status: 410 }), {
      retryOptions: NO_RETRIES,
    });
    await failureOf(credential.getToken(VAULT));
    assert.equal(service.requests.length, 1);
  });

  test("after 429, the retry waits for the time in Retry-After", async () => {
    const clock = createFakeClock(NOW);
    const { credential, service } = credentialOn(
      "IMDS",
      (_, index) =>
        index === 0
          ? new Response("", { status: 429, headers: { "Retry-After": "7" } })
          : jsonAnswer({ access_token: "x", expires_in: 9 }),
      { clock },
    );
    const getting = credential.getToken(VAULT);
    assert.equal(await clock.untilSleeping(9_999), 7000);
    await clock.advance(6999);
    assert.equal(service.requests.length, 1);
    await clock.advance(1);
    assert.equal((await getting).token, "x");
  });

  test("a Retry-After beyond the deadline fails the call at once", async () => {
    const respond = () => new Response("", { status: 429, headers: { "Retry-After": "17" } });
    const { credential, service } = credentialOn("IMDS", respond, { timeoutInMs: 16_000 });
    const error = await failureOf(credential.getToken(VAULT));
    assert.equal(error.retryAfterInMs, 17_000);
    assert.equal(service.requests.length, 1);
  });

  test("an abort ends the wait for a retry", async () => {
    const clock = createFakeClock(NOW);
    const { credential, service } = credentialOn("IMDS", () => new Response("", { status: 410 }), { clock });
    const controller = new AbortController();
    const failing = failureOf(credential.getToken(VAULT, { abortSignal: controller.signal }));
    await clock.untilSleeping(9_999);
    controller.abort();
    assert.equal((await failing).name, "AbortError");
    await clock.advance(120_000);
    assert.equal(service.requests.length, 1);
    assert.deepEqual(clock.sleeping, []);
  });

  test("the backoff is random, below a bound that doubles", async () => {
    const waits: number[][] = [];
    for (let i = 0; i < 20; i++) {
      const delays: number[] = [];
      // The timers of the deadline, and those of attempts, which start right after a request, must not fire.
      const sleep = async (ms: number) => {
        const sent = service.requests.length;
        await Promise.resolve();
        if (ms === 120_000 || service.requests.length > sent) await new Promise(() => {});
        delays.push(ms);
      };
      const { credential, service } = credentialOn("App Service", () => new Response("", { status: 500 }), {
        clock: { ...createFakeClock(NOW), sleep },
      });
      await failureOf(credential.getToken(VAULT));
      waits.push(delays);
    }
    for (let retry = 0; retry < 5; retry++) {
      const column = waits.map((delays) => delays[retry]!);
      assert.ok(Math.max(...column) <= 800 * 2 ** retry, String(column));
      assert.ok(new Set(column).size > 10, String(column));
    }
  });
});

test("a call to a source that never responds fails at the deadline of two minutes", async () => {
  const clock = createFakeClock(NOW);
  const { credential, service } = credentialOn(
    "IMDS",
    ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    { clock },
  );
  const failing = failureOf(credential.getToken(VAULT));
  await service.untilRequested(1);
  assert.equal(clock.sleeping.at(-1), 120_000);
  await clock.advance(120_000);
  const error = await failing;
  assert.equal(error.name, "AuthenticationError");
  assert.match(error.message, /No response within the 120000 ms/);
});

test("a response of more than a megabyte is rejected and not read to its end", async () => {
  let sent = 0;
  const endless = () =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(32)),
        cancel: () => void (sent = -1),
      }),
    );
  const { credential } = credentialOn("IMDS", endless, { retryOptions: NO_RETRIES });
  const error = await failureOf(credential.getToken(VAULT));
  assert.equal(error.name, "CredentialUnavailableError");
  assert.match(error.message, /empty or longer than a megabyte/);
  assert.equal(sent, -1);
});

test("the first response of Arc may be the token", async () => {
  const { token, requests } = await askOn("Azure Arc", { answer: () => machineAnswer() });
  assert.equal(token.token, "a-token");
  assert.equal(requests.length, 1);
});
