/**
 * Every failure of a token endpoint, each with as much of the request in the response as possible.
 *
 * @module
 */
import { TOKEN } from "./canary.ts";
import { type Asked, jsonAnswer, tokenAnswer } from "../service.ts";

/** Returns the response of a service. */
export type Answer = (asked: Asked) => unknown;

function escapeHtml(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}

function escapeAll(text: string): string {
  return text.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The encodings in which servers, proxies and logs write the form of a request. */
const ENCODINGS: Readonly<Record<string, (asked: Asked) => string>> = {
  "unchanged": ({ body }) => body,
  "unchanged, but with percent encoding in lower case": ({ body }) =>
    body.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
  "decoded": ({ form }) => Object.entries(form).map(([name, value]) => `${name}=${value}`).join("&"),
  "as JSON": ({ form }) => JSON.stringify(form),
  "as JSON in JSON": ({ form }) => JSON.stringify(JSON.stringify(form)),
  "as JSON with slashes escaped": ({ form }) => JSON.stringify(form).replaceAll("/", "\\/"),
  "as JSON in ASCII": ({ form }) => JSON.stringify(form).replace(/[^\x20-\x7e]/g, escapeAll),
  "encoded for a URL": ({ form }) => Object.values(form).map(encodeURIComponent).join("/"),
  "encoded for a URL twice": ({ body }) => encodeURIComponent(body),
  "encoded for HTML": ({ form }) => escapeHtml(Object.values(form).join(" ")),
  "as JSON, encoded for HTML": ({ form }) => escapeHtml(JSON.stringify(form)),
  "after many characters": ({ form }) => "x".repeat(385) + Object.values(form).join(" "),
};

/** Returns an error response whose description contains the form in this encoding. */
function describedAs(encode: (asked: Asked) => string): Answer {
  return (asked) =>
    jsonAnswer(
      {
        error: "invalid_client",
        error_description: `AADSTS7000215: Refused: ${encode(asked)}`,
        error_codes: [7000215],
      },
      { status: 401 },
    );
}

/** Returns an error of an HTTP client that contains the whole request. */
function talkativeError(asked: Asked, words = ""): Error {
  const text = `${words}${asked.body} ${JSON.stringify(asked.form)}`;
  const error = new Error(text, { cause: Object.assign(new Error(text), { config: { data: asked.body } }) });
  return Object.assign(error, {
    request: asked,
    config: { data: asked.body, form: asked.form },
    [Symbol("body")]: asked.body,
  });
}

/** Returns the members of an error response, each with the form. */
function everywhere({ body, form }: Asked): Record<string, unknown> {
  return {
    error: `invalid_client ${body}`,
    error_description: JSON.stringify(form),
    error_codes: [7000215, body, form],
    error_uri: body,
    suberror: body,
    trace_id: body,
    correlation_id: body,
    timestamp: body,
    claims: JSON.stringify({ access_token: form }),
    [body]: body,
    form,
  };
}

/** Failures of a token endpoint, by name. */
export const FAULTS: Readonly<Record<string, Answer>> = {
  ...Object.fromEntries(
    Object.entries(ENCODINGS).map((
      [name, encode],
    ) => [`a description that repeats the form ${name}`, describedAs(encode)]),
  ),
  "an error that repeats the form in every member": (asked) => jsonAnswer(everywhere(asked), { status: 400 }),
  "an error that repeats the form in every member, with status 503": (asked) =>
    jsonAnswer(everywhere(asked), { status: 503 }),
  "an error whose body is the form": ({ form }) => jsonAnswer(form, { status: 400 }),
  "a page that repeats the form": ({ body, form }) =>
    new Response(`<html><pre>${body}</pre><pre>${escapeHtml(JSON.stringify(form))}</pre>`, { status: 400 }),
  "a page that repeats the form, with status 200": ({ body }) => new Response(`<html>${body}`),
  "a page that repeats the form, with status 500": ({ body }) => new Response(`<html>${body}`, { status: 500 }),
  "a text that repeats the form": ({ body }) => new Response(body, { status: 400 }),
  "headers that repeat the form": ({ body }) =>
    new Response("", {
      status: 429,
      statusText: encodeURIComponent(body).slice(0, 200),
      headers: { "retry-after": body, "www-authenticate": `Bearer error="${body}"`, "x-ms-request-id": body },
    }),
  "a redirect that repeats the form": ({ body }) =>
    new Response(body, { status: 302, headers: { location: `https://evil.example/?${body}` } }),
  "a token without a valid lifetime": ({ form }) => tokenAnswer({ ...form, access_token: TOKEN, expires_in: TOKEN }),
  "a token of another type": () => tokenAnswer({ access_token: TOKEN, token_type: TOKEN }),
  "a token that is not a string": ({ body }) =>
    tokenAnswer({ access_token: [TOKEN], id_token: TOKEN, refresh_token: TOKEN, scope: body }),
  "half a token": () => new Response(`{"token_type":"Bearer","expires_in":3600,"access_token":"${TOKEN}`),
  "a token in an array": () => jsonAnswer([{ access_token: TOKEN }]),
  "a body that breaks": ({ body }) =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode(`{"access_token":"${TOKEN}`)),
        pull: (controller) => controller.error(new Error(`Connection reset after ${body}`)),
      }, { highWaterMark: 0 }),
    ),
  "a fetch whose error contains the request": (asked) => Promise.reject(talkativeError(asked)),
  "a fetch whose error contains the request after many characters": (asked) =>
    Promise.reject(talkativeError(asked, "x".repeat(190))),
  "a fetch whose error contains the request and says that Deno lacks a permission": (asked) =>
    Promise.reject(Object.assign(talkativeError(asked), { name: "NotCapable" })),
  "a fetch whose error contains the request in its name": (asked) =>
    Promise.reject(Object.assign(new Error("No"), { name: asked.body, code: asked.body })),
  "a fetch that rejects with the request": (asked) => Promise.reject(asked),
  "a fetch that rejects with the form": ({ body }) => Promise.reject(body),
  "a fetch that returns the request": (asked) => asked,
  "ten megabytes that begin with the form": ({ body }) => {
    let megabytes = 0;
    return new Response(
      new ReadableStream({
        pull(controller) {
          controller.enqueue(new TextEncoder().encode(body.padEnd(1_000_000)));
          if (++megabytes === 10) controller.close();
        },
      }, { highWaterMark: 0 }),
    );
  },
  "throttling, with seconds": ({ body }) => new Response(body, { status: 429, headers: { "retry-after": "5" } }),
  "throttling, with a date": ({ body }) =>
    new Response(body, { status: 503, headers: { "retry-after": new Date(Date.now() + 5_000).toUTCString() } }),
  "silence": () => new Promise(() => {}),
};

/** The faults that take time, so that the clock must be advanced. */
export const SLOW: readonly Answer[] = ["throttling, with seconds", "throttling, with a date", "silence"].map((name) =>
  FAULTS[name]!
);

/** Returns a service whose first response is an error, and whose others have a token. */
export function healing(): Answer {
  let answers = 0;
  return ({ body }) => answers++ === 0 ? new Response(body, { status: 500 }) : tokenAnswer({ access_token: TOKEN });
}

/** Returns the request with its headers, which may be secret, as members of its form. */
export function withForm(asked: Asked): Asked {
  const headers = Object.fromEntries(asked.headers);
  const body = [asked.body, String(new URLSearchParams(headers))].filter(Boolean).join("&");
  return { ...asked, form: { ...asked.form, ...headers }, body };
}
