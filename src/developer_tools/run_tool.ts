import { withTimeout } from "../core/timeout.ts";
import type { Settings } from "../core/settings.ts";
import { isUnavailable } from "../core/unavailable.ts";
import { memberOf, messageOf } from "../core/unknown_errors.ts";
import { fileFinder } from "../runtime/file_exists.ts";
import { textFileReader } from "../runtime/files.ts";
import { missingPermission } from "../runtime/permission.ts";
import { programRunner } from "../runtime/process.ts";
import type { CommandOutput, RuntimeOverrides } from "../runtime/runtime.ts";
import { commandLines, type Folders, safeFolder } from "./command_lines.ts";
import { sanitizeOutput, type ToolCommand, type ToolFailure, type ToolProgram, unavailable } from "./tool.ts";

/** The context that a tool runs in. */
export interface ToolContext {
  readonly settings: Settings;
  /** The members that replace those of the runtime. */
  readonly runtime: RuntimeOverrides;
  /** The name of the operating system in Node. */
  readonly platform: string | undefined;
  /** The current variables of `options.env`, if it is set. The tool then gets no other variables. */
  readonly variables: Readonly<Record<string, string>> | undefined;
  /** The time limit, and the option that it comes from. */
  readonly limit: { readonly ms: number; readonly option: string };
}

/**
 * Runs a tool to its end. Rejects with a `CredentialUnavailableError` if it is not installed, cannot be started, or
 * exceeds the rest of its time limit.
 */
export async function runTool(
  tool: ToolProgram,
  { args, env }: ToolCommand,
  context: ToolContext,
  { signal, elapsedInMs }: { readonly signal: AbortSignal; readonly elapsedInMs: number },
): Promise<CommandOutput> {
  const { settings, runtime, variables, limit: { ms, option } } = context;
  const run = programRunner(runtime);
  if (!run) {
    throw unavailable(tool, {
      outcome: "absent",
      reason: "This runtime cannot start programs",
      nextStep: 'Pass the option "runtime.run"',
    });
  }
  const folders = foldersOf(context);
  if (folders.path === "") throw unavailable(tool, pathMissing(tool, context));
  const [{ name }] = tool.programs as [{ name: string }];
  const commandLine = `"${[name, ...args].slice(0, 3).join(" ")}"`;
  const onTimeout = () =>
    unavailable(tool, {
      outcome: "inconclusive",
      reason: `${commandLine} did not end within the ${ms} ms of "${option}", and was stopped`,
      nextStep: "Run it by hand to see what it waits for, or give it more time",
    });
  let missingFlag: string | undefined;
  let failure: string | undefined;
  const given = givenVariables(tool, context);
  for (
    const { path, command, args: line, verbatim } of tool.programs.flatMap((program) =>
      commandLines(program, args, folders)
    )
  ) {
    // The shell always exists, and reports a missing batch file in the language of the system.
    if (verbatim && await fileFinder(runtime)?.(path) === false) continue;
    const options = {
      cwd: safeFolder(folders),
      env: { ...given, ...env },
      clearEnv: variables !== undefined,
      windowsVerbatimArguments: verbatim,
    };
    try {
      const output = await withTimeout((signal) => run(command, line, { ...options, signal }), {
        sleep: settings.sleep,
        ms: Math.max(ms - elapsedInMs, 0),
        onTimeout,
        outer: signal,
      });
      checkOutput(output);
      return output;
    } catch (error) {
      const code = memberOf(error, "code");
      if (isUnavailable(error)) throw error;
      const flag = missingPermission(error, { run: name });
      if (flag) missingFlag = flag;
      // Another folder may have a program that can be started.
      else if (!/^(ENOENT|EACCES|ENOTDIR)$/.test(String(code))) {
        failure ??= sanitizeOutput(messageOf(error)) || "It gave no reason";
      }
      // The output was too long: the program was started, so that no other one is.
      if (memberOf(error, "name") === "RangeError") break;
    }
  }
  if (failure !== undefined) {
    throw unavailable(tool, {
      outcome: "inconclusive",
      reason: `${commandLine} could not be run: ${failure}`,
      nextStep: "Run it by hand to see whether it works",
    });
  }
  if (!missingFlag) throw notInstalled(tool);
  throw unavailable(tool, {
    outcome: "absent",
    reason: `${namesOf(tool)} cannot be started, or no folder of PATH has it`,
    // On Windows a shell may have to start the tool, for which Deno needs the permission to run all programs.
    nextStep: `Run ${
      missingFlag.replace(/--allow-run=.*/, runFlags(tool, context))
    }, or install it, see ${tool.installation}`,
  });
}

