/**
 * Installs the npm packages that the tests and the scripts import, if deno.lock has changed since. It prints two lines in place of two for
 * each package, and imports nothing, so that it runs before they are installed.
 *
 * @module
 */

const root = new URL("../", import.meta.url);
const stamp = new URL("node_modules/.azweb-identity-set-up", root);

const lock = await Deno.readTextFile(new URL("deno.lock", root));
if (await Deno.readTextFile(stamp).catch(() => "") !== lock) {
  console.error("Install the npm packages of the tests: about a minute if they have to be downloaded ...");
  const start = performance.now();
  const { code } = await new Deno.Command(Deno.execPath(), { args: ["install", "--quiet"], cwd: root }).spawn().status;
  if (code !== 0) Deno.exit(code);
  await Deno.writeTextFile(stamp, lock);
  console.error(`Installed in ${Math.round((performance.now() - start) / 1000)} s`);
}
