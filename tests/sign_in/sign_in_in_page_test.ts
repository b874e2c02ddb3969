// Runs on: deno, node, bun
// Which authorization responses a sign-in in a page accepts. The page is simulated by a few globals; a real one is in
// interactive_browser_page_test.ts.
import { InteractiveBrowserCredential, type InteractiveBrowserCredentialOptions, type LogEvent } from "@azweb/identity";
import { detectPlatform } from "@azweb/identity/runtime";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findSecret, textsOf } from "../support/project/canary.ts";
import { type FakePage, inPage, inSimulatedPage } from "../support/sign_in/page.ts";
import {
  CLIENT,
  createSignInService,
  GRAPH_SCOPE,
  type SignInService,
  TENANT,
} from "../support/sign_in/sign_in_service.ts";

const APP = "https://my.app";
const ANOTHER_CLOUD = "https://login.microsoftonline.us";
const USER = "jo@contoso.com";
const STYLES = ["popup", "redirect"] as const;

type Style = typeof STYLES[number];

/** A service whose apps are single-page apps without a secret. */
function createService(options: Parameters<typeof createSignInService>[0] = {}): SignInService {
  return createSignInService({ checkApp: ({ client_secret }) => client_secret === undefined, ...options });
}

function create(
  service: SignInService,
  options: InteractiveBrowserCredentialOptions = {},
): InteractiveBrowserCredential {
  return new InteractiveBrowserCredential({
    ...{ tenantId: TENANT, clientId: CLIENT, cache: new Map(), ...service.options },
    retryOptions: { maxRetries: 0 },
    ...options,
  });
}

type Outcome = { token: string } | { error: Error };

/** A sign-in that waits for its authorization response. */
interface PendingSignIn {
  readonly service: SignInService;
  readonly url: URL;
  /** The outcome of the call; for a redirect an AbortError. */
  readonly outcome: Promise<Outcome>;
  /** Aborts the call. */
  leave(): void;
  /** Sends the service's authorization response with changes. Resolves with the outcome of the sign-in. */
  respond(change?: (parameters: URLSearchParams) => void): Promise<Outcome>;
}

/** Starts a sign-in, in a popup or by a redirect. */
async function begin(
  page: FakePage,
  style: Style,
  service: SignInService = createService(),
  options: InteractiveBrowserCredentialOptions = {},
): Promise<PendingSignIn> {
  const all = { ...options, loginStyle: style };
  const controller = new AbortController();
  const leave = () => controller.abort();
  const shown = page.untilShown();
  const outcome = outcomeOf(create(service, all).getToken(GRAPH_SCOPE, { abortSignal: controller.signal }));
  const url = new URL(await shown);
  // In a browser, the call would never settle, because a page that has been left no longer runs.
  if (style === "redirect") leave();
  return {
    service,
    url,
    outcome,
    leave,
    async respond(change = () => {}) {
      const back = new URL(await service.signIn(url.href, USER));
      change(back.searchParams);
      const returned = `${back.origin}${back.pathname}#${back.searchParams}`;
      if (style === "popup") {
        page.windows.at(-1)!.href = returned;
        return await outcome;
      }
      page.href = returned;
      return await outcomeOf(create(service, all).getToken(GRAPH_SCOPE));
    },
  };
}

function outcomeOf(pending: Promise<{ token: string }>): Promise<Outcome> {
  return pending.then(({ token }) => ({ token }), (error) => ({ error }));
}

/** Requests a token. Returns the URL at which the user must sign in, or `token:` if none is needed. */
async function signInUrlOf(
  page: FakePage,
  service: SignInService,
  options: InteractiveBrowserCredentialOptions,
): Promise<URL> {
  const leave = new AbortController();
  const shown = page.untilShown();
  const pending = create(service, options).getToken(GRAPH_SCOPE, { abortSignal: leave.signal });
  const url = await Promise.race([shown, pending.then(({ token }) => `token:${token}`)]);
  leave.abort();
  await pending.catch(() => {});
  return new URL(url);
}

function grantsOf({ requests }: SignInService): (string | undefined)[] {
  return requests.map(({ form }) => form.grant_type);
}

