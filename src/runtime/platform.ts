/** Where the code runs. `"web"` is everything that offers Web APIs and no more: browsers, edge isolates. */
export type Platform = "deno" | "workerd" | "node" | "bun" | "web";

let platform: Platform | undefined;

/** Returns where the code runs; finds it out at the first call. */
export function detectPlatform(): Platform {
  return platform ??= detect();
}

function detect(): Platform {
  const { Deno, navigator, process } = globalThis as {
    Deno?: unknown;
    navigator?: { userAgent?: string };
    process?: { getBuiltinModule?: unknown; versions?: { bun?: string } };
  };
  if (Deno) return "deno";
  // Before `process`: workerd has one, with modules that look usable and are not.
  if (navigator?.userAgent === "Cloudflare-Workers") return "workerd";
  if (process?.getBuiltinModule) return process.versions?.bun ? "bun" : "node";
  return "web";
}
