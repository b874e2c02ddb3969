// Runs the simulated machine at 169.254.169.254, and the simulated Entra and Resource Manager at port 443 of this
// machine, to which the hosts file maps their names. Must run isolated. Prints "ready" when it listens. Before each
// response, appends the request as a line of JSON to a file and prints "request". A line of the standard input sets the
// failures of the services; the process then prints "set 1", "set 2", and so on.
import { createEntra, createVirtualMachine, type SimulatedService } from "@azweb/identity/testing";
import { appendFileSync, readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import type { BoxState } from "./box.ts";
import { endWithParent } from "../child.ts";
import { answerSubscriptions } from "./resource_manager.ts";

const [certificatePath = "", keyPath = "", requestsPath = ""] = process.argv.slice(2);
endWithParent();

function record(to: string, status: number, request: object): void {
  appendFileSync(requestsPath, JSON.stringify({ to, status, ...request }) + "\n");
  console.log("request");
}

/** Returns a handler for the requests to a service, and a function that makes the service fail. */
function serve<Fault>(to: string, service: SimulatedService<Fault>) {
  let silence: PromiseWithResolvers<Response> | undefined;
  return {
    async answer(request: Request): Promise<Response> {
      const response = service.handle(request);
      if (silence) {
        await service.untilRequested();
        for (const asked of service.requests.splice(0)) record(to, 0, asked);
        return await silence.promise;
      }
      const { status } = await response;
      for (const asked of service.requests.splice(0)) record(to, status, asked);
      return await response;
    },
    set(fault: Fault | undefined, times: number): void {
      // The clients of these requests have already ended.
      silence?.resolve(new Response(null, { status: 503 }));
      silence = fault === "silent" ? Promise.withResolvers() : undefined;
      service.recover();
      if (fault !== undefined) service.failNext(fault, times);
    },
  };
}

// The limit is higher than that of a real machine, because several clients run in sequence, each with two requests.
const machine = serve(
  "machine",
  createVirtualMachine({ ...JSON.parse(process.env.MACHINE_OPTIONS!), maxRequestsPerSecond: 100 }),
);
let listener: Deno.HttpServer | undefined;

/** Starts or stops the metadata service at its real address. */
async function listen(isThere: boolean): Promise<void> {
  if (!isThere) await listener?.shutdown();
  if (isThere === Boolean(listener)) return;
  listener = isThere ? Deno.serve({ hostname: "169.254.169.254", port: 80, onListen() {} }, machine.answer) : undefined;
}

const entra = serve("entra", createEntra(JSON.parse(process.env.ENTRA_OPTIONS!)));
const discovery = serve("entra", createEntra(JSON.parse(process.env.ENTRA_OPTIONS!)));
let isDiscoveryUp = false;
const subscriptions = JSON.parse(process.env.SUBSCRIPTIONS!);
const tls = { cert: readFileSync(certificatePath, "utf8"), key: readFileSync(keyPath, "utf8") };
Deno.serve({ hostname: "127.0.0.1", port: 443, onListen() {}, ...tls }, (request) => {
  const { hostname, pathname: path } = new URL(request.url);
  if (hostname !== "management.azure.com") {
    return (isDiscoveryUp && request.method === "GET" ? discovery : entra).answer(request);
  }
  const response = answerSubscriptions(request, subscriptions);
  record("resource manager", response.status, { method: request.method, url: request.url, path });
  return response;
});

await listen(true);
console.log("ready");
let settings = 0;

for await (const line of createInterface(process.stdin)) {
  const { times = Infinity, ...state }: BoxState = JSON.parse(line);
  isDiscoveryUp = state.isDiscoveryUp ?? false;
  // A silent machine has no address to listen at: see `SILENT_NETWORK`.
  const isThere = state.machine !== "refused" && state.machine !== "silent";
  machine.set(isThere ? state.machine : undefined, times);
  await listen(isThere);
  entra.set(state.entra, times);
  console.log(`set ${++settings}`);
}
