// Writes the orders of a city to a table of a storage account, and lists them.
import { TableClient } from "@azure/data-tables";
import { DefaultAzureCredential } from "@azure/identity";
import process from "node:process";

// The cloud is simulated, and instance discovery of the public cloud would reject its authority.
const credential = new DefaultAzureCredential({ disableInstanceDiscovery: true });
const client = new TableClient(process.env.TABLES_URL!, "orders", credential);

try {
  await client.createTable();
  await client.createEntity({ partitionKey: "Ulm", rowKey: "2026-01", count: 12 });
  await client.createEntity({ partitionKey: "Ulm", rowKey: "2026-02", count: 15 });
  for await (const { rowKey, count } of client.listEntities()) console.log(`${rowKey}: ${count}`);
  await client.deleteTable();
} catch (error) {
  console.error(String(error));
  process.exitCode = 1;
}
