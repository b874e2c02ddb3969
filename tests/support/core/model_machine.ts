/**
 * The token sources of a simulated machine: the variables that configure each, and its responses.
 *
 * @module
 */
import type { Target, World } from "./model_world.ts";
import { HTTP_FAULTS } from "./model_faults.ts";
import { type Asked, jsonAnswer } from "../service.ts";

/** The name of a source that variables or files configure. */
export type SourceName =
  | ("Service Fabric" | "App Service" | "Azure Machine Learning" | "Cloud Shell")
  | ("Azure Arc" | "Azure Arc by file" | "a named metadata service");

/** The variables that configure each source. Without any, the metadata service is found by a probe. */
export const SOURCES: Readonly<Record<SourceName, Readonly<Record<string, string>>>> = {
  "Service Fabric": {
    IDENTITY_ENDPOINT: "https://node:2377/metadata/identity/oauth2/token",
    IDENTITY_HEADER: "a-header",
    IDENTITY_SERVER_THUMBPRINT: "ABABABABABABABABABABABABABABABABABABABAB",
  },
  "App Service": { IDENTITY_ENDPOINT: "http://127.0.0.1:41741/msi/token", IDENTITY_HEADER: "a-header" },
  "Azure Machine Learning": { MSI_ENDPOINT: "http://127.0.0.1:46808/MSI/auth", MSI_SECRET: "a-secret" },
  "Cloud Shell": { MSI_ENDPOINT: "http://localhost:50342/oauth2/token" },
  "Azure Arc": {
    IDENTITY_ENDPOINT: "http://127.0.0.1:40342/metadata/identity/oauth2/token",
    IMDS_ENDPOINT: "http://127.0.0.1:40342",
  },
  "Azure Arc by file": {},
  "a named metadata service": { AZURE_POD_IDENTITY_AUTHORITY_HOST: "http://nmi.example:8579" },
};

export const SOURCE_NAMES: readonly SourceName[] = Object.keys(SOURCES) as SourceName[];

/** A user-assigned identity of the machine. */
export const ASSIGNED = "66666666-7777-8888-9999-000000000000";
const DAY = 86_400_000;
const MINUTE = 60_000;
const PROBE_TIMEOUT_IN_MS = 1000;

/** Responds to a request to a target: with the failure that is due there, or else with the result of `good`. */
type AnswerAt = (target: Target, asked: Asked, good: () => unknown) => Promise<Response>;

/**
 * Responds to a request to a local address. `linger` records until when a failure that a credential may have cached can
 * be repeated.
 */
export async function answerMachine(
  asked: Asked,
  world: World,
  answerAt: AnswerAt,
  linger: (label: string, ms: number) => void,
): Promise<Response> {
  const { source, linkLocal } = world.box;
  const url = new URL(asked.url);
  if (url.hostname !== "169.254.169.254") {
    return await answerAt("source", asked, () => answerSource(asked, url, world));
  }
  if (asked.headers.has("metadata")) {
    return await answerAt("imds", asked, () => {
      if (linkLocal === "nothing" || source === "a named metadata service") throw new TypeError("connect EHOSTUNREACH");
      return answerToken(url.searchParams.get("resource"), url.searchParams.get("client_id"), world, {
        name: linkLocal,
        hasIdentity: linkLocal !== "runner",
        refusal: () => {
          linger("identity", MINUTE);
          return jsonAnswer({ error: "invalid_request", error_description: "Identity not found" }, { status: 400 });
        },
      });
    });
  }
  const fault = world.faults.get("probe")?.name;
  const outcome = fault !== undefined
    ? HTTP_FAULTS[fault]?.probe ?? "absent"
    : linkLocal === "nothing"
    ? "absent"
    : "recognised";
  if (outcome === "recognised") world.hasAnswered = true;
  if (outcome.includes("absent")) linger("absent", MINUTE + PROBE_TIMEOUT_IN_MS);
  if (outcome.includes("inconclusive")) linger("inconclusive", 10_000);
  return await answerAt("probe", asked, () => {
    if (linkLocal === "nothing") throw new TypeError("connect EHOSTUNREACH");
    return linkLocal === "container instance"
      ? HTTP_FAULTS["400 without the header"]!.answer(asked)
      : jsonAnswer({ error: "invalid_request", error_description: "Required metadata header not specified" }, {
        status: 400,
      });
  });
}

function answerSource(asked: Asked, url: URL, world: World): Response {
  const { source } = world.box;
  const resource = asked.form.resource ?? url.searchParams.get("resource");
  const id = url.searchParams.get("client_id") ?? url.searchParams.get("clientid");
  const isArc = source === "Azure Arc" || source === "Azure Arc by file";
  if (isArc && asked.headers.get("authorization") !== "Basic a-key") {
    const challenge = "Basic realm=/var/opt/azcmagent/tokens/a.key";
    return new Response("", { status: 401, headers: { "www-authenticate": challenge } });
  }
  return answerToken(resource, id, world, {
    name: source,
    hasIdentity: true,
    refusal: () =>
      source === "App Service"
        ? jsonAnswer({ statusCode: 400, message: "Unable to load the proper Managed Identity." }, { status: 400 })
        : jsonAnswer({ error: "invalid_request", error_description: "Identity not found" }, { status: 400 }),
  });
}

function answerToken(
  resource: string | null,
  id: string | null,
  world: World,
  { name, hasIdentity, refusal }: { name: string; hasIdentity: boolean; refusal: () => Response },
): Response {
  if (!hasIdentity || id !== null && id !== ASSIGNED) return refusal();
  const token = world.issue(machineIdentity(name, id ?? undefined), "", resource!, DAY);
  const expiresOn = world.issued.at(-1)!.expiresOn / 1000;
  const members = { access_token: token, expires_on: String(expiresOn), token_type: "Bearer" };
  return jsonAnswer({ ...members, ...id !== null && { client_id: id } });
}

/** Returns the name of the identity in the tokens of a source. */
export function machineIdentity(name: string, id: string | undefined): string {
  return `machine ${name} ${id ?? "system"}`;
}
