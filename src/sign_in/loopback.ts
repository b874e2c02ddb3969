import { bound } from "../core/bound.ts";
import { abortable } from "../core/timeout.ts";
import type { Settings } from "../core/settings.ts";
import { messageOf } from "../core/unknown_errors.ts";
import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import { loopbackListener } from "../runtime/loopback.ts";
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
 * Signs a user in with the default browser of this machine, which sends the authorization response to a loopback address (RFC 8252,
 * section 7.3).
 */
export async function signInByLoopback(
  spec: BrowserSignIn,
  wanted: SignIn,
  { runtime, settings, hasLogger, hasCustomFetch }: {
    readonly runtime: RuntimeOverrides;
    readonly settings: Settings;
    /** Whether the program has set `log`. */
    readonly hasLogger: boolean;
    /** Whether the program has set `fetch`. */
    readonly hasCustomFetch: boolean;
  },
): Promise<TokenSet> {
  const { name, clientId, messages } = spec;
  const redirectUrl = new URL(spec.redirectUri ?? "http://localhost");
  let state: string | undefined;
  const { promise: answered, ...answer } = withResolvers<string>();
  const { promise: over, ...end } = withResolvers<void>();
  const server = await serve(Number(redirectUrl.port));
  try {
    const redirectUri = redirectUrl.port ? spec.redirectUri! : `http://${redirectUrl.hostname}:${server.port}`;
    const authorization = await createAuthorization(wanted, { ...spec, redirectUri, responseMode: "form_post" });
    ({ state } = authorization);
    if (wanted.signal.aborted) throw wanted.signal.reason;
    // Not awaited: the opener may stay pending for as long as the browser runs.
    void open(authorization.url);
    const { verifier, nonce } = authorization;
    wanted.setPendingStep({
      missing: "Nobody has signed in",
      nextStep:
        `If the browser shows AADSTS50011, register "http://${redirectUrl.hostname}" under "Mobile and desktop applications"`,
    });
    const token = await abortable(async () => {
      const code = await answered;
      wanted.setPendingStep({});
      const app = { name, clientId, clientAuth: noAuth() };
      return wanted.completeSignIn(await redeemCode(app, { code, redirectUri, verifier, nonce }, wanted, settings));
    }, wanted.signal);
    end.resolve();
    return token;
  } catch (error) {
    end.reject(error);
    throw error;
  } finally {
    state = undefined;
    server.close();
  }

  async function serve(port: number): Promise<LoopbackServer> {
    const listen = loopbackListener(runtime);
    if (!listen) throw unavailable("This runtime serves no loopback address", 'Give "runtime.listen"');
    const { host, href } = new URL(wanted.server.token_endpoint!);
    const hosts = [...runtime.listen ? [] : ["127.0.0.1", "[::1]"], ...hasCustomFetch ? [] : [host]];
    const nextStep = `Run ${flagFor({ net: hosts.join(",") })}`;
    // Checked before the sign-in, so that the user does not sign in for nothing.
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

  async function handle(request: Request): Promise<Response> {
    const { host, pathname, searchParams } = new URL(request.url);
    const { method, headers } = request;
    // Another host name that resolves to this address (DNS rebinding).
    const hosts = ["localhost", "127.0.0.1", "[::1]"].map((name) => new URL(`http://${name}:${server.port}`).host);
    if (!hosts.includes(host)) return createPage(400, "Not found", "This is no page of that name.");
    if (!["GET", "POST"].includes(method)) return createPage(405, "Not possible", "This page is for signing in.");
    if (pathname !== "/") return createPage(404, "Not found", "There is nothing here.");
    if (method === "POST" && !FORM.test(bound(headers.get("content-type") ?? ""))) {
      return createPage(415, "Not possible", "This page takes the answer of a sign-in.");
    }
    const parameters = method === "POST" ? new URLSearchParams(await request.text()) : searchParams;
    const states = parameters.getAll("state");
    // Any process on the machine can send requests here; only the user's browser knows the state. It is accepted once.
    const expected = state;
    if (expected === undefined || states.length !== 1 || states[0] !== expected) {
      return createPage(400, "Not expected", "This is not the answer of a sign-in that is under way.");
    }
    state = undefined;
    try {
      answer.resolve(readAuthorizationCode(parameters, { server: wanted.server, clientId, state: expected }));
      await over;
      return createPage(200, "Signed in", messages.success ?? "You can close this page and go back to the program.");
    } catch (error) {
      answer.reject(error);
      return createPage(400, "Not signed in", messages.error ?? "Go back to the program, which says why.");
    }
  }

  async function open(url: string): Promise<void> {
    const openUrl = urlOpener(runtime);
    try {
      if (!openUrl) throw new Error("This runtime opens no browser");
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
      answer.reject(
        missingPermission(error, { run: "" })
          ? forbidden("Opening a browser is not permitted", `${cause}, give "log", which is told the URL`)
          : unavailable(reason, 'Give "log", which is told the URL'),
      );
    }
  }
}

function unavailable(reason: string, nextStep: string): CredentialUnavailableError {
  return new CredentialUnavailableError(`Cannot have a user sign in: ${reason}`, {
    outcome: "absent",
    nextStep: withDeviceCode(nextStep),
  });
}

/** Returns the error of a missing permission, which ends a chain: the program has requested the sign-in. */
function forbidden(reason: string, nextStep: string): AuthenticationError {
  return new AuthenticationError(`Cannot have a user sign in: ${reason}: ${withDeviceCode(nextStep)}`);
}

function withDeviceCode(nextStep: string): string {
  return `${nextStep}${nextStep && ", or "}use DeviceCodeCredential`.replace(/^u/, "U");
}

/** As `Promise.withResolvers`, which Node 20 does not have. A rejection that is not awaited is ignored. */
function withResolvers<T>(): { promise: Promise<T>; resolve(value: T): void; reject(error: unknown): void } {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((...both) => [resolve, reject] = both);
  promise.catch(() => {});
  return { promise, resolve, reject };
}
