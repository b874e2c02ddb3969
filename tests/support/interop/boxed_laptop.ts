/**
 * A developer's machine in an isolated network: the real Azure CLI, signed in to the simulated Azure; replacements for
 * PowerShell and the Azure Developer CLI; and programs that use this library or one of Azure's.
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
/** The Azure CLI from Debian's package; `deno task judges` sets a newer one. */
const AZ = process.env.AZWEB_TEST_AZ ?? "/usr/bin/az";

/** A program that uses a library. "newest python" and "go" need {@linkcode Programs}. */
export type Library = "ours on Deno" | "ours on Node" | "ours on Bun" | "npm" | "python" | "newest python" | "go";
export const OURS: readonly Library[] = ["ours on Deno", "ours on Node", "ours on Bun"];

/**
 * A developer tool; also an Azure CLI that Entra refuses, one that prints no JSON, and one that does not end.
 */
export type Tool = "az" | "pwsh" | "azd" | "refused az" | "unreadable az" | "hanging az";

/** Programs that Debian's packages do not contain. */
export interface Programs {
  /** The Azure CLI. Default: Debian's. */
  readonly az?: string;
  /** The Azure Developer CLI. Default: a replacement that prints the token "of-azd". */
  readonly azd?: string | undefined;
  /** Python with the newest azure-identity, for "newest python". */
  readonly python?: string;
  /** The program `default_credential.go`, for "go". */
  readonly go?: string;
}

/** The environment of a program on the machine. */
export interface Circumstances {
  /** The tools on `PATH`. Default: none. */
  readonly tools?: readonly Tool[];
  /** Whether the Azure CLI is signed in. Default: `false`. */
  readonly isSignedIn?: boolean;
  /** Additional variables. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
  /** The arguments of the program. Default: none. */
  readonly args?: readonly string[];
  /** The number of requests after which the program is stopped. Default: no limit. */
  readonly mostRequests?: number | undefined;
}

/** The exit code and the output of a program, its requests and the processes that it started. */
export interface Observation extends Ending {
  readonly requests: readonly BoxRequest[];
  /** The command lines of the processes that the program started, in order. */
  readonly processes: readonly string[];
}

/** A developer's machine. */
export interface Laptop {
  readonly folder: string;
  readonly box: Box;
  /** Runs a program of this folder, such as `"default_credential"`, with a library. */
  run(library: Library, program: string, circumstances: Circumstances): Promise<Observation>;
  /** Starts a program, concurrently with others. `configuration` is the folder of the Azure CLI. */
  start(library: Library, program: string, circumstances: Circumstances & { configuration: string }): Child;
  /** Runs the Azure CLI. Rejects with its output if it fails. */
  az(configuration: string, args: readonly string[]): Promise<void>;
  /** Creates a configuration folder of a signed-in Azure CLI. */
  copyConfiguration(): Promise<string>;
  /** Ends the machine, but not esbuild, which built the package. */
  close(): Promise<void>;
}

/** Options of {@linkcode startLaptop}. */
export interface LaptopOptions extends Omit<BoxOptions, "folder"> {
  /** The arguments of each `az login`, in order. */
  readonly logins: readonly (readonly string[])[];
  readonly programs?: Programs | undefined;
}

/** Returns why the machine cannot be started here, or `false`. */
export async function whyNoLaptop(): Promise<string | false> {
  const isolation = await whyNotIsolated("");
  if (isolation) return isolation;
  for (
    const [what, command, debianPackage] of [
      ["Azure CLI", [PYTHON, "-c", "import azure.cli"], "azure-cli"],
      ["azure-identity", [PYTHON, "-c", "import azure.identity"], "python3-azure"],
    ] as const
  ) {
    const { code } = await startProgram(command).ended;
    if (code !== 0) return `There is no ${what}: install Debian's package ${debianPackage}`;
  }
  return false;
}

