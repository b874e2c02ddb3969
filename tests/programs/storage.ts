// Uploads a report to a storage account, and lists the blobs.
import { DefaultAzureCredential } from "@azure/identity";
import { BlobServiceClient } from "@azure/storage-blob";
import process from "node:process";

// The cloud is simulated, and instance discovery of the public cloud would reject its authority.
const credential = new DefaultAzureCredential({ disableInstanceDiscovery: true });
const service = new BlobServiceClient(process.env.STORAGE_URL!, credential);

try {
  const container = service.getContainerClient("reports");
  await container.create();
  await container.getBlockBlobClient("january.csv").uploadData(new TextEncoder().encode("city,orders\nUlm,12\n"));
  for await (const { name, properties } of container.listBlobsFlat()) {
    console.log(`${name}: ${properties.contentLength} bytes`);
    console.log(String(await container.getBlobClient(name).downloadToBuffer()));
  }
  await container.delete();
} catch (error) {
  console.error(String(error));
  process.exitCode = 1;
}
