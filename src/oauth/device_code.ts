import { errorFromAnswer } from "../core/answer_error.ts";
import { seconds } from "../core/freshness.ts";
import { send } from "../core/http.ts";
import { parseObject } from "../core/json.ts";
import { retry } from "../core/retry.ts";
import type { Settings } from "../core/settings.ts";
import { AuthenticationError, isUnavailable } from "../errors.ts";
import { mergeClaims } from "./claims.ts";
import { noAuth } from "./client_auth.ts";
import { ENTRA_RETRIES } from "./entra_retries.ts";
import { requestTokens, type TokenAnswer } from "./token_client.ts";
import type { SignIn } from "./user_session.ts";

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
): Promise<TokenAnswer> {
  const started = settings.now();
  const { deviceCode, expiresInS, intervalInS, ...info } = await requestDeviceCode();
  try {
    // Waits for what it does, too: a page may have to be drawn.
    await prompt(info);
  } catch (cause) {
    if (isUnavailable(cause)) throw cause;
    throw new AuthenticationError('Cannot show the code: The callback "userPromptCallback" failed', { cause });
  }
  const grant = {
    name,
    clientId,
    clientAuth: noAuth(),
    type: "urn:ietf:params:oauth:grant-type:device_code",
    parameters: { device_code: deviceCode, client_info: "1" },
  } as const;
  for (let interval = intervalInS;;) {
    await settings.sleep(interval * 1000, wanted.signal);
    try {
      return await requestTokens(grant, wanted, settings);
    } catch (error) {
      const { errorResponse } = error as AuthenticationError;
      if (errorResponse?.error === "slow_down") interval += SLOW_DOWN_IN_S;
      else if (errorResponse?.error !== "authorization_pending") throw error;
    }
    if (settings.now() - started >= expiresInS * 1000) {
      throw new AuthenticationError(`Nobody entered the code within the ${expiresInS} seconds of its life: Ask anew`);
    }
  }

  async function requestDeviceCode() {
    const { claims, enableCae, scopes, tokenEndpoint } = wanted;
    const url = tokenEndpoint.replace(/\/token$/, "/devicecode");
    const merged = mergeClaims(claims, enableCae);
    const body = new URLSearchParams({ client_id: clientId, scope: scopes.join(" ") });
    if (merged !== undefined) body.set("claims", merged);
    const init = { method: "POST", headers: { accept: "application/json" }, body, signal: wanted.signal };
    const answer = await retry(
      () => send(settings.fetch, url, init, settings.now),
      { credential: name, rules: ENTRA_RETRIES, signal: wanted.signal },
      settings,
    );
    const { device_code, user_code, verification_uri, message, expires_in, interval } = answer.status === 200
      ? parseObject(answer.text) ?? {}
      : {};
    const expiresInS = seconds(expires_in);
    const isWhole = [device_code, user_code, verification_uri].every((text) => typeof text === "string" && text !== "");
    if (!isWhole || expiresInS === undefined) throw errorFromAnswer(answer, `Cannot get a code from "${url}"`);
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
