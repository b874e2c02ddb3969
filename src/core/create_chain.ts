import { AggregateAuthenticationError, isUnavailable } from "../errors.ts";
import type { Log } from "../log.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";
import type { GetToken } from "./create_get_token.ts";
import { askInChain } from "./in_chain.ts";

/** A credential in a chain, and what to call it. */
export interface Link {
  readonly name: string;
  readonly credential: TokenCredential;
}

/**
 * Returns the `getToken` of a chain: tries the links in order and goes on where one is unavailable. The first that gives a token is asked
 * alone from then on, so that a program never changes its identity while it runs. In a search, the links are told that nobody knows
 * whether they are there.
 */
export function createChain(
  name: string,
  links: readonly Link[],
  { log, isSearch }: { readonly log: Log; readonly isSearch: boolean },
): GetToken {
  let winner: TokenCredential | undefined;

  async function getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    const marked = isSearch ? askInChain(options) : options;
    const errors: unknown[] = [];
    const reasons: string[] = [];
    for (const link of links) {
      let token: AccessToken | null = null;
      let reason = `${link.name} gave no token`;
      try {
        token = await link.credential.getToken(scopes, marked);
      } catch (error) {
        reason = reasonOf(error);
        if (!isUnavailable(error)) {
          log({
            event: "credential-failed",
            credential: link.name,
            message: `${name} stops at ${link.name}: ${reason}`,
          });
          throw error;
        }
        errors.push(error);
      }
      if (token) {
        if (!winner) {
          winner = link.credential;
          log({ event: "credential-selected", credential: link.name, message: `${name} uses ${link.name}` });
        }
        // Another call may have found its link first: one program, one identity.
        return winner === link.credential ? token : await ask(winner, scopes, options);
      }
      reasons.push(reason);
      log({
        event: "credential-skipped",
        credential: link.name,
        message: `${name} passes over ${link.name}: ${reason}`,
      });
    }
    throw new AggregateAuthenticationError(
      errors,
      [`${name}: Cannot get a token: No credential is available${reasons.length ? ":" : ""}`, ...reasons]
        .join("\n").replaceAll("\n", "\n  "),
    );
  }

  return (scopes, options) => winner ? ask(winner, scopes, options) : getToken(scopes, options);

  async function ask(
    credential: TokenCredential,
    scopes: string | string[],
    options: GetTokenOptions | undefined,
  ): Promise<AccessToken> {
    const token = await credential.getToken(scopes, options);
    if (token) return token;
    throw new AggregateAuthenticationError([], `${name}: Cannot get a token: The selected credential gave none`);
  }
}

/** Says why, whatever was thrown: it may be of another package, or no error at all. */
function reasonOf(error: unknown): string {
  const { message } = Object(error) as { message?: unknown };
  return typeof message === "string" ? message : "It gave no reason";
}
