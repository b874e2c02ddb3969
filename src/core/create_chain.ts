import { AggregateAuthenticationError, type CredentialUnavailableError, isUnavailable } from "../errors.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";
import type { GetToken } from "./create_get_token.ts";
import { withDeadline } from "./deadline.ts";
import { askInChain } from "./in_chain.ts";
import type { Settings } from "./settings.ts";

/** How long a link may look for what it needs before another one behind it begins as well. */
const HEAD_START_IN_MS = 150;

/** A credential in a chain, and what to call it. */
export interface Link {
  readonly name: string;
  readonly credential: TokenCredential;
  /** Returns whether it is worthwhile to begin while a link before it still looks for what it needs. Default: it is not. */
  readonly mayBegin?: () => Promise<boolean>;
}

/** What a chain needs to know. */
export interface ChainSettings extends Pick<Settings, "log" | "now" | "sleep"> {
  /** Whether nobody knows which of the links are there. */
  readonly isSearch: boolean;
}

/** How a link was asked in vain. */
interface Attempt {
  readonly name: string;
  readonly outcome: string;
  readonly elapsedInMs: number;
  readonly reason: string;
  readonly nextStep: string;
}

/**
 * Returns the `getToken` of a chain: tries the links in order and goes on where one is unavailable. The first that gives a token is asked
 * alone from then on, so that a program never changes its identity while it runs.
 */
export function createChain(name: string, links: readonly Link[], settings: ChainSettings): GetToken {
  const { isSearch, log, now, sleep } = settings;
  let winner: TokenCredential | undefined;

  async function getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    const begun = new Map<Link, Promise<AccessToken | null>>();
    const attempts: Attempt[] = [];
    const errors: unknown[] = [];
    for (const link of links) {
      const started = now();
      let token: AccessToken | null = null;
      let reason = `${link.name} gave no token`;
      let outcome = "no token";
      let nextStep = "";
      try {
        token = await askFirst(link, begun, scopes, options);
      } catch (error) {
        const elapsedInMs = now() - started;
        reason = reasonOf(error);
        if (!isUnavailable(error)) {
          if (options?.abortSignal?.aborted) throw error;
          log({
            event: "credential-failed",
            credential: link.name,
            message: `${name} stops at ${link.name}: ${reason}`,
            elapsedInMs,
          });
          throw error;
        }
        errors.push(error);
        outcome = "unavailable";
        ({ nextStep = "" } = error as CredentialUnavailableError);
      }
      const elapsedInMs = now() - started;
      if (token) {
        if (!winner) {
          winner = link.credential;
          log({
            event: "credential-selected",
            credential: link.name,
            message: `${name} uses ${link.name}`,
            elapsedInMs,
          });
        }
        // Another call may have found its link first: one program, one identity.
        return winner === link.credential ? token : await ask(winner, scopes, options);
      }
      attempts.push({ name: link.name, outcome, elapsedInMs, reason, nextStep });
      log({
        event: "credential-skipped",
        credential: link.name,
        message: `${name} passes over ${link.name}: ${reason}`,
        elapsedInMs,
      });
    }
    throw new AggregateAuthenticationError(
      errors,
      [`${name}: Cannot get a token: No credential is available`, ...tableOf(attempts)].join("\n  "),
    );
  }

  /** Asks a link that may turn out to be unavailable, or waits for what it has begun already. */
  async function askFirst(
    link: Link,
    begun: Map<Link, Promise<AccessToken | null>>,
    scopes: string | string[],
    options: GetTokenOptions | undefined,
  ): Promise<AccessToken | null> {
    const answer = begun.get(link);
    if (answer) {
      const outer = options?.abortSignal;
      return await withDeadline(() => answer, { sleep, ms: undefined, late: Error, outer });
    }
    const done = new AbortController();
    const isLooking = () => void beginOthers().catch(() => {});
    try {
      return await link.credential.getToken(scopes, isSearch ? askInChain(options, { isLooking }) : options);
    } finally {
      done.abort();
    }

    async function beginOthers(): Promise<void> {
      for (const other of links) {
        if (!await other.mayBegin?.()) continue;
        await sleep(HEAD_START_IN_MS, done.signal);
        // Whoever aborts leaves it to end by itself: a tool may be writing what it remembers.
        const alone = { ...options, abortSignal: undefined, requestOptions: undefined };
        const answer = other.credential.getToken(scopes, askInChain(alone, { isLooking() {} }));
        answer.catch(() => {});
        begun.set(other, answer);
        return;
      }
    }
  }

  return (scopes, options) => winner ? ask(winner, scopes, options) : getToken(scopes, options);

  async function ask(
    credential: TokenCredential,
    scopes: string | string[],
    options: GetTokenOptions | undefined,
  ): Promise<AccessToken> {
    const token = await credential.getToken(scopes, options);
    if (token) return token;
    throw new AggregateAuthenticationError([], `${name}: Cannot get a token: The selected credential gave none`);
  }
}

/** Says why, whatever was thrown: it may be of another package, or no error at all. */
function reasonOf(error: unknown): string {
  const { message } = Object(error) as { message?: unknown };
  return typeof message === "string" ? message : "It gave no reason";
}

/** Returns the lines of a table that says of each link how it was asked in vain, and what to do. */
function tableOf(attempts: readonly Attempt[]): string[] {
  const rows = attempts.map(({ name, outcome, elapsedInMs, reason, nextStep }) => {
    const [prefix, suffix] = [`${name}: `, `: ${nextStep}`];
    const start = reason.startsWith(prefix) ? prefix.length : 0;
    const end = nextStep && reason.endsWith(suffix) ? -suffix.length : undefined;
    const why = reason.slice(start, end).replaceAll("\n", "\n    ");
    return [name, outcome, `${elapsedInMs} ms`, nextStep ? `${why}\n    → ${nextStep}` : why];
  });
  const all = [["credential", "outcome", "time", "reason, and what to do"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]!.length)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
}
