import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startEntra } from "../../tests/support/entra_server.ts";
import { describeRequests, type Place } from "./place.ts";

const TENANT_ID = "11111111-2222-3333-4444-555555555555";
const CLIENT_ID = "77777777-8888-9999-0000-111111111111";
const ISSUER = "https://oidc.example/cluster/";
const SUBJECT = "system:serviceaccount:default:demo";

/** A pod on Azure Kubernetes Service: the cluster writes a token to a file, and Entra trusts the cluster. */
export const aks: Place = {
  from: "a pod on Azure Kubernetes Service",
  async start({ folder, paths }) {
    const cluster = await generateKeyPair("RS256");
    const token = await new SignJWT({ iss: ISSUER, sub: SUBJECT, aud: "api://AzureADTokenExchange" })
      .setProtectedHeader({ alg: "RS256", kid: "of-the-cluster" }).setIssuedAt().setExpirationTime("1h")
      .sign(cluster.privateKey);
    const path = join(folder, "azure-identity-token");
    await writeFile(path, token, { mode: 0o600 });

    const jwks = { keys: [{ ...await exportJWK(cluster.publicKey), kid: "of-the-cluster" }] };
    const federatedCredentials = [{ issuer: ISSUER, subject: SUBJECT, jwks }];
    const app = { tenantId: TENANT_ID, clientId: CLIENT_ID, federatedCredentials };
    const entra = await startEntra({ ...paths, entra: { apps: [app] } });
    return {
      line:
        `Started a simulated Microsoft Entra ID, from @azweb/identity/testing, that trusts "${SUBJECT}" of a cluster: ${entra.url}`,
      env: {
        AZURE_AUTHORITY_HOST: entra.url,
        AZURE_TENANT_ID: TENANT_ID,
        AZURE_CLIENT_ID: CLIENT_ID,
        AZURE_FEDERATED_TOKEN_FILE: path,
      },
      summary: () => describeRequests("Entra", entra.requests.length),
    };
  },
};
