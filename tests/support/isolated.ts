/**
 * A network, mounted folders and a hosts file that only some processes see (namespaces of Linux), so that tests can use
 * the addresses, host names and paths of a cloud without changing the machine. They are removed when the last of the
 * processes ends.
 *
 * @module
 */
import { execFile } from "node:child_process";

/**
 * Returns the first arguments of a command line. They create the namespaces, run the shell commands of `setup` in them,
 * and then run the command in the arguments that follow.
 */
export function isolated(setup: string): string[] {
  return ["unshare", "--net", "--mount", "--", "sh", "-ec", `ip link set lo up\n${setup}\nexec "$@"`, "sh"];
}

/**
 * Returns the first arguments of a command line. They run the command in the arguments that follow, in the namespaces
 * of the process with this id.
 */
export function beside(pid: number): string[] {
  return ["nsenter", `--target=${pid}`, "--net", "--mount", "--"];
}

/**
 * Returns why processes cannot be isolated with these commands, or `undefined`. Needs root on Linux, util-linux and
 * iproute2.
 */
export async function whyNotIsolated(setup: string): Promise<string | undefined> {
  const [command = "", ...args] = [...isolated(setup), "true"];
  const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((resolve) =>
    execFile(command, args, (error, _, stderr) => resolve({ code: error?.code, stderr }))
  );
  if (code === undefined) return undefined;
  return `This requires root on Linux with "unshare" and "ip"${
    code === "ENOENT" ? "" : `: ${stderr.trim().split("\n")[0]}`
  }`;
}
