import { createEntra } from "@azweb/identity/testing";
import { readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import process from "node:process";
import { startProgram } from "../../tests/support/child.ts";
import { answerSubscriptions } from "../../tests/support/interop/resource_manager.ts";
import { describeRequests, type Place, type Site, type Started } from "./place.ts";

const TENANT_ID = "11111111-2222-3333-4444-555555555555";
const CLIENT_ID = "88888888-9999-0000-1111-222222222222";
const SUBSCRIPTIONS = { [TENANT_ID]: [{ id: "99999999-0000-1111-2222-333333333333", name: "Demo" }] };
const RESOURCE = "https://storage.azure.com";
const ENTRA = "login.microsoftonline.com";
const HOSTS = [ENTRA, "management.azure.com"];

/**
 * A developer's machine with a signed-in Azure CLI: the real one if it is installed and its hosts can be simulated, or
 * else a stand-in.
 */
export const laptop: Place = {
  from: "a laptop",
  // After `rm`, the content exists as long as it is mounted.
  setup: `hosts=$(mktemp)
echo '127.0.0.1 localhost ${HOSTS.join(" ")}' >"$hosts"
mount --bind "$hosts" /etc/hosts
rm "$hosts"`,
  hosts: HOSTS,
  canDoWithout: true,
  async start(site) {
    const secret = crypto.randomUUID();
    return site.whyNot
      ? await standIn(site, secret, `The real one cannot be used. ${site.whyNot}`)
      : await real(site, secret) ?? await standIn(site, secret, "The real one is not installed");
  },
};

function createTenant(secret: string) {
  return createEntra({ apps: [{ tenantId: TENANT_ID, clientId: CLIENT_ID, secrets: [secret] }] });
}

/** Signs in with the real Azure CLI. Returns `undefined` if it is not installed. */
async function real({ folder, paths }: Site, secret: string): Promise<Started | undefined> {
  const entra = createTenant(secret);
  const tls = { cert: await readFile(paths.certificatePath, "utf8"), key: await readFile(paths.keyPath, "utf8") };
  Deno.serve(
    { hostname: "127.0.0.1", port: 443, onListen() {}, ...tls },
    (request) =>
      new URL(request.url).hostname === ENTRA ? entra.handle(request) : answerSubscriptions(request, SUBSCRIPTIONS),
  );
  const env = {
    AZURE_CONFIG_DIR: join(folder, "azure"),
    AZURE_CORE_COLLECT_TELEMETRY: "0",
    REQUESTS_CA_BUNDLE: paths.authorityPath,
  };
  const login = ["--service-principal", "-u", CLIENT_ID, "-p", secret, "--tenant", TENANT_ID];
  const { code, stderr } = await startProgram(["az", "login", ...login], { env, cwd: folder }).ended;
  if (code === "not started") return undefined;
  if (code !== 0) throw new Error(`"az login" ended with ${code}: ${stderr.trim()}`);
  const forStorage = ({ form }: { form: Record<string, string> }) => form.scope?.startsWith(RESOURCE);
  return {
    line:
      `Signed in with the real Azure CLI to a simulated Microsoft Entra ID, from @azweb/identity/testing: https://${ENTRA}, in a network of its own`,
    env,
    summary: () => describeRequests("Entra", entra.requests.filter(forStorage).length),
  };
}

/** Writes a program that prints what the Azure CLI would print. */
async function standIn({ folder }: Site, secret: string, why: string): Promise<Started> {
  const { fetch } = createTenant(secret);
  const response = await fetch(`https://${ENTRA}/${TENANT_ID}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: CLIENT_ID,
      client_secret: secret,
      scope: `${RESOURCE}/.default`,
    }),
  });
  const { access_token: accessToken, expires_in } = await response.json();
  const expires_on = Math.floor(Date.now() / 1000) + expires_in;
  const tools = join(folder, "tools");
  const runs = join(tools, "runs");
  await mkdir(tools);
  await writeFile(runs, "");
  const text = JSON.stringify({ accessToken, expires_on, tenant: TENANT_ID, tokenType: "Bearer" });
  const [name, script] = process.platform === "win32"
    ? ["az.cmd", `@echo once>>"%~dp0runs"\r\n@echo ${text}\r\n`]
    : ["az", `#!/bin/sh\necho once >>'${runs}'\necho '${text}'\n`];
  await writeFile(join(tools, name), script, { mode: 0o700 });
  return {
    line: `Wrote a stand-in for the Azure CLI, with a token of a simulated Microsoft Entra ID. ${why}`,
    env: {
      PATH: [tools, process.env.PATH].filter(Boolean).join(delimiter),
      // The real profile of this machine may have no account.
      AZURE_CONFIG_DIR: tools,
      // Without it, the probe would be sent to the real metadata service of this machine.
      AZURE_TOKEN_CREDENTIALS: "dev",
    },
    summary: () => describeRequests("The stand-in", readFileSync(runs, "utf8").split("once").length - 1),
  };
}
