import { withDeadline } from "../core/deadline.ts";
import type { Settings } from "../core/settings.ts";
import { messageOf } from "../core/unknown_errors.ts";
import { CredentialUnavailableError } from "../errors.ts";
import { fileFinder } from "../runtime/file_exists.ts";
import { textFileReader } from "../runtime/files.ts";
import { missingPermission } from "../runtime/permission.ts";
import { programRunner } from "../runtime/process.ts";
import type { CommandOutput, RuntimeOverrides } from "../runtime/runtime.ts";
import { commandLines, type Folders, safeFolder } from "./command_lines.ts";
import { type DeveloperTool, told, type ToolCommand, type ToolFailure, unavailable } from "./tool.ts";

/** What a tool runs with. */
export interface Workplace {
  readonly settings: Settings;
  /** The members that were handed in, which win over those of the runtime. */
  readonly runtime: RuntimeOverrides;
  /** The operating system, by its name in Node. */
  readonly platform: string | undefined;
  /** All variables as they are now, where they were handed in: then the tool gets no others. */
  readonly variables: Readonly<Record<string, string>> | undefined;
  /** How long it may take, and by which option. */
  readonly limit: { readonly ms: number; readonly option: string };
}

/**
 * Runs a tool to its end. Rejects with a `CredentialUnavailableError` where it is not there, may not be started, or takes too long.
 */
export async function runTool(
  tool: DeveloperTool,
  { args, env }: ToolCommand,
  workplace: Workplace,
  signal: AbortSignal,
): Promise<CommandOutput> {
  const { settings, runtime, variables, limit: { ms, option } } = workplace;
  const run = programRunner(runtime);
  if (!run) {
    throw unavailable(tool, {
      outcome: "absent",
      reason: "This runtime starts no programs",
      nextStep: 'Give "runtime.run"',
    });
  }
  const place = foldersOf(workplace);
  if (place.path === "") throw unavailable(tool, withoutPath(tool, workplace));
  const [{ name }] = tool.programs as [{ name: string }];
  const asked = `"${[name, ...args].slice(0, 3).join(" ")}"`;
  const late = () =>
    unavailable(tool, {
      outcome: "inconclusive",
      reason: `${asked} did not end within the ${ms} ms of "${option}", and was stopped`,
      nextStep: "Run it by hand to see what it waits for, or give it more time",
    });
  let forbidden: string | undefined;
  let failure: string | undefined;
  const handed = handedIn(tool, workplace);
  for (
    const { path, command, args: line, verbatim } of tool.programs.flatMap((program) =>
      commandLines(program, args, place)
    )
  ) {
    // A shell would be there in any case, and would say in a language of its own that there is nothing for it to run.
    if (verbatim && await fileFinder(runtime)?.(path) === false) continue;
    const options = {
      cwd: safeFolder(place),
      env: { ...handed, ...env },
      clearEnv: variables !== undefined,
      windowsVerbatimArguments: verbatim,
    };
    try {
      return await withDeadline((signal) => run(command, line, { ...options, signal }), {
        sleep: settings.sleep,
        ms,
        late,
        outer: signal,
      });
    } catch (error) {
      const { code } = Object(error) as { code?: unknown };
      if (error instanceof CredentialUnavailableError) throw error;
      const flag = missingPermission(error, { run: name });
      if (flag) forbidden = flag;
      // Another folder may have one that can be started.
      else if (!/^(ENOENT|EACCES|ENOTDIR)$/.test(String(code))) failure ??= told(messageOf(error));
      // It was started, and is not asked twice.
      if (error instanceof RangeError) break;
    }
  }
  if (failure !== undefined) {
    throw unavailable(tool, {
      outcome: "inconclusive",
      reason: `${asked} could not be run: ${failure}`,
      nextStep: "Run it by hand to see whether it works",
    });
  }
  if (!forbidden) throw absent(tool);
  throw unavailable(tool, {
    outcome: "absent",
    reason: `${namesOf(tool)} may not be started, or no folder of PATH has it`,
    // On Windows a shell starts it.
    nextStep: `Run ${place.isWindows ? forbidden.replace(/--allow-run=.*/, "--allow-read --allow-run") : forbidden}, ` +
      `or install it, see ${tool.installation}`,
  });
}

/**
 * Returns the variables that were handed in and that the tool gets: all of `options.env`, or of `runtime.env`, which cannot be listed, those
 * that say where the tool is and where it keeps its sign-in.
 */
export function handedIn(tool: DeveloperTool, { settings, runtime, variables }: Workplace): Record<string, string> {
  if (variables || !runtime.env) return { ...variables };
  return Object.fromEntries(tool.variables.flatMap((name) => {
    const value = settings.env(name);
    return value === undefined ? [] : [[name, value]];
  }));
}

/** Returns the text of a file; empty where it is not there, or may not be read. */
export async function readText(runtime: RuntimeOverrides, path: string): Promise<string> {
  return await fileFinder(runtime)?.(path) ? await textFileReader(runtime)?.(path) ?? "" : "";
}

/** Returns where programs are. */
export function foldersOf({ platform, settings: { env } }: Workplace): Folders {
  const isWindows = platform === "win32";
  // What is looked up in vain may be a question to somebody.
  const path = env("PATH") ?? (isWindows ? env("Path") : undefined) ?? "";
  return { isWindows, path, systemRoot: isWindows ? env("SystemRoot") ?? env("SYSTEMROOT") : undefined };
}

/** Says that nobody knows where programs are, and what to do. */
export function withoutPath({ variables: names }: DeveloperTool, { settings, variables }: Workplace): ToolFailure {
  if (variables) {
    const nextStep = "Add it: no variable of the process counts beside that option";
    return { outcome: "absent", reason: 'The option "env" has no PATH', nextStep };
  }
  const flag = settings.missingEnvPermission(names);
  return {
    outcome: "absent",
    reason: "The variable PATH is not set, or may not be read",
    nextStep: flag ? `Run ${flag}` : "Set it to the folders that programs are in",
  };
}

/** Returns the error of a tool that is not installed, or not whole: then a shell, or what was started, said so. */
export function absent(tool: DeveloperTool, said = ""): Error {
  return unavailable(tool, {
    outcome: "absent",
    reason: said
      ? `It is not installed, or lacks something: ${said}`
      : `No folder of PATH has the program ${namesOf(tool)}`,
    nextStep: `Install it, see ${tool.installation}`,
  });
}

/** Returns the programs that may be the tool, as a message says it. */
export function namesOf({ programs }: DeveloperTool): string {
  return programs.map(({ name }) => `"${name}"`).join(" or ");
}
