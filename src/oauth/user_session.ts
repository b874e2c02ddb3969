import type { ClientAuth } from "oauth4webapi";
import type { AuthenticationRecord } from "../authentication_record.ts";
import { createGetToken, type GetToken, type TokenRequest } from "../core/create_get_token.ts";
import { withDeadline } from "../core/deadline.ts";
import { late, nameCredential } from "../core/failures.ts";
import { normaliseScopes } from "../core/scopes.ts";
import type { Settings } from "../core/settings.ts";
import { resolveTenant } from "../core/tenants.ts";
import { AuthenticationError, AuthenticationRequiredError } from "../errors.ts";
import type { TokenSet } from "../token_cache.ts";
import type { GetTokenOptions } from "../token_credential.ts";
import { accountOf } from "./account.ts";
import { resolveAuthority } from "./authority.ts";
import { requestTokens, type TokenAnswer } from "./token_client.ts";

/** What is asked for besides an access token: who has signed in, and tokens later without the user. */
export const OPENID_SCOPES: readonly string[] = ["openid", "profile", "offline_access"];

/** Errors that go away when the user signs in (wire names of Microsoft Entra and of OpenID Connect). */
const INTERACTION = [
  ...["interaction_required", "consent_required", "login_required", "account_selection_required", "invalid_grant"],
  ...["bad_token", "ui_not_allowed", "interrupted_user", "user_password_expired"],
];

/** A sign-in that is wanted. */
export interface SignIn extends Omit<TokenRequest, "tenantId"> {
  /** A tenant's, or one of the words for many. */
  readonly tenantId: string;
  readonly tokenEndpoint: string;
  /** Who is expected, if anybody is. */
  readonly account: AuthenticationRecord | undefined;
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
  /** Has the user sign in. The cause is why tokens could not be had without. */
  readonly signIn: (wanted: SignIn, cause: unknown) => Promise<SignedIn>;
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

/** Returns the session of a user: a refresh token first, then the user is asked. One at a time, so that nobody is asked twice. */
export function createUserSession(spec: UserSessionSpec, settings: Settings): UserSession {
  const { name, clientId, clientAuth, tenantId } = spec;
  let account = spec.account;
  let refreshToken = spec.refreshToken;
  let getToken = open(spec.secret ?? {});
  let turn: Promise<unknown> = Promise.resolve();

  /** Begins to remember tokens, of one account and of nobody else. */
  function open(owner: string | object): GetToken {
    return createGetToken({ name, tenantId, proof: () => [owner], acquire }, settings);
  }

  function inTurn<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const begin = () => signal.aborted ? Promise.reject(signal.reason) : work();
    // On workerd no request may wait for another's promise.
    if (settings.isolated) return begin();
    const result = turn.then(begin, begin);
    turn = result.catch(() => {});
    return result;
  }

  async function acquire(request: TokenRequest): Promise<TokenSet> {
    return await inTurn(async () => {
      const wanted = await prepare(request);
      const renewed = await refresh(wanted);
      if (renewed instanceof Error || !renewed) {
        const claims = renewed instanceof AuthenticationError && renewed.claims || request.claims;
        return await ask({ ...wanted, claims }, renewed, false);
      }
      return accept(wanted, { answer: renewed }, false);
    }, request.signal);
  }

  async function prepare(request: TokenRequest): Promise<SignIn> {
    const tenantId = request.tenantId || account?.tenantId || spec.manyTenants;
    const scopes = [...new Set([...request.scopes, ...OPENID_SCOPES])];
    const { token_endpoint } = await resolveAuthority(name, { ...request, tenantId }, settings);
    return { ...request, scopes, tenantId, account, tokenEndpoint: token_endpoint! };
  }

  /** Returns what the refresh token gives, or why it gives nothing until the user signs in; `undefined` where there is none. */
  async function refresh(wanted: SignIn): Promise<TokenAnswer | Error | undefined> {
    if (refreshToken === undefined) return undefined;
    const parameters = { refresh_token: refreshToken, client_info: "1" };
    try {
      return await requestTokens({ name, clientId, clientAuth, type: "refresh_token", parameters }, wanted, settings);
    } catch (error) {
      const { error: code, suberror } = (error as AuthenticationError).errorResponse ?? {};
      if (![code, suberror].some((word) => INTERACTION.includes(word ?? ""))) throw error;
      if (code === "invalid_grant") refreshToken = undefined;
      return error as Error;
    }
  }

  async function ask(wanted: SignIn, cause: unknown, isForced: boolean): Promise<TokenSet> {
    if (spec.disableAutomaticAuthentication && !isForced) {
      const { claims, enableCae } = wanted;
      const scopes = wanted.scopes.filter((scope) => !OPENID_SCOPES.includes(scope));
      throw new AuthenticationRequiredError({
        scopes,
        getTokenOptions: { ...claims !== undefined && { claims }, enableCae, tenantId: wanted.tenantId },
        message:
          'A user has to sign in: Call "authenticate", which "disableAutomaticAuthentication" leaves to the program',
        cause,
      });
    }
    return accept(wanted, await spec.signIn(wanted, cause), isForced);
  }

  function accept(wanted: SignIn, { answer, nonce }: SignedIn, isForced: boolean): TokenSet {
    const { tokenEndpoint } = wanted;
    const found = accountOf(answer, { clientId, tokenEndpoint, nonce, now: settings.now() });
    const isSame = !found || !account || found.homeAccountId.toLowerCase() === account.homeAccountId.toLowerCase();
    if (!isSame && !isForced) {
      throw new AuthenticationError(
        `Somebody else has signed in: Expected is "${account!.username}". Sign in as that user, or call "authenticate"`,
        { statusCode: 200 },
      );
    }
    // What is remembered is another user's.
    if (!isSame) getToken = open({});
    account = found ?? account;
    refreshToken = answer.refreshToken ?? (isSame ? refreshToken : undefined);
    return answer.token;
  }

  async function authenticate(
    scopes: string | string[],
    options: GetTokenOptions = {},
  ): Promise<AuthenticationRecord | undefined> {
    const { abortSignal: outer, claims, enableCae = false } = options;
    const asked = normaliseScopes(scopes);
    const tenant = resolveTenant(options.tenantId, spec, settings);
    const { sleep, timeoutInMs: ms } = settings;
    try {
      await withDeadline(
        (signal) =>
          inTurn(async () => {
            const request = {
              scopes: asked,
              tenantId: tenant,
              claims,
              enableCae,
              rejected: undefined,
              chain: undefined,
            };
            await ask({ ...await prepare({ ...request, signal }), account: undefined }, undefined, true);
          }, signal),
        { sleep, ms, late: late(ms), outer },
      );
      return account;
    } catch (error) {
      nameCredential(error, name);
      throw error;
    }
  }

  return {
    getToken: (scopes, options) => getToken(scopes, options),
    keep: () => ({ account, refreshToken }),
    authenticate,
  };
}
