/** Maximum length of a line, and of all header fields together, in bytes: the limit of Node. */
const MAX_HEAD_BYTES = 16_384;
const LINE_FEED = 10;
const WITHOUT_BODY = [204, 205, 304];

type Bytes = Uint8Array<ArrayBuffer>;

/** A connection over which one request was sent. */
interface Connection extends AsyncIterable<Bytes> {
  destroy(): void;
}

/** The received bytes, in the units of HTTP/1.1. */
interface Input {
  /** Returns the next line, without its line break. */
  line(): Promise<string>;
  /** Returns the next bytes that have been received, at most `limit`; `undefined` at the end of the connection. */
  bytes(limit: number): Promise<Bytes | undefined>;
}

/**
 * Reads the response to a request (RFC 9112), and closes the connection after it. The body is streamed. Rejects, or
 * errors the body, if the connection ends early or the response is malformed.
 */
export async function readResponse(connection: Connection, method: string): Promise<Response> {
  const input = createInput(connection);
  let { status, headers } = await readHead(input);
  // An interim response, such as 100 (Continue), precedes the final one.
  while (status < 200) ({ status, headers } = await readHead(input));
  const hasBody = method !== "HEAD" && !WITHOUT_BODY.includes(status);
  if (!hasBody) connection.destroy();
  return new Response(hasBody ? toStream(readBody(input, headers), connection) : null, { status, headers });
}

async function readHead({ line }: Input): Promise<{ status: number; headers: Headers }> {
  const [, status] = /^HTTP\/1\.\d (\d{3})(?: |$)/.exec(await line()) ?? [];
  if (status === undefined) throw new Error("The response is not HTTP/1.1");
  const headers = new Headers();
  let length = 0;
  for (let field = await line(); field !== ""; field = await line()) {
    length += field.length;
    if (length > MAX_HEAD_BYTES) throw new RangeError("The header of the response is too long");
    const [, name = "", value = ""] = /^([^:]*):(.*)$/.exec(field) ?? [];
    headers.append(name, value);
  }
  return { status: Number(status), headers };
}

async function* readBody(input: Input, headers: Headers): AsyncGenerator<Bytes> {
  const coding = headers.get("transfer-encoding");
  const length = headers.get("content-length");
  if (coding === null) return yield* readBytes(input, length === null ? Infinity : parseLength(length, 10));
  if (coding.toLowerCase() !== "chunked") throw new Error("The transfer coding of the response is not supported");
  for (;;) {
    const [size = ""] = (await input.line()).split(/[\t ;]/, 1);
    const length = parseLength(size, 16);
    // Trailer fields may follow, which describe the body and are not needed.
    if (length === 0) return;
    yield* readBytes(input, length);
    if (await input.line() !== "") throw new Error("A chunk of the response is longer than its size");
  }
}

/** Yields the next `count` bytes; with `Infinity` those until the end of the connection. */
async function* readBytes(input: Input, count: number): AsyncGenerator<Bytes> {
  for (let left = count; left > 0;) {
    const bytes = await input.bytes(left);
    if (bytes) yield bytes;
    else if (count === Infinity) return;
    else throw new Error("The connection ended before the response");
    left -= bytes.length;
  }
}

function parseLength(digits: string, radix: 10 | 16): number {
  const pattern = radix === 10 ? /^\d{1,15}$/ : /^[\da-f]{1,12}$/i;
  if (!pattern.test(digits)) throw new Error("A length in the response is malformed");
  return parseInt(digits, radix);
}

function createInput(connection: Connection): Input {
  const chunks = connection[Symbol.asyncIterator]();
  let received: Bytes = new Uint8Array();

  async function receive(): Promise<Bytes | undefined> {
    const { done, value } = await chunks.next();
    return done ? undefined : value;
  }

  function take(count: number): Bytes {
    const taken = received.subarray(0, count);
    received = received.subarray(count);
    return taken;
  }

  return {
    async line() {
      for (;;) {
        const end = received.indexOf(LINE_FEED);
        if (end >= MAX_HEAD_BYTES || end < 0 && received.length >= MAX_HEAD_BYTES) {
          throw new RangeError("A line of the response is too long");
        }
        if (end >= 0) return String.fromCharCode(...take(end + 1)).replace(/\r?\n$/, "");
        const more = await receive();
        if (!more) throw new Error("The connection ended before the response");
        received = concatenate(received, more);
      }
    },
    async bytes(limit) {
      if (received.length === 0) received = await receive() ?? received;
      return received.length > 0 ? take(limit) : undefined;
    },
  };
}

/** Concatenates bytes. Spreading them would take seconds for a long line that arrives byte by byte. */
function concatenate(first: Bytes, second: Bytes): Bytes {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

function toStream(chunks: AsyncGenerator<Bytes>, connection: Connection): ReadableStream<Bytes> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (!done) return controller.enqueue(value);
      connection.destroy();
      controller.close();
    },
    cancel: () => connection.destroy(),
  });
}
