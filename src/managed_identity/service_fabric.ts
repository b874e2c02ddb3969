import { digest, encodeHex } from "../core/encoding.ts";
import { AuthenticationError } from "../errors.ts";
import { get, type MachineContext, OTHER_RETRIES, type Source } from "./source.ts";
import { endpointIn, headerIn, rejectIdentity } from "./variables.ts";

/**
 * Service Fabric. The variable `IDENTITY_SERVER_THUMBPRINT` has the thumbprint of the certificate of the cluster node.
 *
 * https://learn.microsoft.com/azure/service-fabric/how-to-managed-identity-service-fabric-app-code
 */
export async function serviceFabric(context: MachineContext): Promise<Source> {
  const { identity, runtime, settings } = context;
  rejectIdentity("Service Fabric", context, "objectId");
  const endpoint = endpointIn("IDENTITY_ENDPOINT", settings, /^https:$/);
  const secret = headerIn("IDENTITY_HEADER", settings);
  const thumbprint = settings.env("IDENTITY_SERVER_THUMBPRINT")!.replace(/[:\s]/g, "").toLowerCase();
  if (!/^[\da-f]{40}$/.test(thumbprint)) {
    throw new AuthenticationError(
      "Cannot use the variable IDENTITY_SERVER_THUMBPRINT: It must be 40 hexadecimal digits, the certificate's SHA-1 digest",
    );
  }
  const { tlsFetcher } = await import("../runtime/tls_fetch.ts");
  const tlsFetch = tlsFetcher(runtime);
  if (!tlsFetch) {
    throw new AuthenticationError(
      'Cannot reach Service Fabric: This runtime cannot check the thumbprint of its certificate: Pass the option "runtime.tlsFetch"',
    );
  }
  const localFetch = tlsFetch({ thumbprint });
  return {
    name: "Service Fabric",
    endpoint,
    cacheIdentity: [secret, thumbprint],
    secrets: [secret],
    retryRules: OTHER_RETRIES,
    async send({ enableCae, rejected, resource, signal, limitInMs }) {
      const parameters = {
        "api-version": "2020-05-01",
        resource,
        ...identity && { principalId: identity.id },
        ...rejected !== undefined && { token_sha256_to_refresh: encodeHex(await digest(rejected)) },
        ...(enableCae || rejected !== undefined) && { xms_cc: "cp1" },
      };
      return await get(endpoint, { parameters, headers: { secret }, signal, limitInMs }, { ...settings, localFetch });
    },
  };
}
