/**
 * The smoke test on a release of Node, Deno or Bun. Prints a line of JSON for each check: its name, and the token or
 * error name that it found, or the reason of its failure.
 *
 * @module
 */
import { createRequire } from "node:module";
import process from "node:process";

const SCOPE = "https://vault.azure.net/.default";
const { authorityHost, tenantId, clientId, clientSecret, serviceFabric, brokenAppService, subpaths } = JSON.parse(
  process.argv[2],
);

/** Sends requests for Microsoft Entra to the simulated one. */
function fetchFromEntra(url, init) {
  return fetch(String(url).replace("https://login.microsoftonline.com", authorityHost), init);
}

/** Acts as a browser that signs the user in: sends the form of the result page to the loopback address. */
async function signIn(url) {
  const html = await (await fetchFromEntra(url)).text();
  const unescape = (text) => text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code));
  const [, action] = /action="([^"]*)"/.exec(html);
  const fields = [...html.matchAll(/name="([^"]*)" value="([^"]*)"/g)].map((
    [, name, value],
  ) => [name, unescape(value)]);
  const { status } = await fetch(unescape(action), { method: "POST", body: new URLSearchParams(fields) });
  if (status !== 200) throw new Error(`The loopback server responds with ${status}`);
}

const CHECKS = {
  async import() {
    for (const subpath of subpaths) await import(`@azweb/identity${subpath}`);
  },
  require() {
    for (const subpath of subpaths) createRequire(import.meta.url)(`@azweb/identity${subpath}`);
  },
  "client secret": (lib) =>
    new lib.ClientSecretCredential(tenantId, clientId, clientSecret, {
      authorityHost,
      allowInsecureLoopback: true,
      disableInstanceDiscovery: true,
    }),
  "App Service": (lib) => new lib.ManagedIdentityCredential({ cache: false }),
  "App Service, with az signed in": (lib) => new lib.DefaultAzureCredential({ cache: false }),
  async "App Service that fails, with az signed in"(lib) {
    const env = { ...process.env, ...brokenAppService };
    const credential = new lib.DefaultAzureCredential({ env, retryOptions: { maxRetries: 0 } });
    return await credential.getToken(SCOPE).then(({ token }) => token, ({ name }) => name);
  },
  "Service Fabric": (lib) => new lib.ManagedIdentityCredential({ env: serviceFabric }),
  "az": (lib) => new lib.AzureCliCredential(),
  "loopback": (lib) =>
    new lib.InteractiveBrowserCredential({
      tenantId,
      clientId,
      fetch: fetchFromEntra,
      runtime: { openUrl: signIn },
    }),
};

for (const [name, check] of Object.entries(CHECKS)) {
  try {
    const found = await check(await import("@azweb/identity"));
    console.log(
      JSON.stringify({ name, found: typeof found === "object" ? (await found.getToken(SCOPE)).token : found }),
    );
  } catch (error) {
    console.log(JSON.stringify({ name, error: String(error) }));
  }
}
