import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import { toSingleLine } from "../core/error_response.ts";
import type { Settings } from "../core/settings.ts";
import { checkOption, checkText } from "../core/validate.ts";
import { createSource, type SourceSpec } from "./create_source.ts";
import { member, requestAssertion } from "./request_assertion.ts";
import { checkHeaderText, notOffered, tokenInVariable, urlInVariable, variable } from "./variables.ts";

/** Variable with the URL of the token endpoint of a job. Part of the cache identity. */
export const OIDC_REQUEST_URI = "SYSTEM_OIDCREQUESTURI";
const ACCESS_TOKEN = "SYSTEM_ACCESSTOKEN";
const CONNECTIONS = [
  "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
  "ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID",
  "ARM_OIDC_AZURE_SERVICE_CONNECTION_ID",
];

/** Response headers that identify the request for Microsoft's support. */
const TRACE_HEADERS = ["x-msedge-ref", "x-vss-e2eid"];

const LABEL = "the token of the service connection";

/** Options of {@linkcode fromAzurePipelines}. */
export interface AzurePipelinesSourceOptions extends AssertionSourceOptions {
  /** The service connection's id. By default the variable `AZURESUBSCRIPTION_SERVICE_CONNECTION_ID`. */
  serviceConnectionId?: string | undefined;
  /** The access token of the job, `$(System.AccessToken)`. By default the variable `SYSTEM_ACCESSTOKEN`. */
  systemAccessToken?: string | undefined;
}

/**
 * Returns a source of the tokens of a service connection of Azure Pipelines. Azure Pipelines determines the audience.
 *
 * @param options See {@linkcode AzurePipelinesSourceOptions}.
 * @throws {TypeError} An option is malformed.
 *
 * @example In a step that maps `$(System.AccessToken)` to `SYSTEM_ACCESSTOKEN`
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromAzurePipelines } from "@azweb/identity/federation";
 *
 * const getAssertion = fromAzurePipelines({ serviceConnectionId: "my-connection-id" });
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", getAssertion);
 * ```
 *
 * @see https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create
 */
export function fromAzurePipelines(options: AzurePipelinesSourceOptions = {}): AssertionSource {
  const { serviceConnectionId, systemAccessToken } = options;
  if (serviceConnectionId !== undefined) checkOption("serviceConnectionId", serviceConnectionId, checkText);
  if (systemAccessToken !== undefined) checkOption("systemAccessToken", systemAccessToken, checkHeaderText);
  return createSource(pipelinesSpec(options), options);
}

/** The values that may come from variables instead. */
type Job = Pick<AzurePipelinesSourceOptions, "serviceConnectionId" | "systemAccessToken">;

/** Returns the source of the tokens of a service connection. */
export function pipelinesSpec({ serviceConnectionId, systemAccessToken }: Job): SourceSpec {
  const variables = [
    OIDC_REQUEST_URI,
    ...systemAccessToken === undefined ? [ACCESS_TOKEN] : [],
    ...serviceConnectionId === undefined ? CONNECTIONS : [],
  ];
  return {
    name: "fromAzurePipelines",
    options: "serviceConnectionId systemAccessToken",
    label: LABEL,
    variables,
    async get(context) {
      const { url, connection, accessToken } = readJob({ serviceConnectionId, systemAccessToken }, context.settings);
      url.searchParams.set("api-version", "7.1");
      url.searchParams.set("serviceConnectionId", connection);
      return await requestAssertion({
        label: LABEL,
        url,
        method: "POST",
        headers: {
          authorization: `Bearer ${accessToken}`,
          "content-type": "application/json",
          // Requests an error instead of a redirect to a sign-in page.
          "x-tfs-fedauthredirect": "Suppress",
        },
        secrets: [accessToken],
        read: member("oidcToken"),
        meanings: {
          401: "The job's token is invalid or has expired",
          404: "The service connection does not exist, or the pipeline may not use it",
        },
        advice: ({ headers, status }, redact) =>
          status === 0 ? undefined : [
            `Check the service connection's id and permissions, and that the step maps System.AccessToken in its "env:"`,
            ...TRACE_HEADERS.flatMap((name) => {
              const value = headers?.get(name);
              return value ? `${name}: ${toSingleLine(redact(value))}` : [];
            }),
          ].join(". "),
      }, context);
    },
  };
}

/**
 * Returns what a request needs of the job. Throws a `CredentialUnavailableError` if a variable is not set, an
 * `AuthenticationError` if it is malformed.
 */
export function readJob(
  { serviceConnectionId, systemAccessToken }: Job,
  settings: Settings,
): { readonly url: URL; readonly connection: string; readonly accessToken: string } {
  if (!variable(OIDC_REQUEST_URI, settings)) {
    throw notOffered(
      LABEL,
      `The variable ${OIDC_REQUEST_URI} is not set`,
      "Run the program in a job of Azure Pipelines, in a task with a service connection",
    );
  }
  const accessToken = systemAccessToken ?? tokenInVariable(ACCESS_TOKEN, settings);
  if (!accessToken) {
    const nextStep = 'Map it in the "env:" of the step: SYSTEM_ACCESSTOKEN: $(System.AccessToken)';
    throw notOffered(LABEL, `The variable ${ACCESS_TOKEN} is not set`, nextStep);
  }
  const connection = serviceConnectionId ??
    CONNECTIONS.map((name) => variable(name, settings)).find((id) => id !== undefined);
  if (connection === undefined) {
    const nextStep = "Run the program in a task with a service connection, such as AzureCLI@2, or pass its id";
    throw notOffered(LABEL, `The variable ${CONNECTIONS[0]} is not set`, nextStep);
  }
  return { url: urlInVariable(OIDC_REQUEST_URI, settings), connection, accessToken };
}
