
import { createCounts } from "./tests/support/model_run.ts";
import { FAMILIES } from "./tests/support/model_scenario.ts";
import { explore } from "./tests/support/model_explore.ts";
const counts=createCounts();
const [n="500",seed="1",verbose]=Deno.args;
const start=performance.now();
for (const family of FAMILIES) {
  const found = await explore(family,{sequences:Number(n),seed:Number(seed),counts,all:true});
  console.log("=== "+family+" "+found.length);
  for (const f of found) console.log(verbose==="v"?f.message.replace(/\n    at .*/g,"")+"\n  "+JSON.stringify(f.scenario?.box)+"\n  "+(f.message.includes("Steps")?"":f.scenario?.steps.map(s=>JSON.stringify(s)).join("\n  "))+"\n  "+f.scenario?.programs.map(p=>JSON.stringify(p)).join("\n  ")+"\n":"- "+f.kind);
}
console.log(counts.sequences,counts.calls,counts.electedForGood,counts.electedForAWhile, counts.results, (performance.now()-start)/1000);
