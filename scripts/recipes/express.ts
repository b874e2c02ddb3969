import { checkToken } from "./checks.ts";
import type { Recipe } from "./recipe.ts";

export const express: Recipe = {
  section: "Express, Fastify",
  packages: { express: "5.3.0" },
  files: {},
  async run({ serve }) {
    await serve(["server.ts"], checkToken);
  },
};
