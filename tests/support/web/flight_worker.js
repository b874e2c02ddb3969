// The Worker of workerd_single_flight_test.ts: one credential for all requests, as a Worker's module has it.
import { ClientSecretCredential } from "@azweb/identity/client-secret-credential";
import { waitUntil } from "cloudflare:workers";

let credential;
let entered = 0;

export default {
  async fetch(request, { AUTHORITY, WAIT_UNTIL }) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/entered") return new Response(String(entered));
    const create = () =>
      new ClientSecretCredential("tenant", "client", "secret", {
        authorityHost: AUTHORITY,
        allowInsecureLoopback: true,
        disableInstanceDiscovery: true,
        ...WAIT_UNTIL && { waitUntil },
      });
    credential ??= create();
    if (pathname === "/many") return Response.json(await askOften(searchParams, create));
    if (pathname === "/leaves") return new Response(await leave(searchParams, AUTHORITY));
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

/** Asks fifty times at once, with the one credential or with as many equal ones; returns the different tokens. */
async function askOften(searchParams, create) {
  const [scope, whose] = ["scope", "whose"].map((name) => searchParams.get(name));
  const asking = Array.from({ length: 50 }, () => (whose === "equal" ? create() : credential).getToken(scope));
  entered++;
  const tokens = await Promise.all(asking);
  return [...new Set(tokens.map(({ token }) => token))];
}

/** Asks with another request, leaves after or before it, and says how that ended. `me` and `other` are the names of the two. */
async function leave(searchParams, authority) {
  const [scope, me, other] = ["scope", "me", "other"].map((name) => searchParams.get(name));
  const until = (what) => fetch(`${authority}/asked?scope=${what}`);
  const mark = (what) => fetch(`${authority}/mark?scope=${what}`);
  if (me === "last") await until(scope);
  const controller = new AbortController();
  const left = credential.getToken(scope, { abortSignal: controller.signal }).catch(({ name }) => name);
  await mark(`${me}-in`);
  await until(me === "last" ? `${other}-out` : `${other}-in`);
  controller.abort();
  await mark(`${me}-out`);
  return await left;
}
