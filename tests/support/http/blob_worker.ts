// The example Worker of docs/fetch.md: writes a blob, and reads it.
import { ClientSecretCredential } from "@azweb/identity/client-secret-credential";
import { withAzureAuth } from "@azweb/identity/fetch";

interface Env {
  AZURE_TENANT_ID: string;
  AZURE_CLIENT_ID: string;
  AZURE_CLIENT_SECRET: string;
  CONTAINER_URL: string;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const credential = new ClientSecretCredential(env.AZURE_TENANT_ID, env.AZURE_CLIENT_ID, env.AZURE_CLIENT_SECRET);
    const azureFetch = withAzureAuth(credential);
    const url = env.CONTAINER_URL + new URL(request.url).pathname;
    if (request.method !== "PUT") return await azureFetch(url);
    const headers = { "x-ms-blob-type": "BlockBlob", "content-type": "text/plain" };
    return await azureFetch(url, { method: "PUT", headers, body: await request.text() });
  },
};
