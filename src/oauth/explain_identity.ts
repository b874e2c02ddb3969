import { findPrincipal, variablesOf } from "../core/principal.ts";
import type { Settings } from "../core/settings.ts";
import type { Explanation } from "../credential_explanation.ts";
import type { CredentialOptions } from "../options.ts";
import { fileFinder } from "../runtime/file_exists.ts";
import { hasNetPermission, netFlag } from "../runtime/net_permission.ts";
import { readFlag } from "../runtime/permission.ts";
import type { RuntimeMembers } from "../runtime/runtime.ts";
import { authorityBase } from "./authority.ts";
import { createEnvironmentIdentity } from "./environment_identity.ts";
import { createWorkloadIdentity, type Workload } from "./workload_identity.ts";

/** Returns what is known of the identity without a request. Throws what {@linkcode createEnvironmentIdentity} throws. */
export async function explainEnvironment(
  name: string,
  options: CredentialOptions,
  settings: Settings,
): Promise<Explanation> {
  createEnvironmentIdentity(name, options, settings);
  const identity = findPrincipal(settings);
  const what = { secret: "A client secret", certificate: "A certificate", user: "A user" }[identity.kind];
  const detail = `${what} in the variables ${variablesOf(identity).join(", ")}`;
  const fault = identity.kind === "certificate"
    ? await explainFile(identity.certificatePath, "the certificate of AZURE_CLIENT_CERTIFICATE_PATH", options.runtime)
    : undefined;
  return fault ?? explainAuthority(options, settings) ?? { state: "configured", detail };
}

/** Returns what is known of a workload without a request. Throws what {@linkcode createWorkloadIdentity} throws. */
export async function explainWorkload(credential: string, options: Workload, settings: Settings): Promise<Explanation> {
  createWorkloadIdentity(credential, options, settings);
  const { tokenFilePath, enableAzureProxy } = options;
  const path = tokenFilePath || settings.env("AZURE_FEDERATED_TOKEN_FILE")!;
  return await explainFile(path, "the token file", options.runtime) ??
    (enableAzureProxy ? undefined : explainAuthority(options, settings)) ??
    { state: "configured", detail: `The token file "${path}"` };
}

/**
 * Returns why the token service cannot be reached, as far as that is known without a request. Throws an `AuthenticationError` where its URL is
 * malformed.
 */
function explainAuthority({ fetch }: CredentialOptions, settings: Settings): Explanation | undefined {
  const { href, host } = authorityBase(settings);
  if (fetch || hasNetPermission(href)) return undefined;
  return { state: "fails", detail: `"${host}" may not be reached: Run ${netFlag(host)}` };
}

/** Returns why a configured file cannot be read, as far as that is known without reading it; `undefined` where it can. */
async function explainFile(
  path: string,
  label: string,
  runtime: RuntimeMembers | undefined,
): Promise<Explanation | undefined> {
  if (runtime?.readTextFile && !runtime.fileExists) {
    return { state: "inconclusive", detail: `Only reading shows whether ${label}, "${path}", is there` };
  }
  const fileExists = fileFinder(runtime);
  const exists = await fileExists?.(path);
  if (exists) return undefined;
  const reason = !fileExists
    ? 'This runtime has no files: Give "runtime.readTextFile" and "runtime.fileExists"'
    : exists === undefined
    ? `It is not permitted: Run ${readFlag(path)}`
    : "It is not there, or may not be read";
  return { state: "fails", detail: `Cannot read ${label}, "${path}": ${reason}` };
}
