/** A machine's reason not to give a token: an error that is turned into an answer in the machine's own shape. */
export class MachineRefusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  /** Makes the refusal. */
  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** The shape of errors of the instance metadata service: that of OAuth (RFC 6749, section 5.2). */
export function oauthBody({ code, message }: MachineRefusal): Record<string, unknown> {
  return { error: code, error_description: message };
}

/** The shape of errors of App Service. */
export function statusBody({ status, message }: MachineRefusal): Record<string, unknown> {
  return { statusCode: status, message, correlationId: crypto.randomUUID() };
}

/** The shape of errors of Service Fabric and of Cloud Shell. */
export function nestedBody({ code, message }: MachineRefusal): Record<string, unknown> {
  return { error: { code, message, correlationId: crypto.randomUUID() } };
}
