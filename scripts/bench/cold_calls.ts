// Acquires tokens that are not cached, with the library that the argument names. Prints the counts and the times, in
// milliseconds, as JSON.
import process from "node:process";
import { type Contender, CONTENDERS, SCOPE } from "./libraries.ts";

const MANY = 1000;

const contender = CONTENDERS.find(({ name }) => name === process.argv[2])!;
console.log(JSON.stringify({
  one: await concurrently(contender.start({ delayInMs: 20 }), 1),
  many: await concurrently(contender.start({ delayInMs: 20 }), MANY),
  machine: await concurrently(contender.startOnMachine({ delayInMs: 20 }), 1),
  knownCloud: await firstToken(contender, "https://login.microsoftonline.com"),
  otherHost: await firstToken(contender, "https://login.contoso.example"),
  ...await abort(contender),
  ...await silence(contender),
}));

/** Returns the number of token requests of 1,000 concurrent calls of one credential, or of several equal ones. */
async function concurrently(
  { create, service }: ReturnType<Contender["start"]>,
  credentials: number,
): Promise<number> {
  const all = Array.from({ length: credentials }, create);
  await Promise.all(Array.from({ length: MANY }, (_, index) => all[index % credentials]!.getToken(SCOPE)));
  return service.tokenRequests;
}

/** Returns the number of requests for the first token. */
async function firstToken(contender: Contender, authorityHost: string): Promise<number> {
  const { create, service } = contender.start({ authorityHost });
  await create().getToken(SCOPE);
  return service.requests;
}

/** Aborts one of three concurrent calls after 10 ms, while the service takes 100 ms to respond. */
async function abort(contender: Contender): Promise<Record<string, number>> {
  const { create } = contender.start({ delayInMs: 100 });
  const credential = create();
  const start = performance.now();
  const signal = AbortSignal.timeout(10);
  const others = [credential.getToken(SCOPE), credential.getToken(SCOPE)];
  let rejected = 0;
  await credential.getToken(SCOPE, { abortSignal: signal }).catch(() => rejected = 1);
  const afterMs = performance.now() - start;
  const tokens = (await Promise.all(others)).filter(Boolean).length;
  return { rejected, afterMs, othersWithToken: tokens };
}

/** Returns how long the first and the second call take to find that there is no metadata service. */
async function silence(contender: Contender): Promise<Record<string, number>> {
  const credential = contender.startInSilence();
  async function measure(): Promise<number> {
    const start = performance.now();
    const failed = await credential.getToken(SCOPE).then(() => false, () => true);
    if (!failed) throw new Error(`${contender.name} returned a token although there is no service`);
    return performance.now() - start;
  }
  return { silentMs: await measure(), silentAgainMs: await measure() };
}
