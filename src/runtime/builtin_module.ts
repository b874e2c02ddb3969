/** Returns a built-in module of Node, which Deno and Bun have too. A bundler does not see the import. */
export function builtinModule<Module>(name: string): Module {
  const { process } = globalThis as unknown as { process: { getBuiltinModule(name: string): unknown } };
  return process.getBuiltinModule(name) as Module;
}
