// Runs on: deno, node, bun, edge
// What a user's sign-in in a page takes for an answer, and what not. The page is a few globals: a browser's own is in
// interactive_browser_page_test.ts.
import { InteractiveBrowserCredential, type InteractiveBrowserCredentialOptions, type LogEvent } from "@azweb/identity";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findSecret, textsOf } from "../support/project/canary.ts";
import { type FakePage, inPage } from "../support/sign_in/page.ts";
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

/** A service whose apps are pages, which have no secret. */
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

/** A sign-in that has come to where the user is to be asked. */
interface Begun {
  readonly service: SignInService;
  readonly url: URL;
  /** What becomes of it, unless the page is left. */
  readonly outcome: Promise<Outcome>;
  /** Gives it up. */
  leave(): void;
  /** Answers as the service does, with changes; resolves with what becomes of the sign-in. */
  answer(change?: (parameters: URLSearchParams) => void): Promise<Outcome>;
}

/** Begins a sign-in, in a window or by leaving the page. */
async function begin(
  page: FakePage,
  style: Style,
  service: SignInService = createService(),
  options: InteractiveBrowserCredentialOptions = {},
): Promise<Begun> {
  const all = { ...options, loginStyle: style };
  const controller = new AbortController();
  const leave = () => controller.abort();
  const shown = page.untilShown();
  const outcome = outcomeOf(create(service, all).getToken(GRAPH_SCOPE, { abortSignal: controller.signal }));
  const url = new URL(await shown);
  // A page that is left is gone, and so is what it did.
  if (style === "redirect") leave();
  return {
    service,
    url,
    outcome,
    leave,
    async answer(change = () => {}) {
      const back = new URL(await service.signIn(url.href, USER));
      change(back.searchParams);
      const answered = `${back.origin}${back.pathname}#${back.searchParams}`;
      if (style === "popup") {
        page.windows.at(-1)!.href = answered;
        return await outcome;
      }
      page.href = answered;
      return await outcomeOf(create(service, all).getToken(GRAPH_SCOPE));
    },
  };
}

function outcomeOf(asked: Promise<{ token: string }>): Promise<Outcome> {
  return asked.then(({ token }) => ({ token }), (error) => ({ error }));
}

/** Asks for a token, to see whether the user is asked; returns where, or `token:` where there is one. */
async function askedAt(
  page: FakePage,
  service: SignInService,
  options: InteractiveBrowserCredentialOptions,
): Promise<URL> {
  const leave = new AbortController();
  const shown = page.untilShown();
  const asked = create(service, options).getToken(GRAPH_SCOPE, { abortSignal: leave.signal });
  const url = await Promise.race([shown, asked.then(({ token }) => `token:${token}`)]);
  leave.abort();
  await asked.catch(() => {});
  return new URL(url);
}

function grantsOf({ requests }: SignInService): (string | undefined)[] {
  return requests.map(({ form }) => form.grant_type);
}

