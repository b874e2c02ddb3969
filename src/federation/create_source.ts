import type { AssertionRequest, AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import { toSingleLine } from "../core/error_response.ts";
import { seconds } from "../core/freshness.ts";
import { CLOCK_SKEW_IN_MS, decodeJwt, MAX_JWT_LENGTH } from "../core/jwt.ts";
import { requireVariables } from "../core/require_variables.ts";
import { resolveSettings, type Settings } from "../core/settings.ts";
import { withTimeout } from "../core/timeout.ts";
import { trim, WHITE_SPACE } from "../core/trim.ts";
import { parseUrl } from "../core/url.ts";
import { checkOption, checkText } from "../core/validate.ts";
import { AuthenticationError } from "../errors.ts";
import { exchangeAudience } from "./exchange_audience.ts";

/** What a source needs for one assertion. */
export interface SourceContext {
  /** The audience of the assertion. */
  readonly audience: string;
  /** The request of the caller. */
  readonly request: AssertionRequest;
  readonly settings: Settings;
  /** Fires when the caller aborts the call, or the time limit is exceeded. */
  readonly signal: AbortSignal;
}

/** One source of assertions. */
export interface SourceSpec {
  /** The name of the function that returns the source. Omitted if {@linkcode createSource} receives the settings. */
  readonly name?: string;
  /** The names of its own options, separated by spaces. */
  readonly options?: string;
  /** What the source returns, for messages: "the assertion of GitHub Actions". */
  readonly label: string;
  /** The environment variables that it reads. */
  readonly variables?: readonly string[];
  /** Whether the platform issues assertions for the audience of the request, instead of a fixed one. */
  readonly hasRequestedAudience?: boolean;
  /** What to do about an assertion that has expired. */
  readonly ifExpired?: string;
  /** What to do about an assertion that is signed by an elliptic curve key. */
  readonly ifEllipticCurve?: string;
  /** Returns an assertion. White space at its ends is removed. */
  readonly get: (context: SourceContext) => Promise<string>;
}

/** Returns the function of a source: limits the time, determines the audience and checks the assertion. */
export function createSource(
  spec: SourceSpec,
  options: AssertionSourceOptions,
  settings: Settings = resolveSettings(options, spec.name ?? "", `audience ${spec.options ?? ""}`),
): AssertionSource {
  const { sleep, timeoutInMs: ms } = settings;
  if (options.audience !== undefined) checkOption("audience", options.audience, checkText);

  return async (request = {}) => {
    const { abortSignal, tokenEndpoint } = request;
    const isHostGiven = settings.authorityHost !== undefined || tokenEndpoint !== undefined;
    requireVariables([...spec.variables ?? [], ...isHostGiven ? [] : ["AZURE_AUTHORITY_HOST"]], settings);
    const authority = settings.authorityHost ?? tokenEndpoint ?? settings.env("AZURE_AUTHORITY_HOST");
    const audience = options.audience ?? exchangeAudience(parseUrl(authority)?.hostname ?? "");
    const onTimeout = () =>
      new AuthenticationError(`Cannot get ${spec.label}: No response within the ${ms} ms of "timeoutInMs"`);
    const assertion = await withTimeout(
      (signal) => spec.get({ audience, request, settings, signal }),
      { sleep, ms, onTimeout, outer: abortSignal },
    );
    return checkAssertion(assertion, spec, audience, settings.now());
  };
}

/** Returns the trimmed assertion. Throws an `AuthenticationError` if Microsoft Entra would certainly reject it. */
function checkAssertion(text: unknown, spec: SourceSpec, audience: string, now: number): string {
  const { label, hasRequestedAudience = false, ifExpired, ifEllipticCurve } = spec;
  const assertion = typeof text === "string" && text.length <= MAX_JWT_LENGTH ? trim(text, WHITE_SPACE) : "";
  const jwt = decodeJwt(assertion);
  if (!jwt) {
    throw unusable(
      text === "" ? "It is empty" : `It is not a JWT of three parts and at most ${MAX_JWT_LENGTH} characters`,
    );
  }
  const { header: { alg } = {}, claims: { aud, exp } = {} } = jwt;
  if (typeof alg === "string" && alg.startsWith("ES")) {
    throw unusable(
      `It is signed by ${toSingleLine(alg)}, and Microsoft Entra accepts RSA signatures only`,
      ifEllipticCurve ?? "Let the platform sign by RS256",
    );
  }
  const expiresOn = (seconds(exp) ?? Infinity) * 1000;
  if (expiresOn <= now - CLOCK_SKEW_IN_MS) {
    const age = Math.round((now - expiresOn) / 60_000);
    throw unusable(
      `It expired ${age} minutes ago, at ${new Date(expiresOn).toISOString()}`,
      `${ifExpired ?? "Request a new one for each token request"}, and check the clock of this machine`,
    );
  }
  const audiences = [aud].flat().filter((value) => typeof value === "string");
  if (hasRequestedAudience && audiences.length > 0 && !audiences.includes(audience)) {
    throw unusable(
      `Its audience is "${toSingleLine(audiences.join('", "'))}", and "${audience}" was requested`,
      'Check the option "audience", and the configuration of the platform',
    );
  }
  return assertion;

  function unusable(reason: string, nextStep?: string): AuthenticationError {
    return new AuthenticationError(`Cannot use ${label}: ${reason}${nextStep ? `. ${nextStep}` : ""}`);
  }
}
