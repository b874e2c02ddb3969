/**
 * What the library knows about the place it runs in: the members that `options.runtime` can replace, and what stands behind them.
 *
 * @module
 */

export type { CommandOutput, LoopbackServer, RunOptions, Runtime, RuntimeMembers, TlsTrust } from "./runtime.ts";
export { detectPlatform, type Platform } from "./platform.ts";
export { env } from "./env.ts";
export { fileSizer, textFileReader } from "./files.ts";
export { fileFinder } from "./file_exists.ts";
export { operatingSystem } from "./operating_system.ts";
export { loopbackListener } from "./loopback.ts";
export { urlOpener } from "./open_url.ts";
export { programRunner } from "./process.ts";
export { tlsFetcher } from "./tls_fetch.ts";
