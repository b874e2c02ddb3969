import type { ClientAuth } from "oauth4webapi";
import type { AuthenticationRecord } from "../authentication_record.ts";
import { toSingleLine } from "../core/error_response.ts";
import { checkClientId } from "../core/validate.ts";
import { type Acquire, createGetToken, type GetToken, type TokenRequest } from "../core/get_token.ts";
import { abortable } from "../core/timeout.ts";
import type { Settings } from "../core/settings.ts";
import { checkTenantId } from "../core/tenants.ts";
import { AuthenticationError, AuthenticationRequiredError } from "../errors.ts";
import { DEVELOPER_SIGN_ON_CLIENT_ID, type InteractiveCredentialOptions } from "../options.ts";
import type { TokenSet } from "../token_cache.ts";
import type { GetTokenOptions } from "../token_credential.ts";
import { checkAccount, homeTenantOf } from "./account.ts";
import { type Authority, resolveAuthority } from "../entra/authority.ts";
import { noAuth } from "../entra/client_auth.ts";
import { requestUserTokens, type UserTokens } from "./tokens.ts";

/** Scopes of an ID token and a refresh token, requested besides those of the access token. */
export const OPENID_SCOPES: readonly string[] = ["openid", "profile", "offline_access"];

/** Errors that go away when the user signs in (wire names of Microsoft Entra and of OpenID Connect). */
const INTERACTION = [
  ...["interaction_required", "consent_required", "login_required", "account_selection_required", "invalid_grant"],
  ...["bad_token", "ui_not_allowed", "interrupted_user", "user_password_expired"],
];

const POLL_EVERY_IN_MS = 50;

/** A sign-in that a token request needs. */
export interface SignIn extends TokenRequest {
  /** The authority of the requested tenant, else of the account's home tenant, else of many tenants. */
  readonly server: Authority;
  /** The account that must sign in; `undefined` for any. */
  readonly account: AuthenticationRecord | undefined;
  /** Adopts the tokens and returns the access token. Throws an `AuthenticationError` if they are another account's. */
  readonly completeSignIn: (tokens: UserTokens) => TokenSet;
}

/** Configuration of a user's session. */
export interface UserSessionSpec {
  /** Name of the credential. */
  readonly name: string;
  readonly clientId: string;
  readonly clientAuth: ClientAuth;
  /** Empty for any tenant. */
  readonly tenantId: string;
  /** The authority that stands for any tenant. */
  readonly manyTenants: "common" | "organizations";
  readonly account: AuthenticationRecord | undefined;
  /** Refresh token of an earlier sign-in. */
  readonly refreshToken?: string | undefined;
  /** Cache identity of a session that is opened several times; a secret of this session. Default: unique to this object. */
  readonly secret?: string | undefined;
  readonly disableAutomaticAuthentication: boolean;
  /** Whether an authorization response is already there, so that `signIn` does not prompt the user. Default: it is not. */
  readonly isAnswered?: (wanted: Omit<SignIn, "completeSignIn">) => Promise<boolean>;
  /**
   * Signs the user in. Returns the result of `completeSignIn`, or `undefined` if the token is for another request; `cause` is the error of the
   * refresh, if one was tried.
   */
  readonly signIn: (wanted: SignIn, cause: Error | undefined) => Promise<TokenSet | undefined>;
}

/** Returns the configuration of a public client. Throws a `TypeError` if an option is malformed. */
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

/** Account and refresh token of a session, to persist. */
export interface SessionState {
  readonly account: AuthenticationRecord | undefined;
  readonly refreshToken: string | undefined;
}

/** A user who signs in once, and whose tokens are then acquired silently. */
export interface UserSession {
  readonly getToken: GetToken;
  /** Returns the account and the refresh token, to persist. */
  snapshot(): SessionState;
  /** Caches an access token of this session that was acquired elsewhere. */
  seed(scopes: string | string[], token: TokenSet): Promise<void>;
  /** Prompts the user to sign in, even if an account is known. */
  authenticate(scopes: string | string[], options?: GetTokenOptions): Promise<AuthenticationRecord | undefined>;
}

/** A sign-in that is needed, and the generation of the session in which the request began. */
interface Wanted extends Omit<SignIn, "completeSignIn"> {
  readonly generation: number;
}

