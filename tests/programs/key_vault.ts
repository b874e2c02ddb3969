// Changes a secret in a key vault, and reads it back.
import { ClientSecretCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import process from "node:process";

const { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, OTHER_TENANTS, KEY_VAULT_URL } = process.env;
const credential = new ClientSecretCredential(AZURE_TENANT_ID!, AZURE_CLIENT_ID!, AZURE_CLIENT_SECRET!, {
  additionallyAllowedTenants: OTHER_TENANTS?.split(",") ?? [],
  // The cloud is simulated, and instance discovery of the public cloud would reject its authority.
  disableInstanceDiscovery: true,
});
const client = new SecretClient(KEY_VAULT_URL!, credential);

try {
  const { properties } = await client.setSecret("database-password", "s3cr3t");
  console.log(`${properties.name} is now version ${properties.version}`);
  const { value } = await client.getSecret("database-password");
  console.log(`It is read back: ${value}`);
} catch (error) {
  console.error(String(error));
  process.exitCode = 1;
}
