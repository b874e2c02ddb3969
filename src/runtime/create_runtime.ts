import { env } from "./env.ts";
import { fileFinder } from "./file_exists.ts";
import { fileReaders, fileSizer } from "./files.ts";
import { loopbackListener } from "./loopback_server.ts";
import { urlOpener } from "./open_url.ts";
import { operatingSystem } from "./operating_system.ts";
import { programRunner } from "./process.ts";
import type { Runtime, RuntimeOverrides } from "./runtime.ts";
import { tlsFetcher } from "./tls_fetch.ts";

/**
 * Returns the capabilities that a credential uses on this runtime: the overrides, and for the other members those of
 * Deno, Node or Bun. A member is `undefined` if the runtime lacks the capability.
 *
 * @param overrides The members that replace those of the runtime.
 *
 * @example Log the programs that are run
 * ```ts
 * import { createRuntime } from "@azweb/identity/runtime";
 *
 * const { run } = createRuntime();
 * const runtime = run && {
 *   run(...[command, args, options]: Parameters<typeof run>) {
 *     console.log(command, args);
 *     return run(command, args, options);
 *   },
 * };
 * ```
 */
export function createRuntime(overrides: RuntimeOverrides = {}): RuntimeOverrides & Pick<Runtime, "env"> {
  return {
    env: overrides.env?.bind(overrides) ?? env,
    ...fileReaders(overrides),
    fileExists: fileFinder(overrides),
    fileSize: fileSizer(overrides),
    platform: overrides.platform ?? operatingSystem(),
    tlsFetch: tlsFetcher(overrides),
    run: programRunner(overrides),
    listen: loopbackListener(overrides),
    openUrl: urlOpener(overrides),
    now: overrides.now?.bind(overrides),
    sleep: overrides.sleep?.bind(overrides),
  };
}
