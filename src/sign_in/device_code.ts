import { deviceAuthorizationRequest, processDeviceAuthorizationResponse } from "oauth4webapi";
import { toSingleLine } from "../core/error_response.ts";
import { withTimeout } from "../core/timeout.ts";
import { seconds } from "../core/freshness.ts";
import { parseObject } from "../core/json.ts";
import { retry } from "../core/retry.ts";
import { parseUrl } from "../core/url.ts";
import type { Settings } from "../core/settings.ts";
import { AuthenticationError } from "../errors.ts";
import type { TokenSet } from "../token_cache.ts";
import { entraError } from "../entra/error_advice.ts";
import { mergeClaims } from "../entra/claims.ts";
import { noAuth } from "../entra/client_auth.ts";
import { endpointOf } from "../entra/endpoint_of.ts";
import { ENTRA_RETRIES } from "../entra/retries.ts";
import { protocolError } from "../entra/protocol_error.ts";
import { sendRequest } from "../entra/send_request.ts";
import type { SignIn } from "./session.ts";
import { requestUserTokens, type UserTokens } from "./tokens.ts";

const SLOW_DOWN_IN_S = 5;
const DEFAULT_INTERVAL_IN_S = 5;
const MIN_INTERVAL_IN_S = 1;

/** Information to show to the user. */
export interface DeviceCodeInfo {
  /** The code to enter. */
  readonly userCode: string;
  /** URL of the page to enter it on. */
  readonly verificationUri: string;
  /** Instruction with both, as the service words it. */
  readonly message: string;
}

/** The client, and the callback that shows the code. */
export interface DeviceCodeFlow {
  readonly name: string;
  readonly clientId: string;
  readonly prompt: (info: DeviceCodeInfo) => unknown;
}

/**
 * Signs a user in by the device authorization grant (RFC 8628): requests a code, shows it, and polls until the user has entered it.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
 */
export async function signInByDeviceCode(
  { name, clientId, prompt }: DeviceCodeFlow,
  wanted: SignIn,
  settings: Settings,
): Promise<TokenSet> {
  // The lifetime of the code counts from its request.
  let sentOn = 0;
  const { signal } = wanted;
  const { deviceCode, expiresInS, intervalInS, ...info } = await requestDeviceCode();
  wanted.setPendingStep({ missing: "Nobody has entered the code", nextStep: "Ask anew" });
  const { sleep } = settings;
  // Not awaited: the callback may stay pending for as long as it shows the code.
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
      await withTimeout(() => notShown, { sleep, ms, onTimeout: () => over, outer: signal });
    } catch (error) {
      if (error !== over) throw error;
    }
  }

  /** Returns the tokens, or the error after which polling continues: also an outage, because the user may be signing in meanwhile. */
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
    const action = `Cannot get a code from "${endpointOf(server, "device_authorization_endpoint")}"`;
    const merged = mergeClaims(claims, enableCae);
    const client = { client_id: clientId };
    const parameters = { scope: scopes.join(" "), ...merged !== undefined && { claims: merged } };
    const answer = await retry(
      async (limitInMs) => {
        const exchange = await sendRequest(
          (options) => deviceAuthorizationRequest(server, client, noAuth(), parameters, options),
          { signal, limitInMs },
          settings,
        );
        ({ sentOn } = exchange);
        return exchange.answer;
      },
      { credential: name, rules: ENTRA_RETRIES, signal },
      settings,
    );
    const body = answer.status === 200 ? parseObject(answer.text) : undefined;
    if (!body || body.error !== undefined) throw entraError(answer, action);
    const { device_code, user_code, verification_uri, message, expires_in, interval } = body;
    // Numbers are normalised: oauth4webapi takes "900abc" as 900, and refuses an interval that is a string.
    const isWebPage = ["https:", "http:"].includes(parseUrl(verification_uri)?.protocol ?? "");
    const normalised = {
      ...{ device_code, user_code },
      // An app may show it as a link, which must not run a script.
      verification_uri: isWebPage ? verification_uri : undefined,
      expires_in: seconds(expires_in),
      interval: seconds(interval),
    };
    try {
      const response = new Response(JSON.stringify(normalised));
      const code = await processDeviceAuthorizationResponse(server, client, response);
      return {
        deviceCode: code.device_code,
        userCode: code.user_code,
        verificationUri: code.verification_uri,
        // One line without control characters, because a terminal may show it.
        message: toSingleLine(
          typeof message === "string" ? message : `Open ${code.verification_uri} and enter the code ${code.user_code}`,
        ),
        expiresInS: code.expires_in,
        intervalInS: Math.max(MIN_INTERVAL_IN_S, code.interval ?? DEFAULT_INTERVAL_IN_S),
      };
    } catch (error) {
      throw protocolError(error, action, { statusCode: 200, secrets: [String(device_code ?? "")] });
    }
  }
}

function isOutage({ statusCode }: AuthenticationError): boolean {
  return statusCode === 0 || statusCode >= 500;
}
