import { get, identityParameter, type MachineContext, OTHER_RETRIES, type Source } from "./source.ts";
import { endpointIn, headerIn } from "./variables.ts";

/**
 * App Service, Functions, Container Apps, Automation.
 *
 * https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
 */
export function appService({ identity, settings }: MachineContext): Source {
  const endpoint = endpointIn("IDENTITY_ENDPOINT", settings);
  const secret = headerIn("IDENTITY_HEADER", settings);
  return {
    name: "App Service",
    endpoint,
    cacheIdentity: [secret],
    secrets: [secret],
    retryRules: OTHER_RETRIES,
    send({ resource, signal, limitInMs }) {
      const parameters = { "api-version": "2019-08-01", resource, ...identityParameter(identity, "mi_res_id") };
      return get(endpoint, { parameters, headers: { "X-IDENTITY-HEADER": secret }, signal, limitInMs }, settings);
    },
  };
}
