import type { EntraOptions } from "@azweb/identity/testing";
import { type Child, startModule } from "./child.ts";

/** The simulated Entra of `@azweb/identity/testing`, behind HTTPS in a process of its own. */
export interface EntraServer {
  /** For `AZURE_AUTHORITY_HOST`. */
  readonly url: string;
  /** What it was asked, such as `"POST /contoso/oauth2/v2.0/token 200"`, in order. */
  readonly requests: readonly string[];
  /** Ends it. */
  stop(): Promise<void>;
}

/** What {@linkcode startEntra} accepts. */
export interface EntraServerOptions {
  /** The path of the certificate for `localhost`, PEM. */
  readonly certificatePath: string;
  /** The path of its key, PEM. */
  readonly keyPath: string;
  /** Who is registered: what `createEntra` takes, as far as JSON can say it. */
  readonly entra: EntraOptions;
}

/** Starts a simulated Entra on a port of its choice. Rejects with what it wrote if it does not start. */
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
