/**
 * Sign-ins to a web app, with all of their secrets and failures. Not in browsers, where a script can neither send
 * cookies in a header nor read them from one.
 *
 * @module
 */
import { createFakeClock } from "@azweb/identity/testing";
import { createWebSignIn, type WebSignInOptions } from "@azweb/identity/web-sign-in";
import { FEDERATED_TOKEN, observe, type Outcome, resultOf, SECRET, secretOf, TOKEN } from "./canary.ts";
import { type Answer, FAULTS, SLOW } from "./canary_faults.ts";
import { CERTIFICATE, KEY } from "../certificates/certificates.ts";
import { type Asked, breathe, CLIENT, createService, isolatedOptions, SCOPE, TENANT, tokenAnswer } from "../service.ts";

const APP = "https://my.app";
/** 32 bytes, in base64. */
const SEALING_KEY: string = btoa("CANARY-sealing-key-of-32-bytes-!");
const CODE = secretOf("code");

/** Apps, by their client authentication. */
const APPS: Readonly<Record<string, Partial<WebSignInOptions>>> = {
  "with a secret": { clientSecret: secretOf("secret") },
  "with a certificate": { clientCertificate: { certificate: CERTIFICATE + KEY } },
  "with an assertion": { getAssertion: () => Promise.resolve(FEDERATED_TOKEN) },
};

/** Apps whose client authentication fails. */
const INVALID_APPS: Readonly<Record<string, Partial<WebSignInOptions>>> = {
  "with an assertion that fails": { getAssertion: () => Promise.reject(new Error("No")) },
  "with an assertion that is not a string": { getAssertion: () => Promise.resolve([SECRET] as never) },
  "with half a key": { clientCertificate: { certificate: CERTIFICATE + KEY.slice(0, 400) } },
  "with a secret for a certificate": { clientCertificate: { certificate: SECRET } },
};

/** The request of the browser to the redirect URI: a URL and a cookie. */
interface Back {
  readonly url: URL;
  /** The name and the value of the cookie. */
  readonly cookie: readonly [string, string];
  readonly method?: string;
}

/** Requests that the app rejects, derived from a valid one. */
const REJECTED_REQUESTS: Readonly<Record<string, (back: Back) => Back>> = {
  "a modified cookie": changeCookie((value) => value.slice(0, 50) + (value[50] === "A" ? "B" : "A") + value.slice(51)),
  "a truncated cookie": changeCookie((value) => value.slice(0, -4)),
  "a cookie with another value": changeCookie(() => encodeURIComponent(SECRET)),
  "a cookie that is too large": changeCookie((value) => value.repeat(10)),
  "no cookie": (back) => ({ ...back, cookie: ["another", back.cookie[1]] }),
  "two cookies": (back) => ({ ...back, cookie: [back.cookie[0], `${back.cookie[1]}; ${back.cookie.join("=")}`] }),
  "another state": changeUrl(({ searchParams }) => searchParams.set("state", `CANARY${"a".repeat(37)}`)),
  "a state with another last character": changeUrl(({ searchParams }) =>
    searchParams.set(
      "state",
      searchParams.get("state")!.slice(0, 42) + (searchParams.get("state")!.endsWith("A") ? "B" : "A"),
    )
  ),
  "a state that is the secret": changeUrl(({ searchParams }) => searchParams.set("state", SECRET)),
  "no state": changeUrl(({ searchParams }) => searchParams.delete("state")),
  "two states": changeUrl(({ searchParams }) => searchParams.append("state", SECRET)),
  "two codes": changeUrl(({ searchParams }) => searchParams.append("code", SECRET)),
  "no code": changeUrl(({ searchParams }) => searchParams.delete("code")),
  "another issuer": changeUrl(({ searchParams }) => searchParams.set("iss", `https://evil.example/${SECRET}`)),
  "an issuer that is not a URL": changeUrl(({ searchParams }) => searchParams.set("iss", SECRET)),
  "an error beside the code": changeUrl(({ searchParams }) => searchParams.set("error", "access_denied")),
  "another method": (back) => ({ ...back, method: "POST" }),
};

