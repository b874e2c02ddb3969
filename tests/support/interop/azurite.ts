import { type Child, startModule } from "../child.ts";

/** Azurite, the storage emulator, in a child process. Accepts only bearer tokens, and only over TLS. */
export interface Azurite {
  /** The URL of the account, for `BlobServiceClient`. */
  readonly url: string;
  /** Ends the process. Its blobs are only in memory. */
  stop(): Promise<void>;
}

/** What {@linkcode startAzurite} accepts. */
export interface AzuriteOptions {
  /** The path of the certificate for `localhost`, in PEM. */
  readonly certificatePath: string;
  /** The path of its key, in PEM. */
  readonly keyPath: string;
  /** The working folder. */
  readonly folder: string;
  /** Its service. @default {"blob"} */
  readonly service?: "blob" | "queue";
}

/** Starts Azurite on a free port. Rejects with its output if it does not start. */
export async function startAzurite(
  { certificatePath, keyPath, folder, service = "blob" }: AzuriteOptions,
): Promise<Azurite> {
  const child: Child = startModule("interop/azurite_process", {
    cwd: folder,
    // deno-fmt-ignore
    args: [
      service, "--oauth", "basic", "--cert", certificatePath, "--key", keyPath, `--${service}Port`, "0",
      "--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck",
    ],
  });
  const [, port] = await child.untilPrinted(/successfully listens on https:\/\/[^:]+:(\d+)/);
  return { url: `https://localhost:${port}/devstoreaccount1`, stop: child.stop };
}
