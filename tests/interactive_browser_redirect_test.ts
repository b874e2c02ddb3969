// Runs on: deno, node, bun
// A user who signs in by leaving the page and coming back. The page is a few objects in the place of a browser's.
import { InteractiveBrowserCredential, type InteractiveBrowserCredentialOptions } from "@azweb/identity";
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { type Asked, breathe, CLIENT, createService, failureOf, SCOPE, TENANT } from "./support/service.ts";
import { type IdTokenClaims, readShown, type Shown, userAnswer } from "./support/sign_in.ts";

const APP = "https://app.example/";

interface Tab {
  readonly service: ReturnType<typeof createService>;
  /** What `sessionStorage` holds. */
  readonly kept: Map<string, string>;
  /** Who listens to `pageshow`. */
  readonly listeners: Set<(event: { persisted: boolean }) => void>;
  readonly location: { href: string };
  /** Loads the app. */
  load(options?: InteractiveBrowserCredentialOptions): InteractiveBrowserCredential;
  /** Returns where the call leads that has just begun. */
  untilLeft(call: Promise<unknown>): Promise<Shown>;
  /** Brings the browser back, with an answer. */
  comeBack(shown: Shown, answer?: string): void;
}

let restore: (() => void)[] = [];

afterEach(() => {
  restore.reverse().forEach((undo) => undo());
  restore = [];
});

function define(name: string, descriptor: PropertyDescriptor): void {
  const before = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, { ...descriptor, configurable: true });
  restore.push(() => {
    if (before) Object.defineProperty(globalThis, name, before);
    else delete (globalThis as Record<string, unknown>)[name];
  });
}

function openTab(
  answer: (asked: Asked, right: (claims?: IdTokenClaims) => Response) => Response = (_, right) => right(),
): Tab {
  const kept = new Map<string, string>();
  const listeners: Tab["listeners"] = new Set();
  let nonce: string | undefined;
  let tell = (_: Shown) => {};
  const location = { href: APP, assign: (url: string) => tell(readShown(url)) };
  const globals = {
    document: {},
    location,
    history: { replaceState: (_: unknown, __: string, url: string) => void (location.href = url) },
    sessionStorage: {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
      removeItem: (key: string) => void kept.delete(key),
    },
    name: "",
    opener: null,
    open(url: string) {
      const { state, nonce: asked } = readShown(url);
      nonce = asked;
      return { closed: false, location: { href: `${APP}#code=a-code&state=${state}` }, close() {} };
    },
    addEventListener: (_: string, listener: () => void) => void listeners.add(listener),
    removeEventListener: (_: string, listener: () => void) => void listeners.delete(listener),
  };
  for (const [name, value] of Object.entries(globals)) define(name, { value });
  const service = createService((asked, index) =>
    answer(asked, (claims) => userAnswer({ nonce, ...claims }, `token-${index}`))
  );
  return {
    service,
    kept,
    listeners,
    location,
    load: (options) =>
      new InteractiveBrowserCredential({
        tenantId: TENANT,
        clientId: CLIENT,
        loginStyle: "redirect",
        fetch: service.fetch,
        cache: new Map(),
        env: {},
        retryOptions: { maxRetries: 0 },
        // No timer outlives a test that leaves the page.
        runtime: { sleep: () => new Promise(() => {}) },
        ...options,
      }),
    untilLeft: (call) =>
      new Promise((resolve, reject) => {
        tell = resolve;
        call.then(() => reject(new Error("It did not leave the page")), reject);
      }),
    comeBack(shown, answer = "code=a-code") {
      nonce = shown.nonce;
      location.href = `${APP}#${answer}&state=${shown.state}`;
    },
  };
}

test("the browser brings the page back as it was left: the call ends, and the next one leaves again", async () => {
  const tab = openTab();
  const credential = tab.load();
  const call = credential.getToken(SCOPE);
  let isOver = false;
  call.catch(() => isOver = true);
  await tab.untilLeft(call);
  const show = (persisted: boolean) => tab.listeners.forEach((listener) => listener({ persisted }));
  // The page was left before it was there.
  show(false);
  await breathe();
  assert.equal(isOver, false);
  show(true);
  const error = await failureOf(call);
  assert.deepEqual([error.name, error.message], [
    "AuthenticationError",
    "InteractiveBrowserCredential: Cannot sign in: The user came back without signing in",
  ]);
  assert.deepEqual([tab.kept.size, tab.listeners.size], [0, 0]);

  tab.comeBack(await tab.untilLeft(credential.getToken(SCOPE)));
  assert.equal((await tab.load().getToken(SCOPE)).token, "token-0");
});

test("without storage people sign in in a window, and are not sent away for nothing", async () => {
  const tab = openTab();
  define("sessionStorage", {
    get() {
      throw new DOMException("The document is sandboxed", "SecurityError");
    },
  });
  assert.equal((await tab.load({ loginStyle: "popup" }).getToken(SCOPE)).token, "token-0");
  const error = await failureOf(tab.load().getToken(SCOPE));
  assert.equal(error.name, "AuthenticationError");
  assert.match(error.message, /^InteractiveBrowserCredential: .* no session storage, .* set "loginStyle" to "popup"$/);
  assert.equal(tab.location.href, APP);
});
