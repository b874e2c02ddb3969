/**
 * A developer's machine in a box: the real Azure CLI, signed in to the simulated Azure; programs that stand for PowerShell and the Azure
 * Developer CLI; programs that use the library, or one of Azure's.
 *
 * @module
 */
import { chmod, copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runOrThrow } from "../../../scripts/run.ts";
import { findBun } from "../../../scripts/run_bun.ts";
import { makeTestProject } from "../../../scripts/test_project.ts";
import { type Box, type BoxOptions, type BoxRequest, startBox } from "./box.ts";
import { type Child, type Ending, startProgram, trust } from "../child.ts";
import { untilNoneHas } from "../environ.ts";
import { whyNotIsolated } from "../isolated.ts";

export const PYTHON = "/usr/bin/python3";
/** The Azure CLI of Debian's package. */
const AZ = "/usr/bin/az";

/** A program that uses a library. */
export type Library = "ours on Deno" | "ours on Node" | "ours on Bun" | "npm" | "python";
export const OURS: readonly Library[] = ["ours on Deno", "ours on Node", "ours on Bun"];

/** A program that a developer signs in with. */
export type Tool = "az" | "pwsh" | "azd";

/** What a program finds on the machine. */
export interface Circumstances {
  /** What is in the folders of `PATH`. Default: nothing. */
  readonly tools?: readonly Tool[];
  /** Whether somebody has signed in with the Azure CLI. Default: nobody. */
  readonly isSignedIn?: boolean;
  /** More variables. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
  /** What the program is told. Default: nothing. */
  readonly args?: readonly string[];
  /** The number of requests after which it is stopped. Default: it runs to its end. */
  readonly mostRequests?: number | undefined;
}

/** How a program ended, and what it has asked and started meanwhile. */
export interface Observation extends Ending {
  readonly requests: readonly BoxRequest[];
  /** The command line of each process that it has started, in order. */
  readonly processes: readonly string[];
}

/** A developer's machine. */
export interface Laptop {
  readonly folder: string;
  readonly box: Box;
  /** Runs the program of this folder with this name, such as `"default_credential"`, with a library. */
  run(library: Library, program: string, circumstances: Circumstances): Promise<Observation>;
  /** Starts one beside others; `configuration` is the folder of the Azure CLI. */
  start(library: Library, program: string, circumstances: Circumstances & { configuration: string }): Child;
  /** Runs the Azure CLI itself. Rejects with what it wrote if it fails. */
  az(configuration: string, args: readonly string[]): Promise<void>;
  /** Makes a folder as the Azure CLI has it after signing in. */
  copyConfiguration(): Promise<string>;
  /** Ends all that, but for esbuild, which has made the package. */
  close(): Promise<void>;
}

/** What {@linkcode startLaptop} accepts. */
export interface LaptopOptions extends Omit<BoxOptions, "folder"> {
  /** Who signs in with the Azure CLI, one after the other: the words behind `az login`. */
  readonly logins: readonly (readonly string[])[];
}

/** Returns why there can be none here, or `false`. */
export async function whyNoLaptop(): Promise<string | false> {
  const isolation = await whyNotIsolated("");
  if (isolation) return isolation;
  for (
    const [what, command, debian] of [
      ["Azure CLI", [PYTHON, "-c", "import azure.cli"], "azure-cli"],
      ["azure-identity", [PYTHON, "-c", "import azure.identity"], "python3-azure"],
    ] as const
  ) {
    const { code } = await startProgram(command).ended;
    if (code !== 0) return `There is no ${what}: install Debian's package ${debian}`;
  }
  return false;
}

