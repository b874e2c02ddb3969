import { type AddressInfo, createServer } from "node:net";
import { type Child, startModule } from "../child.ts";

/** Azurite, the storage emulator, in a child process. Accepts only bearer tokens, and only over TLS. */
export interface Azurite {
  /** The URL of the account, for `BlobServiceClient` or `TableClient`. */
  readonly url: string;
  /** Ends the process. Its data is only in memory. */
  stop(): Promise<void>;
}

/** Options of {@linkcode startAzurite}. */
export interface AzuriteOptions {
  /** The path of the certificate for `localhost`, in PEM. */
  readonly certificatePath: string;
  /** The path of its key, in PEM. */
  readonly keyPath: string;
  /** The working folder. */
  readonly folder: string;
  /** The service. @default {"blob"} */
  readonly service?: "blob" | "queue" | "table";
}

/** Starts Azurite on a free port. Rejects with its output if it does not start. */
export async function startAzurite(
  { certificatePath, keyPath, folder, service = "blob" }: AzuriteOptions,
): Promise<Azurite> {
  const chosen = service === "table" ? await findFreePort() : 0;
  const child: Child = startModule("interop/azurite_process", {
    cwd: folder,
    // deno-fmt-ignore
    args: [
      service, "--oauth", "basic", "--cert", certificatePath, "--key", keyPath, `--${service}Port`, String(chosen),
      "--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck",
    ],
  });
  const [, port] = await child.untilPrinted(/successfully (?:listens|started) on \S+:(\d+)/);
  return { url: `https://localhost:${port}/devstoreaccount1`, stop: child.stop };
}

/** Returns a free port. The table service needs one, because it does not print a port that the system chooses. */
async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
