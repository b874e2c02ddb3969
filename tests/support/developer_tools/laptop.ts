/**
 * A machine on which every part of `DefaultAzureCredential` can be there or not: portable.
 *
 * @module
 */
import { DefaultAzureCredential, type DefaultAzureCredentialClientIdOptions, type LogEvent } from "@azweb/identity";
import type { CommandOutput } from "@azweb/identity/runtime";
import { createFakeClock, type FakeClock } from "@azweb/identity/testing";
import {
  CLIENT_ID,
  federatedToken,
  IMDS,
  machineAnswer,
  machineOptions,
  MACHINES,
} from "../managed_identity/machine.ts";
import { type Asked, createService, jsonAnswer, type Service, TENANT, tokenAnswer } from "../service.ts";
import {
  ANSWERS,
  createPrograms,
  HOUR,
  noProgram,
  PROFILE,
  type Programs,
  SIGNED_IN,
  type Started,
  type ToolName,
} from "./tool.ts";

const TOKEN_FILE = "/var/run/secrets/token";

/** The parts of the chain, in order. */
export const NAMES = [
  "EnvironmentCredential",
  "WorkloadIdentityCredential",
  "ManagedIdentityCredential",
  "AzureCliCredential",
  "AzurePowerShellCredential",
  "AzureDeveloperCliCredential",
] as const;

/** The name of a part. */
export type Name = typeof NAMES[number];

export const TOOL_OF: Readonly<Partial<Record<Name, ToolName>>> = {
  AzureCliCredential: "az",
  AzurePowerShellCredential: "pwsh",
  AzureDeveloperCliCredential: "azd",
};

/** The variables that each part needs. */
export const VARIABLES: Readonly<Partial<Record<Name, Readonly<Record<string, string>>>>> = {
  EnvironmentCredential: { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT_ID, AZURE_CLIENT_SECRET: "a-secret" },
  WorkloadIdentityCredential: {
    AZURE_TENANT_ID: TENANT,
    AZURE_CLIENT_ID: CLIENT_ID,
    AZURE_FEDERATED_TOKEN_FILE: TOKEN_FILE,
  },
  ManagedIdentityCredential: MACHINES["App Service"],
};

/** What a tool does: a part of its output, an error, or a promise of one of them. */
export type ToolBehaviour = (started: Started, index: number) => unknown;

/** What is there, and how it behaves. */
export interface LaptopOptions extends DefaultAzureCredentialClientIdOptions {
  /** The parts that are there. Default: none. */
  readonly has?: readonly Name[];
  /** What the tools do, of those that are there. Default: they answer. */
  readonly tools?: Readonly<Partial<Record<ToolName, ToolBehaviour>>>;
  /** What stands at the link-local address and on the loopback. Default: a managed identity that is named, else nobody. */
  readonly near?: (asked: Asked) => unknown;
  /** What Microsoft Entra answers. Default: a token. */
  readonly answer?: (asked: Asked) => unknown;
  /** Whether somebody has signed in with az, and may be looked up; or what its file holds. Default: where it is there. */
  readonly hasProfile?: boolean | "forbidden" | { readonly text: string };
  readonly clock?: FakeClock;
  /** Variables besides those of the parts. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Files besides those of the parts. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A machine, and what happened on it. */
export interface Laptop {
  readonly credential: DefaultAzureCredential;
  readonly clock: FakeClock;
  readonly programs: Programs;
  readonly entra: Service;
  readonly near: Service;
  readonly events: readonly LogEvent[];
  /** The names of the tools that were started and were there, in order. */
  ran(): ToolName[];
  /** Which part was selected. */
  selected(): string[];
}

/** Makes a machine. */
export function createLaptop(
  {
    has = [],
    tools = {},
    near = has.includes("ManagedIdentityCredential") ? () => machineAnswer() : nobody,
    answer = () => tokenAnswer({ access_token: "of Entra" }),
    hasProfile = has.includes("AzureCliCredential"),
    clock = createFakeClock(),
    variables = {},
    files: otherFiles = {},
    ...options
  }: LaptopOptions = {},
): Laptop {
  const service = createService(near);
  const entra = createService(answer);
  const present = has.map((name) => TOOL_OF[name]);
  const programs = createPrograms((started, index) => {
    const tool = toolIn(started);
    if (!tool || !present.includes(tool)) return noProgram();
    const end = Math.floor((clock.now() + HOUR) / 1000) * 1000;
    return (tools[tool] ?? (() => ANSWERS[tool](end)))(started, index);
  });
  const own = Object.assign({ PATH: "/usr/bin", HOME: "/home/jo" }, ...has.map((name) => VARIABLES[name]), variables);
  const files = {
    ...otherFiles,
    [TOKEN_FILE]: federatedToken(),
    ...hasProfile && { [PROFILE]: typeof hasProfile === "object" ? hasProfile.text : SIGNED_IN },
    ...Object.fromEntries(present.filter(Boolean).map((tool) => [`/usr/bin/${tool}`, ""])),
  };
  const fileExists = (path: string) =>
    path === PROFILE && hasProfile === "forbidden"
      ? Promise.reject(new Error("Permission denied"))
      : Promise.resolve(path in files);
  const machine = machineOptions({ env: own, files, service, ...clock, run: programs.run, fileExists });
  const events: LogEvent[] = [];
  const credential = new DefaultAzureCredential({
    ...{ ...machine, fetch: entra.fetch, log: (event: LogEvent) => void events.push(event) },
    ...options,
  });
  return {
    credential,
    clock,
    programs,
    entra,
    near: service,
    events,
    ran: () =>
      programs.started.map(toolIn).filter((tool): tool is ToolName => tool !== undefined && present.includes(tool)),
    selected: () => events.filter(({ event }) => event === "credential-selected").map(({ credential }) => credential),
  };
}

/** Nobody at the link-local address. */
export function nobody(): Response {
  return new Response("", { status: 404 });
}

/** The metadata service, whose identity is the machine's. */
export function metadata({ url, headers }: Asked): Response {
  if (!url.startsWith(IMDS) || headers.has("metadata")) return machineAnswer();
  return jsonAnswer({ error: "invalid_request" }, { status: 400 });
}

/** A tool at which somebody has to sign in. */
export function signedOut(): Partial<CommandOutput> {
  return {
    code: 1,
    stderr:
      "Please run 'az login' to setup account. Not logged in, run `azd auth login` to login. Run Connect-AzAccount to login.",
  };
}

function toolIn({ command }: Started): ToolName | undefined {
  return (["az", "azd", "pwsh"] as const).find((tool) => command === `/usr/bin/${tool}`);
}
