// Gets a token, gets it again when it is due for a refresh or in its last minutes, prints it, and does nothing more.
// Prints the log events when the process ends.
import {
  AuthorizationCodeCredential,
  AzureCliCredential,
  ChainedTokenCredential,
  ClientSecretCredential,
  CredentialUnavailableError,
  type GetTokenOptions,
  type LogEvent,
  ManagedIdentityCredential,
} from "@azweb/identity";
import process from "node:process";

/** `location` is the URL of the service, or the folder of `az`. */
const [kind, moment, location, timeout] = process.argv.slice(2) as [string, "due" | "last minutes", string, string];
const SCOPE = "https://storage.azure.com/.default";
let offset = 0;
const events: LogEvent[] = [];
const options = {
  authorityHost: location,
  allowInsecureLoopback: true,
  disableInstanceDiscovery: true,
  runtime: { now: () => Date.now() + offset },
  log: (event: LogEvent) => void events.push(event),
  ...timeout && { timeoutInMs: Number(timeout) },
};
// The maximum delay between two attempts.
Math.random = () => 0.999;

function appService(): ManagedIdentityCredential {
  const env = { IDENTITY_ENDPOINT: `${location}/msi/token`, IDENTITY_HEADER: "a-header" };
  return new ManagedIdentityCredential({ ...options, env });
}

/**
 * A chain of two credentials for one service. The first one is unavailable for the first call, and is tried again in
 * the background.
 */
function chain(): ChainedTokenCredential {
  const [first, second] = [appService(), appService()];
  let calls = 0;
  return new ChainedTokenCredential({
    getToken(scopes: string | string[], options?: GetTokenOptions) {
      if (calls++ === 0) return Promise.reject(new CredentialUnavailableError("Not yet", { recheckAfterInMs: 0 }));
      process.on("exit", () => console.log(`aborted ${options?.abortSignal?.aborted}`));
      return first.getToken(scopes, { ...options, claims: "{}" });
    },
  }, second);
}

const credential = {
  "client secret": () => new ClientSecretCredential("a-tenant", "an-app", "a-secret", { ...options, env: {} }),
  "App Service": appService,
  chain,
  user: () =>
    new AuthorizationCodeCredential("a-tenant", "an-app", "a-code", "https://app.example", { ...options, env: {} }),
  az: () => new AzureCliCredential({ ...options, authorityHost: undefined, env: { PATH: location, HOME: location } }),
}[kind]!();

process.on("exit", () => console.log(`events ${events.map(({ event }) => event)}`));
const first = await credential.getToken(SCOPE);
offset = (moment === "due" ? first.refreshAfterTimestamp! : first.expiresOnTimestamp - 60_000) - Date.now();
// In the last minutes, a call waits for half of its timeout.
const { token } = await credential.getToken(SCOPE, { requestOptions: { timeout: 1000 } });
console.log(`token ${token}`);
