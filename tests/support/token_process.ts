// Gets tokens of the machine's identity by what the variables say, as a program does that knows nothing of all this. Prints a line each.
import { ManagedIdentityCredential } from "@azweb/identity";
import process from "node:process";
import { endWithParent } from "./child.ts";

endWithParent();
const { token } = await new ManagedIdentityCredential().getToken("https://vault.azure.net/.default");
console.log(`token ${token}`);
// What becomes of an ordinary request to the same place.
const response = await fetch(process.env.ORDINARY_URL!);
console.log(`ordinary ${await response.text()}`);
process.exit();
