import { createVirtualMachine } from "@azweb/identity/testing";
import { askedTimes, type Place } from "./place.ts";

const ADDRESS = "169.254.169.254";

/** A virtual machine: no variable says anything, but an address answers that is the same on all of them. */
export const virtualMachine: Place = {
  from: "a virtual machine",
  setup: `ip addr add ${ADDRESS}/32 dev lo`,
  canDoWithout: true,
  // deno-lint-ignore require-await
  async start({ whyNot }) {
    const machine = createVirtualMachine();
    const place = whyNot ? { hostname: "127.0.0.1", port: 0 } : { hostname: ADDRESS, port: 80 };
    const { addr } = Deno.serve({ ...place, onListen() {} }, machine.handle);
    const started = "Started a simulated virtual machine, from @azweb/identity/testing: ";
    if (whyNot) machine.env.AZURE_POD_IDENTITY_AUTHORITY_HOST = `http://127.0.0.1:${addr.port}`;
    return {
      line: started +
        (whyNot
          ? `http://127.0.0.1:${addr.port}, which a variable names. The real address, ${ADDRESS}, cannot be had. ${whyNot}`
          : `http://${ADDRESS}, the real address, in a network of its own`),
      env: machine.env,
      summary: () =>
        askedTimes("The metadata service", machine.requests.filter(({ headers }) => headers.metadata).length),
    };
  },
};
