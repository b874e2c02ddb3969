import { ClientAssertionCredential } from "@azweb/identity";
import * as federation from "@azweb/identity/federation";
import { createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { jwtOf, NOW, type SourceName, sourceOptions } from "../support/federation/assertions.ts";
import { SIGNING_SOURCE, VARIABLE_SOURCES, WAITING_SOURCES } from "../support/federation/local_sources.ts";
import { REQUESTING_SOURCES } from "../support/federation/requesting_sources.ts";
import { CLIENT, createService, failureOf, isolatedOptions, SCOPE, TENANT, tokenAnswer } from "../support/service.ts";

const LOCAL_SOURCES: typeof VARIABLE_SOURCES = [
  ...VARIABLE_SOURCES,
  ...WAITING_SOURCES.map(({ create, ...row }) => ({
    ...row,
    create: (text: string, options: federation.AssertionSourceOptions) => create(() => Promise.resolve(text), options),
  })),
];

test("each exported source is in a table with bad input: of this file, or of those that send a request", () => {
  const listed = [...REQUESTING_SOURCES, ...LOCAL_SOURCES, SIGNING_SOURCE].map(({ from }) => from);
  const exported = Object.keys(federation).filter((name) => name.startsWith("from")) as SourceName[];
  assert.deepEqual(exported.filter((name) => !listed.includes(name)), []);
});

for (const { name, create } of LOCAL_SOURCES) {
  const sourceOf = (text: string) => create(text, sourceOptions(createService()));

  test(`${name}: white space around the assertion is removed`, async () => {
    assert.equal(await sourceOf(` ${jwtOf()}\r\n`)(), jwtOf());
  });

  for (
    const [what, text, says] of [
      ["two parts", "e30.e30", /It is not a JWT of three parts/],
      ["an empty part", "e30..c2ln", /It is not a JWT of three parts/],
      ["two tokens", `${jwtOf()}\n${jwtOf()}`, /It is not a JWT of three parts/],
      ["a web page", `<html>${jwtOf()}</html>`, /It is not a JWT of three parts/],
      ["half a token", jwtOf().slice(0, jwtOf().lastIndexOf(".")), /It is not a JWT of three parts/],
      ["70,000 characters", `e30.${"a".repeat(70_000)}.c2ln`, /at most 65536 characters/],
      ["two megabytes", `e30.${"a".repeat(2_000_000)}.c2ln`, /at most 65536 characters|more than a megabyte/],
      [
        "an elliptic curve signature",
        jwtOf({}, { alg: "ES384" }),
        /It is signed by ES384, and Microsoft Entra accepts/,
      ],
      ["an end ten minutes ago", jwtOf({ exp: NOW / 1000 - 600 }), /It expired 10 minutes ago, at 2030-01-01T11:50/],
    ] as const
  ) {
    test(`${name}: an assertion with ${what} is refused before Entra receives it`, async () => {
      const error = await failureOf(sourceOf(text)());
      assert.equal(error.name, "AuthenticationError");
      assert.match(error.message, says);
      assert.ok(!/eyJ|html|aaaa/.test(error.message), error.message.slice(0, 500));
    });
  }

  for (const claims of [{ sub: 7 }, { sub: null, iss: [] }, { aud: [], exp: "soon" }, { exp: -1e20 }, { exp: 1e300 }]) {
    test(`${name}: odd claims ${JSON.stringify(claims)} are for Entra to judge`, async () => {
      assert.equal(await sourceOf(jwtOf(claims))(), jwtOf(claims));
    });
  }
}

for (const { name, create } of [...WAITING_SOURCES, SIGNING_SOURCE]) {
  test(`${name}: asked once for a token, and not for a cached one`, async () => {
    const clock = createFakeClock(NOW);
    let count = 0;
    const get = () => {
      count++;
      return Promise.resolve(jwtOf({ exp: clock.now() / 1000 + 300 }));
    };
    const source = create(get, { ...sourceOptions(createService()), runtime: clock });
    const entra = createService(() => tokenAnswer());
    const credential = new ClientAssertionCredential(TENANT, CLIENT, source, isolatedOptions(entra, clock));
    await credential.getToken(SCOPE);
    await credential.getToken(SCOPE);
    assert.deepEqual([count, entra.requests.length], [1, 1]);
    await clock.advance(3_600_000);
    await credential.getToken(SCOPE);
    assert.deepEqual([count, entra.requests.length], [2, 2]);
  });

  test(`${name}: a source that never answers ends with the time limit, or when the call is aborted`, async () => {
    const clock = createFakeClock(NOW);
    const options = { ...sourceOptions(createService()), runtime: clock, timeoutInMs: 5000 };
    const source = create(() => new Promise(() => {}), options);
    const controller = new AbortController();
    const aborted = failureOf(source({ abortSignal: controller.signal }));
    controller.abort(new Error("enough"));
    assert.equal(await aborted, controller.signal.reason);
    const late = failureOf(source());
    await clock.untilSleeping();
    await clock.advance(5000);
    assert.match((await late).message, /^Cannot get .+: No response within the 5000 ms of "timeoutInMs"$/);
  });
}
