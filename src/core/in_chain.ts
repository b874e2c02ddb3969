import type { GetTokenOptions, TokenCredential } from "../token_credential.ts";

// Shared with other copies of the package: they may meet in one chain.
const IN_CHAIN = /* @__PURE__ */ Symbol.for("@azweb/identity.chain");

/** A credential in a chain, and its name in messages. */
export interface Link {
  readonly name: string;
  readonly credential: TokenCredential;
  /** Whether to start this credential while an earlier one is still probing. @default {false} */
  readonly canPrefetch?: () => Promise<boolean>;
}

/** The chain that calls a credential, as the credential sees it. */
export interface Chain {
  /**
   * Called when the credential starts to probe whether it is available here. Absent: the credential must not probe.
   */
  readonly onProbeStarted?: () => void;
  /** Whether the chain logs that the credential is absent, so that the credential does not. @default {false} */
  readonly logsAbsent?: boolean;
}

/** Returns the options of a call, marked with the chain that makes it. */
export function withChain(options: GetTokenOptions | undefined, chain: Chain): GetTokenOptions {
  return Object.defineProperty({ ...options }, IN_CHAIN, { value: chain });
}

/** Returns the chain that makes the call, if one does. */
export function chainOf(options: GetTokenOptions): Chain | undefined {
  return (options as Record<symbol, Chain | undefined>)[IN_CHAIN];
}