/** Throws a `TypeError` for a malformed output, which `runtime.run` may return. */
function checkOutput(output: CommandOutput): void {
  const { code, stdout, stderr } = Object(output) as Partial<CommandOutput>;
  if (typeof code === "number" && typeof stdout === "string" && typeof stderr === "string") return;
  throw new TypeError('"runtime.run" must return an object with "code", "stdout" and "stderr"');
}

/** Returns the flags with which Deno lets a tool be started. */
function runFlags({ programs }: ToolProgram, { platform }: ToolContext): string {
  return platform === "win32" ? "--allow-read --allow-run" : `--allow-run=${programs[0]!.name}`;
}

/** Returns the path of a tool's program; `""` if no folder has it, `undefined` if a folder may not be searched. */
export async function findProgram(tool: ToolProgram, context: ToolContext): Promise<string | undefined> {
  const fileExists = fileFinder(context.runtime);
  let missing: "" | undefined = "";
  for (const { path } of tool.programs.flatMap((program) => commandLines(program, [], foldersOf(context)))) {
    const exists = await fileExists?.(path);
    if (exists) return path;
    if (exists === undefined) missing = undefined;
  }
  return missing;
}

/**
 * Returns the variables that the options give to the tool: all of `options.env`, or the known variables of the tool
 * from `runtime.env`, which cannot be listed.
 */
export function givenVariables(
  tool: ToolProgram,
  { settings, runtime, variables }: ToolContext,
): Record<string, string> {
  if (variables || !runtime.env) return { ...variables };
  return Object.fromEntries(tool.variables.flatMap((name) => {
    const value = settings.env(name);
    return value === undefined ? [] : [[name, value]];
  }));
}

/** Returns the text of a file; `""` if it is not there or may not be read. */
export async function readText(runtime: RuntimeOverrides, path: string): Promise<string> {
  return await fileFinder(runtime)?.(path) ? await textFileReader(runtime)?.(path) ?? "" : "";
}

/** Returns the folders that have programs. */
export function foldersOf({ platform, settings: { env } }: ToolContext): Folders {
  const isWindows = platform === "win32";
  // Only if the first is not set, because Deno may prompt for each variable.
  const path = env("PATH") ?? (isWindows ? env("Path") : undefined) ?? "";
  return { isWindows, path, systemRoot: isWindows ? env("SystemRoot") ?? env("SYSTEMROOT") : undefined };
}

/** Returns the failure of a tool that cannot be looked for without the variable `PATH`. */
export function pathMissing(tool: ToolProgram, context: ToolContext): ToolFailure {
  const { settings, runtime, variables } = context;
  if (variables) {
    const nextStep = "Add it: the variables of the process are ignored beside that option";
    return { outcome: "absent", reason: 'The option "env" has no PATH', nextStep };
  }
  const flag = settings.missingEnvPermission(tool.variables);
  return {
    outcome: "absent",
    reason: "The variable PATH is not set, or cannot be read",
    nextStep: flag
      ? `Run ${flag}${runtime.run ? "" : ` ${runFlags(tool, context)}`}`
      : "Set it to the folders that programs are in",
  };
}

/**
 * Returns the error of a tool that is not installed, or not completely, which a shell or the tool itself has reported.
 */
export function notInstalled(tool: ToolProgram, detail = ""): Error {
  const failure = notFound(tool);
  return unavailable(
    tool,
    detail ? { ...failure, reason: `It is not installed, or lacks something: ${detail}` } : failure,
  );
}

/** Returns the failure of a tool that no folder has. */
export function notFound(tool: ToolProgram): ToolFailure {
  return {
    outcome: "absent",
    reason: `No folder of PATH has the program ${namesOf(tool)}`,
    nextStep: `Install it, see ${tool.installation}`,
  };
}

/** Returns the names of the programs of a tool, for a message. */
export function namesOf({ programs }: ToolProgram): string {
  return programs.map(({ name }) => `"${name}"`).join(" or ");
}