for (const style of STYLES) {
  describe(`a sign-in by ${style}`, () => {
    test("results in a token and leaves no state behind", async () => {
      await inPage(`${APP}/`, async (page) => {
        const { url, respond, service } = await begin(page, style);
        const { searchParams } = url;
        assert.deepEqual(
          ["response_mode", "code_challenge_method", "redirect_uri"].map((name) => searchParams.get(name)),
          ["fragment", "S256", APP],
        );
        // The service rejects a code without its verifier.
        assert.ok("token" in await respond());
        assert.deepEqual(grantsOf(service), ["authorization_code"]);
        assert.equal(service.requests[0]!.form.redirect_uri, APP);
        assert.equal(page.href, `${APP}/`);
        assert.equal(page.storage.size, 0);
        assert.ok(page.windows.every(({ closed }) => closed));
      });
    });

    test("returns to the redirect URI of the options, a string or a function", async () => {
      for (const redirectUri of [`${APP}/signed-in?a=b`, () => `${APP}/signed-in?a=b`]) {
        await inPage(`${APP}/mail`, async (page) => {
          const { url, respond, service } = await begin(page, style, createService(), { redirectUri });
          assert.equal(url.searchParams.get("redirect_uri"), `${APP}/signed-in?a=b`);
          assert.ok("token" in await respond());
          assert.equal(service.requests[0]!.form.redirect_uri, `${APP}/signed-in?a=b`);
        });
      }
    });

    const RESPONSES: Record<string, [message: RegExp, change: (parameters: URLSearchParams) => void]> = {
      "of a user who declines": [/access_denied. No$/, (parameters) => {
        parameters.delete("code");
        parameters.set("error", "access_denied");
        parameters.set("error_description", "No");
      }],
      "with an error and a code": [/access_denied$/, (parameters) => parameters.set("error", "access_denied")],
      "without a code": [/The response has no code$/, (parameters) => parameters.delete("code")],
      "with two codes": [/several "code" parameters$/, (parameters) => parameters.append("code", "another")],
      "from another issuer": [
        /The response is from another issuer: expected /,
        (parameters) => parameters.set("iss", `${ANOTHER_CLOUD}/${TENANT}/v2.0`),
      ],
      "with a malformed issuer": [
        /The response is from another issuer: expected /,
        (parameters) => parameters.set("iss", "evil"),
      ],
    };
    for (const [name, [message, change]] of Object.entries(RESPONSES)) {
      test(`a response ${name} causes no token request, and its parameters are removed from the URL`, async () => {
        await inPage(`${APP}/`, async (page) => {
          const { respond, service, url } = await begin(page, style);
          const { error } = await respond(change) as { error: Error };
          assert.equal(error.name, "AuthenticationError");
          assert.match(error.message, message);
          assert.deepEqual(grantsOf(service), []);
          assert.equal(page.href, `${APP}/`);
          assert.equal(page.storage.size, 0);
          assert.ok(page.windows.every(({ closed }) => closed));
          assert.equal(findSecret(textsOf(error), [url.searchParams.get("state")!]), undefined);
        });
      });
    }

    const CLAIMS: Record<string, [message: RegExp, claims: Readonly<Record<string, unknown>>]> = {
      "of another sign-in": [/It belongs to another sign-in$/, { nonce: "another" }],
      "without a nonce": [/It belongs to another sign-in$/, { nonce: undefined }],
      "from another issuer": [/It is from another issuer: expected .*, got /, {
        iss: `${ANOTHER_CLOUD}/${TENANT}/v2.0`,
      }],
      "for another app": [/It is for another app$/, { aud: "another" }],
    };
    for (const [name, [message, claims]] of Object.entries(CLAIMS)) {
      test(`an ID token ${name} is rejected`, async () => {
        await inPage(`${APP}/`, async (page) => {
          const { respond } = await begin(page, style, createService({ claims }));
          const { error } = await respond() as { error: Error };
          assert.match(error.message, message);
        });
      });
    }

    test("an intercepted code is rejected, because the verifier does not leave the page", async () => {
      await inPage(`${APP}/`, async (page) => {
        const service = createService();
        const victim = await begin(page, style, service);
        const back = new URL(await service.signIn(victim.url.href, "sam@contoso.com"));
        await inPage(`${APP}/`, async (attackersPage) => {
          const { respond } = await begin(attackersPage, style, service);
          const outcome = await respond((parameters) => parameters.set("code", back.searchParams.get("code")!));
          assert.match((outcome as { error: Error }).error.message, /invalid_grant/);
        });
        victim.leave();
      });
    });

    test("neither errors, logs nor cache keys contain the code, the verifier, the state or the nonce", async () => {
      for (const issuer of [undefined, "https://evil.example"]) {
        await inPage(`${APP}/`, async (page) => {
          const events: LogEvent[] = [];
          const keys: string[] = [];
          const cache = { get: (key: string) => void keys.push(key), set() {}, delete() {} };
          const service = createService({ checkApp: () => false });
          const options = { log: (event: LogEvent) => void events.push(event), cache };
          const { respond, url } = await begin(page, style, service, options);
          const outcome = await respond((parameters) => {
            parameters.set("code", "CANARY-code");
            if (issuer) parameters.set("iss", `${issuer}/?CANARY`);
          });
          assert.ok("error" in outcome);
          const sent = [...service.requests].flatMap(({ form }) => form.code_verifier ?? []);
          assert.equal(sent.length, issuer ? 0 : 1);
          const secrets = ["state", "nonce"].map((name) => url.searchParams.get(name)!);
          assert.equal(findSecret(textsOf([outcome, events, keys]), [...secrets, ...sent]), undefined);
          assert.ok(events.length > 0 && keys.length > 0);
        });
      }
    });
  });
}

