import { createArcServer } from "@azweb/identity/testing";
import { rm, writeFile } from "node:fs/promises";
import { describeRequests, type Place } from "./place.ts";

const FOLDER = "/var/opt/azcmagent/tokens/";

/**
 * A server outside of Azure with the agent of Azure Arc: a token request must contain a key that the agent has just
 * written to a file.
 */
export const arc: Place = {
  from: "a server with Azure Arc",
  setup: `mount -t tmpfs tmpfs /var/opt && mkdir -p ${FOLDER}`,
  // deno-lint-ignore require-await
  async start() {
    const machine = createArcServer();
    const written = new Set<string>();

    /** Handles a request, and then writes the files of the simulated machine to the real folder. */
    async function handle(request: Request): Promise<Response> {
      const response = await machine.handle(request);
      for (const [path, content] of machine.files) {
        if (!path.startsWith(FOLDER) || written.has(path)) continue;
        written.add(path);
        await writeFile(path, content, { mode: 0o440 });
      }
      for (const path of written) if (!machine.files.has(path)) await rm(path, { force: true });
      return response;
    }

    Deno.serve(
      { hostname: "127.0.0.1", port: Number(new URL(machine.env.IMDS_ENDPOINT!).port), onListen() {} },
      handle,
    );
    return {
      line: `Started a simulated agent of Azure Arc, from @azweb/identity/testing, with its folder ${FOLDER}`,
      env: machine.env,
      summary: () =>
        describeRequests("The agent", machine.requests.filter(({ headers }) => headers.authorization).length),
    };
  },
};
