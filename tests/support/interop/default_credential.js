// What every program that uses Azure holds, with the library that the command line names. Prints "token ..." or "error ...", and how long
// that took. The limits of time are such that a slow machine is within them.
import process from "node:process";

const [, , library] = process.argv;
const { DefaultAzureCredential } = await import(library);
// @azure/identity takes it for its probe as well.
const timeout = Number(process.env.AZURE_IMDS_PROBE_TIMEOUT_IN_MS ?? 0);
const start = performance.now();
try {
  const credential = new DefaultAzureCredential({ processTimeoutInMs: 600_000 });
  const { token } = await credential.getToken(
    "https://storage.azure.com/.default",
    timeout ? { requestOptions: { timeout } } : {},
  );
  console.log(`token ${token}`);
} catch ({ name, message }) {
  console.log(`error ${name}: ${message}`);
}
console.log(`took ${Math.round(performance.now() - start)} ms`);
// It keeps the timer of a probe that has ended, and with it the process.
if (library === "@azure/identity") process.exit();
