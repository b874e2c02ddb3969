import { bound } from "../core/bound.ts";
import { refreshTime, seconds } from "../core/freshness.ts";
import { AuthenticationError } from "../errors.ts";
import type { TokenSet } from "../token_cache.ts";

// "09/14/2017 01:05:05 PM +00:00": the App Service of 2017 on Windows; "09/14/2017 13:05:05 +00:00": on Linux.
const OLD_DATE = /^(\d\d?)\/(\d\d?)\/(\d{4}) (\d\d?):(\d\d):(\d\d)(?: ([AP])M)? ([+-]\d\d:\d\d)$/;
const ISO_DATE = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/;

/** Reads an answer that holds a token. Throws an `AuthenticationError` where that is malformed or has expired. */
export function readTokenAnswer(body: Record<string, unknown>, action: string, sentOn: number): TokenSet {
  const { access_token: token, token_type: type = "Bearer" } = body;
  const isBearer = typeof type === "string" && type.toLowerCase() === "bearer";
  // Not `expires_in` first: in a token that the source remembered, it counts from when that was made.
  const expiresOn = readDate(body.expires_on) ?? (seconds(body.expires_in) ?? NaN) * 1000 + sentOn;
  const fault = typeof token !== "string" || token === ""
    ? "access_token"
    : !isBearer
    ? "token_type"
    : Number.isNaN(expiresOn)
    ? "expires_on"
    : undefined;
  if (fault) throw new AuthenticationError(`${action}: The answer has no usable "${fault}"`, { statusCode: 200 });
  if (expiresOn <= sentOn) {
    throw new AuthenticationError(
      `${action}: The token expired on ${new Date(expiresOn).toISOString()}, and the clock here shows ${
        new Date(sentOn).toISOString()
      }: Check the clock of this machine`,
      { statusCode: 200 },
    );
  }
  const refreshIn = seconds(body.refresh_in);
  const refreshAfterTimestamp = refreshTime(sentOn, expiresOn, refreshIn && refreshIn * 1000);
  return {
    token: token as string,
    expiresOnTimestamp: expiresOn,
    ...refreshAfterTimestamp !== undefined && { refreshAfterTimestamp },
    tokenType: "Bearer",
    acquiredOnTimestamp: sentOn,
  };
}

/** Reads a time as the sources write it: seconds since the epoch, as a number or text, or a date. Returns milliseconds. */
function readDate(value: unknown): number | undefined {
  const number = seconds(value);
  if (number !== undefined || typeof value !== "string") return number && number * 1000;
  const text = bound(value);
  const [, month, day, year, hour, minute, second, half, zone] = OLD_DATE.exec(text) ?? [];
  const hours = half ? Number(hour) % 12 + (half === "P" ? 12 : 0) : hour;
  const date = year
    ? `${year}-${two(month)}-${two(day)}T${two(hours)}:${minute}:${second}${zone}`
    : ISO_DATE.test(text)
    ? text
    : "";
  const time = Date.parse(date);
  return Number.isNaN(time) ? undefined : time;
}

function two(digits: string | number | undefined): string {
  return String(digits).padStart(2, "0");
}
