import { checkToken } from "./checks.ts";
import type { Recipe } from "./recipe.ts";

/** The provider of a module, and the same behind a `Proxy`, as some modules make one for each request. */
export const nest: Recipe = {
  section: "NestJS",
  packages: {
    "@nestjs/common": "12.5.1",
    "@nestjs/core": "12.5.1",
    "@nestjs/platform-express": "12.5.1",
    "reflect-metadata": "0.2.2",
    rxjs: "7.8.2",
    typescript: "5.9.3",
    "@types/node": "24.10.1",
  },
  files: {
    "tsconfig.json": JSON.stringify({
      compilerOptions: {
        module: "nodenext",
        target: "es2023",
        strict: true,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
        types: ["node"],
        rootDir: "src",
        outDir: "dist",
      },
    }),
    "src/main.ts": `
import "reflect-metadata";
import { DefaultAzureCredential } from "@azweb/identity";
import { Module } from "@nestjs/common";
import { NestFactory, RouterModule } from "@nestjs/core";
import { AppModule, TokenController } from "./app.module.js";

@Module({
  controllers: [TokenController],
  providers: [{ provide: "AZURE", useFactory: () => new Proxy(new DefaultAzureCredential(), {}) }],
})
class ProxyModule {}

@Module({
  imports: [AppModule, ProxyModule, RouterModule.register([{ path: "proxy", module: ProxyModule }])],
})
class MainModule {}

const app = await NestFactory.create(MainModule);
await app.listen(process.env.PORT!);`,
  },
  async run({ node, serve }) {
    await node(["node_modules/.bin/tsc"]);
    await serve(["dist/main.js"], async (url) => {
      await checkToken(`${url}/token`);
      await checkToken(`${url}/proxy/token`);
    });
  },
};
