import { createChain, type Link } from "../core/create_chain.ts";
import type { GetToken } from "../core/create_get_token.ts";
import { resolveSettings } from "../core/settings.ts";
import type { CredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";
import { EnvironmentCredential } from "./environment_credential.ts";

/** Options of {@linkcode DefaultAzureCredential}. */
export type DefaultAzureCredentialOptions = CredentialOptions;

interface Row {
  readonly name: string;
  readonly group: "prod" | "dev";
  readonly create: (options: DefaultAzureCredentialOptions) => TokenCredential;
}

/** The chain, in order. */
const TABLE: readonly Row[] = [
  { name: "EnvironmentCredential", group: "prod", create: (options) => new EnvironmentCredential(options) },
];

/** What `AZURE_TOKEN_CREDENTIALS` can be for `@azure/identity`: whoever sets it made no slip. */
const ELSEWHERE =
  /^(dev|(workloadidentity|managedidentity|visualstudiocode|azure(cli|powershell|developercli))credential)$/;

/**
 * Whoever the environment offers, detected in order, with no change of code from laptop to production. So far it looks at the
 * environment variables, by {@linkcode EnvironmentCredential}.
 *
 * A method that is not configured is passed over; one that is configured and refused ends the search with its error. The one that gave
 * the first token is asked alone from then on. The variable `AZURE_TOKEN_CREDENTIALS` restricts the search: `prod`, `dev`, or the name of
 * one credential, in any case.
 *
 * @example
 * ```ts no-eval
 * import { DefaultAzureCredential } from "@azweb/identity";
 *
 * const credential = new DefaultAzureCredential();
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @see https://learn.microsoft.com/azure/developer/javascript/sdk/authentication/credential-chains
 */
export class DefaultAzureCredential implements TokenCredential {
  readonly #getToken: GetToken;

  /**
   * Reads `AZURE_TOKEN_CREDENTIALS`; sends nothing.
   *
   * @param options Go to every credential of the chain. See {@linkcode CredentialOptions}.
   * @throws {TypeError} An option, or the value of `AZURE_TOKEN_CREDENTIALS`, is malformed.
   */
  constructor(options: DefaultAzureCredentialOptions = {}) {
    const settings = resolveSettings(options);
    const links = select(settings.env("AZURE_TOKEN_CREDENTIALS")).map((row): Link => ({
      name: row.name,
      credential: row.create(options),
    }));
    this.#getToken = createChain("DefaultAzureCredential", links, { log: settings.log, isSearch: true });
  }

  /**
   * Returns a token of the first credential that gives one.
   *
   * @param scopes What the token is for, such as `"https://storage.azure.com/.default"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {AggregateAuthenticationError} No credential is available. Its `errors` say why, in order.
   * @throws {AuthenticationError} A credential is configured and refused.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return this.#getToken(scopes, options);
  }
}

function select(value: string | undefined): readonly Row[] {
  const wanted = value?.trim().toLowerCase();
  if (!wanted) return TABLE;
  const rows = TABLE.filter(({ name, group }) => [group, name.toLowerCase()].includes(wanted));
  if (rows.length > 0) return rows;
  const known = [...new Set(TABLE.flatMap(({ name, group }) => [group, name]))].map((word) => `"${word}"`).join(", ");
  throw new TypeError(
    `Variable AZURE_TOKEN_CREDENTIALS must be one of ${known}, and is "${value}"` +
      (ELSEWHERE.test(wanted) ? ", which is not there yet" : ""),
  );
}
