// What every program that uses Azure holds, with the library that the command line names. Prints "token ..." or "error ...", and how long
// that took.
import process from "node:process";

const { DefaultAzureCredential } = await import(process.argv[2]);
const start = performance.now();
try {
  const { token } = await new DefaultAzureCredential().getToken("https://storage.azure.com/.default");
  console.log(`token ${token}`);
} catch ({ name, message }) {
  console.log(`error ${name}: ${message}`);
}
console.log(`took ${Math.round(performance.now() - start)} ms`);
