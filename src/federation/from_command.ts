import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import { resolveSettings } from "../core/settings.ts";
import { checkText } from "../core/validate.ts";
import { AuthenticationError } from "../errors.ts";
import { createSource, type SourceContext } from "./create_source.ts";
import { checkCallbacks } from "./variables.ts";

/** Options of {@linkcode fromCommand}. */
export interface CommandSourceOptions extends AssertionSourceOptions {
  /**
   * Extracts the assertion from the program's standard output. By default, the assertion is the whole output.
   *
   * @param stdout The standard output, one megabyte at most.
   */
  read?: ((stdout: string) => string | undefined) | undefined;
}

/**
 * Returns a source of the tokens that a program writes to its standard output, such as `spire-agent` or
 * `buildkite-agent`. The program is started at each call, without a shell.
 *
 * @param command The name of a program in a folder of `PATH`, or its absolute path.
 * @param args The arguments. The audience is one of them: `options.audience` is ignored.
 * @param options See {@linkcode CommandSourceOptions}.
 * @throws {TypeError} An argument or an option is malformed.
 *
 * @example
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromCommand } from "@azweb/identity/federation";
 *
 * const args = ["api", "fetch", "jwt", "-audience", "api://AzureADTokenExchange", "-output", "json"];
 * const read = (stdout: string) => JSON.parse(stdout)[0].svids[0].svid;
 * const getAssertion = fromCommand("spire-agent", args, { read });
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", getAssertion);
 * ```
 */
export function fromCommand(
  command: string,
  args: readonly string[],
  options: CommandSourceOptions = {},
): AssertionSource {
  checkText(command, "command");
  if (!Array.isArray(args) || !args.every((arg) => typeof arg === "string")) {
    throw new TypeError('Argument "args" must be an array of strings');
  }
  checkCallbacks({ read: options.read });
  const isPath = /[\\/]/.test(command);
  if (isPath && !/^(\/|[a-z]:[\\/])/i.test(command)) {
    throw new TypeError('Argument "command" must be the name of a program, or an absolute path');
  }
  const settings = resolveSettings(options, "fromCommand", "audience read");
  const label = `the assertion of the program "${command}"`;
  return createSource(
    {
      label,
      variables: isPath ? [] : ["PATH"],
      ifEllipticCurve: 'Let it sign by an RSA key; SPIRE has the setting jwt_key_type = "rsa-2048"',
      get: ({ signal }) => runCommand(label, { command, args, options, settings, signal }),
    },
    options,
    settings,
  );
}

/** A program, and how it is run. */
interface Command extends Pick<SourceContext, "settings" | "signal"> {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: CommandSourceOptions;
}

/** Runs a program to its end, and returns the assertion in its output. */
export async function runCommand(
  label: string,
  { command, args, options, settings, signal }: Command,
): Promise<string> {
  // Loaded on demand, because most sources run no program.
  const { runTool } = await import("../developer_tools/run_tool.ts");
  const { toolContext } = await import("../developer_tools/create_tool_get_token.ts");
  const { sanitizeOutput } = await import("../developer_tools/tool.ts");
  const { withoutEscapes } = await import("../developer_tools/tool.ts");
  const end = Math.max(command.lastIndexOf("/"), command.lastIndexOf("\\"));
  const name = command.slice(end + 1).replace(/\.exe$/i, "");
  const folder = end < 0 ? undefined : command.slice(0, end) || "/";
  const tool = { name: `"${name}"`, programs: [{ name }], variables: ["PATH"], installation: "its documentation" };
  const context = {
    ...toolContext(options, {
      ...settings,
      env: (name) => name === "PATH" && folder !== undefined ? folder : settings.env(name),
    }),
    limit: { ms: settings.timeoutInMs, option: "timeoutInMs" },
  };
  const { code, stdout, stderr } = await runTool(tool, { args }, context, { signal, elapsedInMs: 0 });
  if (code === 0) return read(stdout) ?? "";
  throw new AuthenticationError(
    `Cannot get ${label}: It ended with exit code ${code}: ${
      sanitizeOutput(withoutEscapes(stderr)) || "It wrote no message"
    }`,
  );

  function read(stdout: string): string | undefined {
    try {
      return (options.read ?? String)(stdout);
    } catch {
      // The error of a parser may contain the output.
      throw new AuthenticationError(`Cannot get ${label}: The option "read" failed on its output`);
    }
  }
}
