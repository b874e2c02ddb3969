/**
 * A sign-in whose browser is simulated by the test, and its token endpoint.
 *
 * @module
 */
import { InteractiveBrowserCredential, type InteractiveBrowserCredentialOptions } from "@azweb/identity";
import { CLIENT, createService, type Service, TENANT } from "../service.ts";

export const USER = "jo@contoso.com";

/** The authorization URL that a browser opened. */
export interface Shown {
  readonly url: URL;
  readonly state: string;
  readonly nonce: string;
  /** The redirect URI. */
  readonly redirectUri: string;
}

/** A credential whose browser is simulated by the test. */
export interface Stage {
  readonly credential: InteractiveBrowserCredential;
  readonly service: Service;
  /** The authorization URLs that the browser opened, in order. */
  readonly shown: readonly Shown[];
  /** Resolves with the next authorization URL that no earlier call has returned. */
  untilShown(): Promise<Shown>;
}

/** The claims of the user's ID token. */
export type IdTokenClaims = Readonly<Record<string, unknown>>;

/** Options of {@linkcode createStage}. */
export interface StageOptions extends InteractiveBrowserCredentialOptions {
  /** Wrong claims of the ID token. */
  readonly idToken?: IdTokenClaims;
  /** Responds to a token request. `succeed` returns the valid response, which is the default. */
  readonly answer?: (succeed: () => Response, form: Readonly<Record<string, string>>) => Response | Promise<Response>;
}

/** Creates a credential, its token endpoint and its browser. */
export function createStage(
  { idToken = {}, answer = (succeed) => succeed(), ...options }: StageOptions = {},
): Stage {
  const shown: Shown[] = [];
  let taken = 0;
  let onShown = () => {};
  const service = createService(({ form }, index) =>
    answer(() => userAnswer({ nonce: shown.at(-1)?.nonce, ...idToken }, `token-${index}`), form)
  );
  const credential = new InteractiveBrowserCredential({
    tenantId: TENANT,
    clientId: CLIENT,
    fetch: service.fetch,
    cache: new Map(),
    env: {},
    retryOptions: { maxRetries: 0 },
    ...options,
    runtime: {
      openUrl(text) {
        shown.push(readShown(text));
        onShown();
        return Promise.resolve();
      },
      ...options.runtime,
    },
  });
  return {
    credential,
    service,
    shown,
    untilShown: () =>
      new Promise((resolve) => {
        onShown = () => {
          const next = shown[taken];
          if (!next) return;
          taken++;
          onShown = () => {};
          resolve(next);
        };
        onShown();
      }),
  };
}

/** Parses an authorization URL. */
export function readShown(text: string): Shown {
  const url = new URL(text);
  const [state, nonce, redirectUri] = ["state", "nonce", "redirect_uri"].map((name) => url.searchParams.get(name)!);
  return { url, state: state!, nonce: nonce!, redirectUri: redirectUri! };
}

/** Returns the token response after a user's sign-in. */
export function userAnswer(claims: IdTokenClaims = {}, token = "a-token", uid = "jo"): Response {
  const now = Math.floor(Date.now() / 1000);
  const idToken = {
    iss: `https://login.microsoftonline.com/${TENANT}/v2.0`,
    aud: CLIENT,
    iat: now,
    exp: now + 3600,
    tid: TENANT,
    sub: "jo",
    oid: "jo",
    preferred_username: USER,
    ...claims,
  };
  return Response.json({
    token_type: "Bearer",
    expires_in: 3600,
    access_token: token,
    refresh_token: `${token}-refresh`,
    id_token: [{ alg: "RS256" }, idToken, {}].map(encode).join("."),
    client_info: encode({ uid, utid: TENANT }),
  });
}

/** Sends the authorization response to the redirect URI, as a form or in the query. */
export async function sendBack(
  { redirectUri }: Pick<Shown, "redirectUri">,
  fields: readonly (readonly [string, string])[],
  mode: "form_post" | "query" = "form_post",
): Promise<Response> {
  const parameters = new URLSearchParams(fields.map(([name, value]) => [name, value]));
  return mode === "query"
    ? await fetch(`${redirectUri}/?${parameters}`)
    : await fetch(redirectUri, { method: "POST", body: parameters });
}

function encode(value: unknown): string {
  return btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
