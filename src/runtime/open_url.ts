import { builtinModule } from "./builtin_module.ts";
import { operatingSystem } from "./operating_system.ts";
import { checkRunPermission, withFlag } from "./permission.ts";
import { detectPlatform } from "./platform.ts";
import type { Runtime, RuntimeOverrides } from "./runtime.ts";

/** Returns the `openUrl` of the overrides, or of this runtime; `undefined` if it starts no programs. */
export function urlOpener(runtime: RuntimeOverrides = {}): Runtime["openUrl"] {
  if (runtime.openUrl) return runtime.openUrl.bind(runtime);
  return ["deno", "node", "bun"].includes(detectPlatform()) ? openUrl : undefined;
}

/**
 * Opens a URL in the default browser, without a shell, which would interpret the URL. Rejects if there is no opener.
 */
async function openUrl(url: string): Promise<void> {
  const [command, ...args] = openerOn(operatingSystem());
  await start(command!, [...args, url]);
}

/** Returns the opener of an operating system, by its full path. */
function openerOn(platform: string | undefined): readonly string[] {
  switch (platform) {
    case "darwin":
      return ["/usr/bin/open"];
    case "win32":
      return ["C:\\Windows\\System32\\rundll32.exe", "url.dll,FileProtocolHandler"];
    default:
      return ["/usr/bin/xdg-open"];
  }
}

/** Runs a program that may outlive this process. Rejects if it cannot be started, or exits with a code other than 0. */
async function start(command: string, args: readonly string[]): Promise<void> {
  const startProgram = detectPlatform() === "deno" ? startWithDeno : startWithNode;
  const code = await startProgram(command, args).catch((error) => {
    throw withFlag(error, { run: command });
  });
  // The exit code of the opener of Windows has no meaning.
  if (code !== 0 && operatingSystem() !== "win32") throw new Error(`"${command}" ended with ${code}`);
}

async function startWithDeno(command: string, args: readonly string[]): Promise<number> {
  checkRunPermission(command);
  const child = new Deno.Command(command, { args: [...args], stdin: "null", stdout: "null", stderr: "null" }).spawn();
  child.unref();
  return (await child.status).code;
}

async function startWithNode(command: string, args: readonly string[]): Promise<number> {
  const { spawn } = builtinModule<{ spawn(command: string, args: readonly string[], options: object): Child }>(
    "node:child_process",
  );
  const child = spawn(command, args, { stdio: "ignore", detached: true, windowsHide: true });
  const code = new Promise<number>((resolve, reject) =>
    child.on("error", reject).on("exit", (code) => resolve(code ?? 0))
  );
  child.unref();
  return await code;
}

interface Child {
  unref(): void;
  on(event: "error", listener: (error: Error) => void): this;
  on(event: "exit", listener: (code: number | null) => void): this;
}
