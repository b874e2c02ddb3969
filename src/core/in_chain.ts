import type { GetTokenOptions } from "../token_credential.ts";

// Known to other copies of the package too: they may meet in one chain.
const IN_CHAIN = /* @__PURE__ */ Symbol.for("@azweb/identity.inChain");

/** Returns the options of a call with a mark that a chain makes it, which has others to turn to. */
export function askInChain(options: GetTokenOptions | undefined): GetTokenOptions {
  return Object.defineProperty({ ...options }, IN_CHAIN, { value: true });
}

/** Whether a chain makes the call. */
export function isInChain(options: GetTokenOptions): boolean {
  return (options as Record<symbol, unknown>)[IN_CHAIN] === true;
}