test("a sign-in stays pending while the popup has a response with another state, or without one", async () => {
  await inPage(`${APP}/`, async (page) => {
    let polls = 0;
    let onPoll = () => {};
    const sleep = (ms: number) => {
      if (ms !== 50) return new Promise<void>(() => {});
      polls++;
      onPoll();
      return new Promise<void>((resolve) => setTimeout(resolve, 0));
    };
    const service = createService();
    const { url, respond, outcome } = await begin(page, "popup", service, { runtime: { sleep } });
    const state = url.searchParams.get("state")!;
    for (const fragment of ["code=evil", "code=evil&state=", "code=evil&state=guessed", `code=evil&state=a${state}`]) {
      page.windows[0]!.href = `${APP}/#${fragment}`;
      const target = polls + 2;
      await Promise.race([new Promise<void>((resolve) => onPoll = () => polls >= target && resolve()), outcome]);
      assert.deepEqual([page.windows[0]!.closed, grantsOf(service)], [false, []], fragment);
    }
    assert.ok("token" in await respond());
    assert.notEqual(service.requests[0]!.form.code, "evil");
  });
});

// When the window is opened: WebKit blocks it after the first await of a click handler.

for (const method of ["getToken", "authenticate"] as const) {
  test(`${method} opens the window before its first await, and concurrent calls share it`, async () => {
    await inPage(`${APP}/`, async (page) => {
      const service = createService();
      const credential = create(service);
      const shown = page.untilShown();
      const first = credential[method](GRAPH_SCOPE);
      assert.deepEqual(page.windows.map(({ href }) => href), ["about:blank"]);
      const getToken = () => credential.getToken("https://graph.microsoft.com/Mail.Read");
      // Starts after the prompt of "authenticate", which would prompt again if "getToken" were first.
      const second = method === "getToken" ? getToken() : shown.then(getToken);
      const back = new URL(await service.signIn(await shown, USER));
      page.windows[0]!.href = `${APP}/#${back.searchParams}`;
      await Promise.all([first, second]);
      assert.deepEqual(page.windows.map(({ closed }) => closed), [true]);
      assert.deepEqual(grantsOf(service), ["authorization_code", "refresh_token"]);
      // A user who has signed in is not prompted again, except by "authenticate".
      await credential.getToken("https://graph.microsoft.com/Calendars.Read");
      assert.equal(page.windows.length, 1);
      const controller = new AbortController();
      const again = credential.authenticate(GRAPH_SCOPE, { abortSignal: controller.signal });
      assert.deepEqual(page.windows.map(({ closed }) => closed), [true, false]);
      controller.abort();
      await assert.rejects(again, { name: "AbortError" });
      assert.deepEqual(page.windows.map(({ closed }) => closed), [true, true]);
    });
  });
}

