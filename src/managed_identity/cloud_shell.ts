import { send } from "../core/http.ts";
import { type Machine, OTHER_RETRIES, type Source } from "./source.ts";
import { endpointIn, refuseIdentity } from "./variables.ts";

/**
 * Azure Cloud Shell, whose identity is the user's.
 *
 * https://learn.microsoft.com/azure/cloud-shell/msi-authorization
 */
export function cloudShell(machine: Machine): Source {
  const { localFetch, now, sleep } = machine.settings;
  refuseIdentity("Cloud Shell", machine);
  const endpoint = endpointIn("MSI_ENDPOINT", machine.settings);
  return {
    name: "Cloud Shell",
    endpoint,
    proof: [],
    secrets: [],
    retryRules: OTHER_RETRIES,
    send({ resource, signal, limitInMs }) {
      const body = new URLSearchParams({ resource });
      const init = { method: "POST", headers: { Metadata: "true" }, body, signal };
      return send(localFetch, endpoint, init, { now, sleep, limitInMs });
    },
  };
}
