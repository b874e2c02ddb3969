/**
 * A sign-in as it looks from the browser's side, and the token endpoint behind it.
 *
 * @module
 */
import { InteractiveBrowserCredential, type InteractiveBrowserCredentialOptions } from "@azweb/identity";
import { CLIENT, createService, type Service, TENANT } from "../service.ts";

export const USER = "jo@contoso.com";

/** What a browser was shown: where the user signs in. */
export interface Shown {
  readonly url: URL;
  readonly state: string;
  readonly nonce: string;
  /** Where the answer goes. */
  readonly redirectUri: string;
}

/** A credential whose browser is the test. */
export interface Stage {
  readonly credential: InteractiveBrowserCredential;
  readonly service: Service;
  /** All that a browser was shown, in order. */
  readonly shown: readonly Shown[];
  /** Resolves with the next thing that a browser is shown, or was and nobody has asked for. */
  untilShown(): Promise<Shown>;
}

/** What the token endpoint's answer says of the user. */
export type IdTokenClaims = Readonly<Record<string, unknown>>;

/** What {@linkcode createStage} accepts. */
export interface StageOptions extends InteractiveBrowserCredentialOptions {
  /** Claims of the ID token that are not what they should be. */
  readonly idToken?: IdTokenClaims;
  /** Answers a request for tokens, with the answer that would be right. Default: that one. */
  readonly answer?: (right: () => Response, form: Readonly<Record<string, string>>) => Response | Promise<Response>;
}

/** Makes a credential, the token endpoint that it asks, and the browser that it opens. */
export function createStage({ idToken = {}, answer = (right) => right(), ...options }: StageOptions = {}): Stage {
  const shown: Shown[] = [];
  let taken = 0;
  let look = () => {};
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
        look();
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
        look = () => {
          const next = shown[taken];
          if (!next) return;
          taken++;
          look = () => {};
          resolve(next);
        };
        look();
      }),
  };
}

/** Returns what a browser is shown by a URL. */
export function readShown(text: string): Shown {
  const url = new URL(text);
  const [state, nonce, redirectUri] = ["state", "nonce", "redirect_uri"].map((name) => url.searchParams.get(name)!);
  return { url, state: state!, nonce: nonce!, redirectUri: redirectUri! };
}

/** The answer of a token endpoint that a user has signed in by. */
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

/** Answers as Microsoft Entra has the browser do: with a form, or in the query. */
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
