/** The package `jose` cannot be loaded. */
export class MissingJoseError extends Error {}

/**
 * Loads the package that signs and verifies tokens. Not loaded with the module, so that the other test doubles work
 * without the package.
 *
 * @throws {MissingJoseError} The package cannot be loaded.
 */
export async function loadJose(): Promise<typeof import("jose")> {
  try {
    return await import("jose");
  } catch (cause) {
    throw new MissingJoseError(
      'Cannot sign or verify a token: The package "jose" is missing; run "npm install --save-dev jose"',
      { cause },
    );
  }
}
