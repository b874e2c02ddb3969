import { createVirtualMachine } from "@azweb/identity/testing";
import { describeRequests, type Place } from "./place.ts";

const ADDRESS = "169.254.169.254";

/** A virtual machine: no variables, but a metadata service at the address that is the same on all virtual machines. */
export const virtualMachine: Place = {
  from: "a virtual machine",
  setup: `ip addr add ${ADDRESS}/32 dev lo`,
  canDoWithout: true,
  // deno-lint-ignore require-await
  async start({ whyNot }) {
    const machine = createVirtualMachine();
    const address = whyNot ? { hostname: "127.0.0.1", port: 0 } : { hostname: ADDRESS, port: 80 };
    const { addr } = Deno.serve({ ...address, onListen() {} }, machine.handle);
    const started = "Started a simulated virtual machine, from @azweb/identity/testing: ";
    if (whyNot) machine.env.AZURE_POD_IDENTITY_AUTHORITY_HOST = `http://127.0.0.1:${addr.port}`;
    return {
      line: started +
        (whyNot
          ? `http://127.0.0.1:${addr.port}, from a variable. The real address, ${ADDRESS}, cannot be used. ${whyNot}`
          : `http://${ADDRESS}, the real address, in a network of its own`),
      env: machine.env,
      summary: () =>
        describeRequests("The metadata service", machine.requests.filter(({ headers }) => headers.metadata).length),
    };
  },
};
