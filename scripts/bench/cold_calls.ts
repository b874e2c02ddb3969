// What it takes to get tokens that nobody remembers. Prints JSON: for each library what was counted and, in milliseconds, measured.
import { type Contender, CONTENDERS, SCOPE } from "./libraries.ts";

const MANY = 1000;

const result: Record<string, Record<string, unknown>> = {};
for (const contender of CONTENDERS) {
  result[contender.name] = {
    one: await concurrently(contender, 1),
    many: await concurrently(contender, MANY),
    knownCloud: await firstToken(contender, "https://login.microsoftonline.com"),
    otherHost: await firstToken(contender, "https://login.contoso.example"),
    ...await abort(contender),
  };
}
console.log(JSON.stringify(result));

/** Returns how many tokens were requested by so many calls at once, of one credential or of as many that are alike. */
async function concurrently(contender: Contender, credentials: number): Promise<number> {
  const { create, service } = contender.start({ delayInMs: 20 });
  const all = Array.from({ length: credentials }, create);
  await Promise.all(Array.from({ length: MANY }, (_, index) => all[index % credentials]!.getToken(SCOPE)));
  return service.tokenRequests;
}

/** Returns how many requests the first token needs. */
async function firstToken(contender: Contender, authorityHost: string): Promise<number> {
  const { create, service } = contender.start({ authorityHost });
  await create().getToken(SCOPE);
  return service.requests;
}

/** One caller gives up after 10 ms and two wait, where the service takes 100 ms. */
async function abort(contender: Contender): Promise<Record<string, unknown>> {
  const { create } = contender.start({ delayInMs: 100 });
  const credential = create();
  const start = performance.now();
  const signal = AbortSignal.timeout(10);
  const others = [credential.getToken(SCOPE), credential.getToken(SCOPE)];
  let rejected = false;
  await credential.getToken(SCOPE, { abortSignal: signal }).catch(() => rejected = true);
  const afterMs = performance.now() - start;
  const tokens = (await Promise.all(others)).filter(Boolean).length;
  return { rejected, afterMs, othersWithToken: tokens };
}
