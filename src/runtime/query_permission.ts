import { detectPlatform } from "./platform.ts";

interface NodeProcess {
  readonly allowedNodeEnvironmentFlags: ReadonlySet<string>;
  /** Absent without `--permission`. */
  readonly permission?: { has(scope: "net"): boolean };
}

/**
 * Whether the program may connect to a URL, or serve there. Never prompts: a prompt of Deno does not say what the
 * access is for.
 */
export function hasNetPermission(url: string): boolean {
  switch (detectPlatform()) {
    case "deno": {
      const { protocol, hostname, port } = new URL(url);
      const host = `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
      return Deno.permissions.querySync({ name: "net", host }).state === "granted";
    }
    case "node": {
      const { process } = globalThis as unknown as { process: NodeProcess };
      const { allowedNodeEnvironmentFlags: flags, permission } = process;
      // Node before 25 does not have the flag: there, `has` returns `false` although the network is open.
      return permission === undefined || !flags.has("--allow-net") || permission.has("net");
    }
    default:
      return true;
  }
}

/** Whether Deno may read the file. Never prompts. */
export function hasReadPermission(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}
