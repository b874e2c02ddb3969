/** The runtime. `"web"` is a browser, or any other that offers Web APIs and no more, such as an edge isolate. */
export type Platform = "deno" | "workerd" | "node" | "bun" | "web";

type Version = readonly [major: number, minor: number];

/** The oldest supported release of each runtime: for Node those of two major versions. */
export const OLDEST_RELEASES: Readonly<Record<"Deno" | "Bun" | "Node", readonly Version[]>> = {
  // 2.4.3 is the first whose sockets over TLS return the certificate of the server.
  Deno: [[2, 5]],
  // 1.2.18 is the first that closes a connection over TLS to a server that is not trusted.
  Bun: [[1, 3]],
  // 20.19 is the first 20 that loads ES modules by `require()`, 22.3 the first 22 with `process.getBuiltinModule`.
  Node: [[20, 19], [22, 3]],
};

let platform: Platform | undefined;

/**
 * Returns the runtime that the code runs on. Detected at the first call.
 *
 * @throws {Error} The runtime is an older release than is supported.
 */
export function detectPlatform(): Platform {
  return platform ??= detect();
}

/** Detects the runtime at each call, because tests of web pages replace the globals. */
export function detect(): Platform {
  const { Deno, navigator, process } = globalThis as {
    Deno?: { version?: { deno?: string } };
    navigator?: { userAgent?: string };
    process?: { getBuiltinModule?: unknown; versions?: { bun?: string; node?: string } };
  };
  if (Deno) {
    checkRelease("Deno", Deno.version?.deno);
    return "deno";
  }
  // Before `process`: workerd has one whose modules seem to be usable and are not.
  if (navigator?.userAgent === "Cloudflare-Workers") return "workerd";
  const { bun, node } = process?.versions ?? {};
  if (bun) checkRelease("Bun", bun);
  else checkRelease("Node", node);
  // A polyfill of `process` in a browser or an edge runtime has a part of this only.
  if (node && process?.getBuiltinModule) return bun ? "bun" : "node";
  return "web";
}

/**
 * Throws if the release is older than the oldest that is supported. Accepts every version that does not begin with two
 * numbers: that of Deno Deploy is empty, and that of Supabase begins with the name of its runtime.
 */
function checkRelease(runtime: keyof typeof OLDEST_RELEASES, version = ""): void {
  const [, major, minor] = /^(\d+)\.(\d+)\./.exec(version)?.map(Number) ?? [];
  if (major === undefined || minor === undefined) return;
  const oldest = OLDEST_RELEASES[runtime];
  const [oldestMajor, oldestMinor] = oldest.find(([ofRelease]) => ofRelease >= major) ?? [0, 0];
  if (major > oldestMajor || major === oldestMajor && minor >= oldestMinor) return;
  const supported = oldest.map((release) => release.join(".")).join(", ");
  throw new Error(`This is ${runtime} ${version}: @azweb/identity needs ${runtime} ${supported} or newer`);
}
