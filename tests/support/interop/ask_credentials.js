// Makes calls of credentials in sequence and prints the result of each as a line of JSON. The arguments are the library
// and the calls, as JSON. The time limit of tools is longer than the default, for slow machines.
import process from "node:process";

const [library, calls] = process.argv.slice(2);
const credentials = await import(library);
for (const call of JSON.parse(calls)) {
  const { credential: name, options, scope = "https://storage.azure.com/.default", getTokenOptions, times = 1 } = call;
  const credential = new credentials[name]({ processTimeoutInMs: 600_000, ...options });
  const ask = () => credential.getToken(scope, getTokenOptions);
  const start = performance.now();
  try {
    const tokens = new Set((await Promise.all(Array.from({ length: times }, ask))).map(({ token }) => token));
    const [token] = tokens;
    console.log(JSON.stringify({ token, different: tokens.size, ms: Math.round(performance.now() - start) }));
    while (call.untilAnother) {
      const { token: next } = await ask();
      if (next !== token) {
        console.log(JSON.stringify({ token: next }));
        break;
      }
      if (performance.now() - start > 600_000) throw new Error("No other token comes");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } catch ({ name, message, outcome }) {
    console.log(JSON.stringify({ error: `${name}: ${message}`, outcome, ms: Math.round(performance.now() - start) }));
  }
}
