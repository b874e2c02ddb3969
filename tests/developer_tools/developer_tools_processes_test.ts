// The developer tools as real, partly misbehaving programs: shell scripts in a temporary folder.
import { AzureCliCredential, type AzureCliCredentialOptions } from "@azweb/identity";
import { createRuntime } from "@azweb/identity/runtime";
import { createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { startModule, stopModules } from "../support/child.ts";
import { failureOf, SCOPE } from "../support/service.ts";

const SKIP = process.platform === "win32" ? "Shell scripts are not for Windows" : false;

let folder = "";
before(async () => void (folder = await mkdtemp(join(tmpdir(), "azweb-tools-"))));
after(async () => {
  await stopModules();
  await rm(folder, { recursive: true });
});

const ANSWER = JSON.stringify({
  accessToken: "of az",
  expires_on: Math.floor(Date.now() / 1000) + 3600,
  tenant: "a-tenant",
});
const PRINTS_TOKEN = `echo '${ANSWER}'`;

let made = 0;

/** Creates a folder with a program, by default `az`. Its script finds the folder in the variable `here`. */
async function createFolder(script: string, name = "az"): Promise<string> {
  const path = `${folder}/${made++}`;
  await mkdir(path);
  await writeFile(`${path}/${name}`, `#!/bin/sh\nPATH=/usr/bin:/bin\nhere=${path}\n${script}\n`);
  await chmod(`${path}/${name}`, 0o755);
  return path;
}

function credentialFor(PATH: string, options: AzureCliCredentialOptions = {}): AzureCliCredential {
  return new AzureCliCredential({ env: { PATH, HOME: folder }, ...options });
}

/** Waits for a condition that another process causes. Rejects after four minutes. */
async function until<T>(condition: () => T | Promise<T>): Promise<NonNullable<T>> {
  const end = Date.now() + 240_000;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Error(`It did not happen: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Returns the number in a file, as soon as the file exists. */
function untilPid(path: string): Promise<number> {
  return until(async () => Number(await readFile(path, "utf8").catch(() => "")));
}

/** Waits until a process has ended or is a zombie. */
async function untilGone(pid: number): Promise<void> {
  await until(async () => {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    return / Z /.test(await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ""));
  });
}

describe("the program that is started", { skip: SKIP }, () => {
  test("is in a folder of PATH", async () => {
    const path = await createFolder(PRINTS_TOKEN);
    assert.equal((await credentialFor(path).getToken(SCOPE)).token, "of az");
  });

  test("is never in the current folder or a relative one", async () => {
    const evil = await createFolder("touch $here/started");
    await mkdir(`${evil}/bin`);
    await writeFile(`${evil}/bin/az`, `#!/bin/sh\n/bin/touch ${evil}/started\n`);
    await chmod(`${evil}/bin/az`, 0o755);
    const good = await createFolder(PRINTS_TOKEN);
    const before = process.cwd();
    process.chdir(evil);
    try {
      for (const PATH of [".", ":", "", "./bin:bin", "bin", "../" + evil.split("/").at(-1)]) {
        const error = await failureOf(credentialFor(PATH).getToken(SCOPE));
        assert.equal(error.name, "CredentialUnavailableError");
        assert.equal((await credentialFor(`${PATH}:${good}`).getToken(SCOPE)).token, "of az");
      }
    } finally {
      process.chdir(before);
    }
    assert.ok(!existsSync(`${evil}/started`));
  });

  /** Folders without the program: each is skipped, and the next folder of PATH is used. */
  const WITHOUT_PROGRAM: Readonly<Record<string, () => Promise<string>>> = {
    "no such folder": () => Promise.resolve(`${folder}/nowhere`),
    "an empty folder": () => createFolder("", "other"),
    "a program without the permission to run": async () => {
      const path = await createFolder("touch $here/started");
      await chmod(`${path}/az`, 0o644);
      return path;
    },
    "a folder with the program's name": async () => {
      const path = await createFolder("", "other");
      await mkdir(`${path}/az`);
      return path;
    },
    "a file instead of a folder": async () => `${await createFolder("", "other")}/other`,
    "a broken link": async () => {
      const path = await createFolder("", "other");
      await symlink("nothing", `${path}/az`);
      return path;
    },
  };
  for (const [what, make] of Object.entries(WITHOUT_PROGRAM)) {
    test(`${what} is skipped, and the next folder of PATH is used`, async () => {
      const path = await make();
      const good = await createFolder(PRINTS_TOKEN);
      assert.equal((await credentialFor(`${path}:${good}`).getToken(SCOPE)).token, "of az");
      const error = await failureOf(credentialFor(path).getToken(SCOPE));
      assert.equal(error.name, "CredentialUnavailableError");
      assert.match(error.message, /: No folder of PATH has the program "az": Install it/);
    });
  }

  test("must have an interpreter: the credential is unavailable if it is missing", async () => {
    const path = await createFolder("");
    await writeFile(`${path}/az`, "#!/no/such/interpreter\n");
    assert.equal((await failureOf(credentialFor(path).getToken(SCOPE))).name, "CredentialUnavailableError");
  });

  test("must be executable: the credential is unavailable if the file is not a program", async () => {
    const path = await createFolder("");
    await writeFile(`${path}/az`, "\x7fELF and nothing more");
    const error = await failureOf(credentialFor(path).getToken(SCOPE));
    assert.equal(error.name, "CredentialUnavailableError");
  });
});

