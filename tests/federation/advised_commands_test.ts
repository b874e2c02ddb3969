// Runs on: deno, node, bun
//
// The commands of the error, as a shell reads them.
import { ClientAssertionCredential } from "@azweb/identity";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { jwtOf } from "../support/federation/assertions.ts";
import { CLIENT, createService, failureOf, isolatedOptions, jsonAnswer, SCOPE, TENANT } from "../support/service.ts";

/** Returns the lines of the error that are commands. */
async function commandsFor(claims: Record<string, unknown>): Promise<readonly string[]> {
  const body = { error: "invalid_client", error_description: "AADSTS700213: Refused.", error_codes: [700213] };
  const entra = createService(() => jsonAnswer(body, { status: 401 }));
  const getAssertion = () => Promise.resolve(jwtOf(claims));
  const credential = new ClientAssertionCredential(TENANT, CLIENT, getAssertion, isolatedOptions(entra));
  return (await failureOf(credential.getToken(SCOPE))).message.split("\n").filter((line) => line.startsWith("  az "));
}

/** Runs the command in a shell in which `az` writes its arguments, and returns them. */
function argumentsOf(command: string): Promise<string[]> {
  const script = `az() { printf '%s\\n' "$@"; }\n${command}`;
  return new Promise((resolve, reject) =>
    execFile("/bin/sh", ["-c", script], (error, stdout) => error ? reject(error) : resolve(stdout.split("\n")))
  );
}

for (
  const value of [
    "repo:contoso@1/app@2:ref:refs/heads/main",
    "system:serviceaccount:default:my-account",
    `it's "quoted"; $(exit 1) \`exit 1\` && exit 1 | exit 1 > /dev/full # %PATH% $HOME ~ * ? \\ \\' ! {a,b}`,
    "''''",
    "名前 é 😀",
  ]
) {
  test(`a shell reads the values unchanged: ${value}`, { skip: process.platform === "win32" }, async () => {
    const [issuer, subject, audience] = [`https://issuer.example/${value}`, value, `api://${value}`];
    const [app, identity] = await commandsFor({ iss: issuer, sub: subject, aud: audience });
    const words = await argumentsOf(app!);
    assert.deepEqual(words.toSpliced(7, 1), [
      ...["ad", "app", "federated-credential", "create", "--id", CLIENT, "--parameters", ""],
    ]);
    const json = words[7];
    const { name, ...parameters } = JSON.parse(json!);
    assert.deepEqual(parameters, { issuer, subject, audiences: [audience] });
    // https://learn.microsoft.com/graph/api/resources/federatedidentitycredential
    assert.match(name, /^[a-z\d][\w-]{2,119}$/i);
    assert.deepEqual(await argumentsOf(identity!), [
      ...["identity", "federated-credential", "create", "--name", name, "--identity-name", "NAME"],
      ...["--resource-group", "GROUP", "--issuer", issuer, "--subject", subject, "--audiences", audience, ""],
    ]);
  });
}

test("another subject gets another name, also if only the end of a long one differs", async () => {
  const subjects = ["main", "next", `${"a".repeat(300)}:main`, `${"a".repeat(300)}:next`];
  const commands = await Promise.all(subjects.map((sub) => commandsFor({ sub })));
  assert.equal(new Set(commands.map(([app]) => /"name":"([^"]+)"/.exec(app!)![1])).size, 4);
});
