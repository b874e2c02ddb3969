import type { ClientAuth } from "oauth4webapi";
import type { AuthenticationRecord } from "../authentication_record.ts";
import { tidy } from "../core/answer_error.ts";
import { checkClientId } from "../core/check_text.ts";
import { type Acquire, createGetToken, type GetToken, type TokenRequest } from "../core/create_get_token.ts";
import { abortable } from "../core/timeout.ts";
import type { Settings } from "../core/settings.ts";
import { checkTenantId } from "../core/tenants.ts";
import { AuthenticationError, AuthenticationRequiredError } from "../errors.ts";
import { DEVELOPER_SIGN_ON_CLIENT_ID, type InteractiveCredentialOptions } from "../options.ts";
import type { TokenSet } from "../token_cache.ts";
import type { GetTokenOptions } from "../token_credential.ts";
import { accountOf, checkAccount, homeTenantOf } from "./account.ts";
import { type Authority, resolveAuthority } from "./authority.ts";
import { noAuth } from "./client_auth.ts";
import type { TokenAnswer } from "./token_client.ts";
import { requestUserTokens } from "./user_tokens.ts";

/** What is asked for besides an access token: who has signed in, and tokens later without the user. */
export const OPENID_SCOPES: readonly string[] = ["openid", "profile", "offline_access"];

/** Errors that go away when the user signs in (wire names of Microsoft Entra and of OpenID Connect). */
const INTERACTION = [
  ...["interaction_required", "consent_required", "login_required", "account_selection_required", "invalid_grant"],
  ...["bad_token", "ui_not_allowed", "interrupted_user", "user_password_expired"],
];

const LOOK_EVERY_IN_MS = 50;

/** A sign-in that is wanted. */
export interface SignIn extends TokenRequest {
  /** Where: at the tenant that is asked for, else the user's own, else one for many. */
  readonly server: Authority;
  /** Who is expected, if anybody is. */
  readonly account: AuthenticationRecord | undefined;
  /** Takes over what came of it. Throws an `AuthenticationError` where somebody else has signed in than is expected. */
  readonly accept: (signedIn: SignedIn) => TokenSet;
}

/** What came of a sign-in, and the nonce that its ID token must have. */
export interface SignedIn {
  readonly answer: TokenAnswer;
  readonly nonce?: string;
}

/** What sets the credential of a user apart from another. */
export interface UserSessionSpec {
  readonly name: string;
  readonly clientId: string;
  readonly clientAuth: ClientAuth;
  /** Empty for any. */
  readonly tenantId: string;
  /** The word for many tenants that stands for none. */
  readonly manyTenants: "common" | "organizations";
  readonly account: AuthenticationRecord | undefined;
  /** Of a sign-in before, which was kept elsewhere. */
  readonly refreshToken?: string | undefined;
  /** Whose tokens these are, where the session is opened several times: nobody else may know it. Default: the one object's. */
  readonly secret?: string | undefined;
  readonly disableAutomaticAuthentication: boolean;
  /** Whether the user has signed in already, so that `signIn` asks nobody. Default: no. */
  readonly isAnswered?: (wanted: Omit<SignIn, "accept">) => Promise<boolean>;
  /**
   * Has the user sign in, and returns what `accept` does, or `undefined` where that is a token for something else; `cause` is why a refresh
   * does not do, if one was tried.
   */
  readonly signIn: (wanted: SignIn, cause: Error | undefined) => Promise<TokenSet | undefined>;
}

/** Returns who may sign in to which app, which is a public client. Throws a `TypeError` where an option is malformed. */
export function publicClient(
  options: InteractiveCredentialOptions & { tenantId?: string | undefined; clientId?: string | undefined },
): Omit<UserSessionSpec, "name" | "signIn"> {
  const { tenantId = "", clientId = DEVELOPER_SIGN_ON_CLIENT_ID } = options;
  if (tenantId) checkTenantId(tenantId);
  checkClientId(clientId);
  return {
    clientId,
    clientAuth: noAuth(),
    tenantId,
    manyTenants: clientId === DEVELOPER_SIGN_ON_CLIENT_ID ? "organizations" : "common",
    account: options.authenticationRecord,
    disableAutomaticAuthentication: options.disableAutomaticAuthentication ?? false,
  };
}

