// Runs on: deno, node, bun
// A user signs in by a redirect of the page. The page is simulated by a few objects.
import {
  type GetTokenOptions,
  InteractiveBrowserCredential,
  type InteractiveBrowserCredentialOptions,
} from "@azweb/identity";
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { type FakePage, openPage } from "../support/sign_in/page.ts";
import { HURRIED } from "../support/sign_in/people.ts";
import {
  type Asked,
  breathe,
  CLIENT,
  createService,
  failureOf,
  jsonAnswer,
  SCOPE,
  TENANT,
} from "../support/service.ts";
import { type IdTokenClaims, readShown, type Shown, USER, userAnswer } from "../support/sign_in/sign_in.ts";

const APP = "https://app.example/";
const VAULT = "https://vault.azure.net/.default";
const CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
const CAE = '{"access_token":{"xms_cc":{"values":["cp1"]}}}';

interface Tab {
  readonly page: FakePage;
  readonly service: ReturnType<typeof createService>;
  /** Loads the app. */
  load(options?: InteractiveBrowserCredentialOptions): InteractiveBrowserCredential;
  /** Resolves with the sign-in URL to which the call navigates. */
  untilRedirected(call: Promise<unknown>): Promise<Shown>;
  /** Navigates back to the app with an authorization response. */
  returnWith(shown: Shown, response?: string): void;
}

let page: FakePage | undefined;

afterEach(() => page?.close());

function openTab(
  respond: (request: Asked, succeed: (claims?: IdTokenClaims) => Response) => Response = (_, succeed) => succeed(),
): Tab {
  const opened = page = openPage(APP);
  let nonce: string | undefined;
  const service = createService((request, index) =>
    respond(request, (claims) => userAnswer({ nonce, ...claims }, `token-${index}`))
  );
  return {
    page: opened,
    service,
    load: (options) =>
      new InteractiveBrowserCredential({
        tenantId: TENANT,
        clientId: CLIENT,
        loginStyle: "redirect",
        fetch: service.fetch,
        cache: new Map(),
        env: {},
        retryOptions: { maxRetries: 0 },
        // A call that leaves the page stays pending. Its timers must not outlive the test.
        runtime: { sleep: () => new Promise(() => {}) },
        ...options,
      }),
    untilRedirected: async (call) => {
      const shown = readShown(
        await Promise.race([opened.untilShown(), call.then(() => assert.fail("The page was not redirected"))]),
      );
      ({ nonce } = shown);
      return shown;
    },
    returnWith(shown, response = "code=a-code") {
      opened.href = `${APP}#${response}&state=${shown.state}`;
    },
  };
}

/** Returns the grant, the scope and the claims of each token request. */
function tokenRequestsOf({ service }: Tab): (string | undefined)[][] {
  return service.requests.map(({ form }) => [form.grant_type, form.scope!.split(" ")[0], form.claims]);
}

/** Asserts that neither the authorization response nor the parameters of its request are left. */
function assertClean({ page }: Tab): void {
  assert.deepEqual([page.href, page.storage.size], [APP, 0]);
}

test("the page is restored from the back/forward cache: its call fails, and the next one starts a sign-in", async () => {
  const tab = openTab();
  const credential = tab.load();
  const call = credential.getToken(SCOPE);
  let isOver = false;
  call.catch(() => isOver = true);
  await tab.untilRedirected(call);
  const show = (persisted: boolean) => tab.page.listeners.forEach((listener) => listener({ persisted }));
  // The page is shown, but was not in the cache.
  show(false);
  await breathe();
  assert.equal(isOver, false);
  show(true);
  const error = await failureOf(call);
  assert.deepEqual([error.name, error.message], [
    "AuthenticationError",
    "InteractiveBrowserCredential: Cannot sign in: The user returned without signing in",
  ]);
  assert.deepEqual([tab.page.storage.size, tab.page.listeners.size], [0, 0]);

  tab.returnWith(await tab.untilRedirected(credential.getToken(SCOPE)));
  assert.equal((await tab.load().getToken(SCOPE)).token, "token-0");
});

