/**
 * The members of `options.runtime`, which replace or add what the runtime offers beyond the Web APIs.
 *
 * @module
 */

export type { CommandOutput, LoopbackServer, RunOptions, Runtime, RuntimeOverrides, TlsTrust } from "./runtime.ts";
export { createRuntime } from "./create_runtime.ts";
export { detectPlatform, type Platform } from "./platform.ts";
