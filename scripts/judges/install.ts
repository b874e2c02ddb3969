/**
 * Installs the official libraries and tools, each version once, in a cache of the project.
 *
 * @module
 */
import type { Programs } from "../../tests/support/interop/boxed_laptop.ts";
import { digestOf } from "../cached_folder.ts";
import { ROOT, run, runOrThrow } from "../run.ts";

const PYTHON_PACKAGES: readonly string[] = ["azure-identity==1.27.0", "azure-cli==2.91.0"];
const AZIDENTITY = "github.com/Azure/azure-sdk-for-go/sdk/azidentity@v1.15.0";

/** The folder for caches, which Git and Deno ignore. */
const CACHE = `${ROOT}node_modules/.cache/azweb-identity-judges`;
const TEN_MINUTES = 600_000;

/** The installed programs, and their versions by name. */
export interface Judges {
  readonly programs: Programs;
  readonly versions: Readonly<Record<string, string>>;
}

/** Installs azure-identity and the Azure CLI with pip, and builds a program with azidentity for Go. Finds azd. */
export async function installJudges(): Promise<Judges> {
  const [venv, go, azd] = await Promise.all([installPython(), buildGo(), findProgram("azd")]);
  const python = `${venv}/bin/python`;
  const az = `${venv}/bin/az`;
  const list = await runOrThrow(python, ["-m", "pip", "list", "--format=freeze"]);
  const versionOf = (name: string) => new RegExp(`^${name}==(.+)$`, "m").exec(list)?.[1] ?? "unknown";
  return {
    programs: { az, python, go, ...azd && { azd } },
    versions: {
      "azure-identity for Python": `${versionOf("azure-identity")} (msal ${versionOf("msal")})`,
      "azidentity for Go": AZIDENTITY.split("@v")[1]!,
      "Azure CLI": versionOf("azure-cli"),
      "Debian's Azure CLI": await versionOfDebiansCli(),
      "Azure Developer CLI": azd
        ? (await run(azd, ["version"])).stdout.replace(/ \(commit.*/s, "").trim()
        : "not on PATH: replaced by a script",
    },
  };
}

/**
 * Creates a virtual environment. It cannot be built elsewhere and then moved, so a file in it marks it as complete.
 */
async function installPython(): Promise<string> {
  const venv = `${CACHE}/python-${await digestOf(PYTHON_PACKAGES)}`;
  if (await exists(`${venv}/complete`)) return venv;
  await Deno.remove(venv, { recursive: true }).catch(() => {});
  await runOrThrow("python3", ["-m", "venv", venv]);
  await runOrThrow(`${venv}/bin/python`, ["-m", "pip", "install", "--quiet", ...PYTHON_PACKAGES], {
    timeoutInMs: TEN_MINUTES,
  });
  await Deno.writeTextFile(`${venv}/complete`, "");
  return venv;
}

/** Builds the program with azidentity, and returns its path. */
async function buildGo(): Promise<string> {
  const source = `${ROOT}scripts/judges/default_credential.go`;
  const folder = `${CACHE}/go-${await digestOf([AZIDENTITY, await Deno.readTextFile(source)])}`;
  const path = `${folder}/default_credential`;
  if (await exists(path)) return path;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.copyFile(source, `${folder}/main.go`);
  const go = (...args: string[]) => runOrThrow("go", args, { cwd: folder, timeoutInMs: TEN_MINUTES });
  if (!await exists(`${folder}/go.mod`)) await go("mod", "init", "example.com/judge");
  await go("get", AZIDENTITY);
  await go("build", "-o", path, ".");
  return path;
}

async function versionOfDebiansCli(): Promise<string> {
  const { stdout } = await run("/usr/bin/az", ["version", "--output", "tsv", "--query", '"azure-cli"']);
  return stdout.trim();
}

/** Returns the path of a program on `PATH`, or `undefined`. */
async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    if (await exists(`${folder}/${name}`)) return `${folder}/${name}`;
  }
}

function exists(path: string): Promise<boolean> {
  return Deno.stat(path).then(() => true, () => false);
}
