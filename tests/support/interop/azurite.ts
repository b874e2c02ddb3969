import { type Child, startModule } from "../child.ts";

/** A storage service: Azurite, in a process of its own, that takes only bearer tokens and only over TLS. */
export interface Azurite {
  /** The URL of its account, for `BlobServiceClient`. */
  readonly url: string;
  /** Ends it; its blobs were in its memory. */
  stop(): Promise<void>;
}

/** What {@linkcode startAzurite} accepts. */
export interface AzuriteOptions {
  /** The path of the certificate for `localhost`, PEM. */
  readonly certificatePath: string;
  /** The path of its key, PEM. */
  readonly keyPath: string;
  /** Its working folder. */
  readonly folder: string;
  /** Its service. @default {"blob"} */
  readonly service?: "blob" | "queue";
}

/** Starts Azurite on a port of its choice. Rejects with what it wrote if it does not start. */
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
