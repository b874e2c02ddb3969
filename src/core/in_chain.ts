import type { GetTokenOptions } from "../token_credential.ts";

// Known to other copies of the package too: they may meet in one chain.
const IN_CHAIN = /* @__PURE__ */ Symbol.for("@azweb/identity.chain");

/** A chain that searches, as the credentials see it that it asks. */
export interface Chain {
  /** To be called where it takes time to find out whether the credential is there at all. */
  isLooking(): void;
}

/** Returns the options of a call with the mark of the chain that makes it. */
export function askInChain(options: GetTokenOptions | undefined, chain: Chain): GetTokenOptions {
  return Object.defineProperty({ ...options }, IN_CHAIN, { value: chain });
}

/** Returns the chain that makes the call, if one does. */
export function chainOf(options: GetTokenOptions): Chain | undefined {
  return (options as Record<symbol, Chain | undefined>)[IN_CHAIN];
}
