// What a program that uses Azure looks like: it knows its environment variables, and says what it does.
import { BlobServiceClient } from "@azure/storage-blob";
import { DefaultAzureCredential, type LogEvent } from "@azweb/identity";
import process from "node:process";

let doing = "make a credential";
try {
  // Alone on its cloud, as in a private one: so it is told not to ask the public cloud whether that exists.
  const credential = new DefaultAzureCredential({ disableInstanceDiscovery: true, log });
  const service = new BlobServiceClient(process.env.STORAGE_URL!, credential);

  doing = "get a token";
  // With the options of the storage client, so that it finds this token in memory.
  const { token } = await credential.getToken("https://storage.azure.com/.default", { enableCae: true });
  console.log(`It got a token ${describe(token)}`);

  doing = "create a container";
  const container = service.getContainerClient("demo");
  await container.create();
  console.log('It created the container "demo"');

  doing = "upload a blob";
  const text = "Hello from a storage service";
  const blob = container.getBlockBlobClient("hello.txt");
  await blob.upload(text, text.length);
  console.log(`It uploaded the blob "hello.txt", ${text.length} bytes`);

  doing = "list the container";
  const names: string[] = [];
  for await (const { name } of container.listBlobsFlat()) names.push(name);
  console.log(`It listed the container: ${names.join(", ")}`);

  doing = "download the blob";
  const downloaded = await blob.downloadToBuffer();
  if (downloaded.toString() !== text) throw new Error("It holds something else than was uploaded");
  console.log(`It downloaded the blob: the same ${downloaded.length} bytes`);
} catch (error) {
  const { message, statusCode, code } = error as Error & { statusCode?: number; code?: string };
  console.error(`Cannot ${doing}: ${[code && statusCode, code, message.split("\n")[0]].filter(Boolean).join(" ")}`);
  process.exitCode = 1;
}

function log({ event, message }: LogEvent): void {
  if (event === "credential-selected") console.log(message);
}

/** Says whose token it is, what it is for and how long it lives; never the token. */
function describe(token: string): string {
  const { iss, aud, exp } = JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString());
  return `by ${iss} for ${aud}, good for ${Math.round((exp - Date.now() / 1000) / 60)} minutes`;
}
