import { readIdentityVariables, variablesOf } from "./identity_variables.ts";
import type { Settings } from "../core/settings.ts";
import type { Explanation } from "../credential_explanation.ts";
import type { CredentialOptions } from "../options.ts";
import { fileFinder } from "../runtime/file_exists.ts";
import { flagFor } from "../runtime/permission.ts";
import { hasNetPermission } from "../runtime/query_permission.ts";
import type { RuntimeOverrides } from "../runtime/runtime.ts";
import { authorityBase } from "../entra/authority.ts";
import { certificateFile } from "../certificates/certificate_configuration.ts";
import { createEnvironmentIdentity } from "./environment_identity.ts";
import { type NamedFile, notPermitted, unusable, withoutFiles } from "../entra/named_file.ts";
import { createWorkloadIdentity, tokenFileOf, type Workload } from "../federation/workload_identity.ts";

/** Explains the identity without a request. Throws the errors of {@linkcode createEnvironmentIdentity}. */
export async function explainEnvironment(
  name: string,
  options: CredentialOptions,
  settings: Settings,
): Promise<Explanation> {
  createEnvironmentIdentity(name, options, settings);
  const identity = readIdentityVariables(settings);
  const what = { secret: "A client secret", certificate: "A certificate", user: "A user" }[identity.kind];
  const detail = `${what} in the variables ${variablesOf(identity).join(", ")}`;
  const fault = identity.kind === "certificate"
    ? await explainFile(certificateFile({ ...identity, variable: "AZURE_CLIENT_CERTIFICATE_PATH" }), options.runtime)
    : undefined;
  return fault ?? explainAuthority(options, settings) ?? { state: "configured", detail };
}

/** Explains a workload identity without a request. Throws the errors of {@linkcode createWorkloadIdentity}. */
export async function explainWorkload(credential: string, options: Workload, settings: Settings): Promise<Explanation> {
  createWorkloadIdentity(credential, options, settings);
  const file = tokenFileOf(options, settings);
  return await explainFile(file, options.runtime) ??
    (options.enableAzureProxy ? undefined : explainAuthority(options, settings)) ??
    { state: "configured", detail: `The token file "${file.path}"` };
}

/**
 * Explains why the token service cannot be reached, if that is known without a request; otherwise returns `undefined`.
 * Throws an `AuthenticationError` if its URL is malformed.
 */
function explainAuthority({ fetch }: CredentialOptions, settings: Settings): Explanation | undefined {
  const { href, host } = authorityBase(settings);
  if (fetch || hasNetPermission(href)) return undefined;
  return { state: "fails", detail: `"${host}" cannot be reached: Run ${flagFor({ net: host })}` };
}

/**
 * Returns `undefined` if a file exists, or the explanation if only reading it can show whether it exists. Throws an
 * `AuthenticationError` if it does not exist or may not be read.
 */
async function explainFile(file: NamedFile, runtime: RuntimeOverrides = {}): Promise<Explanation | undefined> {
  const { label, path, nextStep } = file;
  if (runtime.readTextFile && !runtime.fileExists) {
    return { state: "inconclusive", detail: `Only reading shows whether ${label}, "${path}", exists` };
  }
  const fileExists = fileFinder(runtime);
  if (!fileExists) throw withoutFiles(file);
  const exists = await fileExists(path);
  if (exists) return undefined;
  throw exists === undefined
    ? notPermitted(file, flagFor({ read: path }))
    : unusable("Cannot read", file, "It does not exist, or cannot be read", nextStep);
}
