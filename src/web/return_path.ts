/** Long enough for a page and its query, short enough for a cookie. */
const LONGEST = 1000;

/** Throws a `TypeError` unless the value is a list of paths. */
export function checkReturnPaths(paths: unknown): asserts paths is readonly string[] {
  const isPath = (path: unknown) =>
    typeof path === "string" && !/[?#*]/.test(path.replace(/\/\*$/, "")) && isPlain(path.replace(/\*$/, ""));
  if (Array.isArray(paths) && paths.every(isPath) && paths[0]?.endsWith("*") === false) return;
  throw new TypeError(
    'Option "returnPaths" must be a list of paths: the first without "*", such as "/", behind it also "/mail/*" for all below it',
  );
}

/** Whether the path, with its query, leads to a page of the list, and nowhere else however it is read. */
export function isAllowedPath(path: unknown, allowed: readonly string[]): path is string {
  if (typeof path !== "string" || !isPlain(path)) return false;
  const { pathname } = new URL(path, "https://a.invalid");
  return allowed.some((one) => one.endsWith("/*") ? pathname.startsWith(one.slice(0, -1)) : pathname === one);
}

/** Whether the text is a path as a URL has it, in which nobody finds a host, a step up, or the end of a header. */
function isPlain(path: string): boolean {
  if (path.length > LONGEST || !/^\/(?!\/)[!-~]*$/.test(path)) return false;
  const url = new URL(path, "https://a.invalid");
  const isSame = url.origin === "https://a.invalid" && url.pathname + url.search + url.hash === path;
  // What some servers decode before they look at it.
  return isSame && !/%(2f|5c|25|[01]|7f)/i.test(url.pathname) && !url.pathname.includes("//");
}
