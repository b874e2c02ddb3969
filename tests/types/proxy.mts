// The code for a proxy in docs/proxies-and-certificates.md. Type-checked by types_test.ts, and never run.
import { DefaultAzureCredential } from "@azweb/identity";
import * as undici from "undici";

const dispatcher = new undici.ProxyAgent("http://proxy.example:8080");
const proxied =
  ((url: string, init: undici.RequestInit) => undici.fetch(url, { ...init, dispatcher })) as unknown as typeof fetch;

const credential = new DefaultAzureCredential({ fetch: proxied });

console.log(credential);