test("with disableAutomaticAuthentication, a user who has signed in by authenticate gets a token", async () => {
  const tab = openTab();
  const load = () => tab.load({ disableAutomaticAuthentication: true });
  assert.equal((await failureOf(load().getToken(SCOPE))).name, "AuthenticationRequiredError");
  tab.returnWith(await tab.untilRedirected(load().authenticate(SCOPE)));
  const credential = load();
  assert.equal((await credential.getToken(SCOPE)).token, "token-0");
  assertClean(tab);
  assert.deepEqual(tokenRequestsOf(tab), [["authorization_code", SCOPE, undefined]]);

  const popup = tab.load({ disableAutomaticAuthentication: true, loginStyle: "popup" });
  tab.returnWith(await tab.untilRedirected(load().authenticate(SCOPE)));
  assert.equal((await failureOf(popup.getToken(SCOPE))).name, "AuthenticationRequiredError");
});

const REDEEM = "authorization_code";
const REFRESH = "refresh_token";
/** The options of the sign-in, the first call afterwards, and the token requests that it needs. */
type FirstCall = [signInOptions: GetTokenOptions, scope: string, callOptions: GetTokenOptions, requests: unknown[][]];
const FIRST_CALLS: Readonly<Record<string, FirstCall>> = {
  "the same scope": [{}, SCOPE, {}, [[REDEEM, SCOPE, undefined]]],
  "the same claims": [{ claims: CLAIMS }, SCOPE, { claims: CLAIMS }, [[REDEEM, SCOPE, CLAIMS]]],
  "the same capability": [{ enableCae: true }, SCOPE, { enableCae: true }, [[REDEEM, SCOPE, CAE]]],
  "another scope": [{}, VAULT, {}, [[REDEEM, SCOPE, undefined], [REFRESH, VAULT, undefined]]],
  "another scope, no claims": [{ claims: CLAIMS }, VAULT, {}, [[REDEEM, SCOPE, CLAIMS], [REFRESH, VAULT, undefined]]],
  "no claims": [{ claims: CLAIMS }, SCOPE, {}, [[REDEEM, SCOPE, CLAIMS], [REFRESH, SCOPE, undefined]]],
  "claims": [{}, SCOPE, { claims: CLAIMS }, [[REDEEM, SCOPE, undefined], [REFRESH, SCOPE, CLAIMS]]],
  "no capability": [{ enableCae: true }, SCOPE, {}, [[REDEEM, SCOPE, CAE], [REFRESH, SCOPE, undefined]]],
  "a capability": [{}, SCOPE, { enableCae: true }, [[REDEEM, SCOPE, undefined], [REFRESH, SCOPE, CAE]]],
};

for (const [first, [signInOptions, scope, callOptions, requests]] of Object.entries(FIRST_CALLS)) {
  test(`the code is redeemed with the options of the sign-in if the next call has ${first}`, async () => {
    const tab = openTab();
    tab.returnWith(await tab.untilRedirected(tab.load().getToken(SCOPE, signInOptions)));
    assert.equal((await tab.load().getToken(scope, callOptions)).token, `token-${requests.length - 1}`);
    assertClean(tab);
    assert.deepEqual(tokenRequestsOf(tab), requests);
  });

  test(`authenticate returns the account after the redirect if it has ${first}`, async () => {
    const tab = openTab();
    tab.returnWith(await tab.untilRedirected(tab.load().authenticate(SCOPE, signInOptions)));
    const credential = tab.load();
    assert.equal((await credential.authenticate(scope, callOptions))?.username, USER);
    // The token is cached for the requested scope and claims.
    const { token } = await credential.getToken(scope, { enableCae: callOptions.enableCae ?? false });
    assert.equal(token, `token-${requests.length - 1}`);
    assert.deepEqual(tokenRequestsOf(tab), requests);
  });
}

