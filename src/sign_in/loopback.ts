import { bound } from "../core/bound.ts";
import { abortable } from "../core/timeout.ts";
import type { Settings } from "../core/settings.ts";
import { messageOf } from "../core/unknown_errors.ts";
import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import { loopbackListener } from "../runtime/loopback_server.ts";
import { urlOpener } from "../runtime/open_url.ts";
import { flagFor, missingPermission } from "../runtime/permission.ts";
import { hasNetPermission } from "../runtime/query_permission.ts";
import type { LoopbackServer, RuntimeOverrides } from "../runtime/runtime.ts";
import type { TokenSet } from "../token_cache.ts";
import { type BrowserSignIn, createAuthorization, readAuthorizationCode } from "./authorization.ts";
import { noAuth } from "../entra/client_auth.ts";
import { createPage } from "./result_page.ts";
import type { SignIn } from "./session.ts";
import { redeemCode } from "./tokens.ts";

const FORM = /^application\/x-www-form-urlencoded(;|$)/i;

/**
 * Signs a user in with the default browser of this machine, which sends the authorization response to a loopback
 * address (RFC 8252, section 7.3).
 */
export async function signInByLoopback(
  spec: BrowserSignIn,
  request: SignIn,
  { runtime, settings, hasLogger, hasCustomFetch }: {
    readonly runtime: RuntimeOverrides;
    readonly settings: Settings;
    /** Whether `options.log` is set. */
    readonly hasLogger: boolean;
    /** Whether `options.fetch` is set. */
    readonly hasCustomFetch: boolean;
  },
): Promise<TokenSet> {
  const { name, clientId, messages } = spec;
  const redirectUrl = new URL(spec.redirectUri ?? "http://localhost");
  let state: string | undefined;
  const { promise: codeReceived, ...code } = withResolvers<string>();
  const { promise: completed, ...completion } = withResolvers<void>();
  const server = await serve(Number(redirectUrl.port));
  try {
    const redirectUri = redirectUrl.port ? spec.redirectUri! : `http://${redirectUrl.hostname}:${server.port}`;
    const authorization = await createAuthorization(request, { ...spec, redirectUri, responseMode: "form_post" });
    ({ state } = authorization);
    if (request.signal.aborted) throw request.signal.reason;
    // Not awaited, because the opener may be pending as long as the browser runs.
    void open(authorization.url);
    const { verifier, nonce } = authorization;
    request.setPendingStep({
      missing: "The user has not signed in",
      nextStep:
        `If the browser shows AADSTS50011, register "http://${redirectUrl.hostname}" under "Mobile and desktop applications"`,
    });
    const token = await abortable(async () => {
      const redeemable = { code: await codeReceived, redirectUri, verifier, nonce };
      request.setPendingStep({});
      const app = { name, clientId, clientAuth: noAuth() };
      return request.completeSignIn(await redeemCode(app, redeemable, request, settings));
    }, request.signal);
    completion.resolve();
    return token;
  } catch (error) {
    completion.reject(error);
    throw error;
  } finally {
    state = undefined;
    server.close();
  }

  async function serve(port: number): Promise<LoopbackServer> {
    const listen = loopbackListener(runtime);
    if (!listen) throw unavailable("This runtime cannot serve a loopback address", 'Set "runtime.listen"');
    const { host, href } = new URL(request.server.token_endpoint!);
    const hosts = [...runtime.listen ? [] : ["127.0.0.1", "[::1]"], ...hasCustomFetch ? [] : [host]];
    const nextStep = `Run ${flagFor({ net: hosts.join(",") })}`;
    // Checked before the user signs in, because the token request would fail.
    if (!hasCustomFetch && !hasNetPermission(href)) {
      throw new AuthenticationError(`Cannot reach "${host}": ${nextStep}`);
    }
    try {
      return await listen(handle, port);
    } catch (error) {
      throw !runtime.listen && missingPermission(error, { net: hosts.join(",") })
        ? forbidden("Serving a loopback address is not permitted", nextStep)
        : unavailable(`No loopback address can be served (${messageOf(error)})`, "");
    }
  }

  async function handle(incoming: Request): Promise<Response> {
    const { host, pathname, searchParams } = new URL(incoming.url);
    const { method, headers } = incoming;
    // Rejects another host name that resolves to this address (DNS rebinding).
    const hosts = ["localhost", "127.0.0.1", "[::1]"].map((name) => new URL(`http://${name}:${server.port}`).host);
    if (!hosts.includes(host)) return createPage(400, "Not found", "This address is not served here.");
    if (!["GET", "POST"].includes(method)) return createPage(405, "Not possible", "This page is for sign-in only.");
    if (pathname !== "/") return createPage(404, "Not found", "There is nothing here.");
    if (method === "POST" && !FORM.test(bound(headers.get("content-type") ?? ""))) {
      return createPage(415, "Not possible", "This page accepts only the response of a sign-in.");
    }
    const parameters = method === "POST" ? new URLSearchParams(await incoming.text()) : searchParams;
    const states = parameters.getAll("state");
    // Any process on the machine can send requests here, but only the user's browser has the state. It is accepted
    // once.
    const expected = state;
    if (expected === undefined || states.length !== 1 || states[0] !== expected) {
      return createPage(400, "Not expected", "This is not the response of a pending sign-in.");
    }
    state = undefined;
    try {
      code.resolve(readAuthorizationCode(parameters, { server: request.server, clientId, state: expected }));
      await completed;
      return createPage(200, "Signed in", messages.success ?? "You can close this page and return to the program.");
    } catch (error) {
      code.reject(error);
      return createPage(400, "Not signed in", messages.error ?? "Return to the program, which shows the reason.");
    }
  }

  async function open(url: string): Promise<void> {
    const openUrl = urlOpener(runtime);
    try {
      if (!openUrl) throw new Error("This runtime cannot open a browser");
      await openUrl(url);
    } catch (error) {
      // The sign-in has ended meanwhile.
      if (state === undefined) return;
      const cause = messageOf(error);
      const reason = `No browser can be opened (${cause})`;
      if (hasLogger) {
        const message = `${reason}. Open this page to sign in: ${url}`;
        return settings.log({ event: "sign-in-wanted", credential: name, message });
      }
      code.reject(
        missingPermission(error, { run: "" })
          ? forbidden("Opening a browser is not permitted", `${cause}, set "log", which receives the URL`)
          : unavailable(reason, 'Set "log", which receives the URL'),
      );
    }
  }
}

function unavailable(reason: string, nextStep: string): CredentialUnavailableError {
  return new CredentialUnavailableError(`Cannot prompt the user to sign in: ${reason}`, {
    outcome: "absent",
    nextStep: withDeviceCode(nextStep),
  });
}

/** Returns the error of a missing permission, which ends a chain: the program has requested the sign-in. */
function forbidden(reason: string, nextStep: string): AuthenticationError {
  return new AuthenticationError(`Cannot prompt the user to sign in: ${reason}: ${withDeviceCode(nextStep)}`);
}

function withDeviceCode(nextStep: string): string {
  return `${nextStep}${nextStep && ", or "}use DeviceCodeCredential`.replace(/^u/, "U");
}

/** Implements `Promise.withResolvers`, which Node 20 does not have. A rejection that is not awaited is ignored. */
function withResolvers<T>(): { promise: Promise<T>; resolve(value: T): void; reject(error: unknown): void } {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((...functions) => [resolve, reject] = functions);
  promise.catch(() => {});
  return { promise, resolve, reject };
}
