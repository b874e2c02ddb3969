/** Maximum depth, more than any token response, configuration or claims request has. */
const MAX_DEPTH = 64;

/**
 * Parses a JSON object. Returns `undefined` if it is malformed, or so deep that a recursive function could overflow the
 * stack.
 */
export function parseObject(json: string): Record<string, unknown> | undefined {
  if (isTooDeep(json)) return undefined;
  try {
    const value: unknown = JSON.parse(json);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a JSON text has more levels than {@linkcode MAX_DEPTH}. The brackets within its strings do not count. */
function isTooDeep(json: string): boolean {
  let depth = 0;
  let isString = false;
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (isString && character === "\\") i++;
    else if (character === '"') isString = !isString;
    else if (isString) continue;
    else if (character === "{" || character === "[") {
      if (++depth > MAX_DEPTH) return true;
    } else if (character === "}" || character === "]") depth--;
  }
  return false;
}

/** Whether a value of JSON is an object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
