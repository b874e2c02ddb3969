import { bound } from "../core/bound.ts";
import { seconds } from "../core/freshness.ts";
import { readTokenSet, type TokenBody } from "../core/token_set.ts";
import { AuthenticationError } from "../errors.ts";
import type { TokenSet } from "../token_cache.ts";

// The App Service of 2017 sends "09/14/2017 01:05:05 PM +00:00" on Windows and "09/14/2017 13:05:05 +00:00" on Linux.
// Other sources omit leading zeros.
const OLD_DATE = /^(\d\d?)\/(\d\d?)\/(\d{4}) (\d\d?):(\d\d?):(\d\d?)(?: ([AP])M)? ([+-]\d\d:\d\d)$/;
const ISO_DATE = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/;

/** Parses a token response. Throws an `AuthenticationError` if it is malformed or the token has expired. */
export function readTokenResponse(body: TokenBody, action: string, sentOn: number): TokenSet {
  // `expires_in` is only the fallback: for a token from the cache of the source, it counts from the time of issue.
  const expiresOn = parseTime(body.expires_on);
  const token = readTokenSet({ token_type: "Bearer", ...body }, action, sentOn, expiresOn, "expires_on");
  if (token.expiresOnTimestamp <= sentOn) {
    throw new AuthenticationError(
      `${action}: The token expired on ${new Date(token.expiresOnTimestamp).toISOString()}, and the clock here shows ${
        new Date(sentOn).toISOString()
      }: Check the clock of this machine`,
      { statusCode: 200 },
    );
  }
  return token;
}

/**
 * Parses a time of a source: seconds since the epoch, as a number or a string, or a date. Returns milliseconds since
 * the epoch.
 */
function parseTime(value: unknown): number | undefined {
  const number = seconds(value);
  if (number !== undefined || typeof value !== "string") return number && number * 1000;
  const string = bound(value);
  const [, month, day, year, hour, minute, second, half, zone] = OLD_DATE.exec(string) ?? [];
  const hours = half ? Number(hour) % 12 + (half === "P" ? 12 : 0) : hour;
  const date = year
    ? `${year}-${two(month)}-${two(day)}T${two(hours)}:${two(minute)}:${two(second)}${zone}`
    : ISO_DATE.test(string)
    ? string
    : "";
  const time = Date.parse(date);
  return Number.isNaN(time) ? undefined : time;
}

function two(digits: string | number | undefined): string {
  return String(digits).padStart(2, "0");
}
