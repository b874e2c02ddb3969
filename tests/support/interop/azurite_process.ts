// Azurite's own command line, run by whatever runs this.
import { endWithParent } from "../child.ts";

endWithParent();
await import("azurite/dist/src/blob/main.js");
