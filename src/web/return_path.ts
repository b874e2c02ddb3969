/** Maximum length of a path with its query, which must fit into a cookie. */
const MAX_LENGTH = 1000;

/** Throws a `TypeError` unless the value is an array of paths. */
export function checkReturnPaths(paths: unknown): asserts paths is readonly string[] {
  const isPath = (path: unknown) =>
    typeof path === "string" && !/[?#*]/.test(path.replace(/\/\*$/, "")) && isPlain(path.replace(/\*$/, ""));
  if (Array.isArray(paths) && paths.every(isPath) && paths[0]?.endsWith("*") === false) return;
  throw new TypeError(
    'Option "returnPaths" must be an array of paths: the first one without "*", such as "/", the others also such as "/mail/*" for all paths below it',
  );
}

/** Whether the path, with its query, is one of the allowed paths under every interpretation. */
export function isAllowedPath(path: unknown, allowed: readonly string[]): path is string {
  if (typeof path !== "string" || !isPlain(path)) return false;
  const { pathname } = new URL(path, "https://a.invalid");
  return allowed.some((one) => one.endsWith("/*") ? pathname.startsWith(one.slice(0, -1)) : pathname === one);
}

/** Whether the string is a normalised path that cannot be parsed as a host, a parent folder or the end of a header. */
function isPlain(path: string): boolean {
  if (path.length > MAX_LENGTH || !/^\/(?!\/)[!-~]*$/.test(path)) return false;
  const url = new URL(path, "https://a.invalid");
  const isSame = url.origin === "https://a.invalid" && url.pathname + url.search + url.hash === path;
  // Some servers decode these escapes before they match the path.
  return isSame && !/%(2f|5c|25|[01]|7f)/i.test(url.pathname) && !url.pathname.includes("//");
}
