// An example of a program that uses Azure: it reads its environment variables, and prints each step.
import { BlobServiceClient } from "@azure/storage-blob";
import { DefaultAzureCredential, type LogEvent } from "@azweb/identity";
import process from "node:process";

let step = "create a credential";
try {
  // Instance discovery of the public cloud would reject the authority of the simulated cloud.
  const credential = new DefaultAzureCredential({ disableInstanceDiscovery: true, log });
  const service = new BlobServiceClient(process.env.STORAGE_URL!, credential);

  step = "get a token";
  // The same options as those of the storage client, so that the client's calls find this token in the cache.
  const { token } = await credential.getToken("https://storage.azure.com/.default", { enableCae: true });
  console.log(`The program got a token ${describe(token)}`);

  step = "create a container";
  const container = service.getContainerClient("demo");
  await container.create();
  console.log('The program created the container "demo"');

  step = "upload a blob";
  const text = "Hello from a storage service";
  const blob = container.getBlockBlobClient("hello.txt");
  await blob.upload(text, text.length);
  console.log(`The program uploaded the blob "hello.txt", ${text.length} bytes`);

  step = "list the container";
  const names: string[] = [];
  for await (const { name } of container.listBlobsFlat()) names.push(name);
  console.log(`The program listed the container: ${names.join(", ")}`);

  step = "download the blob";
  const downloaded = await blob.downloadToBuffer();
  if (downloaded.toString() !== text) throw new Error("The downloaded bytes differ from the uploaded ones");
  console.log(`The program downloaded the blob: the same ${downloaded.length} bytes`);
} catch (error) {
  const { message, statusCode, code } = error as Error & { statusCode?: number; code?: string };
  console.error(`Cannot ${step}: ${[code && statusCode, code, message.split("\n")[0]].filter(Boolean).join(" ")}`);
  process.exitCode = 1;
}

function log({ event, message }: LogEvent): void {
  if (event === "credential-selected") console.log(message);
}

/** Returns the issuer, the audience and the lifetime of a token, but never the token itself. */
function describe(token: string): string {
  const { iss, aud, exp } = JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString());
  return `from ${iss} for ${aud}, which expires in ${Math.round((exp - Date.now() / 1000) / 60)} minutes`;
}