function changeUrl(change: (url: URL) => void): (back: Back) => Back {
  return (back) => {
    const url = new URL(back.url);
    change(url);
    return { ...back, url };
  };
}

function changeCookie(change: (value: string) => string): (back: Back) => Back {
  return ({ cookie: [name, value], ...back }) => ({ ...back, cookie: [name, change(value)] });
}

/** Claims of invalid ID tokens. */
const REJECTED_CLAIMS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "an ID token of another sign-in": { nonce: SECRET },
  "an ID token for another app": { aud: SECRET },
  "an ID token from another issuer": { iss: `https://evil.example/${SECRET}` },
  "an ID token of another tenant": { tid: "11111111-0000-0000-0000-000000000000" },
  "an ID token that has expired": { exp: 1 },
  "an ID token without a user": { sub: undefined },
};

/** Runs sign-ins to a web app with every failure. */
export async function* webSignInOutcomes(): AsyncGenerator<Outcome> {
  if ("document" in globalThis) return;
  for (const [app, options] of Object.entries(APPS)) {
    for (const [how, answer] of Object.entries(FAULTS)) yield* run(`an app ${app}: ${how}`, { options, answer });
    yield* run(`an app ${app}: a user`, { options });
    let answers = 0;
    const answer = (asked: Asked, succeed: () => Response) =>
      answers++ === 0 ? FAULTS["a page that repeats the form, with status 500"]!(asked) : succeed();
    yield* run(`an app ${app}: an outage that ends`, { options, answer });
  }
  const options = APPS["with a secret"]!;
  for (const [how, refresh] of Object.entries(FAULTS)) yield* run(`a session: ${how}`, { options, refresh });
  for (const [app, options] of Object.entries(INVALID_APPS)) yield* run(`an app ${app}`, { options });
  for (const [what, change] of Object.entries(REJECTED_REQUESTS)) yield* run(what, { options, change });
  for (const [what, claims] of Object.entries(REJECTED_CLAIMS)) yield* run(what, { options, claims });
}

interface Case {
  readonly options: Partial<WebSignInOptions>;
  /** Responds to the token request of the sign-in. `succeed` returns the valid response. */
  readonly answer?: (asked: Asked, succeed: () => Response) => unknown;
  /** Responds to a request with a refresh token. */
  readonly refresh?: Answer;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly change?: (back: Back) => Back;
}

