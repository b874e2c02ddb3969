import { createAppService } from "@azweb/identity/testing";
import { describeRequests, type Place } from "./place.ts";

/** App Service, Functions and Container Apps: variables contain the URL of a local endpoint and a secret for it. */
export const appService: Place = {
  from: "App Service",
  // deno-lint-ignore require-await
  async start() {
    const machine = createAppService({ env: { IDENTITY_HEADER: crypto.randomUUID() } });
    const { addr } = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, machine.handle);
    machine.env.IDENTITY_ENDPOINT = `http://127.0.0.1:${addr.port}/msi/token`;
    return {
      line: `Started a simulated App Service, from @azweb/identity/testing: ${machine.env.IDENTITY_ENDPOINT}`,
      env: machine.env,
      secret: ["IDENTITY_HEADER"],
      summary: () => describeRequests("App Service", machine.requests.length),
    };
  },
};
