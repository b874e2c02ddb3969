import { flagFor } from "./permission.ts";
import { detectPlatform } from "./platform.ts";

interface NodeProcess {
  readonly allowedNodeEnvironmentFlags: ReadonlySet<string>;
  /** Absent without `--permission`. */
  readonly permission?: { has(scope: "net"): boolean };
}

/** Whether the program may reach a URL, or serve there. Asks nobody: who is asked by Deno could not tell what for. */
export function hasNetPermission(url: string): boolean {
  switch (detectPlatform()) {
    case "deno": {
      const { protocol, hostname, port } = new URL(url);
      const host = `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
      return Deno.permissions.querySync({ name: "net", host }).state === "granted";
    }
    case "node": {
      const { allowedNodeEnvironmentFlags: flags, permission } = (globalThis as unknown as { process: NodeProcess })
        .process;
      // Without the flag, before Node 25, `has` says that the network is refused, and it is not.
      return permission === undefined || !flags.has("--allow-net") || permission.has("net");
    }
    default:
      return true;
  }
}

/** Returns the runtime and the flag that lets the program reach or serve hosts, such as "Node with --allow-net". */
export function netFlag(hosts: string): string {
  return flagFor(detectPlatform() === "node" ? "Node" : "Deno", { net: hosts });
}
