// A minimal program that uses Azure, with the library that the argument names. Prints "token ..." or "error ...", and
// the duration. The time limits are long enough for slow machines. Variables that begin with CALL_ change the call.
import process from "node:process";

const [, , library] = process.argv;
const { DefaultAzureCredential } = await import(library);
const { CALL_SCOPES, CALL_TENANT_ID: tenantId, CALL_CLAIMS: claims, CALL_TOOL_TIMEOUT_IN_MS } = process.env;
// @azure/identity uses it for its probe as well.
const timeout = Number(process.env.AZURE_IMDS_PROBE_TIMEOUT_IN_MS ?? 0);
const start = performance.now();
try {
  const credential = new DefaultAzureCredential({ processTimeoutInMs: Number(CALL_TOOL_TIMEOUT_IN_MS ?? 600_000) });
  const { token } = await credential.getToken(
    CALL_SCOPES?.split(" ") ?? "https://storage.azure.com/.default",
    { ...timeout && { requestOptions: { timeout } }, ...tenantId && { tenantId }, ...claims && { claims } },
  );
  console.log(`token ${token}`);
} catch ({ name, message }) {
  console.log(`error ${name}: ${message}`);
}
console.log(`took ${Math.round(performance.now() - start)} ms`);
// The timer of an ended probe would keep the process alive.
if (library === "@azure/identity") process.exit();