/** Creates the session of a user. A request uses the refresh token first, then prompts. Requests run in order, so that one prompt serves all. */
export function createUserSession(spec: UserSessionSpec, settings: Settings): UserSession {
  const { name, clientId, clientAuth, tenantId } = spec;
  if (spec.account) checkAccount(spec.account);
  let account = spec.account;
  let refreshToken = spec.refreshToken;
  let getToken = open(acquire, spec.secret);
  let lastRun: Promise<unknown> = Promise.resolve();
  let busyUntil = 0;
  /** Number of the sign-in that the account and the refresh token come from. */
  let generation = 0;

  /** Creates a `getToken` with a cache partition of its own, or the session's. */
  function open(acquire: Acquire, owner: string | object = {}): GetToken {
    return createGetToken({
      name,
      tenantId,
      cacheIdentity: () => [owner],
      acquire: (request) => runExclusive(() => acquire(request), request.signal),
    }, settings);
  }

  function runExclusive<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    // An aborted caller releases the queue at once, even if its work never settles. Calls run in order.
    const begin = () => abortable(work, signal);
    if (settings.backgroundWork === "perRequest") return runExclusiveByPolling(begin, signal);
    const result = lastRun.then(begin);
    lastRun = result.catch(() => {});
    return result;
  }

  /** On workerd a request must not wait for another's promise, which may never settle. */
  async function runExclusiveByPolling<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { now, sleep, timeoutInMs } = settings;
    while (now() < busyUntil) await sleep(POLL_EVERY_IN_MS, signal);
    const ownUntil = busyUntil = now() + timeoutInMs;
    try {
      return await work();
    } finally {
      // After the deadline, another run may hold the lock.
      if (busyUntil === ownUntil) busyUntil = 0;
    }
  }

  async function acquire(request: TokenRequest): Promise<TokenSet> {
    const wanted = await prepare(request);
    const renewed = await refresh(wanted);
    if (renewed && !(renewed instanceof Error)) return completeSignIn(wanted, renewed);
    const claims = renewed instanceof AuthenticationError && renewed.claims || request.claims;
    return await signIn({ ...wanted, claims }, renewed) ?? await acquire(request);
  }

  async function prepare(request: TokenRequest): Promise<Wanted> {
    const begunIn = generation;
    const tenantId = request.tenantId || account && homeTenantOf(account) || spec.manyTenants;
    const scopes = [...new Set([...request.scopes, ...OPENID_SCOPES])];
    const server = await resolveAuthority(name, { ...request, tenantId }, settings);
    return { ...request, scopes, account, server, generation: begunIn };
  }

  /** Returns the tokens of the refresh token, or the error that a sign-in resolves; `undefined` if there is no refresh token. */
  async function refresh(wanted: Wanted): Promise<UserTokens | Error | undefined> {
    const sent = refreshToken;
    if (sent === undefined) return undefined;
    const parameters = { refresh_token: sent, client_info: "1" };
    const grant = { name, clientId, clientAuth, type: "refresh_token", parameters } as const;
    try {
      return await requestUserTokens(grant, wanted, settings);
    } catch (error) {
      const { error: code, errorCodes, suberror } = (error as AuthenticationError).errorResponse ?? {};
      if (![code, suberror].some((word) => INTERACTION.includes(word ?? ""))) throw error;
      // With an error code, "invalid_grant" concerns one scope or tenant, where the user has something to do: the refresh token stays valid.
      const isGone = suberror === "bad_token" || code === "invalid_grant" && !suberror && !errorCodes?.length;
      if (isGone && refreshToken === sent) refreshToken = undefined;
      return error as Error;
    }
  }

  async function signIn(wanted: Wanted, cause: Error | undefined): Promise<TokenSet | undefined> {
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
      completeSignIn(tokens) {
        if (!account || tokens.account) return completeSignIn(wanted, tokens);
        throw new AuthenticationError("Cannot tell who has signed in", { statusCode: 200 });
      },
    }, cause);
  }

  /** Adopts the account and the refresh token of a sign-in or a refresh, and returns the access token. */
  function completeSignIn(wanted: Wanted, tokens: UserTokens, { allowAccountChange = false } = {}): TokenSet {
    // The run has ended, and the next one may have begun.
    if (wanted.signal.aborted) throw wanted.signal.reason;
    if (!allowAccountChange && wanted.generation !== generation) {
      throw new AuthenticationError("Somebody has signed in anew meanwhile: Ask for the token again", {
        statusCode: 200,
      });
    }
    const found = tokens.account;
    if (allowAccountChange) {
      account = found;
      generation++;
    }
    if (account && found && account.homeAccountId.toLowerCase() !== found.homeAccountId.toLowerCase()) {
      const namesDiffer = account.username.toLowerCase() !== found.username.toLowerCase();
      const [expected, other] = [account, found].map(({ homeAccountId, username }) =>
        toSingleLine(namesDiffer && username || homeAccountId)
      );
      throw new AuthenticationError(
        `Somebody else has signed in: Expected is "${expected}", and it is "${other}". Sign in as that user, or call "authenticate"`,
        { statusCode: 200 },
      );
    }
    account ??= found;
    refreshToken = tokens.refreshToken ?? (allowAccountChange ? undefined : refreshToken);
    return tokens.token;
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
        { ...wanted, completeSignIn: (tokens) => completeSignIn(wanted, tokens, { allowAccountChange: true }) },
        undefined,
      );
      isDone = true;
      record = account;
      // The previous cache partition may hold another user's tokens.
      getToken = next;
      return token ?? await acquire(request);
    });
    await next(scopes, options);
    return record;
  }

  return {
    getToken: (scopes, options) => getToken(scopes, options),
    snapshot: () => ({ account, refreshToken }),
    async seed(scopes, token) {
      await open(() => Promise.resolve(token), spec.secret)(scopes);
    },
    authenticate,
  };
}

/** Returns the error of a session that cannot, or must not, prompt the user. */
export function signInRequired(
  wanted: Omit<SignIn, "completeSignIn">,
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
