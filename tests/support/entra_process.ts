// A simulated Entra behind HTTPS. Prints "listens on <url>" and a line for each request.
import { createEntra } from "@azweb/identity/testing";
import { readFileSync } from "node:fs";
import process from "node:process";
import { endWithParent } from "./child.ts";
import { serveHttps } from "./https_server.ts";

const [certificatePath = "", keyPath = ""] = process.argv.slice(2);
endWithParent();
// The options are in a variable, because every user of the machine can read command lines.
const entra = createEntra(JSON.parse(process.env.ENTRA_OPTIONS ?? "{}"));
const tls = { cert: readFileSync(certificatePath), key: readFileSync(keyPath) };

async function handle(request: Request): Promise<Response> {
  const asked = `${request.method} ${new URL(request.url).pathname}`;
  try {
    const response = await entra.handle(request);
    console.log(`${asked} ${response.status}`);
    return response;
  } catch (error) {
    console.log(`${asked} not answered: ${error}`);
    throw error;
  }
}

const { url } = await serveHttps(handle, tls);
console.log(`listens on ${url}`);
