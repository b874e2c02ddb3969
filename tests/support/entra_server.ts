import type { EntraOptions } from "@azweb/identity/testing";
import { type Child, startModule } from "./child.ts";

/** The simulated Entra of `@azweb/identity/testing`, behind HTTPS in a child process. */
export interface EntraServer {
  /** The value for `AZURE_AUTHORITY_HOST`. */
  readonly url: string;
  /** The requests, such as `"POST /contoso/oauth2/v2.0/token 200"`, in order. */
  readonly requests: readonly string[];
  /** Ends the process. */
  stop(): Promise<void>;
}

/** Options of {@linkcode startEntra}. */
export interface EntraServerOptions {
  /** The path of the certificate for `localhost`, in PEM. */
  readonly certificatePath: string;
  /** The path of its key, in PEM. */
  readonly keyPath: string;
  /** The options of `createEntra`, as JSON. */
  readonly entra: EntraOptions;
}

/** Starts a simulated Entra on a free port. Rejects with its output if it does not start. */
export async function startEntra({ certificatePath, keyPath, entra }: EntraServerOptions): Promise<EntraServer> {
  const requests: string[] = [];
  const child: Child = startModule("entra_process", {
    args: [certificatePath, keyPath],
    env: { ENTRA_OPTIONS: JSON.stringify(entra) },
    onLine: (line) => /^[A-Z]+ \//.test(line) && requests.push(line),
  });
  const [, url] = await child.untilPrinted(/listens on (\S+)/);
  return { url: url!, requests, stop: child.stop };
}
