import { withDeadline } from "../core/deadline.ts";
import type { Settings } from "../core/settings.ts";
import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import { loopbackListener } from "../runtime/loopback.ts";
import { urlOpener } from "../runtime/open_url.ts";
import type { LoopbackServer, Runtime } from "../runtime/runtime.ts";
import { type Authorization, type BrowserSignIn, codeIn, createAuthorization } from "./authorization.ts";
import { createPage } from "./sign_in_page.ts";
import { requestTokens } from "./token_client.ts";
import { noAuth } from "./client_auth.ts";
import type { SignedIn, SignIn } from "./user_session.ts";

const FORM = /^application\/x-www-form-urlencoded(;|$)/i;

/**
 * Has the user sign in with the browser of this machine, whose answer comes to a server on a loopback address (RFC 8252, section 7.3).
 */
export async function signInByLoopback(
  spec: BrowserSignIn,
  wanted: SignIn,
  { runtime, settings }: { readonly runtime: Partial<Runtime>; readonly settings: Settings },
): Promise<SignedIn> {
  const { name, clientId, redirectUri, messages } = spec;
  const listen = runtime.listen ? runtime.listen.bind(runtime) : loopbackListener();
  if (!listen) {
    throw new CredentialUnavailableError("Cannot have a user sign in: This runtime serves no loopback address", {
      nextStep: 'Give "runtime.listen", or use DeviceCodeCredential',
    });
  }
  const port = redirectUri === undefined ? undefined : Number(new URL(redirectUri).port || 80);
  let authorization: Authorization | undefined;
  let settle: { resolve(code: string): void; reject(error: unknown): void } | undefined;
  const answered = new Promise<string>((resolve, reject) => settle = { resolve, reject });
  answered.catch(() => {});
  let server: LoopbackServer;
  try {
    server = await listen(handle, port);
  } catch (error) {
    const { name, message } = Object(error) as { name?: unknown; message?: unknown };
    throw new CredentialUnavailableError(
      `Cannot have a user sign in: No loopback address can be served${name === "NotCapable" ? "" : ` (${message})`}`,
      { nextStep: name === "NotCapable" ? "Run Deno with --allow-net=127.0.0.1,[::1]" : "Use DeviceCodeCredential" },
    );
  }
  try {
    const uri = redirectUri ?? `http://localhost:${server.port}`;
    authorization = await createAuthorization(wanted, { ...spec, redirectUri: uri, responseMode: "form_post" });
    await open(authorization.url);
    const { sleep } = settings;
    const late = () => new Error("Unreachable");
    const code = await withDeadline(() => answered, { sleep, ms: undefined, late, outer: wanted.signal });
    const { verifier, nonce } = authorization;
    const parameters = { code, redirect_uri: uri, code_verifier: verifier, client_info: "1" };
    const grant = { name, clientId, clientAuth: noAuth(), type: "authorization_code", parameters } as const;
    return { answer: await requestTokens(grant, wanted, settings), nonce };
  } finally {
    server.close();
  }

  async function handle(request: Request): Promise<Response> {
    const { host, pathname, searchParams } = new URL(request.url);
    // A name that leads here, and is another's.
    const hosts = ["localhost", "127.0.0.1", "[::1]"].map((name) => `${name}:${server.port}`);
    if (!hosts.includes(host)) return createPage(400, "Not found", "This is no page of that name.");
    if (!["GET", "POST"].includes(request.method)) {
      return createPage(405, "Not possible", "This page is for signing in.");
    }
    if (pathname !== "/") return createPage(404, "Not found", "There is nothing here.");
    if (request.method === "POST" && !FORM.test(request.headers.get("content-type") ?? "")) {
      return createPage(415, "Not possible", "This page takes the answer of a sign-in.");
    }
    const parameters = request.method === "POST" ? new URLSearchParams(await request.text()) : searchParams;
    const [state, second] = parameters.getAll("state");
    // Anybody on the machine can send something here: only who was asked knows the state.
    if (!authorization || state !== authorization.state || second !== undefined || !settle) {
      return createPage(400, "Not expected", "This is not the answer of a sign-in that is under way.");
    }
    const { resolve, reject } = settle;
    settle = undefined;
    try {
      resolve(codeIn(parameters, wanted.tokenEndpoint));
      return createPage(200, "Signed in", messages.success ?? "You can close this page, and go back to the program.");
    } catch (error) {
      reject(error);
      return createPage(400, "Not signed in", messages.error ?? "Go back to the program, which says why.");
    }
  }

  async function open(url: string): Promise<void> {
    const openUrl = runtime.openUrl ? runtime.openUrl.bind(runtime) : urlOpener();
    try {
      if (!openUrl) throw new AuthenticationError("None");
      await openUrl(url);
    } catch {
      settings.log({ event: "sign-in-wanted", credential: name, message: `Open this page to sign in: ${url}` });
    }
  }
}
