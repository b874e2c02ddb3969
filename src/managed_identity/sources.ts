import { requireVariables } from "../core/require_variables.ts";
import { appService } from "./app_service.ts";
import { arc, hasAgent } from "./arc.ts";
import { azureMl } from "./azure_ml.ts";
import { cloudShell } from "./cloud_shell.ts";
import { imds } from "./imds.ts";
import { serviceFabric } from "./service_fabric.ts";
import type { Machine, Source } from "./source.ts";

interface Row {
  /** All of these variables are set. */
  readonly variables: readonly string[];
  /** And this is true. A text is the runtime and the flag without which it cannot be found out. */
  readonly if?: (machine: Machine) => Promise<boolean | string>;
  readonly create: (machine: Machine) => Source | Promise<Source>;
}

/** The first that fits is the source. */
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
 * Returns the source of the machine that the program runs on. Throws a `CredentialUnavailableError` where there is none, an `AuthenticationError`
 * where it cannot have the identity, or a variable is malformed or may not be read.
 */
export async function findSource(machine: Machine): Promise<Source> {
  const { settings } = machine;
  requireVariables(SOURCE_VARIABLES, settings);
  let missingFlag: string | undefined;
  for (const { variables, if: condition, create } of SOURCES) {
    if (!variables.every((name) => settings.env(name))) continue;
    const isThere = await condition?.(machine) ?? true;
    if (isThere === true) return await create({ ...machine, missingFlag });
    if (isThere) missingFlag = isThere;
  }
  // The last row has no condition.
  throw new Error("Unreachable");
}