/** What is left of a sign-in. */
export interface KeptSignIn {
  readonly account: AuthenticationRecord | undefined;
  readonly refreshToken: string | undefined;
}

/** A user who signs in once, and of whom tokens can be had afterwards. */
export interface UserSession {
  readonly getToken: GetToken;
  /** Returns what is worth keeping elsewhere. */
  keep(): KeptSignIn;
  /** Has the user sign in, whoever has before. */
  authenticate(scopes: string | string[], options?: GetTokenOptions): Promise<AuthenticationRecord | undefined>;
}

/** A sign-in that is wanted, and of which sign-in what it begins with is. */
interface Wanted extends Omit<SignIn, "accept"> {
  readonly generation: number;
}

/** Returns the session of a user: a refresh token first, then the user is asked. One at a time, so that nobody is asked twice. */
export function createUserSession(spec: UserSessionSpec, settings: Settings): UserSession {
  const { name, clientId, clientAuth, tenantId } = spec;
  if (spec.account) checkAccount(spec.account);
  let account = spec.account;
  let refreshToken = spec.refreshToken;
  let getToken = open(acquire, spec.secret);
  let turn: Promise<unknown> = Promise.resolve();
  let busyUntil = 0;
  /** Which sign-in the account and the refresh token are of. */
  let generation = 0;

  /** Begins to remember tokens: nobody finds here what was remembered before. */
  function open(acquire: Acquire, owner: string | object = {}): GetToken {
    return createGetToken({
      name,
      tenantId,
      cacheIdentity: () => [owner],
      acquire: (request) => inTurn(() => acquire(request), request.signal),
    }, settings);
  }

  function inTurn<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    // Whoever has left, and hangs nevertheless, keeps nobody waiting; but whoever comes later waits for who came before.
    const begin = () => abortable(work, signal);
    if (settings.backgroundWork === "perRequest") return inTurnByLooking(begin, signal);
    const result = turn.then(begin);
    turn = result.catch(() => {});
    return result;
  }

  /** On workerd no request may wait for another's promise, and one that is gone tells nobody. */
  async function inTurnByLooking<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { now, sleep, timeoutInMs } = settings;
    while (now() < busyUntil) await sleep(LOOK_EVERY_IN_MS, signal);
    const ownUntil = busyUntil = now() + timeoutInMs;
    try {
      return await work();
    } finally {
      // Whoever ends late does not end another's turn.
      if (busyUntil === ownUntil) busyUntil = 0;
    }
  }

  async function acquire(request: TokenRequest): Promise<TokenSet> {
    const wanted = await prepare(request);
    const renewed = await refresh(wanted);
    if (renewed && !(renewed instanceof Error)) return accept(wanted, { answer: renewed });
    const claims = renewed instanceof AuthenticationError && renewed.claims || request.claims;
    return await ask({ ...wanted, claims }, renewed) ?? await acquire(request);
  }

  async function prepare(request: TokenRequest): Promise<Wanted> {
    const begunIn = generation;
    const tenantId = request.tenantId || account && homeTenantOf(account) || spec.manyTenants;
    const scopes = [...new Set([...request.scopes, ...OPENID_SCOPES])];
    const server = await resolveAuthority(name, { ...request, tenantId }, settings);
    return { ...request, scopes, account, server, generation: begunIn };
  }

  /** Returns what the refresh token gives, or why it gives nothing until the user signs in; `undefined` where there is none. */
  async function refresh(wanted: Wanted): Promise<TokenAnswer | Error | undefined> {
    const sent = refreshToken;
    if (sent === undefined) return undefined;
    const parameters = { refresh_token: sent, client_info: "1" };
    const grant = { name, clientId, clientAuth, type: "refresh_token", parameters } as const;
    try {
      return await requestUserTokens(grant, wanted, settings);
    } catch (error) {
      const { error: code, errorCodes, suberror } = (error as AuthenticationError).errorResponse ?? {};
      if (![code, suberror].some((word) => INTERACTION.includes(word ?? ""))) throw error;
      // Microsoft Entra also says so of one scope or tenant alone, whose user has something to do; then it says by a code what that is.
      const isGone = suberror === "bad_token" || code === "invalid_grant" && !suberror && !errorCodes?.length;
      if (isGone && refreshToken === sent) refreshToken = undefined;
      return error as Error;
    }
  }

  async function ask(wanted: Wanted, cause: Error | undefined): Promise<TokenSet | undefined> {
    if (spec.disableAutomaticAuthentication && !await spec.isAnswered?.(wanted)) {
      throw signInRequired(
        wanted,
        'A user has to sign in: Call "authenticate", which "disableAutomaticAuthentication" leaves to the program',
        cause,
      );
    }
    if (wanted.isBackgroundRefresh) throw signInRequired(wanted, "A user has to sign in, before the token ends", cause);
    return await spec.signIn({
      ...wanted,
      accept(signedIn) {
        if (!account || signedIn.answer.idToken !== undefined) return accept(wanted, signedIn);
        throw new AuthenticationError("Cannot tell who has signed in", { statusCode: 200 });
      },
    }, cause);
  }

  /** Takes over what came of a sign-in or a refresh. */
  function accept(wanted: Wanted, { answer, nonce }: SignedIn, isAnybody = false): TokenSet {
    const { signal, server } = wanted;
    // It is another's turn.
    if (signal.aborted) throw signal.reason;
    if (!isAnybody && wanted.generation !== generation) {
      throw new AuthenticationError("Somebody has signed in anew meanwhile: Ask for the token again", {
        statusCode: 200,
      });
    }
    const found = accountOf(answer, { clientId, server, nonce, now: settings.now() });
    if (isAnybody) {
      account = found;
      generation++;
    }
    if (account && found && account.homeAccountId.toLowerCase() !== found.homeAccountId.toLowerCase()) {
      const isTold = account.username.toLowerCase() !== found.username.toLowerCase();
      const [expected, other] = [account, found].map((who) => tidy(isTold && who.username || who.homeAccountId));
      throw new AuthenticationError(
        `Somebody else has signed in: Expected is "${expected}", and it is "${other}". Sign in as that user, or call "authenticate"`,
        { statusCode: 200 },
      );
    }
    account ??= found;
    refreshToken = answer.refreshToken ?? (isAnybody ? undefined : refreshToken);
    return answer.token;
  }

  async function authenticate(
    scopes: string | string[],
    options?: GetTokenOptions,
  ): Promise<AuthenticationRecord | undefined> {
    let isDone = false;
    let record: AuthenticationRecord | undefined;
    const next = open(async (request) => {
      if (isDone) return await acquire(request);
      const wanted = { ...await prepare(request), account: undefined };
      const token = await spec.signIn(
        { ...wanted, accept: (signedIn) => accept(wanted, signedIn, true) },
        undefined,
      );
      isDone = true;
      record = account;
      // What was remembered may be another user's.
      getToken = next;
      return token ?? await acquire(request);
    });
    await next(scopes, options);
    return record;
  }

  return {
    getToken: (scopes, options) => getToken(scopes, options),
    keep: () => ({ account, refreshToken }),
    authenticate,
  };
}

/** Returns the error of a session that cannot, or must not, have the user sign in. */
export function signInRequired(
  wanted: Omit<SignIn, "accept">,
  message: string,
  cause: unknown,
): AuthenticationRequiredError {
  const { claims, enableCae, tenantId } = wanted;
  return new AuthenticationRequiredError({
    scopes: wanted.scopes.filter((scope) => !OPENID_SCOPES.includes(scope)),
    getTokenOptions: { ...claims !== undefined && { claims }, enableCae, ...tenantId !== "" && { tenantId } },
    message,
    cause,
  });
}