/** Starts the machine, and signs the Azure CLI in. */
export async function startLaptop({ logins, programs = {}, ...options }: LaptopOptions): Promise<Laptop> {
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
  await writeTools(join(folder, "tools"), started, programs);
  const box = await startBox({ folder, ...options });
  const signedIn = join(folder, "azure");
  const empty = join(folder, "empty");
  await mkdir(empty);
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
      case "newest python":
        return [programs.python!, `${sources}${program}.py`];
      case "go":
        return [programs.go!];
    }
  }

  function variables(configuration: string): Record<string, string> {
    return {
      ...trust(box.authorityPath),
      REQUESTS_CA_BUNDLE: box.authorityPath,
      SSL_CERT_FILE: box.authorityPath,
      AZURE_CONFIG_DIR: configuration,
      AZURE_CORE_COLLECT_TELEMETRY: "0",
    };
  }

  /** Sets the `PATH` for the program only, because the command that starts it needs another one. */
  function withTools(tools: readonly Tool[], command: readonly string[]): string[] {
    const path = tools.length > 0 ? tools.map((tool) => join(folder, "tools", tool)).join(":") : empty;
    return ["/usr/bin/env", `PATH=${path}`, ...command];
  }

  async function az(configuration: string, args: readonly string[]): Promise<void> {
    const { code, stdout, stderr } = await box.start([programs.az ?? AZ, ...args], variables(configuration)).ended;
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
      // A copy for each run, because the Azure CLI caches tokens.
      const configuration = isSignedIn ? await copyConfiguration() : empty;
      const command = withTools(tools, [...commandOf(library, program), ...args]);
      const ending = await box.run(command, { ...variables(configuration), ...env }, mostRequests);
      // A tool may run longer than the program, and its requests would count as those of the next program.
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
 * Writes the tools, each in a folder of its own. Each tool records its command line. PowerShell and the Azure Developer
 * CLI are not installed: their replacements print the tokens "of-pwsh" and "of-azd", in the format that the library
 * requests.
 */
async function writeTools(folder: string, started: string, { az = AZ, azd }: Programs): Promise<void> {
  const tools: Record<Tool, string> = {
    az: `exec ${az} "$@"`,
    "refused az":
      `echo "ERROR: AADSTS50076: Due to a configuration change, you must use multi-factor authentication." >&2
exit 1`,
    "unreadable az": "echo Welcome",
    "hanging az": "exec /bin/sleep 600",
    pwsh: `PATH=/usr/bin:/bin
case "$*" in */[?]*) exit 0;; esac
script="$* $(for word; do last=$word; done; printf %s "$last" | base64 -d 2>/dev/null | tr -d '\\0')"
end=$(($(date +%s) + 3600))
case "$script" in
  *AZWEB_IDENTITY_RESOURCE*) echo '{"token":"of-pwsh","expiresOn":'$end'}';;
  *azsdk%*) echo "azsdk%of-pwsh%$end";;
  *minimumVersion*) echo '{"Token":"of-pwsh","ExpiresOn":'$end'}';;
  *) echo '{"Token":"of-pwsh","ExpiresOn":"'$(date -u -d @$end +%Y-%m-%dT%H:%M:%SZ)'"}';;
esac`,
    azd: azd ? `exec ${azd} "$@"` : `PATH=/usr/bin:/bin
echo '{"token":"of-azd","expiresOn":"'$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)'"}'`,
  };
  for (const [name, lines] of Object.entries(tools)) {
    const program = name.split(" ").at(-1)!;
    const path = join(folder, name, program);
    await mkdir(join(folder, name), { recursive: true });
    // One write per line, because several tools may run concurrently.
    const log = `line=$(echo "${program} $*" | /usr/bin/tr '\\n' ' ')\necho "$line" >>'${started}'`;
    await writeFile(path, `#!/bin/sh\n${log}\n${lines}\n`);
    await chmod(path, 0o755);
  }
}