describe("a program is started with", { skip: SKIP }, () => {
  test("unchanged arguments, and the root as its working directory", async () => {
    const path = await createFolder(`printf '%s\\n' "$@" >$here/args; pwd >$here/cwd; ${PRINTS_TOKEN}`);
    await credentialFor(path, { subscription: "My sub" }).getToken("api://a-b/.default");
    assert.equal(
      await readFile(`${path}/args`, "utf8"),
      "account\nget-access-token\n--output\njson\n--only-show-errors\n--resource\napi://a-b\n--subscription\nMy sub\n",
    );
    assert.equal(await readFile(`${path}/cwd`, "utf8"), "/\n");
  });

  /** Returns the environment variables of a program, without those that the shell sets. */
  async function variablesIn(path: string): Promise<Record<string, string>> {
    const entries = (await readFile(`${path}/variables`, "utf8")).split("\0").filter(Boolean).map((entry) => {
      const at = entry.indexOf("=");
      return [entry.slice(0, at), entry.slice(at + 1)];
    });
    return Object.fromEntries(entries.filter(([name]) => !/^(PWD|OLDPWD|SHLVL|_|PATH|here)$/.test(name!)));
  }

  test("the variables of the options and no others", async () => {
    const path = await createFolder(`env -0 >$here/variables; ${PRINTS_TOKEN}`);
    process.env.AZWEB_OF_THE_PROCESS = "1";
    await credentialFor(path, { env: { PATH: path, HOME: folder, LANG: "C", NUMBER: 7 } }).getToken(SCOPE);
    assert.deepEqual(await variablesIn(path), { HOME: folder, LANG: "C", AZURE_CORE_NO_COLOR: "true" });
  });

  test("the variables of the process and those for az, if the options have none", async () => {
    const path = await createFolder(`env -0 >$here/variables; ${PRINTS_TOKEN}`);
    process.env.AZWEB_OF_THE_PROCESS = "2";
    const runtime = { env: (name: string) => ({ PATH: path, HOME: folder, AZWEB_OF_THE_PROCESS: "3" })[name] };
    await new AzureCliCredential({ runtime }).getToken(SCOPE);
    const variables = await variablesIn(path);
    assert.equal(variables.AZWEB_OF_THE_PROCESS, "2");
    assert.equal(variables.HOME, folder);
  });

  test("an empty standard input, even if the parent process has input", async () => {
    const path = await createFolder(`cat >$here/read; ${PRINTS_TOKEN}`);
    const { stdout, stderr } = await startModule("developer_tools/reading_tool_process", { args: [path] }).ended;
    assert.equal(stdout, "of az\n", stderr);
    assert.equal(await readFile(`${path}/read`, "utf8"), "");
  });
});

describe("the output of a program", { skip: SKIP }, () => {
  for (const where of ["stdout", "stderr"]) {
    test(`100 MB on ${where} are not read: the program is stopped`, async () => {
      const to = where === "stderr" ? " >&2" : "";
      const path = await createFolder(
        `echo $$ >$here/pid; head -c 100000000 /dev/zero | tr '\\0' x${to}; touch $here/done`,
      );
      const error = await failureOf(credentialFor(path).getToken(SCOPE));
      assert.equal(error.name, "CredentialUnavailableError");
      assert.match(error.message, /"az account get-access-token" could not be run: It wrote more than a megabyte/);
      await untilGone(await untilPid(`${path}/pid`));
      assert.ok(!existsSync(`${path}/done`));
    });

    test(`output of less than a megabyte on ${where} is read to its end`, async () => {
      const to = where === "stderr" ? " >&2" : "";
      const path = await createFolder(`head -c 1000000 /dev/zero | tr '\\0' ' '${to}; ${PRINTS_TOKEN}`);
      assert.equal((await credentialFor(path).getToken(SCOPE)).token, "of az");
    });
  }

  test("characters of several bytes may arrive in pieces", async () => {
    const path = await createFolder("printf 'ERROR: \\303' >&2; sleep 0.05; printf '\\274ber\\n' >&2; exit 1");
    assert.match(
      (await failureOf(credentialFor(path).getToken(SCOPE))).message,
      /It ended with exit code 1: ERROR: über: /,
    );
  });

  test("a token on the standard error is not part of the message", async () => {
    const token = `eyJ${"abc_-".repeat(30)}.eyJ${"def".repeat(40)}.${"x".repeat(86)}`;
    for (
      const script of [
        `echo 'ERROR: ${token}' >&2; exit 1`,
        `echo '${token}'; exit 1`,
        `echo '{"accessToken":"${token}"' ; exit 0`,
        `echo '${token}' | fold -w 80 >&2; exit 1`,
      ]
    ) {
      const error = await failureOf(credentialFor(await createFolder(script)).getToken(SCOPE));
      assert.doesNotMatch(error.message, /eyJ|abc_-|defdef|xxxx/);
    }
  });

  test("a program that a signal ends is reported with its exit code", async () => {
    const path = await createFolder("kill -SEGV $$");
    const error = await failureOf(credentialFor(path).getToken(SCOPE));
    assert.match(error.message, /It ended with exit code \d+: It wrote no message/);
  });
});

