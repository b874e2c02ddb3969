
import fc from "fast-check";
import { createCounts, runScenario } from "./tests/support/model_run.ts";
import { scenarioOf, FAMILIES } from "./tests/support/model_scenario.ts";
import { loadModules } from "./tests/support/model_programs.ts";
await loadModules();
const counts=createCounts();
let n=0;
for (const s of fc.sample(scenarioOf(FAMILIES[0]!), {seed:7,numRuns:250})) { const t=performance.now(); console.error(n++); try { await Promise.race([runScenario(s,counts), new Promise((_,r)=>setTimeout(()=>r(new Error("slow")),20000))]);} catch(e) { console.error(String(e).slice(0,1500), JSON.stringify(s)); break; } }
