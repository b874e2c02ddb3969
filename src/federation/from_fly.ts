import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import { checkOption, checkText } from "../core/validate.ts";
import { unixFetcher } from "../runtime/unix_fetch.ts";
import { createSource } from "./create_source.ts";
import { requestAssertion } from "./request_assertion.ts";
import { notOffered, variable } from "./variables.ts";

/** The environment variables of a machine. */
const FLY_VARIABLES: readonly string[] = ["FLY_APP_NAME", "FLY_MACHINE_ID"];

const LABEL = "the assertion of Fly.io";

/** Options of {@linkcode fromFly}. */
export interface FlySourceOptions extends AssertionSourceOptions {
  /**
   * The path of the Unix socket of the machine's API. Ignored if `localFetch` is set, which then sends the requests.
   *
   * @default {"/.fly/api"}
   */
  socketPath?: string | undefined;
}

/**
 * Returns a source of the OIDC tokens of a machine on Fly.io. The subject ends with the name of the machine, which
 * changes when the machine is replaced.
 *
 * @param options See {@linkcode FlySourceOptions}.
 * @throws {TypeError} An option is malformed.
 *
 * @example
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromFly } from "@azweb/identity/federation";
 *
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", fromFly());
 * ```
 *
 * @see https://fly.io/docs/security/openid-connect/
 */
export function fromFly(options: FlySourceOptions = {}): AssertionSource {
  const { socketPath = "/.fly/api" } = options;
  checkOption("socketPath", socketPath, checkText);
  return createSource({
    name: "fromFly",
    options: "socketPath",
    label: LABEL,
    variables: FLY_VARIABLES,
    hasRequestedAudience: true,
    async get(context) {
      const { audience, settings } = context;
      if (!FLY_VARIABLES.every((name) => variable(name, settings)) && options.socketPath === undefined) {
        const reason = `The variables ${FLY_VARIABLES.join(" and ")} are not set`;
        throw notOffered(LABEL, reason, "Run the program on a machine of Fly.io");
      }
      const fetch = settings.localFetch ?? unixFetcher(socketPath);
      if (!fetch) throw notOffered(LABEL, "This runtime has no Unix sockets", 'Pass "localFetch"');
      return await requestAssertion({
        label: LABEL,
        url: new URL("http://localhost/v1/tokens/oidc"),
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ aud: audience }),
        secrets: [],
        fetch,
        // The message of a missing permission already ends with the flags for Deno.
        advice: ({ text }) => text.includes("Run Deno with ") ? "" : undefined,
        read: ({ text }) => text.trimStart().startsWith("<") ? undefined : text,
      }, context);
    },
  }, options);
}
