// Gets a token from an Azure CLI on the given PATH, in a process whose standard input remains open. Prints the token or
// the error.
import { AzureCliCredential } from "@azweb/identity";
import process from "node:process";
import { endWithParent } from "../child.ts";

endWithParent();
const PATH = process.argv[2]!;
const credential = new AzureCliCredential({ env: { PATH, HOME: PATH }, processTimeoutInMs: 5000 });
const { token, message } = await credential.getToken("https://storage.azure.com/.default").catch((error) => error);
console.log(token ?? message);
process.exit();
