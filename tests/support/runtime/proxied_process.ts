// Gets a token of the service principal that the variables configure. Prints the token or the error. The first argument
// is what the program does with `fetch` before, and the second one is the URL of a proxy. The program imports no other
// file, so that it can be copied.
import { EnvironmentCredential } from "@azweb/identity";
import process from "node:process";

const [preparation = "", proxy = ""] = process.argv.slice(2);
const native = fetch;
const options: ConstructorParameters<typeof EnvironmentCredential>[0] = {
  disableInstanceDiscovery: true,
  retryOptions: { maxRetries: 0 },
};

/** Returns a token response without sending a request. */
function fake(): Promise<Response> {
  return Promise.resolve(Response.json({ token_type: "Bearer", expires_in: 3600, access_token: "of-the-fake" }));
}

const preparations: Readonly<Record<string, () => unknown>> = {
  "": () => {},
  "the option fetch": () => options.fetch = fake,
  "a short time limit": () => options.timeoutInMs = 1000,
  "the option env": () => options.env = { ...process.env, HTTPS_PROXY: "" },
  "a replaced fetch": () => globalThis.fetch = fake,
  "a wrapped fetch": () => globalThis.fetch = (input, init) => native(input, init),
  "a request before": () => fetch("data:,"),
  "a global dispatcher": async () => {
    const { ProxyAgent, setGlobalDispatcher } = await import("undici");
    setGlobalDispatcher(new ProxyAgent(proxy));
  },
  "a composed dispatcher": async () => {
    const { Agent, setGlobalDispatcher } = await import("undici");
    const refuse = () => () => {
      throw new Error("The composed dispatcher refuses");
    };
    setGlobalDispatcher(new Agent().compose(refuse));
  },
};
await preparations[preparation]!();
try {
  const { token } = await new EnvironmentCredential(options).getToken("https://vault.azure.net/.default");
  console.log(`token ${token}`);
} catch (error) {
  console.log(`error ${(error as Error).message}`);
}
process.exit();
