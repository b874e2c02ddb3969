// Calls the Worker of workerd_single_flight_test.ts through a service binding, and aborts the call while its token
// request is in flight.
export default {
  async fetch(request, { APP, AUTHORITY }) {
    const scope = new URL(request.url).searchParams.get("scope");
    const controller = new AbortController();
    const call = APP.fetch(`http://app/token?scope=${scope}`, { signal: controller.signal });
    call.catch(() => {});
    await fetch(`${AUTHORITY}/asked?scope=${scope}`);
    controller.abort();
    return new Response("aborted");
  },
};
