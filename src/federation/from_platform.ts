import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import { requireVariables } from "../core/require_variables.ts";
import { resolveSettings } from "../core/settings.ts";
import { checkOption, checkText } from "../core/validate.ts";
import { CredentialUnavailableError } from "../errors.ts";
import { findPlatform, PLATFORM_VARIABLES, PLATFORMS } from "./platforms.ts";

/**
 * Returns the source of the platform that the program runs on. Its environment variables determine the platform, in
 * this order: a token file, Azure Pipelines, GitHub Actions, GitLab, HCP Terraform, CircleCI, Buildkite, Vercel,
 * Fly.io, Google Cloud, AWS, `ARM_OIDC_TOKEN`. The platform is determined at the first call, without a request.
 *
 * @param options See {@linkcode AssertionSourceOptions}.
 * @throws {TypeError} An option is malformed.
 *
 * @example
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromPlatform } from "@azweb/identity/federation";
 *
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", fromPlatform());
 * ```
 */
export function fromPlatform(options: AssertionSourceOptions = {}): AssertionSource {
  const settings = resolveSettings(options, "fromPlatform", "audience");
  if (options.audience !== undefined) checkOption("audience", options.audience, checkText);
  let source: AssertionSource | undefined;
  return async (request) => {
    if (!source) {
      requireVariables(PLATFORM_VARIABLES, settings);
      const platform = findPlatform(settings.env);
      if (!platform) throw noPlatform();
      // Another call may have determined it meanwhile.
      const loaded = await platform.load(options);
      source ??= loaded;
    }
    return await source(request);
  };
}

/** Returns the error for a program that runs on none of the platforms, with the variables of each platform. */
export function noPlatform(): CredentialUnavailableError {
  const rows = PLATFORMS.map(({ name, variables }) => {
    const names = variables.map((group) => group.join(" or ")).join(", and ");
    return name.endsWith(names) ? `  ${name}` : `  ${name}: ${names}`;
  });
  return new CredentialUnavailableError("Cannot find a platform that issues assertions: None of its variables is set", {
    outcome: "absent",
    nextStep: `Run the program on one of the platforms, or set the variable of a token file\n${rows.join("\n")}`,
  });
}
