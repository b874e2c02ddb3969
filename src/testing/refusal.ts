import { ENTRIES } from "./aadsts.ts";

/** The claims that a client must send along after an error of conditional access. */
const CHALLENGE = '{"access_token":{"capolids":{"essential":true,"values":["c6f1d7a4-7c3b-4c2e-9d7d-4f1a0c5b9e21"]}}}';

/** Entra's reason not to give a token: an error that the handler turns into an answer. */
export class Refusal extends Error {
  readonly code: number;
  readonly error: string;
  readonly status: number;
  readonly suberror: string | undefined;
  readonly claims: string | undefined;

  /** Makes the refusal; `values` fill the placeholders of the code's description, `word` stands for its usual OAuth error. */
  constructor(code: number, values: Readonly<Record<string, string | undefined>> = {}, word?: string) {
    const [usual, description, status, suberror] = ENTRIES[code] ?? ["invalid_request", "Simulated error."];
    const error = word ?? usual;
    super(description.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "unknown"));
    this.code = code;
    this.error = error;
    this.status = status ?? (error === "invalid_client" ? 401 : 400);
    this.suberror = suberror;
    this.claims = error === "interaction_required" || code === 53003 ? CHALLENGE : undefined;
  }
}

/** What identifies one exchange, and when it was. */
export interface Trace {
  readonly traceId: string;
  readonly correlationId: string;
  /** In milliseconds since the epoch. */
  readonly time: number;
}

/** Returns the body of the error answer, in Entra's shape. */
export function refusalBody(refusal: Refusal, trace: Trace): Record<string, unknown> {
  const timestamp = formatTime(trace.time);
  return {
    error: refusal.error,
    error_description: `AADSTS${refusal.code}: ${refusal.message} Trace ID: ${trace.traceId} ` +
      `Correlation ID: ${trace.correlationId} Timestamp: ${timestamp}`,
    error_codes: [refusal.code],
    timestamp,
    trace_id: trace.traceId,
    correlation_id: trace.correlationId,
    error_uri: `https://login.microsoftonline.com/error?code=${refusal.code}`,
    ...(refusal.suberror && { suberror: refusal.suberror }),
    ...(refusal.claims && { claims: refusal.claims }),
  };
}

/** Entra's own spelling of a time: `2030-01-31 23:59:59Z`. */
export function formatTime(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace("T", " ") + "Z";
}
