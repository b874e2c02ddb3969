// The Worker of workerd_single_flight_test.ts: one credential for all requests, as a Worker's module has it.
import { ClientSecretCredential } from "@azweb/identity/client-secret-credential";
import { waitUntil } from "cloudflare:workers";

let credential;
let entered = 0;

export default {
  async fetch(request, { AUTHORITY, WAIT_UNTIL }) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/entered") return new Response(String(entered));
    credential ??= new ClientSecretCredential("tenant", "client", "secret", {
      authorityHost: AUTHORITY,
      allowInsecureLoopback: true,
      disableInstanceDiscovery: true,
      ...WAIT_UNTIL && { waitUntil },
    });
    const asking = credential.getToken(searchParams.get("scope"));
    entered++;
    if (pathname === "/early") {
      asking.catch(() => {});
      return new Response("early");
    }
    try {
      return new Response((await asking).token);
    } catch (error) {
      return new Response(error.message, { status: 500 });
    }
  },
};
