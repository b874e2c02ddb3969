import type { Settings } from "../core/settings.ts";
import type { UserAssignedIdentity } from "./identity.ts";
import { get, type MachineContext, OTHER_RETRIES, type Source } from "./source.ts";
import { clientIdIn, endpointIn, headerIn, rejectIdentity } from "./variables.ts";

/**
 * The computes of Azure Machine Learning. The client id of their default identity is in the variable
 * `DEFAULT_IDENTITY_CLIENT_ID`.
 *
 * https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication
 */
export function azureMl(context: MachineContext): Source {
  const { settings } = context;
  rejectIdentity("Azure Machine Learning", context, "clientId");
  const endpoint = endpointIn("MSI_ENDPOINT", settings);
  const secret = headerIn("MSI_SECRET", settings);
  const identity = context.identity ?? defaultIdentity(settings);
  return {
    name: "Azure Machine Learning",
    ...identity && { identity },
    endpoint,
    cacheIdentity: [secret, identity?.id ?? ""],
    secrets: [secret],
    retryRules: OTHER_RETRIES,
    send({ resource, signal, limitInMs }) {
      const parameters = { "api-version": "2017-09-01", resource, ...identity && { clientid: identity.id } };
      return get(endpoint, { parameters, headers: { secret }, signal, limitInMs }, settings);
    },
  };
}

function defaultIdentity(settings: Settings): UserAssignedIdentity | undefined {
  const variable = "DEFAULT_IDENTITY_CLIENT_ID";
  const id = clientIdIn(variable, settings);
  return id ? { kind: "clientId", id, variable } : undefined;
}
