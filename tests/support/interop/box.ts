/**
 * Azure in a box: real clients, with no option that a user would not set, find a simulated machine and a simulated Entra under the real
 * addresses and names, in a network of their own.
 *
 * @module
 */
import type { EntraFault, EntraOptions, MachineFault, MachineOptions, RecordedRequest } from "@azweb/identity/testing";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeCertificates } from "../certificates/certificate_authority.ts";
import { type Child, type Ending, startModule, startProgram } from "../child.ts";
import { beside, isolated } from "../isolated.ts";
import type { Subscriptions } from "./resource_manager.ts";

/** A request to a simulated service. */
export interface BoxRequest extends RecordedRequest {
  readonly to: "machine" | "entra" | "resource manager";
  /** The status of the answer; 0 for none. */
  readonly status: number;
}

/** What goes wrong. Default: nothing. */
export interface BoxState {
  /** `"refused"` is where nobody listens, `"silent"` where nothing comes back at all. */
  readonly machine?: MachineFault;
  readonly entra?: EntraFault;
  /** With how many requests. Default: with each. */
  readonly times?: number;
}

/** What runs in it sees nothing else. */
export interface Box {
  /** The certificate that clients must be told to trust, PEM. */
  readonly authorityPath: string;
  /**
   * Runs a program to its end, or until it has made a number of requests; its working folder is the root. Returns its requests, too.
   */
  run(
    command: readonly string[],
    env: Record<string, string>,
    mostRequests?: number,
  ): Promise<Ending & { requests: BoxRequest[] }>;
  /** Starts a program beside others; its working folder is the root. */
  start(command: readonly string[], env: Record<string, string>): Child;
  /** Says what goes wrong from now on. */
  set(state: BoxState): Promise<void>;
  close(): Promise<void>;
}

const ADDRESS = "169.254.169.254/32";

/** Sets up a network where the address is this machine's. */
const ANSWERING_NETWORK = `ip addr add ${ADDRESS} dev lo`;

/** Sets up a network where the address of the metadata service swallows what is sent to it: a packet for another machine, on the loopback. */
export const SILENT_NETWORK: string = `ip route add ${ADDRESS} dev lo`;

/** What {@linkcode startBox} accepts. */
export interface BoxOptions {
  /** For its files. */
  readonly folder: string;
  /** What `createEntra` takes, as far as JSON can say it. */
  readonly entra: EntraOptions;
  /** What `createVirtualMachine` takes, as far as JSON can say it. */
  readonly machine: MachineOptions;
  /** What there is to see for whoever signs in with the Azure CLI. Default: nothing. */
  readonly subscriptions?: Subscriptions;
}

/** Entra, worldwide and in the region of the machine, and the Resource Manager. */
const NAMES = ["login.microsoftonline.com", "westeurope.login.microsoft.com", "management.azure.com"];

/** Starts a box. */
export async function startBox({ folder, entra, machine, subscriptions = {} }: BoxOptions): Promise<Box> {
  const { authorityPath, certificatePath, keyPath } = await writeCertificates(folder, NAMES);
  const hosts = join(folder, "hosts");
  await writeFile(hosts, `127.0.0.1 localhost ${NAMES.join(" ")}\n`);
  const log = join(folder, "requests");
  let requests = 0;
  let onRequest = () => {};
  const child = startModule("interop/box_process", {
    within: isolated(`${ANSWERING_NETWORK}\nmount --bind '${hosts}' /etc/hosts`),
    args: [certificatePath, keyPath, log],
    env: {
      ENTRA_OPTIONS: JSON.stringify(entra),
      MACHINE_OPTIONS: JSON.stringify(machine),
      SUBSCRIPTIONS: JSON.stringify(subscriptions),
    },
    onLine(line) {
      if (line !== "request") return;
      requests++;
      onRequest();
    },
  });
  await child.untilPrinted(/ready/);
  let settings = 0;
  let isSilent = false;

  /** Swallows what is sent to the metadata service, or does so no longer. */
  async function silence(machine: boolean): Promise<void> {
    if (machine === isSilent) return;
    const [from, to] = machine ? [ANSWERING_NETWORK, SILENT_NETWORK] : [SILENT_NETWORK, ANSWERING_NETWORK];
    const setup = `${from.replace(" add ", " del ")}\n${to}`;
    const { code, stderr } = await startProgram([...beside(child.pid!), "sh", "-ec", setup]).ended;
    if (code !== 0) throw new Error(`Cannot set up the network: ${stderr}`);
    isSilent = machine;
  }

  function start(command: readonly string[], env: Record<string, string>): Child {
    return startProgram([...beside(child.pid!), ...command], { env, cwd: "/" });
  }

  return {
    authorityPath,
    async run(command, env, mostRequests = Infinity) {
      await writeFile(log, "");
      requests = 0;
      const program = start(command, env);
      onRequest = () => requests >= mostRequests && void program.stop();
      const ending = await program.ended;
      const lines = (await readFile(log, "utf8")).split("\n").filter(Boolean);
      return { ...ending, requests: lines.map((line) => JSON.parse(line) as BoxRequest) };
    },
    start,
    async set(state) {
      await silence(state.machine === "silent");
      child.write(`${JSON.stringify(state)}\n`);
      await child.untilPrinted(new RegExp(`^set ${++settings}$`, "m"));
    },
    close: child.stop,
  };
}
