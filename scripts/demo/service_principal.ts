import { startEntra } from "../../tests/support/entra_server.ts";
import { describeRequests, type Place } from "./place.ts";

const TENANT_ID = "11111111-2222-3333-4444-555555555555";
const CLIENT_ID = "66666666-7777-8888-9999-000000000000";

/** A machine of any kind, with a client secret in an environment variable. */
export const servicePrincipal: Place = {
  from: "environment variables",
  async start({ paths, broken }) {
    const secret = crypto.randomUUID();
    const claims = broken === "audience" ? { aud: "https://vault.azure.net" } : {};
    const app = { tenantId: TENANT_ID, clientId: CLIENT_ID, secrets: [secret], claims };
    const entra = await startEntra({ ...paths, entra: { apps: [app] } });
    return {
      line: `Started a simulated Microsoft Entra ID, from @azweb/identity/testing: ${entra.url}`,
      env: {
        AZURE_AUTHORITY_HOST: entra.url,
        AZURE_TENANT_ID: TENANT_ID,
        AZURE_CLIENT_ID: CLIENT_ID,
        AZURE_CLIENT_SECRET: broken === "secret" ? "not-the-secret" : secret,
      },
      secret: ["AZURE_CLIENT_SECRET"],
      summary: () => describeRequests("Entra", entra.requests.length),
    };
  },
};
