// The simulated machine and the simulated Entra where real ones are: at 169.254.169.254, and at port 443 of this machine, which the hosts
// file says is Entra's. To be run isolated. Writes down each request, as a line of JSON, before it is answered, and prints "ready".
import { createEntra, createVirtualMachine, type SimulatedService } from "@azweb/identity/testing";
import { appendFileSync, readFileSync } from "node:fs";
import process from "node:process";
import { endWithParent } from "./child.ts";

const [certificatePath = "", keyPath = "", requestsPath = ""] = process.argv.slice(2);
endWithParent();

function answerAndTell(to: string, { handle, requests }: SimulatedService<never>): (r: Request) => Promise<Response> {
  return async (request) => {
    const response = await handle(request);
    for (const asked of requests.splice(0)) {
      appendFileSync(requestsPath, JSON.stringify({ to, status: response.status, ...asked }) + "\n");
    }
    return response;
  };
}

// Some clients come one after the other, and each asks twice.
const machine = createVirtualMachine({ ...JSON.parse(process.env.MACHINE_OPTIONS!), maxRequestsPerSecond: 100 });
Deno.serve({ hostname: "169.254.169.254", port: 80, onListen() {} }, answerAndTell("machine", machine));

const entra = createEntra(JSON.parse(process.env.ENTRA_OPTIONS!));
const tls = { cert: readFileSync(certificatePath, "utf8"), key: readFileSync(keyPath, "utf8") };
Deno.serve({ hostname: "127.0.0.1", port: 443, onListen() {}, ...tls }, answerAndTell("entra", entra));

console.log("ready");
