import { FAULT_MEMBERS, type FaultName, type FaultResponse, faultResponse } from "../faults.ts";
import { SERVICE_ERRORS } from "./aadsts.ts";

/** An error response of Entra. Each member has a default that fits the others. */
export interface EntraFaultResponse extends FaultResponse {
  /** The error code: the number in `AADSTS…`. By default the code for status 429 or 503; none for another status. */
  readonly code?: number;
  /** The claims challenge, a JSON string. By default the one that Entra sends with the error code. */
  readonly claims?: string;
}

/** A failure of Entra: see {@linkcode FaultName} and {@linkcode EntraFaultResponse}. */
export type EntraFault = FaultName | EntraFaultResponse;

/** The members of {@linkcode EntraFaultResponse}. */
export const ENTRA_FAULT_MEMBERS: Readonly<Record<keyof EntraFaultResponse, true>> = {
  ...FAULT_MEMBERS,
  code: true,
  claims: true,
};

const CODES_BY_STATUS: Readonly<Record<number, number>> = { 429: 90055, 503: 90033 };

/** The claims challenge of an error of Conditional Access. */
const CHALLENGE = '{"access_token":{"capolids":{"essential":true,"values":["c6f1d7a4-7c3b-4c2e-9d7d-4f1a0c5b9e21"]}}}';

/** An error response of Entra, as the endpoints throw it. */
export class ServiceError extends Error {
  readonly code: number;
  readonly error: string;
  readonly status: number;
  readonly suberror: string | undefined;
  readonly claims: string | undefined;

  /**
   * Creates the error.
   *
   * @param code The number in `AADSTS…`.
   * @param values The values of the placeholders in the description.
   * @param error The OAuth error code, instead of the usual one.
   */
  constructor(code: number, values: Readonly<Record<string, string | undefined>> = {}, error?: string) {
    const [usualError, description, status, suberror] = SERVICE_ERRORS[code] ?? ["invalid_request", "Simulated error."];
    super(description.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "unknown"));
    this.code = code;
    this.error = error ?? usualError;
    this.status = status ?? (this.error === "invalid_client" ? 401 : 400);
    this.suberror = suberror;
    this.claims = this.error === "interaction_required" || code === 53003 ? CHALLENGE : undefined;
  }
}

/** Identifies a request and its response. */
export interface Trace {
  readonly traceId: string;
  readonly correlationId: string;
  /** In milliseconds since the epoch. */
  readonly time: number;
}

/** Returns the body of the error response, in Entra's format. */
export function serviceErrorBody(error: ServiceError, trace: Trace): Record<string, unknown> {
  const timestamp = formatTime(trace.time);
  return {
    error: error.error,
    error_description: `AADSTS${error.code}: ${error.message} Trace ID: ${trace.traceId} ` +
      `Correlation ID: ${trace.correlationId} Timestamp: ${timestamp}`,
    error_codes: [error.code],
    timestamp,
    trace_id: trace.traceId,
    correlation_id: trace.correlationId,
    error_uri: `https://login.microsoftonline.com/error?code=${error.code}`,
    ...(error.suberror && { suberror: error.suberror }),
    ...(error.claims && { claims: error.claims }),
  };
}

/** Returns the error response for a fault. */
export function entraFaultResponse(fault: EntraFaultResponse, trace: Trace): Response {
  const code = fault.code ?? CODES_BY_STATUS[fault.status ?? 0];
  const error = code === undefined ? undefined : new ServiceError(code);
  const body = error &&
    JSON.stringify({ ...serviceErrorBody(error, trace), ...(fault.claims !== undefined && { claims: fault.claims }) });
  return faultResponse(fault, error?.status ?? 400, body);
}

/** Formats a time as Entra does: `2030-01-31 23:59:59Z`. */
export function formatTime(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace("T", " ") + "Z";
}
