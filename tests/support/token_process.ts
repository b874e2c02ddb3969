// Gets a token of the managed identity that the environment variables configure, and sends an ordinary request. Prints
// a line for each.
import { ManagedIdentityCredential } from "@azweb/identity";
import process from "node:process";
import { endWithParent } from "./child.ts";

endWithParent();
const { token } = await new ManagedIdentityCredential().getToken("https://vault.azure.net/.default");
console.log(`token ${token}`);
// The result of an ordinary request to the same host.
const response = await fetch(process.env.ORDINARY_URL!);
console.log(`ordinary ${await response.text()}`);
process.exit();
