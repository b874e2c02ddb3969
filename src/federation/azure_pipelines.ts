import { errorFromResponse, toSingleLine } from "../core/error_response.ts";
import { errorTextOf } from "../core/error_text.ts";
import { send } from "../core/http.ts";
import { parseObject } from "../core/json.ts";
import { redact } from "../core/redact.ts";
import { requireVariables } from "../core/require_variables.ts";
import { retry } from "../core/retry.ts";
import type { Settings } from "../core/settings.ts";
import { isLoopback, parseUrl } from "../core/url.ts";
import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import { networkAdvice } from "../entra/error_advice.ts";
import { ENTRA_RETRIES } from "../entra/send_request.ts";

/** Variable with the URL of the token endpoint of a job. Part of the cache identity. */
export const OIDC_REQUEST_URI = "SYSTEM_OIDCREQUESTURI";
/** Response headers that identify the request for Microsoft's support. */
const TRACE_HEADERS = ["x-msedge-ref", "x-vss-e2eid"];
const MEANINGS: Readonly<Record<number, string>> = {
  401: "The job's token is invalid or has expired",
  404: "The service connection does not exist, or the pipeline may not use it",
};

/** The service connection, and the token that authenticates the job. */
export interface Job {
  readonly credential: string;
  readonly serviceConnectionId: string;
  readonly systemAccessToken: string;
}

/**
 * Requests the token of a service connection from Azure Pipelines.
 *
 * @see https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create
 */
export async function requestOidcToken(job: Job, signal: AbortSignal, settings: Settings): Promise<string> {
  const { credential, serviceConnectionId, systemAccessToken } = job;
  const url = oidcRequestUrl(settings);
  url.searchParams.set("api-version", "7.1");
  url.searchParams.set("serviceConnectionId", serviceConnectionId);
  const init = {
    method: "POST",
    headers: {
      authorization: `Bearer ${systemAccessToken}`,
      "content-type": "application/json",
      // Requests an error instead of a redirect to a sign-in page.
      "x-tfs-fedauthredirect": "Suppress",
    },
    signal,
  };
  const secrets = [systemAccessToken];
  const response = await retry(
    async (limitInMs) => {
      const response = await send(settings.fetch, url.href, init, { ...settings, limitInMs });
      return response.status === 0 ? { ...response, text: redact(response.text, secrets) } : response;
    },
    { credential, rules: ENTRA_RETRIES, signal },
    settings,
  );
  const { oidcToken } = response.status === 200 ? parseObject(response.text) ?? {} : {};
  if (typeof oidcToken === "string" && oidcToken !== "") return oidcToken;
  const traces = TRACE_HEADERS.flatMap((name) => {
    const value = response.headers?.get(name);
    return value ? `${name}: ${toSingleLine(redact(value, secrets))}` : [];
  });
  const detail = errorTextOf(response, (text) => redact(text, secrets));
  const meaning = [MEANINGS[response.status], detail].filter(Boolean).join(": ");
  throw errorFromResponse(response, `Cannot get the token of the service connection from "${url.host}"`, {
    advice: () =>
      [
        networkAdvice(response) ??
          `Check the service connection's id and permissions, and that the step maps System.AccessToken in its "env:"`,
        ...traces,
      ].join(". "),
    meanings: meaning ? { [response.status]: meaning } : {},
    redact: (text) => redact(text, secrets),
  });
}

function oidcRequestUrl(settings: Settings): URL {
  requireVariables([OIDC_REQUEST_URI], settings, { services: ["entra"] });
  const { allowInsecureLoopback, env } = settings;
  const value = env(OIDC_REQUEST_URI);
  if (!value) {
    throw new CredentialUnavailableError(`Cannot find Azure Pipelines: The variable ${OIDC_REQUEST_URI} is not set`, {
      outcome: "absent",
      nextStep: "Run the program in a job of Azure Pipelines, in a task with a service connection",
    });
  }
  const url = parseUrl(value);
  const isSecure = url?.protocol === "https:" || allowInsecureLoopback && url && isLoopback(url.hostname);
  if (url && isSecure && !url.username && !url.password) return url;
  throw new AuthenticationError(
    `Cannot use the variable ${OIDC_REQUEST_URI}: It must be a URL with "https:" and without credentials`,
  );
}
