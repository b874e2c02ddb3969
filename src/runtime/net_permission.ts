import { flagFor } from "./permission.ts";

export { hasNetPermission } from "./query_permission.ts";

export function netFlag(hosts: string): string {
  return flagFor({ net: hosts });
}
