/**
 * A developer's machine whose tools are one function, which sees how they are started and says what they answer: portable.
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
/** What stands in it where somebody is signed in. */
export const SIGNED_IN = '{"subscriptions":[{"id":"s"}]}';

/** A program as it was started. */
export interface Started {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: RunOptions;
}

/** What a program does: a part of its output, an error, or a promise of one of them. */
export type Behaviour = (started: Started, index: number) => unknown;

/** Programs, and how they were started, in order. */
export interface Programs {
  readonly run: NonNullable<Runtime["run"]>;
  readonly started: readonly Started[];
  /** Resolves as soon as so many were started. */
  untilStarted(count: number): Promise<void>;
}

/** Makes programs of the function that behaves like them; it gets each start and how many there were before. */
export function createPrograms(behave: Behaviour): Programs {
  const started: Started[] = [];
  const { changed, until } = createWatch();
  // deno-lint-ignore require-await
  async function run(command: string, args: readonly string[], options: RunOptions): Promise<CommandOutput> {
    const one = { command, args, options };
    started.push(one);
    changed();
    const output = behave(one, started.length - 1);
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

/** What a runtime rejects with where there is no such program. */
export function noProgram(code = "ENOENT"): Error {
  return Object.assign(new Error(`spawn ${code}`), { code });
}

/** Never ends by itself, and goes when it is told to. */
export function hang({ options: { signal } }: Started): Promise<never> {
  return new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason), { once: true }));
}

/** What each tool answers whose token ends at a time. */
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

/** The tools by the name of their program. */
export type ToolName = "az" | "azd" | "pwsh";

/** A credential that gives a token or fails. */
export interface ToolCredential {
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken>;
}

/** The credentials of the tools. */
export const TOOLS: Readonly<Record<ToolName, new (options?: AzureCliCredentialOptions) => ToolCredential>> = {
  az: AzureCliCredential,
  azd: AzureDeveloperCliCredential,
  pwsh: AzurePowerShellCredential,
};

/** The names of the credentials' classes: what errors begin with. */
export const CREDENTIALS: Readonly<Record<ToolName, string>> = {
  az: "AzureCliCredential",
  azd: "AzureDeveloperCliCredential",
  pwsh: "AzurePowerShellCredential",
};

/** What somebody's machine has. */
export interface Desk {
  readonly env?: Readonly<Record<string, unknown>>;
  readonly platform?: string;
  /** Its files, by path: may change. */
  readonly files?: Record<string, string>;
  readonly clock?: FakeClock;
}

/** The options of a credential on somebody's machine, which lives in the test alone. */
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
    ...isolatedOptions({ fetch: () => Promise.reject(new Error("A tool sends no request of ours")) }),
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

/** The credential of a tool on somebody's machine, and how the tool was started. */
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
