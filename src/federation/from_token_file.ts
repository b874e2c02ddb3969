import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import { resolveSettings } from "../core/settings.ts";
import { checkText } from "../core/validate.ts";
import { AuthenticationError } from "../errors.ts";
import { readNamedFile } from "../entra/named_file.ts";
import { textFileReader } from "../runtime/files.ts";
import { createSource } from "./create_source.ts";
import { notOffered, variable } from "./variables.ts";

/** The environment variables with the path of a token file; the first that is set is used. */
const FILE_VARIABLES: readonly string[] = ["AZURE_FEDERATED_TOKEN_FILE", "ARM_OIDC_TOKEN_FILE_PATH"];

/**
 * Returns a source of the tokens in a file that another program renews: a projected service account token of any
 * Kubernetes, SPIFFE Helper, Nomad. The file is read at each call.
 *
 * @param path The path of the file. By default the variable `AZURE_FEDERATED_TOKEN_FILE`, else
 * `ARM_OIDC_TOKEN_FILE_PATH`.
 * @param options See {@linkcode AssertionSourceOptions}. The file determines the audience: `audience` is ignored.
 * @throws {TypeError} The path or an option is malformed.
 *
 * @example
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromTokenFile } from "@azweb/identity/federation";
 *
 * const getAssertion = fromTokenFile("/var/run/secrets/entra/token");
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", getAssertion);
 * ```
 *
 * @see https://kubernetes.io/docs/concepts/storage/projected-volumes/
 */
export function fromTokenFile(path?: string, options: AssertionSourceOptions = {}): AssertionSource {
  if (path !== undefined) checkText(path, "path");
  const settings = resolveSettings(options, "fromTokenFile", "audience");
  const readTextFile = textFileReader(options.runtime);
  return createSource(
    {
      label: `the assertion in ${path === undefined ? "the token file" : `"${path}"`}`,
      variables: path === undefined ? FILE_VARIABLES : [],
      ifExpired: "Check why the file is not renewed any more",
      ifEllipticCurve: "Let the cluster or SPIRE sign by an RSA key: SPIRE has jwt_key_type, a cluster its " +
        "service account signing key",
      async get() {
        const name = FILE_VARIABLES.find((name) => variable(name, settings));
        const file = path ?? (name && variable(name, settings));
        if (file === undefined) {
          const nextStep = "Set one of them to the path of a token file, or pass the path";
          throw notOffered("the assertion of a file", `None of ${FILE_VARIABLES.join(", ")} is set`, nextStep);
        }
        if (file.startsWith("/var/run/secrets/kubernetes.io/") && file.endsWith("/token")) {
          throw new AuthenticationError(
            `Cannot use the token file "${file}": Its token is for the API server of the cluster. ` +
              'Mount a projected volume with a "serviceAccountToken" whose audience is "api://AzureADTokenExchange"',
          );
        }
        return await readNamedFile({
          path: file,
          label: `the token file of ${path === undefined ? name : "the argument"}`,
          nextStep: "Check the path, and that the volume is mounted there",
        }, readTextFile);
      },
    },
    options,
    settings,
  );
}
