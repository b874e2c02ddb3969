import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import { decodeJwt } from "../core/jwt.ts";
import { resolveSettings, type Settings } from "../core/settings.ts";
import { trim, WHITE_SPACE } from "../core/trim.ts";
import { readNamedFile } from "../entra/named_file.ts";
import { textFileReader } from "../runtime/files.ts";
import { createSource } from "./create_source.ts";
import { member, requestAssertion } from "./request_assertion.ts";
import { notOffered, variable } from "./variables.ts";

const HEADER = "x-vercel-oidc-token";
const TOKEN = "VERCEL_OIDC_TOKEN";
const TOKEN_FILE = "VERCEL_OIDC_TOKEN_FILE";
/** The environment variables with a token of the deployment. */
const VERCEL_VARIABLES: readonly string[] = [TOKEN_FILE, TOKEN];

const LABEL = "the assertion of Vercel";

/** Options of {@linkcode fromVercel}. */
export interface VercelSourceOptions extends AssertionSourceOptions {
  /**
   * The audience of the assertion. Vercel exchanges its token for one with this audience; with `"team"`, its token is
   * used unchanged, with the audience `https://vercel.com/<team>`. By default the audience of the cloud.
   */
  audience?: "team" | (string & Record<never, never>) | undefined;
  /**
   * The incoming request, for a framework that hides the request from Vercel's libraries. By default the current
   * request.
   */
  request?: { readonly headers: Pick<Headers, "get"> } | undefined;
}

/**
 * Returns a source of the OIDC tokens of a deployment on Vercel: from the current request, else from the file that
 * `VERCEL_OIDC_TOKEN_FILE` names, else from `VERCEL_OIDC_TOKEN`, in the order of `@vercel/oidc`. Call the source while
 * a request is handled.
 *
 * @param options See {@linkcode VercelSourceOptions}.
 * @throws {TypeError} An option is malformed.
 *
 * @example
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromVercel } from "@azweb/identity/federation";
 *
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", fromVercel());
 * ```
 *
 * @see https://vercel.com/docs/oidc
 */
export function fromVercel(options: VercelSourceOptions = {}): AssertionSource {
  const settings = resolveSettings(options, "fromVercel", "audience request");
  if (options.request !== undefined && typeof Object(Object(options.request).headers).get !== "function") {
    throw new TypeError('Option "request" must be a request, with its headers');
  }
  const isTeam = options.audience === "team";
  return createSource(
    {
      label: LABEL,
      variables: VERCEL_VARIABLES,
      hasRequestedAudience: !isTeam,
      ifExpired: 'In development, run "vercel env pull"',
      async get(context) {
        const { audience } = context;
        const token = await findToken(options, settings);
        const jwt = decodeJwt(token);
        // A text that is not a token is not sent to Vercel: the check of the assertion rejects it.
        if (isTeam || !jwt || [jwt.claims?.aud].flat().includes(audience)) return token;
        return await requestAssertion({
          label: LABEL,
          url: new URL("https://oidc.vercel.com/~token"),
          method: "POST",
          headers: { accept: "application/json", "content-type": "application/json" },
          body: JSON.stringify({ token, aud: audience }),
          secrets: [token],
          read: member("token"),
          advice: ({ status }) =>
            status === 401 ? 'The token may have expired: in development, run "vercel env pull"' : undefined,
        }, context);
      },
    },
    options,
    settings,
  );
}

async function findToken({ request, runtime }: VercelSourceOptions, settings: Settings): Promise<string> {
  const header = request ? request.headers.get(HEADER) : currentHeader();
  if (typeof header === "string" && header !== "") return trim(header, WHITE_SPACE);
  const path = variable(TOKEN_FILE, settings);
  if (path !== undefined) {
    const file = { path, label: `the token file of ${TOKEN_FILE}`, nextStep: "Check the path" };
    return trim(await readNamedFile(file, textFileReader(runtime)), WHITE_SPACE);
  }
  const token = variable(TOKEN, settings);
  if (token !== undefined) return token;
  throw notOffered(
    LABEL,
    `There is no request with the header ${HEADER}, and ${VERCEL_VARIABLES.join(" and ")} are not set`,
    "Call it within a request, check that the project issues OIDC tokens (Settings, Security), and in development " +
      'run "vercel env pull"',
  );
}

/** Returns the token of the current request, from the context that Vercel's runtime sets. */
function currentHeader(): unknown {
  const context = (globalThis as { [key: symbol]: { get?: () => { headers?: Record<string, unknown> } } | undefined })[
    Symbol.for("@vercel/request-context")
  ];
  return context?.get?.()?.headers?.[HEADER];
}
