import { withDeadline } from "../core/deadline.ts";
import { seconds } from "../core/freshness.ts";
import { send } from "../core/http.ts";
import { parseObject } from "../core/json.ts";
import { retry } from "../core/retry.ts";
import type { Settings } from "../core/settings.ts";
import { AuthenticationError } from "../errors.ts";
import type { TokenSet } from "../token_cache.ts";
import { entraError } from "./aadsts.ts";
import { mergeClaims } from "./claims.ts";
import { noAuth } from "./client_auth.ts";
import { endpointOf } from "./endpoint_of.ts";
import { ENTRA_RETRIES } from "./entra_retries.ts";
import type { SignIn } from "./user_session.ts";
import { requestUserTokens, type UserTokens } from "./user_tokens.ts";

const SLOW_DOWN_IN_S = 5;

/** What to show to the user. */
export interface DeviceCodeInfo {
  /** The code to enter. */
  readonly userCode: string;
  /** The page to enter it at. */
  readonly verificationUri: string;
  /** Both, as a sentence of the service's. */
  readonly message: string;
}

/** Who asks, and who shows the code. */
export interface DeviceCodeFlow {
  readonly name: string;
  readonly clientId: string;
  readonly prompt: (info: DeviceCodeInfo) => unknown;
}

/**
 * Has the user sign in on another device, and waits for that (RFC 8628).
 *
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
 */
export async function signInByDeviceCode(
  { name, clientId, prompt }: DeviceCodeFlow,
  wanted: SignIn,
  settings: Settings,
): Promise<TokenSet> {
  // The code's lifetime counts from the request that it came for.
  let sentOn = 0;
  const { deviceCode, expiresInS, intervalInS, ...info } = await requestDeviceCode();
  const { signal } = wanted;
  wanted.waitFor({ missing: "Nobody has entered the code", nextStep: "Ask anew" });
  const { sleep } = settings;
  // Not waited for: it may last as long as what it shows.
  const notShown = new Promise((resolve) => resolve(prompt(info))).then(() => new Promise<never>(() => {}), (cause) => {
    throw new AuthenticationError('Cannot show the code: The callback "userPromptCallback" failed', { cause });
  });
  notShown.catch(() => {});
  const grant = {
    name,
    clientId,
    clientAuth: noAuth(),
    type: "urn:ietf:params:oauth:grant-type:device_code",
    parameters: { device_code: deviceCode, client_info: "1" },
  } as const;
  for (let interval = intervalInS;;) {
    await pause(interval * 1000);
    const answer = await poll();
    if (!(answer instanceof AuthenticationError)) return wanted.completeSignIn(answer);
    const isPending = answer.errorResponse?.error === "authorization_pending";
    if (!isPending) interval += SLOW_DOWN_IN_S;
    if (settings.now() - sentOn < expiresInS * 1000) continue;
    if (isOutage(answer)) throw answer;
    throw new AuthenticationError(
      `Nobody entered the code within the ${expiresInS} seconds of its life: Ask for the token again`,
    );
  }

  async function pause(ms: number): Promise<void> {
    const over = {};
    try {
      await withDeadline(() => notShown, { sleep, ms, late: () => over, outer: signal });
    } catch (error) {
      if (error !== over) throw error;
    }
  }

  /** Returns the answer, or the error of one that says to ask again: also of none, because the user may be signing in meanwhile. */
  async function poll(): Promise<UserTokens | AuthenticationError> {
    try {
      return await requestUserTokens(grant, wanted, settings);
    } catch (error) {
      if (signal.aborted || !(error instanceof AuthenticationError)) throw error;
      if (isOutage(error) || ["authorization_pending", "slow_down"].includes(error.errorResponse?.error ?? "")) {
        return error;
      }
      throw error;
    }
  }

  async function requestDeviceCode() {
    const { claims, enableCae, scopes, server } = wanted;
    const url = endpointOf(server, "device_authorization_endpoint");
    const merged = mergeClaims(claims, enableCae);
    const body = new URLSearchParams({ client_id: clientId, scope: scopes.join(" ") });
    if (merged !== undefined) body.set("claims", merged);
    const init = { method: "POST", headers: { accept: "application/json" }, body, signal: wanted.signal };
    const answer = await retry(
      (limitInMs) => {
        sentOn = settings.now();
        return send(settings.fetch, url, init, { ...settings, limitInMs });
      },
      { credential: name, rules: ENTRA_RETRIES, signal: wanted.signal },
      settings,
    );
    const { device_code, user_code, verification_uri, message, expires_in, interval } = answer.status === 200
      ? parseObject(answer.text) ?? {}
      : {};
    const expiresInS = seconds(expires_in);
    const isWhole = [device_code, user_code, verification_uri].every((text) => typeof text === "string" && text !== "");
    if (!isWhole || expiresInS === undefined) throw entraError(answer, `Cannot get a code from "${url}"`);
    return {
      deviceCode: device_code as string,
      userCode: user_code as string,
      verificationUri: verification_uri as string,
      message: typeof message === "string" ? message : `Open ${verification_uri} and enter the code ${user_code}`,
      expiresInS,
      intervalInS: seconds(interval) ?? 5,
    };
  }
}

function isOutage({ statusCode }: AuthenticationError): boolean {
  return statusCode === 0 || statusCode >= 500;
}