/** Programs that do not end. Each writes a process id to a file. */
const ENDLESS: Readonly<Record<string, string>> = {
  "a program that waits": "echo $$ >$here/pid.new; mv $here/pid.new $here/pid; exec sleep 600",
  "a program that ignores signals": "trap '' TERM INT HUP\necho $$ >$here/pid.new; mv $here/pid.new $here/pid\n" +
    "while :; do sleep 600; done",
  "a script around the program that waits": "sleep 600 &\necho $! >$here/pid.new; mv $here/pid.new $here/pid; wait",
  "a script that ends while its child keeps the pipe open":
    `(trap '' TERM; exec sleep 600) &\necho $! >$here/pid.new; mv $here/pid.new $here/pid; ${PRINTS_TOKEN}; exit 0`,
  "a program that writes without end":
    "echo $$ >$here/pid.new; mv $here/pid.new $here/pid; while :; do sleep 0.1; echo; done",
};

describe("a program that does not end", { skip: SKIP }, () => {
  for (const [what, script] of Object.entries(ENDLESS)) {
    test(`${what} is stopped at the time limit`, async () => {
      const path = await createFolder(script);
      const clock = createFakeClock();
      const failing = failureOf(credentialFor(path, { runtime: clock }).getToken(SCOPE));
      const pid = await untilPid(`${path}/pid`);
      await clock.advance(15_000);
      const error = await failing;
      assert.equal(error.name, "CredentialUnavailableError");
      assert.match(error.message, /"az account get-access-token" did not end within the 15000 ms/);
      await untilGone(pid);
    });

    test(`${what} is stopped when the last caller aborts, without a delay for the caller`, async () => {
      const path = await createFolder(script);
      const controller = new AbortController();
      const leaving = failureOf(credentialFor(path).getToken(SCOPE, { abortSignal: controller.signal }));
      const pid = await untilPid(`${path}/pid`);
      controller.abort();
      assert.equal((await leaving).name, "AbortError");
      await untilGone(pid);
    });
  }

  test("is not started for a signal that is already aborted", async () => {
    const path = await createFolder("touch $here/started");
    const run = createRuntime().run!;
    const error = await failureOf(run(`${path}/az`, [], { cwd: "/", signal: AbortSignal.abort() }));
    assert.equal(error.name, "AbortError");
    assert.ok(!existsSync(`${path}/started`));
  });
});

test("a thousand concurrent calls start one process", { skip: SKIP }, async () => {
  const path = await createFolder(`echo started >>$here/log; sleep 0.1; ${PRINTS_TOKEN}`);
  const credential = credentialFor(path);
  const tokens = await Promise.all(Array.from({ length: 1000 }, () => credential.getToken(SCOPE)));
  assert.equal(new Set(tokens).size, 1);
  await credential.getToken(SCOPE);
  assert.equal(await readFile(`${path}/log`, "utf8"), "started\n");
});

test("another account is noticed by the changed profile", { skip: SKIP }, async () => {
  const path = await createFolder(`echo started >>$here/log; ${PRINTS_TOKEN}`);
  await writeFile(`${path}/azureProfile.json`, "jo");
  let now = Date.now();
  const env = { PATH: path, HOME: folder, AZURE_CONFIG_DIR: path };
  const credential = credentialFor(path, { env, runtime: { now: () => now } });
  const count = async () => (await readFile(`${path}/log`, "utf8")).split("\n").length - 1;
  await credential.getToken(SCOPE);
  await writeFile(`${path}/azureProfile.json`, "ann");
  await credential.getToken(SCOPE);
  assert.equal(await count(), 1);
  now += 1000;
  await credential.getToken(SCOPE);
  assert.equal(await count(), 2);
});
