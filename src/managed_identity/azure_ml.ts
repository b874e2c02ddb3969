import { get, type MachineContext, OTHER_RETRIES, type Source } from "./source.ts";
import { clientIdIn, endpointIn, headerIn, rejectIdentity } from "./variables.ts";

/**
 * The computes of Azure Machine Learning. The client id of their default identity is in the variable
 * `DEFAULT_IDENTITY_CLIENT_ID`.
 *
 * https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication
 */
export function azureMl(context: MachineContext): Source {
  const { identity, settings } = context;
  rejectIdentity("Azure Machine Learning", context, "clientId");
  const endpoint = endpointIn("MSI_ENDPOINT", settings);
  const secret = headerIn("MSI_SECRET", settings);
  const clientId = identity?.id ?? clientIdIn("DEFAULT_IDENTITY_CLIENT_ID", settings);
  return {
    name: "Azure Machine Learning",
    ...clientId && { identity: `identity with the client id "${clientId}"` },
    endpoint,
    cacheIdentity: [secret, clientId ?? ""],
    secrets: [secret],
    retryRules: OTHER_RETRIES,
    send({ resource, signal, limitInMs }) {
      const parameters = { "api-version": "2017-09-01", resource, ...clientId && { clientid: clientId } };
      return get(endpoint, { parameters, headers: { secret }, signal, limitInMs }, settings);
    },
  };
}
