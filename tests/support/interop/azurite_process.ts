// Runs the Azurite service of the first argument, on the runtime of the test. The other arguments are Azurite's own.
import process from "node:process";
import { endWithParent } from "../child.ts";

endWithParent();
const [service] = process.argv.splice(2, 1);
if (service === "queue") await import("azurite/dist/src/queue/main.js");
else if (service === "table") await import("azurite/dist/src/table/main.js");
else await import("azurite/dist/src/blob/main.js");