/** Starts a box with all that, and signs in. */
export async function startLaptop({ logins, ...options }: LaptopOptions): Promise<Laptop> {
  const folder = await mkdtemp(join(tmpdir(), "azweb-laptop-"));
  const [bun, node] = await Promise.all([
    findBun(),
    runOrThrow("node", ["--print", "process.execPath"]),
    makeTestProject(folder, ["@azure/identity"]),
  ]);
  const sources = fileURLToPath(new URL(".", import.meta.url));
  for (const name of ["default_credential.js", "ask_credentials.js"]) {
    await copyFile(sources + name, join(folder, name));
  }
  const started = join(folder, "processes");
  await writeTools(join(folder, "tools"), started);
  const box = await startBox({ folder, ...options });
  const signedIn = join(folder, "azure");
  const never = join(folder, "azure-never");
  await mkdir(never);
  for (const login of logins) await az(signedIn, ["login", ...login]);

  function commandOf(library: Library, program: string): string[] {
    const installed = join(folder, `${program}.js`);
    switch (library) {
      case "ours on Deno":
        return [process.execPath, "run", "--quiet", "--allow-all", `${sources}${program}.js`, "@azweb/identity"];
      case "ours on Node":
        return [node.trim(), installed, "@azweb/identity"];
      case "ours on Bun":
        return [bun.path, installed, "@azweb/identity"];
      case "npm":
        return [node.trim(), installed, "@azure/identity"];
      case "python":
        return [PYTHON, `${sources}${program}.py`];
    }
  }

  function variables(configuration: string): Record<string, string> {
    return {
      ...trust(box.authorityPath),
      REQUESTS_CA_BUNDLE: box.authorityPath,
      AZURE_CONFIG_DIR: configuration,
      AZURE_CORE_COLLECT_TELEMETRY: "0",
    };
  }

  /** Who starts the program needs another `PATH` than the program. */
  function withTools(tools: readonly Tool[], command: readonly string[]): string[] {
    const path = tools.length > 0 ? tools.map((tool) => join(folder, "tools", tool)).join(":") : never;
    return ["/usr/bin/env", `PATH=${path}`, ...command];
  }

  async function az(configuration: string, args: readonly string[]): Promise<void> {
    const { code, stdout, stderr } = await box.start([AZ, ...args], variables(configuration)).ended;
    if (code !== 0) throw new Error(`az ended with ${code} and wrote:\n${stdout}${stderr}`);
  }

  async function copyConfiguration(): Promise<string> {
    const copy = join(folder, `azure-${crypto.randomUUID()}`);
    await cp(signedIn, copy, { recursive: true });
    return copy;
  }

  return {
    folder,
    box,
    az,
    copyConfiguration,
    async run(library, program, { tools = [], isSignedIn = false, env = {}, args = [], mostRequests }) {
      await writeFile(started, "");
      // Its own, because the Azure CLI remembers tokens.
      const configuration = isSignedIn ? await copyConfiguration() : never;
      const command = withTools(tools, [...commandOf(library, program), ...args]);
      const ending = await box.run(command, { ...variables(configuration), ...env }, mostRequests);
      // A tool may outlive the program, and its requests would be taken for the next one's.
      if (isSignedIn) await untilNoneHas(configuration);
      return { ...ending, processes: (await readFile(started, "utf8")).split("\n").filter(Boolean) };
    },
    start(library, program, { tools = [], env = {}, args = [], configuration }) {
      const command = withTools(tools, [...commandOf(library, program), ...args]);
      return box.start(command, { ...variables(configuration), ...env });
    },
    async close() {
      await box.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/**
 * Writes the tools, each in a folder of its own. Each writes down how it was started. PowerShell and the Azure Developer CLI cannot be had
 * here: what stands for them gives "of-pwsh" and "of-azd" for a token, in the form that the one who asks has asked for.
 */
async function writeTools(folder: string, started: string): Promise<void> {
  const tools: Record<Tool, string> = {
    az: `exec ${AZ} "$@"`,
    pwsh: `PATH=/usr/bin:/bin
case "$*" in */[?]*) exit 0;; esac
script="$* $(for word; do last=$word; done; printf %s "$last" | base64 -d 2>/dev/null | tr -d '\\0')"
end=$(($(date +%s) + 3600))
case "$script" in
  *AZWEB_IDENTITY_RESOURCE*) echo '{"token":"of-pwsh","expiresOn":'$end'}';;
  *azsdk%*) echo "azsdk%of-pwsh%$end";;
  *) echo '{"Token":"of-pwsh","ExpiresOn":"'$(date -u -d @$end +%Y-%m-%dT%H:%M:%SZ)'"}';;
esac`,
    azd: `PATH=/usr/bin:/bin
echo '{"token":"of-azd","expiresOn":"'$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)'"}'`,
  };
  for (const [name, lines] of Object.entries(tools)) {
    const path = join(folder, name, name);
    await mkdir(join(folder, name), { recursive: true });
    // In one piece: several may be started at once.
    const log = `line=$(echo "${name} $*" | /usr/bin/tr '\\n' ' ')\necho "$line" >>'${started}'`;
    await writeFile(path, `#!/bin/sh\n${log}\n${lines}\n`);
    await chmod(path, 0o755);
  }
}
