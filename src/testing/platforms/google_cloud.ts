import { checkOptions, createPlatform, type PlatformOptions, type SimulatedPlatform } from "./platform.ts";

const HOST = "metadata.google.internal";
const FLAVOR = { "metadata-flavor": "Google" };

/**
 * Creates a simulated service of Google Cloud Run, with its metadata server. Pass its `fetch` as the option
 * `localFetch` of a source.
 *
 * @param options See {@linkcode PlatformOptions}. The default subject is the id of a service account.
 * @throws {TypeError} An option is unknown.
 *
 * @see https://cloud.google.com/run/docs/container-contract#metadata-server
 */
export function createGoogleCloud(options: PlatformOptions = {}): SimulatedPlatform {
  checkOptions(options, "createGoogleCloud");
  const { subject = "112233445566778899000" } = options;
  return createPlatform({
    ...options,
    issuer: "https://accounts.google.com",
    subject,
    lifetimeInS: 3600,
    host: HOST,
    env: { K_SERVICE: "a-service" },
    async respond({ method, path, query, headers, issue }) {
      const isIdentity = /^\/computeMetadata\/v1\/instance\/service-accounts\/[^/]+\/identity$/.test(path);
      if (method !== "GET" || !isIdentity) return new Response("Not Found", { status: 404, headers: FLAVOR });
      if (headers["metadata-flavor"] !== "Google" || !query.audience) {
        return new Response("Bad Request", { status: 403, headers: FLAVOR });
      }
      return new Response(await issue(query.audience), { headers: FLAVOR });
    },
  });
}