test("the window is closed if the call fails before the sign-in", async () => {
  const failures: Record<string, (service: SignInService) => Promise<unknown>> = {
    TypeError: (service) => create(service).getToken(""),
    AuthenticationError: (service) =>
      create(service, {
        ...{ authorityHost: "https://login.my.cloud" },
        fetch: () => Promise.reject(new TypeError("fetch failed")),
      }).getToken(GRAPH_SCOPE),
  };
  for (const [name, call] of Object.entries(failures)) {
    await inPage(`${APP}/`, async (page) => {
      await assert.rejects(call(createService()), { name });
      assert.deepEqual(page.windows.map(({ closed }) => closed), [true]);
    });
  }
});

test("no window is opened by a call that must not prompt the user or is already aborted", async () => {
  const calls: Record<string, (service: SignInService) => Promise<unknown>> = {
    AuthenticationRequiredError: (service) =>
      create(service, { disableAutomaticAuthentication: true }).getToken(GRAPH_SCOPE),
    AbortError: (service) => create(service).getToken(GRAPH_SCOPE, { abortSignal: AbortSignal.abort() }),
  };
  for (const [name, call] of Object.entries(calls)) {
    await inPage(`${APP}/`, async (page) => {
      await assert.rejects(call(createService()), { name });
      assert.deepEqual(page.windows, []);
    });
  }
});

test("a blocked popup is not opened again, and causes an error that says what to do", async () => {
  await inPage(`${APP}/`, async (page) => {
    page.blocksWindows = true;
    const service = createService();
    const credential = create(service);
    await assert.rejects(credential.getToken(GRAPH_SCOPE), {
      name: "AuthenticationError",
      message: "InteractiveBrowserCredential: Cannot sign in: The browser blocked the popup window. In a click " +
        'handler, before the first await, request the first token or call "authenticate"; or set "loginStyle" to "redirect"',
    });
    assert.equal(page.blockedWindows, 1);
    page.blocksWindows = false;
    const shown = page.untilShown();
    const token = credential.getToken(GRAPH_SCOPE);
    const back = new URL(await service.signIn(await shown, USER));
    page.windows[0]!.href = `${APP}/#${back.searchParams}`;
    assert.ok((await token).token);
  });
});

if (detectPlatform() !== "web") {
  test("with the globals of jsdom or happy-dom, the credential works as in a program", async () => {
    await inSimulatedPage("http://localhost:3000/", async (page) => {
      const controller = new AbortController();
      let open = (_url: string) => {};
      const opened = new Promise<string>((resolve) => open = resolve);
      const credential = create(createService(), {
        ...{ clientId: undefined, redirectUri: "http://localhost" },
        runtime: { openUrl: (url) => Promise.resolve(open(url)) },
      });
      const token = credential.getToken(GRAPH_SCOPE, { abortSignal: controller.signal });
      const redirectUri = new URL(await Promise.race([opened, token.then(({ token }) => token)]))
        .searchParams.get("redirect_uri")!;
      assert.match(redirectUri, /^http:\/\/localhost:\d+$/);
      controller.abort();
      await assert.rejects(token, { name: "AbortError" });
      assert.deepEqual(page.windows, []);
    });
  });
}

// The return to the page after a redirect

const REDIRECT = { loginStyle: "redirect" } as const;

for (
  const [name, change] of Object.entries<(state: string) => string>({
    "another state": () => "a".repeat(43),
    "an empty state": () => "",
    "a longer state": (state) => `${state}a`,
  })
) {
  test(`a response with ${name} starts a new sign-in, and its code is not redeemed`, async () => {
    await inPage(`${APP}/`, async (page) => {
      const { service, url } = await begin(page, "redirect");
      page.href = `${APP}/#code=of-an-attacker&state=${change(url.searchParams.get("state")!)}`;
      assert.equal((await signInUrlOf(page, service, REDIRECT)).pathname, `/${TENANT}/oauth2/v2.0/authorize`);
      assert.deepEqual(grantsOf(service), []);
    });
  });
}

test("a response is accepted once: a replay starts a new sign-in", async () => {
  await inPage(`${APP}/`, async (page) => {
    const { respond, service } = await begin(page, "redirect");
    let fragment = "";
    assert.ok("token" in await respond((parameters) => fragment = `#${parameters}`));
    page.href = `${APP}/${fragment}`;
    assert.equal((await signInUrlOf(page, service, REDIRECT)).pathname, `/${TENANT}/oauth2/v2.0/authorize`);
    assert.deepEqual(grantsOf(service), ["authorization_code"]);
  });
});
