import { detectPlatform } from "./platform.ts";
import type { Runtime } from "./runtime.ts";

/** Returns the operating system, spelt as in `process.platform`; `undefined` if the runtime does not report it. */
export function operatingSystem(): Runtime["platform"] {
  switch (detectPlatform()) {
    case "deno":
      return Deno.build.os === "windows" ? "win32" : Deno.build.os;
    case "node":
    case "bun":
      return (globalThis as unknown as { process: { platform: string } }).process.platform;
    default:
      return undefined;
  }
}
