/** Where the code runs. `"web"` is everything that offers Web APIs and no more: browsers, edge isolates. */
export type Platform = "deno" | "workerd" | "node" | "bun" | "web";

type Version = readonly [major: number, minor: number];

/** The oldest supported release of each runtime that tells its version; of Node also that of a later line. */
export const OLDEST_RELEASES: Readonly<Record<"Deno" | "Bun" | "Node", readonly Version[]>> = {
  // The certificate of a server: `getPeerCertificate` of `node:tls`.
  Deno: [[2, 5]],
  // `process.getBuiltinModule`.
  Bun: [[1, 3]],
  // `process.getBuiltinModule`; `require()` of ES modules on 20.
  Node: [[20, 19], [22, 3]],
};

let platform: Platform | undefined;

/** Returns where the code runs; finds it out at the first call. Throws an `Error` on a release that is not supported. */
export function detectPlatform(): Platform {
  return platform ??= detect();
}

function detect(): Platform {
  const { Deno, navigator, process } = globalThis as {
    Deno?: { version?: { deno?: string } };
    navigator?: { userAgent?: string };
    process?: { getBuiltinModule?: unknown; versions?: { bun?: string; node?: string } };
  };
  if (Deno) {
    checkRelease("Deno", Deno.version?.deno);
    return "deno";
  }
  // Before `process`: workerd has one, with modules that look usable and are not.
  if (navigator?.userAgent === "Cloudflare-Workers") return "workerd";
  const { bun, node } = process?.versions ?? {};
  if (bun) checkRelease("Bun", bun);
  else checkRelease("Node", node);
  // A stand-in for `process`, in a browser or an edge runtime, has a part of this.
  if (node && process?.getBuiltinModule) return bun ? "bun" : "node";
  return "web";
}

/** Throws if the release is older than the oldest that is supported. A version that is not a number, such as that of another make, is not judged. */
function checkRelease(runtime: keyof typeof OLDEST_RELEASES, version = ""): void {
  const [, major, minor] = /^(\d+)\.(\d+)\./.exec(version)?.map(Number) ?? [];
  if (major === undefined || minor === undefined) return;
  const oldest = OLDEST_RELEASES[runtime];
  const line = oldest.find(([ofLine]) => ofLine >= major);
  if (!line || line[0] === major && line[1] <= minor) return;
  const wanted = oldest.map((version) => version.join(".")).join(", ");
  throw new Error(`This is ${runtime} ${version}: @azweb/identity needs ${runtime} ${wanted} or newer`);
}
