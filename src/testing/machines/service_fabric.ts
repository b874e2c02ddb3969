import { createMachine, required } from "./machine.ts";
import { MachineError, nestedBody } from "./machine_error.ts";
import type { Machine, MachineOptions } from "./machine_options.ts";

/** Options of {@linkcode createServiceFabricNode}. */
export interface ServiceFabricNodeOptions extends MachineOptions {
  /** The SHA-1 digest of the node's certificate, 40 hexadecimal digits. Arbitrary by default. */
  readonly thumbprint?: string;
}

const API_VERSIONS = ["2020-05-01", "2019-07-01-preview"];

/**
 * Creates a simulated node of Service Fabric. Its token endpoint has a self-signed certificate. Only
 * `options.runtime.tlsFetch`, with the thumbprint in the variable `IDENTITY_SERVER_THUMBPRINT`, can reach it; `fetch`
 * rejects the certificate.
 *
 * The node caches tokens. If a request has the digest of the cached token as `token_sha256_to_refresh`, it issues a new
 * one.
 *
 * @param options See {@linkcode ServiceFabricNodeOptions}.
 * @throws {TypeError} An option is unknown or malformed.
 *
 * @example Replace a revoked token
 * ```ts
 * import { createServiceFabricNode } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const machine = createServiceFabricNode();
 * const { IDENTITY_ENDPOINT, IDENTITY_HEADER, IDENTITY_SERVER_THUMBPRINT } = machine.env;
 * const fetch = machine.options.runtime.tlsFetch({ thumbprint: IDENTITY_SERVER_THUMBPRINT });
 * const request = async (more = "") => {
 *   const url = `${IDENTITY_ENDPOINT}?api-version=2020-05-01&resource=https://vault.azure.net${more}`;
 *   return (await (await fetch(url, { headers: { secret: IDENTITY_HEADER! } })).json()).access_token;
 * };
 *
 * const token = await request();
 * assert.equal(await request(), token);
 * const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
 * const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
 * assert.notEqual(await request(`&token_sha256_to_refresh=${hex}`), token);
 * await assert.rejects(machine.fetch(IDENTITY_ENDPOINT!), { name: "UntrustedServer" });
 * ```
 *
 * @see https://learn.microsoft.com/azure/service-fabric/how-to-managed-identity-service-fabric-app-code
 */
export function createServiceFabricNode(options: ServiceFabricNodeOptions = {}): Machine {
  const { thumbprint = "5157E51577EF25157E51577EF25157E51577EF20" } = options;
  return createMachine(options, {
    name: "createServiceFabricNode",
    options: { thumbprint: true },
    env: {
      IDENTITY_ENDPOINT: "https://127.0.0.1:2377/metadata/identity/oauth2/token",
      IDENTITY_HEADER: "a-simulated-secret-of-service-fabric",
      IDENTITY_SERVER_THUMBPRINT: thumbprint,
    },
    thumbprint,
    expiresOn: "number",
    endpoint: (env) => env.IDENTITY_ENDPOINT ?? "",
    errorBody: nestedBody,
    async respond({ method, headers, query }, { env, tokens, describe }) {
      if (method !== "GET") throw new MachineError(405, "MethodNotAllowed", "Only GET is allowed");
      if (!headers.secret) {
        throw new MachineError(400, "SecretHeaderNotFound", "Secret is not found in the request headers.");
      }
      if (!API_VERSIONS.includes(query["api-version"] ?? "")) {
        const given = query["api-version"] ?? "";
        throw new MachineError(
          400,
          "InvalidApiVersion",
          `The api-version '${given}' is not supported. Supported versions are '${API_VERSIONS.join("', '")}'`,
        );
      }
      const resource = required(
        query,
        "resource",
        () =>
          new MachineError(
            400,
            "ArgumentNullOrEmpty",
            "The parameter 'resource' should not be null or empty string.",
          ),
      );
      // Without an object id, the application's manifest selects the identity.
      const { principalId } = query;
      const identity = principalId === undefined
        ? tokens.system ?? tokens.userAssigned[0]
        : tokens.find({ objectId: principalId });
      if (headers.secret !== env.IDENTITY_HEADER || !identity) {
        throw new MachineError(
          404,
          "ManagedIdentityNotFound",
          "Managed identity not found for the specified application host.",
        );
      }
      const { access_token, expires_on, refresh_in, token_type } = describe(
        await tokens.issue({
          identity,
          resource,
          capabilities: query.xms_cc?.split(",") ?? [],
          revoked: query.token_sha256_to_refresh,
        }),
      );
      return { access_token, expires_on, refresh_in, resource, token_type };
    },
  });
}
