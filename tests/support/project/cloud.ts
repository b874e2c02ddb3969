/**
 * A simulated cloud for programs that use Azure: an Entra, a storage account, a key vault, an App Configuration store
 * and a model, each behind HTTPS, and a record of their requests.
 *
 * @module
 */
import { createRuntime } from "@azweb/identity/runtime";
import { createEntra } from "@azweb/identity/testing";
import { readFile } from "node:fs/promises";
import { type Azurite, startAzurite } from "../interop/azurite.ts";
import { writeCertificates } from "../certificates/certificate_authority.ts";
import { createAppConfiguration } from "../interop/app_configuration.ts";
import { createChatCompletions } from "../interop/chat_completions.ts";
import { trust } from "../child.ts";
import { serveHttps } from "../https_server.ts";
import { createKeyVault, type KeyVaultOptions } from "../interop/key_vault.ts";
import { startTunnel } from "../tunnel.ts";

/** A running cloud. */
export interface Cloud {
  /** The environment variables of a program: the URLs of the services and the app. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * The requests to the services, in order, one line each, without discovery requests. Tokens are numbered in order.
   */
  readonly asked: readonly string[];
  /** The names of the libraries in token requests. */
  readonly libraries: ReadonlySet<string>;
  /** Clears the record of requests, and replaces the vault. */
  reset(vault: Partial<KeyVaultOptions>): void;
  stop(): Promise<void>;
}

export const CONTOSO = "11111111-2222-3333-4444-555555555555";
export const FABRIKAM = "99999999-8888-7777-6666-555555555555";
const VAULT = "contoso.vault.azure.net";

type Handle = (request: Request) => Promise<Response>;

/**
 * Starts a cloud, with its files in the folder. Its apps are `app`, in both tenants, and `another-audience`, whose
 * tokens have another audience.
 */
export async function startCloud(folder: string): Promise<Cloud> {
  const stops: (() => Promise<void>)[] = [];
  const asked: string[] = [];
  const tokens: string[] = [];
  const libraries = new Set<string>();
  const { authorityPath, ...paths } = await writeCertificates(folder, ["localhost", VAULT]);
  const tls = { cert: await readFile(paths.certificatePath), key: await readFile(paths.keyPath) };
  const secrets = ["a-secret"];
  const { handle: entra, verify } = createEntra({
    apps: [
      { tenantId: CONTOSO, clientId: "app", secrets },
      { tenantId: FABRIKAM, clientId: "app", secrets },
      { tenantId: CONTOSO, clientId: "another-audience", secrets, claims: { aud: "https://graph.microsoft.com" } },
    ],
  });
  const [blobs, tables] = await Promise.all([
    startAzurite({ ...paths, folder }),
    startAzurite({ ...paths, folder, service: "table" }),
  ]);
  stops.push(blobs.stop, tables.stop);
  const fetchFromAzurite = createRuntime().tlsFetch!({ ca: await readFile(authorityPath, "utf8") });
  let vault: Handle;

  const forwardTo = (azurite: Azurite): Handle => async (request) => {
    const { method, headers, url } = request;
    const { pathname, search } = new URL(url);
    const body = request.body && await request.arrayBuffer();
    return await fetchFromAzurite(new URL(pathname + search, azurite.url), { method, headers, body });
  };

  /** Serves a service and records its requests. Returns the URL. */
  async function serve(name: string, handle: Handle, describe: (request: Request) => unknown): Promise<string> {
    const { url, close } = await serveHttps(async (request) => {
      const line = await describe(request.clone());
      const response = await handle(request);
      if (line) asked.push(`${name}: ${line}: ${response.status}`);
      return response;
    }, tls);
    stops.push(close);
    return url;
  }

  async function describeTokenRequest(request: Request): Promise<string | undefined> {
    if (request.method !== "POST") return undefined;
    const form = Object.fromEntries(new URLSearchParams(await request.text()));
    const { scope, claims = "{}" } = form;
    libraries.add(form["x-client-SKU"]!);
    const tenant = new URL(request.url).pathname.split("/")[1];
    const wanted = Object.entries(JSON.parse(claims).access_token ?? {}).sort();
    return `a token of ${tenant} for ${scope}, claims ${JSON.stringify(Object.fromEntries(wanted))}`;
  }

  function describeUse({ method, url, headers }: Request): string {
    const token = headers.get("authorization");
    if (token && !tokens.includes(token)) tokens.push(token);
    const proof = token ? `with token ${tokens.indexOf(token) + 1}` : "without a token";
    return `${method} ${new URL(url).pathname} ${proof}`;
  }

  const vaultUrl = await serve("vault", (request) => vault(request), describeUse);
  const tunnel = await startTunnel(VAULT, Number(new URL(vaultUrl).port));
  stops.push(tunnel.close);
  const configuration = createAppConfiguration({ audience: "https://appconfig.azure.com", verify });
  const model = createChatCompletions({ deployment: "our-model", verify });
  return {
    env: {
      ...trust(authorityPath),
      AZURE_AUTHORITY_HOST: await serve("entra", entra, describeTokenRequest),
      AZURE_TENANT_ID: CONTOSO,
      AZURE_CLIENT_ID: "app",
      AZURE_CLIENT_SECRET: secrets[0]!,
      // No other credential is tried if this one fails.
      AZURE_TOKEN_CREDENTIALS: "EnvironmentCredential",
      AZURE_OPENAI_ENDPOINT: await serve("model", model, describeUse),
      STORAGE_URL: `${await serve("storage", forwardTo(blobs), describeUse)}/devstoreaccount1`,
      TABLES_URL: `${await serve("tables", forwardTo(tables), describeUse)}/devstoreaccount1`,
      APP_CONFIGURATION_URL: await serve("configuration", configuration, describeUse),
      // The client accepts a challenge for vault.azure.net only from a subdomain of it. Therefore the vault has such a
      // host name, and the proxy connects requests for it to the simulated vault.
      KEY_VAULT_URL: `https://${VAULT}`,
      HTTPS_PROXY: tunnel.url,
      NO_PROXY: "localhost",
    },
    asked,
    libraries,
    reset(options) {
      asked.length = tokens.length = 0;
      libraries.clear();
      vault = createKeyVault({ tenantId: CONTOSO, verify, ...options });
    },
    async stop() {
      for (const stop of stops.reverse()) await stop();
    },
  };
}
