/** An error response of a machine, as its endpoint throws it. */
export class MachineError extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  /** Creates the error. */
  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** Returns the error body of the instance metadata service and Azure Arc: that of OAuth (RFC 6749, section 5.2). */
export function oauthBody({ code, message }: MachineError): Record<string, unknown> {
  return { error: code, error_description: message };
}

/** Returns the error body of App Service and Azure Machine Learning. */
export function statusBody({ status, message }: MachineError): Record<string, unknown> {
  return { statusCode: status, message, correlationId: crypto.randomUUID() };
}

/** Returns the error body of Service Fabric and Cloud Shell. */
export function nestedBody({ code, message }: MachineError): Record<string, unknown> {
  return { error: { code, message, correlationId: crypto.randomUUID() } };
}
