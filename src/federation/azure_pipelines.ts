import { errorFromResponse, toSingleLine } from "../core/error_response.ts";
import { send } from "../core/http.ts";
import { parseObject } from "../core/json.ts";
import { redact } from "../core/redact.ts";
import { requireVariables } from "../core/require_variables.ts";
import { retry } from "../core/retry.ts";
import type { Settings } from "../core/settings.ts";
import { isLoopback, parseUrl } from "../core/url.ts";
import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import { ENTRA_RETRIES } from "../entra/retries.ts";

/** The URL that a job asks for its tokens, which is part of whose tokens they are. */
export const OIDC_REQUEST_URI = "SYSTEM_OIDCREQUESTURI";
/** What Microsoft's support asks for. */
const TRACES = ["x-msedge-ref", "x-vss-e2eid"];
const MEANINGS: Readonly<Record<number, string>> = {
  401: "The job's token is refused, or has expired",
  404: "There is no such service connection, or this pipeline may not use it",
};

/** Whose token it is, and what a job proves itself with. */
export interface Job {
  readonly credential: string;
  readonly serviceConnectionId: string;
  readonly systemAccessToken: string;
}

/**
 * Requests the token of a service connection from Azure Pipelines.
 *
 * https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create
 */
export async function requestOidcToken(job: Job, signal: AbortSignal, settings: Settings): Promise<string> {
  const { credential, serviceConnectionId, systemAccessToken } = job;
  const url = endpointIn(settings);
  url.searchParams.set("api-version", "7.1");
  url.searchParams.set("serviceConnectionId", serviceConnectionId);
  const init = {
    method: "POST",
    headers: {
      authorization: `Bearer ${systemAccessToken}`,
      "content-type": "application/json",
      // A refusal instead of a page to sign in at.
      "x-tfs-fedauthredirect": "Suppress",
    },
    signal,
  };
  const secrets = [systemAccessToken];
  const answer = await retry(
    async (limitInMs) => {
      const answer = await send(settings.fetch, url.href, init, { ...settings, limitInMs });
      return answer.status === 0 ? { ...answer, text: redact(answer.text, secrets) } : answer;
    },
    { credential, rules: ENTRA_RETRIES, signal },
    settings,
  );
  const { oidcToken } = answer.status === 200 ? parseObject(answer.text) ?? {} : {};
  if (typeof oidcToken === "string" && oidcToken !== "") return oidcToken;
  const traces = TRACES.flatMap((name) => {
    const value = answer.headers?.get(name);
    return value ? `${name}: ${toSingleLine(redact(value, secrets))}` : [];
  });
  throw errorFromResponse(answer, `Cannot get the token of the service connection from "${url.host}"`, {
    advice: () =>
      [
        `Check the service connection's id and permissions, and that the step maps System.AccessToken in its "env:"`,
        ...traces,
      ].join(". "),
    meanings: MEANINGS,
    redact: (text) => redact(text, secrets),
  });
}

function endpointIn(settings: Settings): URL {
  requireVariables([OIDC_REQUEST_URI], settings);
  const { allowInsecureLoopback, env } = settings;
  const value = env(OIDC_REQUEST_URI);
  if (!value) {
    throw new CredentialUnavailableError(`Cannot find Azure Pipelines: The variable ${OIDC_REQUEST_URI} is not set`, {
      outcome: "absent",
      nextStep: "Run it in a job of Azure Pipelines, in a task with a service connection",
    });
  }
  const url = parseUrl(value);
  const isSecure = url?.protocol === "https:" || allowInsecureLoopback && url && isLoopback(url.hostname);
  if (url && isSecure && !url.username && !url.password) return url;
  throw new AuthenticationError(
    `Cannot use the variable ${OIDC_REQUEST_URI}: It must be a URL with "https:" and without user`,
  );
}
