import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import { checkText } from "../core/validate.ts";
import { createSource } from "./create_source.ts";
import { notOffered, variable } from "./variables.ts";

/**
 * Returns a source of the token in an environment variable, which the platform sets for a job: HCP Terraform
 * (`TFC_WORKLOAD_IDENTITY_TOKEN`), Pulumi (`ARM_OIDC_TOKEN`) and others. The variable is read at each call; most
 * platforms do not renew it.
 *
 * @param name The name of the variable.
 * @param options See {@linkcode AssertionSourceOptions}. The platform determines the audience: `audience` is ignored.
 * @throws {TypeError} The name or an option is malformed.
 *
 * @example
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromEnvironmentVariable } from "@azweb/identity/federation";
 *
 * const getAssertion = fromEnvironmentVariable("TFC_WORKLOAD_IDENTITY_TOKEN");
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", getAssertion);
 * ```
 */
export function fromEnvironmentVariable(name: string, options: AssertionSourceOptions = {}): AssertionSource {
  checkText(name, "name");
  const label = `the assertion in the variable ${name}`;
  return createSource({
    name: "fromEnvironmentVariable",
    label,
    variables: [name],
    ifExpired: "The platform sets the variable once for a job: request the token early in the job",
    get({ settings }) {
      const token = variable(name, settings);
      if (token !== undefined) return Promise.resolve(token);
      return Promise.reject(notOffered(label, "The variable is not set", "Let the platform set it for this job"));
    },
  }, options);
}
