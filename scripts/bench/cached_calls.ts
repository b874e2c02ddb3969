// How long `getToken` takes where the token is remembered, called in the way that the argument names: a process each, so that what engines
// learn of one is nothing to another. Prints JSON: microseconds by library.
import process from "node:process";
import { type Contender, CONTENDERS, type Credential, SCOPE } from "./libraries.ts";

const ROUNDS = 15;
const ROUND_IN_MS = 40;

/** What is called, and how. */
const CALLS: Readonly<Record<string, { create: Create; call(credential: Credential): Promise<unknown> }>> = {
  plain: { create: (contender) => contender.start().create(), call: (credential) => credential.getToken(SCOPE) },
  client: {
    create: (contender) => contender.start().create(),
    // The way the clients of the Azure SDK do.
    call: (credential) => credential.getToken(SCOPES, OPTIONS),
  },
  machine: {
    create: (contender) => contender.startOnMachine().create(),
    call: (credential) => credential.getToken(SCOPE),
  },
};
type Create = (contender: Contender) => Credential;
const SCOPES = [SCOPE];
const OPTIONS = { enableCae: true, abortSignal: new AbortController().signal, tracingOptions: {} };

const { create, call } = CALLS[process.argv[2]!]!;
const credentials = CONTENDERS.map((contender) => ({ name: contender.name, credential: create(contender) }));
const value = await credentials[0]!.credential.getToken(SCOPE);
console.log(JSON.stringify(
  await compare({
    "a resolved promise": () => Promise.resolve(value),
    ...Object.fromEntries(credentials.map(({ name, credential }) => [name, () => call(credential)])),
  }),
));

/** Returns the median of some rounds for each, in microseconds a call; the rounds take turns. */
async function compare(work: Readonly<Record<string, () => Promise<unknown>>>): Promise<Record<string, number>> {
  const rounds: Record<string, number[]> = {};
  for (let round = -2; round < ROUNDS; round++) {
    for (const [name, call] of Object.entries(work)) {
      const microseconds = await measure(call);
      // The first rounds warm up.
      if (round >= 0) (rounds[name] ??= []).push(microseconds);
    }
  }
  return Object.fromEntries(Object.entries(rounds).map(([name, all]) => [name, median(all)]));
}

async function measure(call: () => Promise<unknown>): Promise<number> {
  let calls = 0;
  const start = performance.now();
  let elapsed = 0;
  while (elapsed < ROUND_IN_MS) {
    for (let i = 0; i < 100; i++) await call();
    calls += 100;
    elapsed = performance.now() - start;
  }
  return elapsed * 1000 / calls;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
