// Runs on: deno, node, bun, workerd, edge
// Hostile requests to a web app's callback or to the loopback server must not block the program. Does not run in
// browsers, where a script can neither send cookies in a header nor read them from one.
import { createWebSignIn } from "@azweb/identity/web-sign-in";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { failureOf, SCOPE } from "../support/service.ts";
import { createStage } from "../support/sign_in/sign_in.ts";
import { CLIENT, createSignInService, GRAPH_SCOPE, SECRET, TENANT } from "../support/sign_in/sign_in_service.ts";
import { watchRegExp } from "../support/project/watch_reg_exp.ts";
import { openBrowser } from "../support/sign_in/web_browser.ts";

const APP = "https://my.app";
/** The maximum number of characters that are read of an external string. */
const MAX_LENGTH = 16_384;
/** The maximum number of times that regular expressions are applied. */
const MAX_USES = 100;

const HUGE = {
  blanks: `${" ".repeat(65_536)}x`,
  "spaces between words": `AADSTS50105:${" ".repeat(65_536)}Trace ID: ${" ".repeat(65_536)}.`,
  "nested percent signs": `%${"25".repeat(48_000)}`,
  "one word": "a".repeat(96_000),
};

function createApp() {
  const service = createSignInService();
  const signIn = createWebSignIn({
    tenantId: TENANT,
    clientId: CLIENT,
    clientSecret: SECRET,
    redirectUri: `${APP}/signed-in`,
    scopes: GRAPH_SCOPE,
    returnPaths: ["/", "/mail"],
    sealingKey: btoa("1".repeat(32)),
    ...service.options,
  });
  return { service, signIn, browser: openBrowser((request) => signIn.signIn(request)) };
}

/** Starts a sign-in and sends its authorization response with these parameters and the state. */
async function signInWithResponse(parameters: Record<string, string>) {
  const { service, signIn, browser } = createApp();
  const location = (await browser.get(`${APP}/mail`)).headers.get("location")!;
  const back = new URL(await service.signIn(location, "jo@contoso.com"));
  if (!("code" in parameters)) back.searchParams.delete("code");
  for (const [name, value] of Object.entries(parameters)) back.searchParams.set(name, value);
  return await watchRegExp(() => failureOf(signIn.redeem(browser.request(back.href))));
}

describe("a web app's callback reads only the beginning of a parameter", () => {
  for (const name of ["error", "error_description", "code", "iss", "state"]) {
    for (const [kind, text] of Object.entries(HUGE)) {
      test(`"${name}": ${kind}`, async () => {
        const { result: error, use } = await signInWithResponse({
          ...name !== "code" && { error: "access_denied" },
          [name]: text,
        });
        assert.equal(error.name, "AuthenticationError");
        assert.match(error.message, /^WebSignIn: /);
        assert.ok(error.message.length < 2000);
        assert.ok(use.longest <= MAX_LENGTH, `/${use.longestSource}/ was applied to ${use.longest} characters`);
        const uses = [...use.counts.values()].reduce((sum, count) => sum + count, 0);
        assert.ok(uses <= MAX_USES, `regular expressions were applied ${uses} times`);
      });
    }
  }

  test("the error contains the service's description without the ids that follow", async () => {
    const error_description = "AADSTS50105: No role.  \r\n Trace ID: 1 Correlation ID: 2 Timestamp: 3";
    const { result } = await signInWithResponse({ error: "access_denied", error_description });
    assert.equal(result.message, "WebSignIn: Cannot sign in: access_denied. AADSTS50105: No role.");
    assert.deepEqual(result.errorResponse, {
      error: "access_denied",
      errorDescription: "AADSTS50105: No role.",
    });
  });
});

test("a sign-in starts even with huge cookies of other apps", async () => {
  for (const text of Object.values(HUGE)) {
    const { signIn } = createApp();
    const request = new Request(`${APP}/mail`, {
      headers: { cookie: `a${text}=1; __Host-sign-in-${text}=${text}; a=b` },
    });
    const { result, use } = await watchRegExp(() => signIn.signIn(request));
    assert.equal(result.status, 302);
    assert.ok(use.longest <= MAX_LENGTH, `/${use.longestSource}/ was applied to ${use.longest} characters`);
  }
});

/** Creates a browser credential with a fake browser (`stage`), and the function `handle` as its loopback server. */
function createStageWithServer() {
  let serve!: (request: Request) => Response | Promise<Response>;
  const stage = createStage({
    runtime: {
      listen(handler) {
        serve = handler;
        return Promise.resolve({ port: 41_999, close() {} });
      },
    },
  });
  return { stage, handle: (request: Request) => serve(request) };
}

test("the loopback server reads only the beginning of a header", async () => {
  const { stage, handle } = createStageWithServer();
  const controller = new AbortController();
  const failure = failureOf(stage.credential.getToken(SCOPE, { abortSignal: controller.signal }));
  const { redirectUri } = await stage.untilShown();
  const init = { method: "POST", body: "a=b", headers: { "content-type": `a${HUGE["one word"]}` } };
  const { result, use } = await watchRegExp(async () => await handle(new Request(redirectUri, init)));
  assert.equal(result.status, 415);
  assert.ok(use.longest <= MAX_LENGTH, `/${use.longestSource}/ was applied to ${use.longest} characters`);
  controller.abort();
  await failure;
});

test("the loopback server reads only the beginning of a parameter", async () => {
  for (const name of ["error_description", "error", "iss", "state"]) {
    for (const [kind, text] of Object.entries(HUGE)) {
      const { stage, handle } = createStageWithServer();
      const failure = failureOf(stage.credential.getToken(SCOPE));
      const { redirectUri, state } = await stage.untilShown();
      const fields = { state, error: "access_denied", [name]: text };
      const { result, use } = await watchRegExp(async () => {
        const init = { method: "POST", body: new URLSearchParams(fields) };
        const page = await handle(new Request(redirectUri, init));
        if (name === "state") {
          await handle(new Request(redirectUri, { method: "POST", body: new URLSearchParams({ state, error: "x" }) }));
        }
        await failure;
        return page;
      });
      assert.equal(result.status, 400);
      assert.equal((await failure).name, "AuthenticationError");
      assert.ok(use.longest <= MAX_LENGTH, `${name}, ${kind}: /${use.longestSource}/ was applied to ${use.longest}`);
    }
  }
});
