import { detectPlatform } from "./platform.ts";

/** Whether the program may reach a URL, or serve there. Asks nobody: who is asked by Deno could not tell what for. */
export function hasNetPermission(url: string): boolean {
  if (detectPlatform() !== "deno") return true;
  const { protocol, hostname, port } = new URL(url);
  const host = `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
  return Deno.permissions.querySync({ name: "net", host }).state === "granted";
}
