import { bound } from "./bound.ts";
import type { HttpResult } from "./http.ts";
import { isObject, parseObject } from "./json.ts";
import { sanitize } from "./reason.ts";

/**
 * Returns the message of an error response in another format than that of OAuth, or else its text, as one short line;
 * `undefined` if the response is no error, empty, or a web page.
 */
export function errorTextOf({ status, text }: HttpResult, redact: (text: string) => string): string | undefined {
  if (status < 400 || /^\s*(?:<|$)/.test(bound(text))) return undefined;
  const body = parseObject(text);
  const inner = isObject(body?.error) ? body.error : body;
  const messages = [inner?.message, inner?.error_description, body?.message];
  const message = messages.find((value) => typeof value === "string" && value !== "") as string | undefined;
  if (!message && body && Object.keys(body).length === 0) return undefined;
  return sanitize(redact(message ?? text)) || undefined;
}
