/**
 * A network, mounted folders and a hosts file that only some processes see (namespaces of Linux): there, addresses, names and paths that
 * a cloud has made its own can be had without touching the machine. They go with the last of the processes, however that ends.
 *
 * @module
 */
import { execFile } from "node:child_process";

/** Returns the start of a command line that runs the rest of it isolated, after commands of the shell that set things up. */
export function isolated(setup: string): string[] {
  return ["unshare", "--net", "--mount", "--", "sh", "-ec", `ip link set lo up\n${setup}\nexec "$@"`, "sh"];
}

/** Returns the start of a command line that runs the rest of it where the process with this id is. */
export function beside(pid: number): string[] {
  return ["nsenter", `--target=${pid}`, "--net", "--mount", "--"];
}

/** Returns why nothing can be isolated with this set-up, or `undefined`: it takes root on Linux, util-linux and iproute2. */
export async function whyNotIsolated(setup: string): Promise<string | undefined> {
  const [command = "", ...args] = [...isolated(setup), "true"];
  const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((resolve) =>
    execFile(command, args, (error, _, stderr) => resolve({ code: error?.code, stderr }))
  );
  if (code === undefined) return undefined;
  return `It takes root on Linux with "unshare" and "ip"${
    code === "ENOENT" ? "" : `: ${stderr.trim().split("\n")[0]}`
  }`;
}
