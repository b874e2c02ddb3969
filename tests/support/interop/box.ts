/**
 * Azure in a box: an isolated network in which real clients, with ordinary options, find a simulated machine and a
 * simulated Entra at the real addresses and host names.
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
  /** The status of the response, or 0 for no response. */
  readonly status: number;
}

/** The failures of the services. Default: none. */
export interface BoxState {
  /** `"refused"` for a refused connection, `"silent"` for no response. */
  readonly machine?: MachineFault;
  readonly entra?: EntraFault;
  /** Whether only token requests to Entra fail. Default: all requests to it. */
  readonly isDiscoveryUp?: boolean;
  /** Number of requests that fail. Default: all. */
  readonly times?: number;
}

/** The isolated network. Programs in it can connect only to the simulated services. */
export interface Box {
  /** The path of the authority's certificate, in PEM, which clients must trust. */
  readonly authorityPath: string;
  /**
   * Runs a program to its end, or until it has sent a number of requests. Its working folder is the root. Also returns
   * its requests.
   */
  run(
    command: readonly string[],
    env: Record<string, string>,
    mostRequests?: number,
  ): Promise<Ending & { requests: BoxRequest[] }>;
  /** Starts a program, concurrently with others. Its working folder is the root. */
  start(command: readonly string[], env: Record<string, string>): Child;
  /** Sets the failures of the services. */
  set(state: BoxState): Promise<void>;
  close(): Promise<void>;
}

const ADDRESS = "169.254.169.254/32";

/** Sets up a network in which the address of the metadata service belongs to this machine. */
const ANSWERING_NETWORK = `ip addr add ${ADDRESS} dev lo`;

/**
 * Sets up a network in which packets to the metadata service get no response, because they are sent to the loopback
 * interface, which does not have the address.
 */
export const SILENT_NETWORK: string = `ip route add ${ADDRESS} dev lo`;

/** Options of {@linkcode startBox}. */
export interface BoxOptions {
  /** The folder for its files. */
  readonly folder: string;
  /** The options of `createEntra`, as JSON. */
  readonly entra: EntraOptions;
  /** The options of `createVirtualMachine`, as JSON. */
  readonly machine: MachineOptions;
  /** The subscriptions that the Azure CLI finds after a sign-in. Default: none. */
  readonly subscriptions?: Subscriptions;
}

/** The hosts of Entra, globally and in the region of the machine, and of the Resource Manager. */
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

  /** Drops the packets to the metadata service, or stops dropping them. */
  async function silenceMachine(shouldBeSilent: boolean): Promise<void> {
    if (shouldBeSilent === isSilent) return;
    const [from, to] = shouldBeSilent ? [ANSWERING_NETWORK, SILENT_NETWORK] : [SILENT_NETWORK, ANSWERING_NETWORK];
    const setup = `${from.replace(" add ", " del ")}\n${to}`;
    const { code, stderr } = await startProgram([...beside(child.pid!), "sh", "-ec", setup]).ended;
    if (code !== 0) throw new Error(`Cannot set up the network: ${stderr}`);
    isSilent = shouldBeSilent;
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
      await silenceMachine(state.machine === "silent");
      child.write(`${JSON.stringify(state)}\n`);
      await child.untilPrinted(new RegExp(`^set ${++settings}$`, "m"));
    },
    close: child.stop,
  };
}
