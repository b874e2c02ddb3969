import { send } from "../core/http.ts";
import { type MachineContext, OTHER_RETRIES, type Source } from "./source.ts";
import { endpointIn, rejectIdentity } from "./variables.ts";

/**
 * Azure Cloud Shell, whose identity is the user.
 *
 * https://learn.microsoft.com/azure/cloud-shell/msi-authorization
 */
export function cloudShell(context: MachineContext): Source {
  const { localFetch, now, sleep } = context.settings;
  rejectIdentity("Cloud Shell", context);
  const endpoint = endpointIn("MSI_ENDPOINT", context.settings);
  return {
    name: "Cloud Shell",
    identity: "signed-in user",
    endpoint,
    cacheIdentity: [],
    secrets: [],
    retryRules: OTHER_RETRIES,
    send({ resource, signal, limitInMs }) {
      const body = new URLSearchParams({ resource });
      const init = { method: "POST", headers: { Metadata: "true" }, body, signal };
      return send(localFetch, endpoint, init, { now, sleep, limitInMs });
    },
  };
}
