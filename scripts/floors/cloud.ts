import { createAppService, createEntra, createServiceFabricNode } from "@azweb/identity/testing";
import { delimiter } from "node:path";
import { serveHttp } from "../../tests/support/http_server.ts";
import { serveHttps } from "../../tests/support/https_server.ts";
import { createSelfSigned } from "../../tests/support/certificates/self_signed.ts";

const TENANT_ID = "11111111-2222-3333-4444-555555555555";
const CLIENT_ID = "88888888-9999-0000-1111-222222222222";
const MICROSOFT = "https://login.microsoftonline.com";
const AZ_TOKEN = "a-token-of-az";

/** The simulated services for the smoke test. */
export interface Cloud {
  /** The options of its credentials. */
  readonly options: object;
  readonly env: Readonly<Record<string, string>>;
  /** Functions by the name of the check. Each rejects unless the check found the expected token or error. */
  readonly verify: Readonly<Record<string, (found: string) => Promise<unknown>>>;
  close(): Promise<unknown>;
}

/**
 * Starts a simulated Entra, App Service and node of Service Fabric, and creates a signed-in replacement for the Azure
 * CLI.
 */
export async function startCloud(folder: string): Promise<Cloud> {
  const secret = crypto.randomUUID();
  const entra = createEntra({
    apps: [{ tenantId: TENANT_ID, clientId: CLIENT_ID, secrets: [secret], allowPublicClient: true }],
    users: [{ tenantId: TENANT_ID, username: "jo@contoso.com", password: crypto.randomUUID() }],
  });
  const { certificate: cert, key, thumbprint } = await createSelfSigned();
  const appService = createAppService();
  const node = createServiceFabricNode({ thumbprint });
  const entraServer = await serveHttp((request) => {
    const { pathname, search } = new URL(request.url);
    // The issuer of an ID token has the host of the request.
    return entra.handle(new Request(`${MICROSOFT}${pathname}${search}`, request));
  });
  const appServiceServer = await serveHttp(appService.handle);
  const nodeServer = await serveHttps(node.handle, { cert, key });
  const brokenServer = await serveHttp(() => Promise.reject(new Error("The server closes each connection")));
  appService.env.IDENTITY_ENDPOINT = `${appServiceServer.url}/msi/token`;
  node.env.IDENTITY_ENDPOINT = `${nodeServer.url}/metadata/identity/oauth2/token`;
  return {
    options: {
      authorityHost: entraServer.url,
      tenantId: TENANT_ID,
      clientId: CLIENT_ID,
      clientSecret: secret,
      serviceFabric: node.env,
      brokenAppService: { ...appService.env, IDENTITY_ENDPOINT: `${brokenServer.url}/msi/token` },
    },
    env: {
      ...appService.env,
      AZURE_CONFIG_DIR: folder,
      PATH: [await writeAzureCli(folder), Deno.env.get("PATH")].join(delimiter),
    },
    verify: {
      "client secret": entra.verify,
      "App Service": appService.verify,
      "App Service, with az signed in": appService.verify,
      "App Service that fails, with az signed in": (error) => expect(error, "AuthenticationError"),
      "Service Fabric": node.verify,
      "az": (token) => expect(token, AZ_TOKEN),
      "loopback": entra.verify,
    },
    close: () => Promise.all([entraServer, appServiceServer, nodeServer, brokenServer].map((server) => server.close())),
  };
}

// deno-lint-ignore require-await
async function expect(found: string, wanted: string): Promise<void> {
  if (found !== wanted) throw new Error(`Expected "${wanted}", found "${found}"`);
}

/**
 * Writes a program that prints what `az` would print, and the profile of a signed-in user. Returns the folder of the
 * program.
 */
async function writeAzureCli(folder: string): Promise<string> {
  const tools = `${folder}/tools`;
  const response = { accessToken: AZ_TOKEN, expires_on: 4_102_444_800, tenant: TENANT_ID, tokenType: "Bearer" };
  const text = JSON.stringify(response);
  const [name, script] = Deno.build.os === "windows"
    ? ["az.cmd", `@echo ${text}\r\n`]
    : ["az", `#!/bin/sh\necho '${text}'\n`];
  await Deno.mkdir(tools);
  await Deno.writeTextFile(`${tools}/${name}`, script, { mode: 0o700 });
  await Deno.writeTextFile(
    `${folder}/azureProfile.json`,
    JSON.stringify({ subscriptions: [{ id: "a-subscription" }] }),
  );
  return tools;
}
