/**
 * A simulated machine on which each credential of `DefaultAzureCredential` can be available or not. Runs on every
 * runtime.
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

/** The credentials of the chain, in order. */
export const NAMES = [
  "EnvironmentCredential",
  "WorkloadIdentityCredential",
  "ManagedIdentityCredential",
  "AzureCliCredential",
  "AzurePowerShellCredential",
  "AzureDeveloperCliCredential",
] as const;

/** The name of a credential. */
export type Name = typeof NAMES[number];

export const TOOL_OF: Readonly<Partial<Record<Name, ToolName>>> = {
  AzureCliCredential: "az",
  AzurePowerShellCredential: "pwsh",
  AzureDeveloperCliCredential: "azd",
};

/** The variables that each credential needs. */
export const VARIABLES: Readonly<Partial<Record<Name, Readonly<Record<string, string>>>>> = {
  EnvironmentCredential: { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT_ID, AZURE_CLIENT_SECRET: "a-secret" },
  WorkloadIdentityCredential: {
    AZURE_TENANT_ID: TENANT,
    AZURE_CLIENT_ID: CLIENT_ID,
    AZURE_FEDERATED_TOKEN_FILE: TOKEN_FILE,
  },
  ManagedIdentityCredential: MACHINES["App Service"],
};

/** The behaviour of a tool: it returns a part of its output, an error, or a promise of one of them. */
export type ToolBehaviour = (started: Started, index: number) => unknown;

/** What is available on the machine, and how it behaves. */
export interface LaptopOptions extends DefaultAzureCredentialClientIdOptions {
  /** The available credentials. Default: none. */
  readonly has?: readonly Name[];
  /** The behaviour of available tools. Default: they print a token. */
  readonly tools?: Readonly<Partial<Record<ToolName, ToolBehaviour>>>;
  /**
   * Responds to requests to the link-local and loopback addresses. Default: a metadata service if `has` contains it,
   * else no response.
   */
  readonly localAnswer?: (asked: Asked) => unknown;
  /** Responds to requests to Microsoft Entra. Default: with a token. */
  readonly answer?: (asked: Asked) => unknown;
  /**
   * Whether the profile of az exists, or is not permitted to be read; or its content. Default: it exists if az is
   * available.
   */
  readonly hasProfile?: boolean | "forbidden" | { readonly text: string };
  readonly clock?: FakeClock;
  /** Variables besides those of the credentials. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Files besides those of the credentials. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A machine and its history. */
export interface Laptop {
  readonly credential: DefaultAzureCredential;
  readonly clock: FakeClock;
  readonly programs: Programs;
  readonly entra: Service;
  readonly localService: Service;
  readonly events: readonly LogEvent[];
  /** Returns the names of the available tools that were started, in order. */
  ran(): ToolName[];
  /** Returns the names of the selected credentials, in order. */
  selected(): string[];
}

/** Creates a machine. */
export function createLaptop(
  {
    has = [],
    tools = {},
    localAnswer = has.includes("ManagedIdentityCredential") ? () => machineAnswer() : noService,
    answer = () => tokenAnswer({ access_token: "of Entra" }),
    hasProfile = has.includes("AzureCliCredential"),
    clock = createFakeClock(),
    variables = {},
    files: otherFiles = {},
    ...options
  }: LaptopOptions = {},
): Laptop {
  const localService = createService(localAnswer);
  const entra = createService(answer);
  const available = has.map((name) => TOOL_OF[name]);
  const programs = createPrograms((started, index) => {
    const tool = toolIn(started);
    if (!tool || !available.includes(tool)) return noProgram();
    const end = Math.floor((clock.now() + HOUR) / 1000) * 1000;
    return (tools[tool] ?? (() => ANSWERS[tool](end)))(started, index);
  });
  const own = Object.assign({ PATH: "/usr/bin", HOME: "/home/jo" }, ...has.map((name) => VARIABLES[name]), variables);
  const files = {
    ...otherFiles,
    [TOKEN_FILE]: federatedToken(),
    ...hasProfile && { [PROFILE]: typeof hasProfile === "object" ? hasProfile.text : SIGNED_IN },
    ...Object.fromEntries(available.filter(Boolean).map((tool) => [`/usr/bin/${tool}`, ""])),
  };
  const fileExists = (path: string) =>
    path === PROFILE && hasProfile === "forbidden"
      ? Promise.reject(new Error("Permission denied"))
      : Promise.resolve(path in files);
  const machine = machineOptions({ env: own, files, service: localService, ...clock, run: programs.run, fileExists });
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
    localService,
    events,
    ran: () =>
      programs.started.map(toolIn).filter((tool): tool is ToolName => tool !== undefined && available.includes(tool)),
    selected: () => events.filter(({ event }) => event === "credential-selected").map(({ credential }) => credential),
  };
}

/** Responds as a machine without a metadata service does. */
export function noService(): Response {
  return new Response("", { status: 404 });
}

/** Responds like the metadata service. */
export function metadata({ url, headers }: Asked): Response {
  if (!url.startsWith(IMDS) || headers.has("metadata")) return machineAnswer();
  return jsonAnswer({ error: "invalid_request" }, { status: 400 });
}

/** Returns the output of a tool that is not signed in. */
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
