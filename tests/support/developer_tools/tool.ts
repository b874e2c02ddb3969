/**
 * A developer's machine whose tools are simulated by one function, which gets their command lines and returns their
 * output. Runs on every runtime.
 *
 * @module
 */
import {
  type AccessToken,
  AzureCliCredential,
  type AzureCliCredentialOptions,
  AzureDeveloperCliCredential,
  AzurePowerShellCredential,
  type DeveloperToolCredentialOptions,
  type GetTokenOptions,
  type LogEvent,
} from "@azweb/identity";
import type { CommandOutput, RunOptions, Runtime } from "@azweb/identity/runtime";
import { createFakeClock, type FakeClock } from "@azweb/identity/testing";
import { isolatedOptions } from "../service.ts";
import { createWatch } from "./watch.ts";

export const NOW: number = Date.parse("2026-11-23T10:00:00Z");
export const HOUR = 3_600_000;
export const PROFILE = "/home/jo/.azure/azureProfile.json";
/** The profile of a signed-in user. */
export const SIGNED_IN = '{"subscriptions":[{"id":"s"}]}';

/** The start of a program. */
export interface Started {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: RunOptions;
}

/** The behaviour of a program: it returns a part of its output, an error, or a promise of one of them. */
export type Behaviour = (started: Started, index: number) => unknown;

/** Simulated programs and their starts, in order. */
export interface Programs {
  readonly run: NonNullable<Runtime["run"]>;
  readonly started: readonly Started[];
  /** Resolves as soon as `count` programs were started. */
  untilStarted(count: number): Promise<void>;
}

/** Creates programs from a function that returns their output. It gets each start and the number of previous ones. */
export function createPrograms(behave: Behaviour): Programs {
  const started: Started[] = [];
  const { changed, until } = createWatch();
  // deno-lint-ignore require-await
  async function run(command: string, args: readonly string[], options: RunOptions): Promise<CommandOutput> {
    const start = { command, args, options };
    started.push(start);
    changed();
    const output = behave(start, started.length - 1);
    return output instanceof Promise ? output.then(asOutput) : asOutput(output);
  }
  return {
    run,
    started,
    untilStarted: (count) => until(() => started.length >= count),
  };
}

function asOutput(output: unknown): CommandOutput {
  if (output instanceof Error) throw output;
  return { code: 0, stdout: "", stderr: "", ...output as Partial<CommandOutput> };
}

/** Returns the error of a runtime if a program does not exist. */
export function noProgram(code = "ENOENT"): Error {
  return Object.assign(new Error(`spawn ${code}`), { code });
}

/** Does not end until its signal aborts. */
export function hang({ options: { signal } }: Started): Promise<never> {
  return new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason), { once: true }));
}

/** Functions that return the output of each tool with a token that expires at a given time. */
export const ANSWERS: Readonly<Record<ToolName, (expiresOn?: number, token?: string) => Partial<CommandOutput>>> = {
  az: (expiresOn = NOW + HOUR, token = "of az") =>
    json({
      accessToken: token,
      expiresOn: "2026-11-23 11:00:00.000000",
      expires_on: expiresOn / 1000,
      subscription: "a-subscription",
      tenant: "a-tenant",
      tokenType: "Bearer",
    }),
  azd: (expiresOn = NOW + HOUR, token = "of azd") =>
    json({ token, expiresOn: new Date(expiresOn).toISOString().replace(".000Z", "Z") }),
  pwsh: (expiresOn = NOW + HOUR, token = "of pwsh") => json({ token, expiresOn: expiresOn / 1000 }),
};

function json(value: unknown): Partial<CommandOutput> {
  return { stdout: `${JSON.stringify(value)}\n` };
}

/** The names of the tools' programs. */
export type ToolName = "az" | "azd" | "pwsh";

/** A credential of a tool. */
export interface ToolCredential {
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken>;
}

/** Functions that create the credential of each tool. */
export const TOOLS: Readonly<Record<ToolName, new (options?: AzureCliCredentialOptions) => ToolCredential>> = {
  az: AzureCliCredential,
  azd: AzureDeveloperCliCredential,
  pwsh: AzurePowerShellCredential,
};

/** The names of the credentials, with which errors begin. */
export const CREDENTIALS: Readonly<Record<ToolName, string>> = {
  az: "AzureCliCredential",
  azd: "AzureDeveloperCliCredential",
  pwsh: "AzurePowerShellCredential",
};

/** The properties of a developer's machine. */
export interface Desk {
  readonly env?: Readonly<Record<string, unknown>>;
  readonly platform?: string;
  /** The files by path, which may change. */
  readonly files?: Record<string, string>;
  readonly clock?: FakeClock;
}

/** Returns the options of a credential on a developer's machine, isolated from the real machine. */
export function deskOptions(
  programs: Pick<Programs, "run">,
  {
    env = { PATH: "/usr/bin", HOME: "/home/jo" },
    platform = "linux",
    files = {},
    clock = createFakeClock(NOW),
  }: Desk = {},
): DeveloperToolCredentialOptions & { runtime: Partial<Runtime> } {
  return {
    ...isolatedOptions({ fetch: () => Promise.reject(new Error("The credential of a tool must not send a request")) }),
    env,
    runtime: {
      ...clock,
      platform,
      run: programs.run,
      fileExists: (path) => Promise.resolve(path in files),
      readTextFile: (path) => path in files ? Promise.resolve(files[path]!) : Promise.reject(new Error("No such file")),
    },
  };
}

/** Creates the credential of a tool on a developer's machine, and records the starts of the tool. */
export function createDesk(
  tool: ToolName,
  behave: Behaviour = () => ANSWERS[tool](),
  { clock = createFakeClock(NOW), env, platform, files, ...options }: Desk & Omit<AzureCliCredentialOptions, "env"> =
    {},
): { credential: ToolCredential; programs: Programs; clock: FakeClock; events: LogEvent[] } {
  const programs = createPrograms(behave);
  const events: LogEvent[] = [];
  const desk = deskOptions(programs, {
    clock,
    ...env && { env },
    ...platform !== undefined && { platform },
    ...files && { files },
  });
  const log = (event: LogEvent) => void events.push(event);
  return { credential: new TOOLS[tool]({ ...desk, log, ...options }), programs, clock, events };
}
