/**
 * Reads UTF-8 text to its end, from the `read` of a stream's reader or the `next` of an iterator. Returns `undefined`
 * as soon as it is longer than `maxBytes`; the caller then ends the source.
 */
export async function readText(
  next: () => Promise<{ readonly done?: boolean; readonly value?: Uint8Array | undefined }>,
  maxBytes: number,
): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await next();
    if (done) return text + decoder.decode();
    bytes += value!.byteLength;
    if (bytes > maxBytes) return undefined;
    text += decoder.decode(value, { stream: true });
  }
}
