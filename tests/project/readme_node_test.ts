// Runs on: node
// Runs the README's Node service with the packed package, against a simulated Entra and Azurite.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startAzurite } from "../support/interop/azurite.ts";
import { writeCertificates } from "../support/certificates/certificate_authority.ts";
import { startProgram, trust } from "../support/child.ts";
import { programsOf, VARIABLES } from "../support/project/readme.ts";

const here = fileURLToPath(new URL(".", import.meta.url));

test("the Node service of the README lists the containers", async () => {
  const folder = await mkdtemp(join(tmpdir(), "azweb-test-"));
  const program = join(here, "service.mjs");
  const paths = await writeCertificates(folder, ["localhost"]);
  const azurite = await startAzurite({ ...paths, folder });
  try {
    const packed = dirname(createRequire(import.meta.url).resolve("@azweb/identity"));
    const { ts } = programsOf(await readFile(join(packed, "README.md"), "utf8"), "A Node service", azurite.url);
    // Adds a container for the program to list. The program has no type annotations and thus runs as JavaScript.
    const create = 'await client.createContainer("pictures");\n';
    await writeFile(program, ts!.replace("for await", `${create}for await`));
    const preload = new URL("../support/project/cloud_preload.js", import.meta.url).href;
    const { code, stdout, stderr } = await startProgram([process.execPath, "--import", preload, program], {
      env: { ...VARIABLES, ...trust(paths.authorityPath) },
    }).ended;
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "pictures\n");
  } finally {
    await azurite.stop();
    await rm(program, { force: true });
    await rm(folder, { recursive: true });
  }
});
