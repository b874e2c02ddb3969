/**
 * Downloads what the tests and the demo need, once: a line at its beginning and one at its end, in place of one for each package. It imports
 * nothing, so that it can run before the download.
 *
 * @module
 */

const root = new URL("../", import.meta.url);

async function isInstalled(): Promise<boolean> {
  return await Deno.stat(new URL("node_modules/.deno/.setup-cache.bin", root)).then(() => true, () => false);
}

if (!await isInstalled()) {
  console.error("Download the npm packages that the tests and the demo need: once, for about a minute ...");
  const start = performance.now();
  const { code } = await new Deno.Command(Deno.execPath(), { args: ["install", "--quiet"], cwd: root }).spawn().status;
  if (code !== 0) Deno.exit(code);
  console.error(`Downloaded in ${Math.round((performance.now() - start) / 1000)} s`);
}
