import { requireVariables } from "../core/require_variables.ts";
import { appService } from "./app_service.ts";
import { arc, hasAgent } from "./arc.ts";
import { azureMl } from "./azure_ml.ts";
import { cloudShell } from "./cloud_shell.ts";
import { imds } from "./imds.ts";
import { serviceFabric } from "./service_fabric.ts";
import type { MachineContext, Source } from "./source.ts";

interface Row {
  /** Variables that must all be set. */
  readonly variables: readonly string[];
  /** A further condition. A string is the flag of the runtime that is missing to check it. */
  readonly if?: (context: MachineContext) => Promise<boolean | string>;
  readonly create: (context: MachineContext) => Source | Promise<Source>;
}

/** The first row whose conditions are met is the source. */
const SOURCES: readonly Row[] = [
  { variables: ["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT"], create: serviceFabric },
  { variables: ["IDENTITY_ENDPOINT", "IDENTITY_HEADER"], create: appService },
  { variables: ["MSI_ENDPOINT", "MSI_SECRET"], create: azureMl },
  { variables: ["MSI_ENDPOINT"], create: cloudShell },
  { variables: ["IDENTITY_ENDPOINT", "IMDS_ENDPOINT"], create: arc },
  { variables: [], if: hasAgent, create: arc },
  { variables: [], create: imds },
];

/** All variables that decide which source is used. */
export const SOURCE_VARIABLES: readonly string[] = [
  ...new Set(SOURCES.flatMap(({ variables }) => variables)),
  "DEFAULT_IDENTITY_CLIENT_ID",
  "AZURE_POD_IDENTITY_AUTHORITY_HOST",
  "AZURE_IMDS_PROBE_TIMEOUT_IN_MS",
  "AZURE_CLIENT_ID",
  "AZURE_TENANT_ID",
  "AZURE_FEDERATED_TOKEN_FILE",
  "AZURE_AUTHORITY_HOST",
  "DENO_DEPLOYMENT_ID",
];

/**
 * Returns the source of the machine. Throws a `CredentialUnavailableError` if there is none, an `AuthenticationError`
 * if the source cannot have the identity, or if a variable is malformed or may not be read.
 */
export async function findSource(context: MachineContext): Promise<Source> {
  const { settings } = context;
  requireVariables(SOURCE_VARIABLES, settings, { services: ["metadata"] });
  let missingFlag: string | undefined;
  for (const { variables, if: condition, create } of SOURCES) {
    if (!variables.every((name) => settings.env(name))) continue;
    const isMet = await condition?.(context) ?? true;
    if (isMet === true) return await create({ ...context, missingFlag });
    if (isMet) missingFlag = isMet;
  }
  // The last row has no condition.
  throw new Error("Unreachable");
}