test("a user who must sign in again is redirected again, or the call fails if that is disabled", async () => {
  const tab = openTab(({ form }, succeed) =>
    form.grant_type === REFRESH ? jsonAnswer({ error: "interaction_required" }, { status: 400 }) : succeed()
  );
  tab.returnWith(await tab.untilRedirected(tab.load().getToken(SCOPE)));
  const { url } = await tab.untilRedirected(tab.load().getToken(VAULT));
  assert.match(url.searchParams.get("scope")!, /^https:\/\/vault\.azure\.net\/\.default /);

  tab.returnWith(await tab.untilRedirected(tab.load().getToken(SCOPE)));
  const error = await failureOf(tab.load({ disableAutomaticAuthentication: true }).getToken(VAULT));
  assert.deepEqual([error.name, error.scopes], ["AuthenticationRequiredError", [VAULT]]);
  assertClean(tab);
});

test("a response with another state is ignored, and a new sign-in starts", async () => {
  const tab = openTab();
  tab.returnWith({ ...await tab.untilRedirected(tab.load().getToken(SCOPE)), state: "guessed" });
  await tab.untilRedirected(tab.load().getToken(SCOPE));
  assert.equal(tab.service.requests.length, 0);
});

test("the endpoints of an authority may have a query", async () => {
  const host = "https://login.corp.example";
  const tab = openTab(({ url }, succeed) =>
    url.includes("/discovery/instance?")
      ? jsonAnswer({ tenant_discovery_endpoint: host })
      : url.includes("openid-configuration")
      ? jsonAnswer({
        issuer: host,
        authorization_endpoint: `${host}/authorize?policy=1`,
        token_endpoint: `${host}/token?policy=1`,
      })
      : succeed({ iss: host })
  );
  const load = () => tab.load({ authorityHost: host });
  const shown = await tab.untilRedirected(load().getToken(SCOPE));
  assert.match(shown.url.href, /^https:\/\/login\.corp\.example\/authorize\?policy=1&client_id=/);
  tab.returnWith(shown);
  await load().getToken(SCOPE);
  assertClean(tab);
});

for (
  const [name, response, code] of [
    ["an error response", "error=access_denied", "access_denied"],
    ["a rejected code", "code=a-code", "invalid_grant"],
  ] as const
) {
  test(`${name} leaves no state behind, and the next call starts a new sign-in`, async () => {
    const tab = openTab(() => jsonAnswer({ error: "invalid_grant" }, { status: 400 }));
    tab.returnWith(await tab.untilRedirected(tab.load().getToken(SCOPE)), response);
    const credential = tab.load();
    const error = await failureOf(credential.getToken(SCOPE));
    assert.deepEqual([error.name, (error.errorResponse as { error: string }).error], ["AuthenticationError", code]);
    assertClean(tab);
    await tab.untilRedirected(credential.getToken(SCOPE));
  });
}

test("without session storage, a sign-in in a popup succeeds, and one by redirect fails before the page is left", async () => {
  const tab = openTab();
  Object.defineProperty(globalThis, "sessionStorage", {
    get() {
      throw new DOMException("The document is sandboxed", "SecurityError");
    },
  });
  const token = tab.load({ loginStyle: "popup", runtime: HURRIED }).getToken(SCOPE);
  const { state } = await tab.untilRedirected(token);
  tab.page.windows[0]!.href = `${APP}#code=a-code&state=${state}`;
  assert.equal((await token).token, "token-0");
  const error = await failureOf(tab.load().getToken(SCOPE));
  assert.equal(error.name, "AuthenticationError");
  assert.match(error.message, /^InteractiveBrowserCredential: .* no session storage, .* set "loginStyle" to "popup"$/);
  assert.equal(tab.page.href, APP);
});
