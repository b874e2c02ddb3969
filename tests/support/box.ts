/**
 * Azure in a box: real clients, with no option that a user would not set, find a simulated machine and a simulated Entra under the real
 * addresses and names, in a network of their own.
 *
 * @module
 */
import type { EntraOptions, MachineOptions, RecordedRequest } from "@azweb/identity/testing";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeCertificates } from "./certificate_authority.ts";
import { type Ending, startModule, startProgram } from "./child.ts";
import { beside, isolated } from "./isolated.ts";

/** A request to a simulated service. */
export interface BoxRequest extends RecordedRequest {
  readonly to: "machine" | "entra";
  readonly status: number;
}

/** What runs in it sees nothing else. */
export interface Box {
  /** The certificate that clients must be told to trust, PEM. */
  readonly authorityPath: string;
  /** Runs a program to its end; its working folder is the root. Returns what it asked for, too. */
  run(command: readonly string[], env: Record<string, string>): Promise<Ending & { requests: BoxRequest[] }>;
  close(): Promise<void>;
}

const ADDRESS = "169.254.169.254/32";

/** Who Entra is here, worldwide and in the region of the machine. */
const NAMES = ["login.microsoftonline.com", "westeurope.login.microsoft.com"];

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
}

/** Starts a box. */
export async function startBox({ folder, entra, machine }: BoxOptions): Promise<Box> {
  const { authorityPath, certificatePath, keyPath } = await writeCertificates(folder, NAMES);
  const hosts = join(folder, "hosts");
  await writeFile(hosts, `127.0.0.1 localhost ${NAMES.join(" ")}\n`);
  const log = join(folder, "requests");
  const child = startModule("box_process", {
    within: isolated(`ip addr add ${ADDRESS} dev lo\nmount --bind '${hosts}' /etc/hosts`),
    args: [certificatePath, keyPath, log],
    env: { ENTRA_OPTIONS: JSON.stringify(entra), MACHINE_OPTIONS: JSON.stringify(machine) },
  });
  await child.untilPrinted(/ready/);
  return {
    authorityPath,
    async run(command, env) {
      await writeFile(log, "");
      const ending = await startProgram([...beside(child.pid!), ...command], { env }).ended;
      const lines = (await readFile(log, "utf8")).split("\n").filter(Boolean);
      return { ...ending, requests: lines.map((line) => JSON.parse(line) as BoxRequest) };
    },
    close: child.stop,
  };
}
