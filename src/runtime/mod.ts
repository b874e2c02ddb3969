/**
 * What the library knows about the place it runs in: the members that `options.runtime` can replace, and what stands behind them.
 *
 * @module
 */

export type { CommandOutput, RunOptions, Runtime, TlsTrust } from "./runtime.ts";
export { detectPlatform, type Platform } from "./platform.ts";
export { env } from "./env.ts";
export { textFileReader } from "./files.ts";
export { fileFinder } from "./file_exists.ts";
export { operatingSystem } from "./operating_system.ts";
export { programRunner } from "./process.ts";
export { tlsFetcher } from "./tls_fetch.ts";
