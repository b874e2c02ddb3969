/** Returns a module of Node's, which Deno and Bun have too. By this way no bundler looks for it. */
export function builtinModule<Module>(name: string): Module {
  const { process } = globalThis as unknown as { process: { getBuiltinModule(name: string): unknown } };
  return process.getBuiltinModule(name) as Module;
}
