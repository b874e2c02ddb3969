// Azurite's command line, on the runtime of the test.
import { endWithParent } from "../child.ts";

endWithParent();
await import("azurite/dist/src/blob/main.js");
