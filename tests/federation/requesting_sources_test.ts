import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientAssertionCredential, type LogEvent } from "@azweb/identity";
import { createFakeClock } from "@azweb/identity/testing";
import { AUDIENCE, createPlatform, jwtOf, NOW, sourceOptions } from "../support/federation/assertions.ts";
import { REQUESTING_SOURCES } from "../support/federation/requesting_sources.ts";
import {
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  jsonAnswer,
  SCOPE,
  silence,
  TENANT,
  tokenAnswer,
} from "../support/service.ts";

const HTML = "<html><body>hush-hush eyJhbGciOiJSUzI1NiJ9.e30.c2ln</body></html>";

for (const row of REQUESTING_SOURCES) {
  const { name, label, env, create, respond, secrets } = row;

  test(`${name}: each call sends one request and returns its assertion`, async () => {
    const jwt = jwtOf();
    const { source, service } = createPlatform(row, () => respond(jwt));
    assert.equal(await source(), jwt);
    assert.equal(await source({}), jwt);
    assert.equal(service.requests.length, 2);
    assert.ok(service.requests.every(({ redirect }) => redirect === "manual"));
  });

  test(`${name}: white space around the assertion is removed`, async () => {
    const jwt = jwtOf();
    assert.equal(await createPlatform(row, () => respond(`${jwt}\r\n`)).source(), jwt);
  });

  test(`${name}: one request for a token, and none for a cached one`, async () => {
    const clock = createFakeClock(NOW);
    const platform = createService(() => respond(jwtOf({ iat: clock.now() / 1000, exp: clock.now() / 1000 + 300 })));
    const entra = createService(() => tokenAnswer());
    const source = create({ ...sourceOptions(platform, env), runtime: clock });
    const credential = new ClientAssertionCredential(TENANT, CLIENT, source, isolatedOptions(entra, clock));
    await credential.getToken(SCOPE);
    await credential.getToken(SCOPE);
    assert.deepEqual([platform.requests.length, entra.requests.length], [1, 1]);
    await clock.advance(3_600_000);
    await credential.getToken(SCOPE);
    assert.deepEqual([platform.requests.length, entra.requests.length], [2, 2]);
  });

  for (const status of [408, 429, 500, 503]) {
    test(`${name}: status ${status} is retried`, async () => {
      const jwt = jwtOf();
      let count = 0;
      const { source } = createPlatform(row, () => count++ < 2 ? new Response("", { status }) : respond(jwt));
      assert.equal(await source(), jwt);
      assert.equal(count, 3);
    });
  }

  for (
    const [what, response, says] of [
      ["status 401", () => new Response("", { status: 401 }), /: HTTP 401: /],
      ["status 403", () => jsonAnswer({ message: `hush-hush ${jwtOf()}` }, { status: 403 }), /: HTTP 403: /],
      [
        "an error of OAuth",
        () => jsonAnswer({ error: "denied", error_description: `hush-hush ${jwtOf()}` }, { status: 400 }),
        /denied \(HTTP 400\)/,
      ],
      ["a web page", () => new Response(HTML), /a web page: is a proxy in between\?/],
      ["a web page with status 403", () => new Response(HTML, { status: 403 }), /HTTP 403: /],
      ["a redirect", () => new Response(null, { status: 302, headers: { location: "https://x" } }), /a redirect/],
      ["two megabytes", () => new Response("a".repeat(2_000_000)), /empty or longer than a megabyte/],
      ["nothing", () => new Response(""), /empty or longer than a megabyte/],
    ] as const
  ) {
    test(`${name}: ${what} is an error that holds no secret, after one request`, async () => {
      const { source, service } = createPlatform(row, response);
      const error = await failureOf(source());
      assert.equal(error.name, "AuthenticationError");
      assert.ok(error.message.startsWith(`Cannot get ${label} from "`), error.message);
      assert.match(error.message, says);
      assert.equal(service.requests.length, 1);
      const texts = JSON.stringify([error.message, error, String(error.stack)]);
      assert.ok(!/html|eyJ/.test(texts), texts);
      for (const secret of secrets) assert.ok(!texts.includes(secret), texts);
    });
  }

  test(`${name}: a response that is cut off is an error`, async () => {
    const text = await respond(jwtOf()).text();
    const { source } = createPlatform(row, () => new Response(text.slice(0, text.indexOf(".") - 1)));
    assert.equal((await failureOf(source())).name, "AuthenticationError");
  });

  test(`${name}: an assertion of another audience is refused before Entra receives it, where it was requested`, async () => {
    const jwt = jwtOf({ aud: ["api://other", 7] });
    const { source } = createPlatform(row, () => respond(jwt));
    if (row.hasOwnAudience) return assert.equal(await source(), jwt);
    const { message } = await failureOf(source());
    assert.ok(
      message.startsWith(`Cannot use ${label}: Its audience is "api://other", and "${AUDIENCE}" was requested`),
      message,
    );
  });

  test(`${name}: an error without a response does not show the path and the query of the request`, async () => {
    const events: LogEvent[] = [];
    const service = createService(({ url }) => Promise.reject(new TypeError(`error sending request for url (${url})`)));
    const error = await failureOf(create({ ...sourceOptions(service, env), log: (event) => events.push(event) })());
    const { url } = service.requests[0]!;
    const { host, pathname, search } = new URL(url);
    assert.match(error.message, /error sending request for url/);
    assert.equal(events.length, 3);
    for (const text of [error.message, ...events.map(({ message }) => message)]) {
      assert.ok(text.includes(host) && !text.includes(`${host}${pathname}`), text);
      assert.ok(search === "" || !text.includes(search), text);
    }
  });

  test(`${name}: a host that cannot be reached is an error that holds no secret`, async () => {
    const { source, service } = createPlatform(row, () => Promise.reject(new TypeError(`No route, ${secrets.join()}`)));
    const error = await failureOf(source());
    assert.match(error.message, /^Cannot get .+: No route, /);
    for (const secret of secrets) assert.ok(!error.message.includes(secret));
    assert.equal(service.requests.length, 4);
  });

  for (
    const [what, jwt, says] of [
      ["two parts", "e30.e30", /It is not a JWT of three parts/],
      ["an empty part", "e30..c2ln", /It is not a JWT of three parts/],
      ["70,000 characters", `e30.${"a".repeat(70_000)}.c2ln`, /at most 65536 characters/],
      [
        "an elliptic curve signature",
        jwtOf({}, { alg: "ES256" }),
        /It is signed by ES256, and Microsoft Entra accepts/,
      ],
      [
        "an expiry ten minutes ago",
        jwtOf({ exp: NOW / 1000 - 600 }),
        /It expired 10 minutes ago, at 2030-01-01T11:50:00\.000Z\. .+ check the clock of this machine$/,
      ],
    ] as const
  ) {
    test(`${name}: an assertion with ${what} is refused before Entra receives it`, async () => {
      const error = await failureOf(createPlatform(row, () => respond(jwt)).source());
      assert.equal(error.name, "AuthenticationError");
      assert.ok(error.message.startsWith(`Cannot use ${label}: `), error.message);
      assert.match(error.message, says);
      assert.ok(!error.message.includes(jwt));
    });
  }

  test(`${name}: the error for a clock that is ten minutes fast names the clock; a slow clock does no harm`, async () => {
    const service = createService(() => respond(jwtOf()));
    const at = (now: number) => create({ ...sourceOptions(service, env), runtime: { now: () => now } })();
    assert.match((await failureOf(at(NOW + 600_000))).message, /check the clock of this machine/);
    assert.equal(await at(NOW - 600_000), jwtOf());
  });

  test(`${name}: an abort ends the call, and its request`, async () => {
    const service = createService(silence);
    const controller = new AbortController();
    const failed = failureOf(create(sourceOptions(service, env))({ abortSignal: controller.signal }));
    await service.untilRequested(1);
    const reason = new Error("enough");
    controller.abort(reason);
    assert.equal(await failed, reason);
    assert.equal(service.requests[0]!.signal.aborted, true);
  });

  test(`${name}: a response that arrives byte by byte ends with the time limit`, async () => {
    const clock = createFakeClock(NOW);
    const service = createService(({ signal }) => {
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await clock.sleep(1000, signal);
          controller.enqueue(new Uint8Array([32]));
        },
      });
      return new Response(body);
    });
    const source = create({
      ...sourceOptions(service, env),
      runtime: clock,
      timeoutInMs: 5000,
      retryOptions: { maxRetries: 0 },
    });
    const failed = failureOf(source());
    await service.untilRequested(1);
    for (let i = 0; i < 6; i++) await clock.advance(1000);
    assert.equal((await failed).message, `Cannot get ${label}: No response within the 5000 ms of "timeoutInMs"`);
    assert.deepEqual(clock.sleeping, []);
  });

  if (!row.isAmbient) {
    test(`${name}: without its variables it is unavailable, so that a chain goes on`, async () => {
      const service = createService();
      const error = await failureOf(create(sourceOptions(service))());
      assert.deepEqual([error.name, error.outcome], ["CredentialUnavailableError", "absent"]);
      assert.equal(service.requests.length, 0);
    });
  }

  for (const variable of Object.keys(env).filter((name) => secrets.includes(env[name]!))) {
    for (const hostile of ["hush\r\nx: y", "hush hush", "h\u00fcsh", "hush\0"]) {
      test(`${name}: ${variable} = ${JSON.stringify(hostile)} is an error that does not show it, without a request`, async () => {
        const service = createService(() => respond(jwtOf()));
        const error = await failureOf(create(sourceOptions(service, { ...env, [variable]: hostile }))());
        assert.equal(error.name, "AuthenticationError");
        assert.match(error.message, /It must be a token|It is not a JWT/);
        assert.ok(!/h[u\u00fc]sh/.test(error.message), error.message);
        assert.equal(service.requests.length, 0);
      });
    }
  }

  for (const [variable, value] of Object.entries(env).filter(([, value]) => value.startsWith("https://"))) {
    for (const hostile of [value.replace("https:", "http:"), value.replace("://", "://hush:hush@"), "hush", "/hush"]) {
      test(`${name}: ${variable} = "${hostile}" is an error without a request`, async () => {
        const service = createService(() => respond(jwtOf()));
        const error = await failureOf(create(sourceOptions(service, { ...env, [variable]: hostile }))());
        assert.equal(
          error.message,
          `Cannot use the variable ${variable}: It must be a URL with "https:" and without credentials`,
        );
        assert.equal(service.requests.length, 0);
      });
    }
  }
}
