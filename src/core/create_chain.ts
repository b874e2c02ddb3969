import { AggregateAuthenticationError, isUnavailable } from "../errors.ts";
import type { Log } from "../log.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";
import type { GetToken } from "./create_get_token.ts";

/** A credential in a chain, and what to call it. */
export interface Link {
  readonly name: string;
  readonly credential: TokenCredential;
}

/**
 * Returns the `getToken` of a chain: tries the links in order and goes on where one is unavailable. The first that gives a token is asked
 * alone from then on, so that a program never changes its identity while it runs.
 */
export function createChain(name: string, links: readonly Link[], log: Log): GetToken {
  let winner: TokenCredential | undefined;

  async function getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    const errors: Error[] = [];
    for (const link of links) {
      let token: AccessToken | null = null;
      let reason: string | undefined;
      try {
        token = await link.credential.getToken(scopes, options);
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
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
      reason ??= "It gave no token";
      log({
        event: "credential-skipped",
        credential: link.name,
        message: `${name} passes over ${link.name}: ${reason}`,
      });
    }
    const reasons = errors.map((error) => `  ${error.message.replaceAll("\n", "\n  ")}`);
    throw new AggregateAuthenticationError(
      errors,
      [`${name}: Cannot get a token: No credential is available${reasons.length ? ":" : ""}`, ...reasons].join("\n"),
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
