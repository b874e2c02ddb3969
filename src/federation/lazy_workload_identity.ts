import { checkClientId, checkText } from "../core/validate.ts";
import type { GetToken } from "../core/get_token.ts";
import { lazyGetToken } from "../core/lazy_get_token.ts";
import { rereadVariables, type Settings } from "../core/settings.ts";
import { checkAppTenantId } from "../core/tenants.ts";
import type { Workload } from "./workload_identity.ts";

/**
 * Returns the `getToken` of `WorkloadIdentityCredential`, which reads its variables until they configure an
 * identity. Throws a `TypeError` if an option is malformed.
 */
export function createLazyWorkload(options: Workload, settings: Settings): GetToken {
  const { tenantId, clientId, tokenFilePath } = options;
  if (tenantId) checkAppTenantId(tenantId);
  if (clientId) checkClientId(clientId);
  if (tokenFilePath) checkText(tokenFilePath, "tokenFilePath");
  return lazyGetToken(async () => {
    const { createWorkloadIdentity } = await import("./workload_identity.ts");
    return createWorkloadIdentity("WorkloadIdentityCredential", options, rereadVariables(settings));
  });
}
