import { bound } from "./bound.ts";

const NUMBER = /^\d{1,10}$/;

/**
 * Returns how long to wait, in milliseconds, by the headers of Azure or by `Retry-After` (RFC 9110, section 10.2.3).
 */
export function retryAfter(headers: Headers, now: number): number | undefined {
  for (const name of ["retry-after-ms", "x-ms-retry-after-ms"]) {
    const value = bound(headers.get(name) ?? "");
    if (NUMBER.test(value)) return Number(value);
  }
  const value = bound(headers.get("retry-after") ?? "");
  if (NUMBER.test(value)) return Number(value) * 1000;
  // `Date.parse` would accept "-1" and "5, 5" as dates.
  const date = /^[A-Z][a-z]+, /.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
