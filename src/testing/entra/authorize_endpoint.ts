import { type Directory, findApp, findUser, isUserOf, required } from "./directory.ts";
import type { EntraApp, EntraUser } from "./entra_options.ts";
import { ServiceError, serviceErrorBody, type Trace } from "./service_error.ts";

const CODE_LIFETIME_IN_MS = 600_000;

/** An authorization request (RFC 6749, section 4.1.1). */
export interface AuthorizationRequest {
  readonly tenant: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Signs in the user of the browser and returns the authorization response (RFC 6749, section 4.1.2).
 *
 * @throws {ServiceError} An error that the browser must show to the user instead of following the redirect URI.
 */
export function handleAuthorizationRequest(
  request: AuthorizationRequest,
  trace: Trace,
  directory: Directory,
): Response {
  const { parameters, tenant } = request;
  const app = findApp(directory, required(parameters, "client_id"), tenant);
  const redirectUri = checkRedirectUri(required(parameters, "redirect_uri"), app);
  const mode = parameters.response_mode ?? "query";
  if (!["query", "fragment", "form_post"].includes(mode)) throw new ServiceError(9002313);
  const { state } = parameters;
  return redirect({ ...signInOrFail(), ...state !== undefined && { state } }, redirectUri, mode);

  function signInOrFail(): Record<string, string> {
    try {
      return { code: signIn(request, app, directory) };
    } catch (serviceError) {
      if (!(serviceError instanceof ServiceError)) throw serviceError;
      const { error, error_description } = serviceErrorBody(serviceError, trace) as Record<string, string>;
      return { error: error!, error_description: error_description! };
    }
  }
}

/** Returns an authorization code. */
function signIn({ parameters, tenant }: AuthorizationRequest, app: EntraApp, directory: Directory): string {
  if (required(parameters, "response_type") !== "code") {
    throw new ServiceError(9002313, {}, "unsupported_response_type");
  }
  const { code_challenge: challenge, code_challenge_method: method, nonce } = parameters;
  if (challenge !== undefined && (method !== "S256" || !/^[\w-]{43}$/.test(challenge))) throw new ServiceError(9002313);
  const scope = required(parameters, "scope");
  const user = findSignedInUser(parameters.login_hint, tenant, directory);
  const code = `code-${crypto.randomUUID()}`;
  directory.codes.set(code, {
    clientId: app.clientId,
    user,
    hasMfa: true,
    redirectUri: parameters.redirect_uri!,
    scope,
    nonce,
    challenge,
    expiresOnTimestamp: directory.now() + CODE_LIFETIME_IN_MS,
    isRedeemed: false,
  });
  return code;
}

function findSignedInUser(loginHint: string | undefined, tenant: string, directory: Directory): EntraUser {
  if (directory.signedInUser === null) throw new ServiceError(65004);
  const username = directory.signedInUser ?? loginHint;
  const user = username === undefined
    ? directory.users.find((user) => isUserOf(user, tenant))
    : findUser(directory, username, tenant);
  if (!user) throw new ServiceError(50034, { username, tenant }, "access_denied");
  return user;
}

function checkRedirectUri(uri: string, { clientId, redirectUris }: EntraApp): URL {
  const isRegistered = URL.canParse(uri) &&
    (!redirectUris || redirectUris.some((registered) => matchesRedirectUri(registered, uri)));
  if (!isRegistered) throw new ServiceError(50011, { uri, app: clientId });
  return new URL(uri);
}

/**
 * Whether the redirect URI is the registered one. The port of a loopback address is ignored (RFC 8252, section 7.3).
 */
function matchesRedirectUri(registered: string, uri: string): boolean {
  if (registered === uri) return true;
  const [a, b] = [new URL(registered), new URL(uri)];
  if (a.hostname !== "localhost" || a.protocol !== "http:") return false;
  a.port = b.port;
  return a.href === b.href;
}

/** Returns the parameters to the redirect URI, in the given response mode. */
function redirect(parameters: Record<string, string>, redirectUri: URL, mode: string): Response {
  if (mode === "form_post") {
    const fields = Object.entries(parameters).map(([name, value]) =>
      `<input type="hidden" name="${name}" value="${escape(value)}">`
    );
    return page(
      200,
      `<form method="post" action="${escape(redirectUri.href)}">${fields.join("")}<button>Continue</button></form>` +
        "<script>document.forms[0].submit()</script>",
    );
  }
  if (mode === "fragment") redirectUri.hash = new URLSearchParams(parameters).toString();
  else for (const [name, value] of Object.entries(parameters)) redirectUri.searchParams.append(name, value);
  return new Response(null, { status: 302, headers: { location: redirectUri.href } });
}

/** Returns the page that shows an error to the user, for an error that must not be sent to the redirect URI. */
export function errorPage(error: ServiceError): Response {
  return page(error.status, `<h1>Sign in</h1><p>AADSTS${error.code}: ${escape(error.message)}`);
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
