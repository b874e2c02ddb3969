// Sends two prompts to a model that is deployed in Azure.
import { DefaultAzureCredential, getBearerTokenProvider } from "@azure/identity";
import process from "node:process";
import { AzureOpenAI } from "openai";

// The cloud is simulated, and instance discovery of the public cloud would reject its authority.
const credential = new DefaultAzureCredential({ disableInstanceDiscovery: true });
const azureADTokenProvider = getBearerTokenProvider(credential, "https://cognitiveservices.azure.com/.default");
const client = new AzureOpenAI({ azureADTokenProvider, deployment: "our-model", apiVersion: "2024-10-21" });

try {
  for (const content of ["What is a token?", "And a claim?"]) {
    const { choices } = await client.chat.completions.create({
      model: "our-model",
      messages: [{ role: "user", content }],
    });
    console.log(choices[0]?.message.content);
  }
} catch (error) {
  console.error(String(error));
  process.exitCode = 1;
}
