// The Worker of workerd_single_flight_test.ts, with one credential for all requests.
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
    if (pathname === "/many") return Response.json(await callOften(searchParams, create));
    if (pathname === "/leaves") return new Response(await abortCall(searchParams, AUTHORITY));
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

/** Makes fifty concurrent calls, of one credential or of fifty equal ones. Returns the distinct tokens. */
async function callOften(searchParams, create) {
  const [scope, whose] = ["scope", "whose"].map((name) => searchParams.get(name));
  const asking = Array.from({ length: 50 }, () => (whose === "equal" ? create() : credential).getToken(scope));
  entered++;
  const tokens = await Promise.all(asking);
  return [...new Set(tokens.map(({ token }) => token))];
}

/**
 * Makes a call together with another request, aborts before or after that one, and returns the result. `me` and `other`
 * name the two requests.
 */
async function abortCall(searchParams, authority) {
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