for (const style of STYLES) {
  describe(`a sign-in by ${style}`, () => {
    test("gives a token, and leaves nothing of it behind", async () => {
      await inPage(`${APP}/`, async (page) => {
        const { url, answer, service } = await begin(page, style);
        const { searchParams } = url;
        assert.deepEqual(
          ["response_mode", "code_challenge_method", "redirect_uri"].map((name) => searchParams.get(name)),
          ["fragment", "S256", APP],
        );
        // The service refuses a code without its verifier.
        assert.ok("token" in await answer());
        assert.deepEqual(grantsOf(service), ["authorization_code"]);
        assert.equal(service.requests[0]!.form.redirect_uri, APP);
        assert.equal(page.href, `${APP}/`);
        assert.equal(page.storage.size, 0);
        assert.ok(page.windows.every(({ closed }) => closed));
      });
    });

    test("comes to the page that the app says, by a text or a function", async () => {
      for (const redirectUri of [`${APP}/signed-in?a=b`, () => `${APP}/signed-in?a=b`]) {
        await inPage(`${APP}/mail`, async (page) => {
          const { url, answer, service } = await begin(page, style, createService(), { redirectUri });
          assert.equal(url.searchParams.get("redirect_uri"), `${APP}/signed-in?a=b`);
          assert.ok("token" in await answer());
          assert.equal(service.requests[0]!.form.redirect_uri, `${APP}/signed-in?a=b`);
        });
      }
    });

    const ANSWERS: Record<string, [message: RegExp, change: (parameters: URLSearchParams) => void]> = {
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
      "by an issuer that is none": [
        /The response is from another issuer: expected /,
        (parameters) => parameters.set("iss", "evil"),
      ],
    };
    for (const [name, [message, change]] of Object.entries(ANSWERS)) {
      test(`an answer ${name} sends nothing, and its address goes`, async () => {
        await inPage(`${APP}/`, async (page) => {
          const { answer, service, url } = await begin(page, style);
          const { error } = await answer(change) as { error: Error };
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
      test(`an ID token ${name} is refused`, async () => {
        await inPage(`${APP}/`, async (page) => {
          const { answer } = await begin(page, style, createService({ claims }));
          const { error } = await answer() as { error: Error };
          assert.match(error.message, message);
        });
      });
    }

    test("a code that somebody else has intercepted is refused: the verifier stays here", async () => {
      await inPage(`${APP}/`, async (page) => {
        const service = createService();
        const victims = await begin(page, style, service);
        const back = new URL(await service.signIn(victims.url.href, "sam@contoso.com"));
        await inPage(`${APP}/`, async (attackers) => {
          const { answer } = await begin(attackers, style, service);
          const outcome = await answer((parameters) => parameters.set("code", back.searchParams.get("code")!));
          assert.match((outcome as { error: Error }).error.message, /invalid_grant/);
        });
        victims.leave();
      });
    });

    test("neither error, log nor cache key shows code, verifier, state or nonce", async () => {
      for (const issuer of [undefined, "https://evil.example"]) {
        await inPage(`${APP}/`, async (page) => {
          const events: LogEvent[] = [];
          const keys: string[] = [];
          const cache = { get: (key: string) => void keys.push(key), set() {}, delete() {} };
          const service = createService({ checkApp: () => false });
          const options = { log: (event: LogEvent) => void events.push(event), cache };
          const { answer, url } = await begin(page, style, service, options);
          const outcome = await answer((parameters) => {
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

test("a window whose answer has another state, or none, is waited on", async () => {
  await inPage(`${APP}/`, async (page) => {
    let looks = 0;
    let look = () => {};
    const sleep = (ms: number) => {
      if (ms !== 50) return new Promise<void>(() => {});
      looks++;
      look();
      return new Promise<void>((resolve) => setTimeout(resolve, 0));
    };
    const service = createService();
    const { url, answer, outcome } = await begin(page, "popup", service, { runtime: { sleep } });
    const state = url.searchParams.get("state")!;
    for (const fragment of ["code=evil", "code=evil&state=", "code=evil&state=guessed", `code=evil&state=a${state}`]) {
      page.windows[0]!.href = `${APP}/#${fragment}`;
      const seen = looks + 2;
      await Promise.race([new Promise<void>((resolve) => look = () => looks >= seen && resolve()), outcome]);
      assert.deepEqual([page.windows[0]!.closed, grantsOf(service)], [false, []], fragment);
    }
    assert.ok("token" in await answer());
    assert.notEqual(service.requests[0]!.form.code, "evil");
  });
});

// Who comes back

const REDIRECT = { loginStyle: "redirect" } as const;

for (
  const [name, change] of Object.entries<(state: string) => string>({
    "another": () => "a".repeat(43),
    "none": () => "",
    "a longer one": (state) => `${state}a`,
  })
) {
  test(`who comes back with a state that is ${name} is asked, and the code is left alone`, async () => {
    await inPage(`${APP}/`, async (page) => {
      const { service, url } = await begin(page, "redirect");
      page.href = `${APP}/#code=of-an-attacker&state=${change(url.searchParams.get("state")!)}`;
      assert.equal((await askedAt(page, service, REDIRECT)).pathname, `/${TENANT}/oauth2/v2.0/authorize`);
      assert.deepEqual(grantsOf(service), []);
    });
  });
}

test("an answer is good once: who comes back with it again is asked", async () => {
  await inPage(`${APP}/`, async (page) => {
    const { answer, service } = await begin(page, "redirect");
    let fragment = "";
    assert.ok("token" in await answer((parameters) => fragment = `#${parameters}`));
    page.href = `${APP}/${fragment}`;
    assert.equal((await askedAt(page, service, REDIRECT)).pathname, `/${TENANT}/oauth2/v2.0/authorize`);
    assert.deepEqual(grantsOf(service), ["authorization_code"]);
  });
});

// One token service's code for another: what stands between is the name under which a sign-in is kept, and the URL that is kept there.
