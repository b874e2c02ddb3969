import { bound } from "./bound.ts";
import type { HttpResult } from "./http.ts";
import { isObject, parseObject } from "./json.ts";
import { sanitize } from "./reason.ts";

/**
 * Returns the message of an error response in another format than that of OAuth, or else its text, as one short line;
 * `undefined` if the response is no error, empty, a web page, or malformed JSON.
 */
export function errorTextOf({ status, text }: HttpResult, redact: (text: string) => string): string | undefined {
  const beginning = bound(text).trimStart();
  if (status < 400 || beginning === "" || beginning.startsWith("<")) return undefined;
  const body = parseObject(text);
  // A part of a JSON text, or one of too many levels, is not readable.
  if (!body && /^[{[]/.test(beginning)) return undefined;
  const inner = isObject(body?.error) ? body.error : body;
  const messages = [inner?.message, inner?.error_description, body?.message];
  const message = messages.find((value) => typeof value === "string" && value !== "") as string | undefined;
  if (!message && body && Object.keys(body).length === 0) return undefined;
  return sanitize(redact(message ?? text)) || undefined;
}
