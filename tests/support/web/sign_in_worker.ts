/**
 * A Worker that signs users in and shows their account from Microsoft Graph: the complete example of
 * `@azweb/identity/web-sign-in`. Each isolate can handle each request, because the session is in a sealed cookie and
 * not in memory.
 *
 * @module
 */
import type { AuthenticationError, AuthenticationRequiredError } from "@azweb/identity";
import { createWebSignIn, type WebSignIn, type WebUser } from "@azweb/identity/web-sign-in";

/** The bindings of the Worker. */
export interface Env {
  readonly AZURE_TENANT_ID: string;
  readonly AZURE_CLIENT_ID: string;
  readonly AZURE_CLIENT_SECRET: string;
  /** The registered redirect URI, with the path `/signed-in`. */
  readonly REDIRECT_URI: string;
  /** 32 bytes in base64: `openssl rand -base64 32`. */
  readonly SEALING_KEY: string;
  /** For tests: replacements for Microsoft Entra and Microsoft Graph. */
  readonly AUTHORITY_HOST?: string;
  readonly API?: string;
  readonly SCOPE?: string;
}

const SESSION = "__Host-session";
const ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax";
const GRAPH = "https://graph.microsoft.com";

/** Handles a request. */
export async function handle(request: Request, env: Env, fetch: typeof globalThis.fetch): Promise<Response> {
  const signIn = createWebSignIn({
    tenantId: env.AZURE_TENANT_ID,
    clientId: env.AZURE_CLIENT_ID,
    clientSecret: env.AZURE_CLIENT_SECRET,
    redirectUri: env.REDIRECT_URI,
    scopes: env.SCOPE ?? `${GRAPH}/User.Read`,
    returnPaths: ["/", "/me"],
    sealingKey: env.SEALING_KEY,
    env: {},
    fetch,
    ...env.AUTHORITY_HOST !== undefined && {
      authorityHost: env.AUTHORITY_HOST,
      allowInsecureLoopback: true,
      disableInstanceDiscovery: true,
    },
  });
  const { pathname } = new URL(request.url);
  if (pathname === new URL(env.REDIRECT_URI).pathname) return await finish(request, signIn);
  if (pathname === "/sign-out" && request.method === "POST") return signOut(env);
  if (pathname === "/me") return await showMe(request, signIn, { env, fetch });
  return page("Welcome. Go to /me");
}

/** Handles the authorization response. */
async function finish(request: Request, signIn: WebSignIn): Promise<Response> {
  try {
    const { response, sealSession } = await signIn.redeem(request);
    response.headers.append("set-cookie", `${SESSION}=${await sealSession()}; ${ATTRIBUTES}`);
    return response;
  } catch (error) {
    const { name, message, statusCode } = error as AuthenticationError;
    if (name !== "AuthenticationError") throw error;
    // The message is for the operator of the app: a user cannot correct an error such as an expired client secret.
    console.error(message);
    return page('You are not signed in. <a href="/me">Try again</a>', statusCode === 0 ? 400 : 500, "text/html");
  }
}

async function showMe(
  request: Request,
  signIn: WebSignIn,
  { env, fetch }: { readonly env: Env; readonly fetch: typeof globalThis.fetch },
): Promise<Response> {
  let user: WebUser;
  let token: string;
  try {
    user = await signIn.resume(sessionOf(request));
    ({ token } = await user.credential.getToken(env.SCOPE ?? `${GRAPH}/User.Read`));
  } catch (error) {
    // The user has not signed in, the session has expired, or Microsoft Entra requires another sign-in.
    const { name, getTokenOptions } = error as AuthenticationRequiredError;
    if (name !== "AuthenticationRequiredError") throw error;
    return await signIn.signIn(request, { claims: getTokenOptions?.claims });
  }
  const profile = await fetch(env.API ?? `${GRAPH}/v1.0/me`, { headers: { authorization: `Bearer ${token}` } });
  const { userPrincipalName } = await profile.json();
  const response = page(`${user.account.username} is ${userPrincipalName} to Microsoft Graph`, profile.status);
  // The refresh token may have changed.
  response.headers.append("set-cookie", `${SESSION}=${await user.sealSession()}; ${ATTRIBUTES}`);
  return response;
}

/**
 * Deletes the session, and signs out at Microsoft Entra, which redirects back if `/` is registered as a redirect URI
 * too.
 */
function signOut(env: Env): Response {
  const { AUTHORITY_HOST = "https://login.microsoftonline.com", AZURE_TENANT_ID, REDIRECT_URI } = env;
  const query = new URLSearchParams({ post_logout_redirect_uri: new URL("/", REDIRECT_URI).href });
  return new Response(null, {
    status: 303,
    headers: {
      location: `${AUTHORITY_HOST}/${AZURE_TENANT_ID}/oauth2/v2.0/logout?${query}`,
      "set-cookie": `${SESSION}=; Max-Age=0; ${ATTRIBUTES}`,
    },
  });
}

function sessionOf(request: Request): string {
  const cookies = (request.headers.get("cookie") ?? "").split("; ");
  return cookies.find((cookie) => cookie.startsWith(`${SESSION}=`))?.slice(SESSION.length + 1) ?? "";
}

function page(text: string, status = 200, type = "text/plain"): Response {
  return new Response(text, {
    status,
    headers: { "content-type": `${type}; charset=utf-8`, "cache-control": "no-store" },
  });
}

export default {
  fetch: (request: Request, env: Env): Promise<Response> => handle(request, env, globalThis.fetch),
};
