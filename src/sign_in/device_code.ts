import { deviceAuthorizationRequest, processDeviceAuthorizationResponse } from "oauth4webapi";
import { toSingleLine } from "../core/error_response.ts";
import { reasonOf } from "../core/reason.ts";
import { withTimeout } from "../core/timeout.ts";
import { seconds } from "../core/freshness.ts";
import { parseObject } from "../core/json.ts";
import { retry, TRANSIENT_FAILURES } from "../core/retry.ts";
import { parseUrl } from "../core/url.ts";
import type { Settings } from "../core/settings.ts";
import { AuthenticationError } from "../errors.ts";
import type { TokenSet } from "../token_cache.ts";
import { endpointOf } from "../entra/authority.ts";
import { entraError } from "../entra/error_advice.ts";
import { mergeClaims } from "../entra/claims.ts";
import { noAuth } from "../entra/client_auth.ts";
import { protocolError } from "../entra/protocol_error.ts";
import { sendRequest } from "../entra/send_request.ts";
import type { SignIn } from "./session.ts";
import { requestUserTokens, type UserTokens } from "./tokens.ts";

const SLOW_DOWN_IN_S = 5;
const DEFAULT_INTERVAL_IN_S = 5;
const MIN_INTERVAL_IN_S = 1;

/** Information for the user about a device code. */
export interface DeviceCodeInfo {
  /** Code that the user must enter. */
  readonly userCode: string;
  /** URL of the page where the user must enter it. */
  readonly verificationUri: string;
  /** Instructions of the service for the user, with the code and the URL. */
  readonly message: string;
}

/** The client, and the callback that shows the code. */
export interface DeviceCodeFlow {
  readonly name: string;
  readonly clientId: string;
  readonly prompt: (info: DeviceCodeInfo) => unknown;
}

/**
 * Signs a user in by the device authorization grant (RFC 8628): requests a code, shows it, and polls until the user has
 * entered it.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
 */
export async function signInByDeviceCode(
  { name, clientId, prompt }: DeviceCodeFlow,
  request: SignIn,
  settings: Settings,
): Promise<TokenSet> {
  // The lifetime of the code starts with its request.
  let sentOn = 0;
  const { signal } = request;
  const { deviceCode, expiresInS, intervalInS, ...info } = await requestDeviceCode();
  request.setPendingStep({ missing: "The user has not entered the code", nextStep: "Request a new code" });
  const { sleep } = settings;
  // Not awaited: the callback may stay pending for as long as it shows the code.
  const promptFailure = new Promise((resolve) => resolve(prompt(info))).then(
    () => new Promise<never>(() => {}),
    (cause) => {
      const reason = reasonOf(cause);
      throw new AuthenticationError(`Cannot show the code: The callback "userPromptCallback" failed: ${reason}`, {
        cause,
      });
    },
  );
  promptFailure.catch(() => {});
  const grant = {
    name,
    clientId,
    clientAuth: noAuth(),
    type: "urn:ietf:params:oauth:grant-type:device_code",
    parameters: { device_code: deviceCode, client_info: "1" },
  } as const;
  for (let interval = intervalInS;;) {
    await pause(interval * 1000);
    const result = await poll();
    if (!(result instanceof AuthenticationError)) return request.completeSignIn(result);
    const isPending = result.errorResponse?.error === "authorization_pending";
    if (!isPending) interval += SLOW_DOWN_IN_S;
    if (settings.now() - sentOn < expiresInS * 1000) continue;
    if (isOutage(result)) throw result;
    throw new AuthenticationError(
      `The user did not enter the code within its lifetime of ${expiresInS} seconds: Request a new code`,
    );
  }

  async function pause(ms: number): Promise<void> {
    const elapsed = {};
    try {
      await withTimeout(() => promptFailure, { sleep, ms, onTimeout: () => elapsed, outer: signal });
    } catch (error) {
      if (error !== elapsed) throw error;
    }
  }

  /**
   * Returns the tokens, or the error after which polling continues. An outage is such an error, because the user may
   * sign in meanwhile.
   */
  async function poll(): Promise<UserTokens | AuthenticationError> {
    try {
      return await requestUserTokens(grant, request, settings);
    } catch (error) {
      if (signal.aborted || !(error instanceof AuthenticationError)) throw error;
      if (isOutage(error) || ["authorization_pending", "slow_down"].includes(error.errorResponse?.error ?? "")) {
        return error;
      }
      throw error;
    }
  }

  async function requestDeviceCode() {
    const { claims, enableCae, scopes, server } = request;
    const action = `Cannot get a code from "${endpointOf(server, "device_authorization_endpoint")}"`;
    const merged = mergeClaims(claims, enableCae);
    const client = { client_id: clientId };
    const parameters = { scope: scopes.join(" "), ...merged !== undefined && { claims: merged } };
    const response = await retry(
      async (limitInMs) => {
        const exchange = await sendRequest(
          (options) => deviceAuthorizationRequest(server, client, noAuth(), parameters, options),
          { signal, limitInMs },
          settings,
        );
        ({ sentOn } = exchange);
        return exchange.response;
      },
      { credential: name, rules: TRANSIENT_FAILURES, signal },
      settings,
    );
    const body = response.status === 200 ? parseObject(response.text) : undefined;
    if (!body || body.error !== undefined) throw await entraError(response, action);
    const { device_code, user_code, verification_uri, message, expires_in, interval } = body;
    // Numbers are normalised, because oauth4webapi parses "900abc" as 900, and rejects an interval that is a string.
    const isWebPage = ["https:", "http:"].includes(parseUrl(verification_uri)?.protocol ?? "");
    const normalised = {
      ...{ device_code, user_code },
      // An app may show it as a link, which must not run a script.
      verification_uri: isWebPage ? verification_uri : undefined,
      expires_in: seconds(expires_in),
      interval: seconds(interval),
    };
    try {
      const normalisedResponse = new Response(JSON.stringify(normalised));
      const code = await processDeviceAuthorizationResponse(server, client, normalisedResponse);
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
