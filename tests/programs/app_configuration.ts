// Changes a setting in an App Configuration store, and reads it back.
import { AppConfigurationClient } from "@azure/app-configuration";
import { DefaultAzureCredential } from "@azure/identity";
import process from "node:process";

// The cloud is simulated, and instance discovery of the public cloud would reject its authority.
const credential = new DefaultAzureCredential({ disableInstanceDiscovery: true });
const client = new AppConfigurationClient(process.env.APP_CONFIGURATION_URL!, credential);

try {
  await client.setConfigurationSetting({ key: "colour", value: "green" });
  const { key, value } = await client.getConfigurationSetting({ key: "colour" });
  console.log(`${key} is ${value}`);
} catch (error) {
  console.error(String(error));
  process.exitCode = 1;
}
