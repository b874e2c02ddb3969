// Measures how long `getToken` takes with a cached token. The arguments are the way of calling and the library. Each
// combination has its own process, so that the optimisations of the engine for one do not affect another. Prints
// microseconds per call.
import process from "node:process";
import { type Contender, CONTENDERS, type Credential, SCOPE } from "./libraries.ts";

const ROUNDS = 7;
const ROUND_IN_MS = 40;

/** The ways of calling: the credential, and the arguments of `getToken`. */
const CALLS: Readonly<Record<string, { create: Create; call(credential: Credential): Promise<unknown> }>> = {
  plain: { create: (contender) => contender.start().create(), call: (credential) => credential.getToken(SCOPE) },
  client: {
    create: (contender) => contender.start().create(),
    // As the clients of the Azure SDK do.
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

const [way, library] = process.argv.slice(2);
const { create, call } = CALLS[way!]!;
const credential = create(CONTENDERS.find(({ name }) => name === library) ?? CONTENDERS[0]!);
const value = await call(credential);
const work = library === "a resolved promise" ? () => Promise.resolve(value) : () => call(credential);
const rounds: number[] = [];
for (let round = -2; round < ROUNDS; round++) {
  const microseconds = await measure(work);
  // The first two rounds are a warm-up.
  if (round >= 0) rounds.push(microseconds);
}
console.log(rounds.toSorted((a, b) => a - b)[ROUNDS >> 1]);

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
