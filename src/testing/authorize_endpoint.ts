import { type Directory, findApp, findUser, isUserOf, required } from "./directory.ts";
import type { EntraApp, EntraUser } from "./entra_options.ts";
import { Refusal, refusalBody, type Trace } from "./refusal.ts";

const CODE_LIFETIME_IN_MS = 600_000;

/** A user's browser that asks to sign in. */
export interface AuthorizeCall {
  readonly tenant: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Signs the user in who sits before the browser, and sends the browser on (RFC 6749, section 4.1). Throws a `Refusal` where it must not be
 * sent on.
 */
export function answerAuthorizeCall(call: AuthorizeCall, trace: Trace, directory: Directory): Response {
  const { parameters, tenant } = call;
  const app = findApp(directory, required(parameters, "client_id"), tenant);
  const redirectUri = checkRedirectUri(required(parameters, "redirect_uri"), app);
  const mode = parameters.response_mode ?? "query";
  if (!["query", "fragment", "form_post"].includes(mode)) throw new Refusal(9002313);
  const { state } = parameters;
  return sendOn({ ...tryToSignIn(), ...state !== undefined && { state } }, redirectUri, mode);

  function tryToSignIn(): Record<string, string> {
    try {
      return { code: signIn(call, app, directory) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { error: word, error_description } = refusalBody(error, trace) as Record<string, string>;
      return { error: word!, error_description: error_description! };
    }
  }
}

/** Returns a code. */
function signIn({ parameters, tenant }: AuthorizeCall, app: EntraApp, directory: Directory): string {
  if (required(parameters, "response_type") !== "code") throw new Refusal(9002313, {}, "unsupported_response_type");
  const { code_challenge: challenge, code_challenge_method: method, nonce } = parameters;
  if (challenge !== undefined && (method !== "S256" || !/^[\w-]{43}$/.test(challenge))) throw new Refusal(9002313);
  const scope = required(parameters, "scope");
  const user = findVisitor(parameters.login_hint, tenant, directory);
  const code = `code-${crypto.randomUUID()}`;
  directory.codes.set(code, {
    clientId: app.clientId,
    user,
    isStrong: true,
    redirectUri: parameters.redirect_uri!,
    scope,
    nonce,
    challenge,
    expiresOnTimestamp: directory.now() + CODE_LIFETIME_IN_MS,
    isRedeemed: false,
  });
  return code;
}

function findVisitor(hint: string | undefined, tenant: string, directory: Directory): EntraUser {
  if (directory.visitor === null) throw new Refusal(65004);
  const username = directory.visitor ?? hint;
  const user = username === undefined
    ? directory.users.find((user) => isUserOf(user, tenant))
    : findUser(directory, username, tenant);
  if (!user) throw new Refusal(50034, { username, tenant }, "access_denied");
  return user;
}

function checkRedirectUri(uri: string, { clientId, redirectUris }: EntraApp): URL {
  const isKnown = URL.canParse(uri) && (!redirectUris || redirectUris.some((known) => fits(known, uri)));
  if (!isKnown) throw new Refusal(50011, { uri, app: clientId });
  return new URL(uri);
}

/** Whether it is the registered one, whose port counts for nothing on the own machine (RFC 8252, section 7.3). */
function fits(known: string, uri: string): boolean {
  if (known === uri) return true;
  const [a, b] = [new URL(known), new URL(uri)];
  if (a.hostname !== "localhost" || a.protocol !== "http:") return false;
  a.port = b.port;
  return a.href === b.href;
}

function sendOn(answer: Record<string, string>, redirectUri: URL, mode: string): Response {
  if (mode === "form_post") {
    const fields = Object.entries(answer).map(([name, value]) =>
      `<input type="hidden" name="${name}" value="${escape(value)}">`
    );
    return page(
      200,
      `<form method="post" action="${escape(redirectUri.href)}">${fields.join("")}<button>Continue</button></form>` +
        "<script>document.forms[0].submit()</script>",
    );
  }
  if (mode === "fragment") redirectUri.hash = new URLSearchParams(answer).toString();
  else for (const [name, value] of Object.entries(answer)) redirectUri.searchParams.append(name, value);
  return new Response(null, { status: 302, headers: { location: redirectUri.href } });
}

/** Returns the page that a user sees where the browser cannot be sent on. */
export function refusalPage(refusal: Refusal): Response {
  return page(refusal.status, `<h1>Sign in</h1><p>AADSTS${refusal.code}: ${escape(refusal.message)}`);
}

function page(status: number, body: string): Response {
  return new Response(`<!DOCTYPE html><title>Sign in (simulated)</title>${body}`, {
    status,
    headers: { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" },
  });
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
