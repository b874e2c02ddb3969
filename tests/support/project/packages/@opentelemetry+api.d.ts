/** The part of the OpenTelemetry API that examples in the documents use. */
interface Span {
  setStatus(status: { code: number; message?: string }): Span;
  end(endTime?: number): void;
}
interface SpanOptions {
  startTime?: number;
  attributes?: Record<string, string | number | undefined>;
}
interface Tracer {
  startSpan(name: string, options?: SpanOptions): Span;
}
export declare const trace: { getTracer(name: string, version?: string): Tracer };
export declare const SpanStatusCode: { readonly UNSET: 0; readonly OK: 1; readonly ERROR: 2 };
