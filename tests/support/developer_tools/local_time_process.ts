// Parses local times, as the Azure CLI before version 2.54 prints them, in the time zone of this process. Prints a line
// of JSON.
import { AzureCliCredential } from "@azweb/identity";
import { createFakeClock } from "@azweb/identity/testing";
import process from "node:process";
import { endWithParent } from "../child.ts";
import { deskOptions } from "./tool.ts";

endWithParent();
const rows: [now: string, expiresOn: string][] = JSON.parse(process.argv[2]!);
const ends = [];
for (const [now, expiresOn] of rows) {
  const run = () => Promise.resolve({ code: 0, stderr: "", stdout: JSON.stringify({ accessToken: "a", expiresOn }) });
  const options = deskOptions({ run }, { clock: createFakeClock(Date.parse(now)) });
  const end = await new AzureCliCredential(options).getToken("a/.default").then(
    ({ expiresOnTimestamp }) => new Date(expiresOnTimestamp).toISOString(),
    (error) => error.message,
  );
  ends.push(end);
}
console.log(JSON.stringify(ends));
process.exit();