async function* run(
  name: string,
  { options, answer, refresh, claims, change = (back) => back }: Case,
): AsyncGenerator<Outcome> {
  const clock = createFakeClock();
  let nonce = "";
  const service = createService((asked) => {
    const isRefresh = asked.form.grant_type === "refresh_token";
    const succeed = () => userAnswer({ nonce, ...claims });
    return ((isRefresh ? refresh : answer) ?? succeed)(asked, succeed);
  });
  const { visible, options: watched } = observe();
  const signIn = createWebSignIn({
    ...{ tenantId: TENANT, clientId: CLIENT, scopes: SCOPE, redirectUri: `${APP}/signed-in`, returnPaths: ["/mail"] },
    sealingKey: SEALING_KEY,
    ...isolatedOptions(service, clock),
    ...watched,
    ...options,
  });
  visible.push(signIn);
  for (const options of [{ returnPath: SECRET }, { returnPath: "/mail", claims: SECRET }]) {
    visible.push(await settle(signIn.signIn(new Request(APP), options)));
  }

  const away = await signIn.signIn(
    requestOf({ url: new URL(`${APP}/mail?secret=CANARY`), cookie: ["a", "b"] }),
  );
  const location = new URL(away.headers.get("location")!);
  const cookie = splitCookie(away.headers.get("set-cookie")!);
  const state = location.searchParams.get("state")!;
  nonce = location.searchParams.get("nonce")!;
  // The state and the nonce may be only in the authorization URL.
  for (const parameter of ["state", "nonce"]) location.searchParams.delete(parameter);
  const sentToBrowser: unknown[] = [location.href, away.headers.get("set-cookie")];
  // The cookie, and the sealed sessions that the app stores.
  const sealed: string[] = [cookie[1]];

  const url = new URL(`${APP}/signed-in?${new URLSearchParams({ code: CODE, state })}`);
  const redeemed = await settle(signIn.redeem(requestOf(change({ url, cookie }))));
  if (redeemed instanceof Error) visible.push(redeemed);
  else {
    const { response, ...user } = redeemed;
    sentToBrowser.push(response.headers.get("set-cookie"));
    visible.push(user);
    await useSession(await user.sealSession());
  }
  const sent = service.requests.flatMap(({ form }) => [form.client_assertion ?? [], form.code_verifier ?? []].flat());
  const secrets = [SEALING_KEY, KEY, state, nonce, ...sent.flatMap((text) => text.split("."))];
  yield { name: `${name}: what the browser and the app store`, visible: [...sentToBrowser, ...sealed], secrets };
  yield { name, visible, secrets: [...secrets, ...sealed] };

  async function useSession(session: string): Promise<void> {
    sealed.push(session);
    visible.push(await resultOf((await signIn.resume(session)).credential));
    const { credential, sealSession } = await signIn.resume(session);
    // A call with claims uses the refresh token. The second one gets the cached failure if the first one has failed.
    for (const claims of ["{}", "{}", `{"CANARY": "${TOKEN}`]) {
      visible.push(await settle(resultOf(credential, { claims })));
    }
    sealed.push(await sealSession());
    for (const broken of [`${session.slice(0, 60)}AA${session.slice(62)}`, session.slice(8), SECRET, "", undefined]) {
      visible.push(await settle(signIn.resume(broken as string)));
    }
    await clock.advance(9 * 3_600_000);
    visible.push(await settle(signIn.resume(session)));
  }

  /** Returns the result of a call, or its error. */
  async function settle<T>(work: Promise<T>): Promise<T | Error> {
    let isSettled = false;
    const requests = service.requests.length;
    const settled = work.catch((error) => error as Error).finally(() => isSettled = true);
    const isSlow = [answer, refresh].some((fault) => (SLOW as readonly unknown[]).includes(fault));
    if (isSlow) await Promise.race([service.untilRequested(requests + 1), settled]);
    while (isSlow && !isSettled) {
      await clock.advance(10_000);
      await breathe();
    }
    return await settled;
  }
}

/** Returns the request of a browser. It is not a `Request`, which does not accept cookies on all runtimes. */
function requestOf({ url, cookie, method = "GET" }: Back): Request {
  return { url: url.href, method, headers: new Headers({ cookie: cookie.join("=") }) } as Request;
}

function splitCookie(header: string): [name: string, value: string] {
  const [name, value] = header.split(";")[0]!.split("=");
  return [name!, value!];
}

function userAnswer(claims: Readonly<Record<string, unknown>>): Response {
  const idToken = {
    aud: CLIENT,
    iss: `https://login.microsoftonline.com/${TENANT}/v2.0`,
    sub: "s",
    tid: TENANT,
    iat: 1,
    exp: 9e9,
    preferred_username: "jo@contoso.com",
    a: "CANARY",
    ...claims,
  };
  const [header, body] = ['{"alg":"RS256"}', JSON.stringify(idToken)].map(base64Url);
  const id_token = `${header}.${body}.${base64Url("CANARY-signature")}`;
  return tokenAnswer({
    access_token: TOKEN,
    refresh_token: secretOf("refresh"),
    id_token,
    client_info: base64Url('{"a":"CANARY"}'),
  });
}

function base64Url(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
