import { loadModules, createProgram } from "./tests/support/model_programs.ts";
import { createWorld } from "./tests/support/model_world.ts";
import { withGlobals } from "./tests/support/model_clock.ts";
await loadModules();
const d={"box":{"source":"none","linkLocal":"runner","tools":["az","azd"],"areProfilesReadable":false},"programs":[{"shape":"default","principal":"none","hasFederatedToken":false,"identity":"own","hasTenant":true,"allowsAnyTenant":false,"isInChina":false,"home":"/home/jo","cache":"process","maxRetries":0}]};
const world=createWorld(d.box as any); world.users.set("/home/jo","jo");
const S="https://storage.azure.com/.default", T="11111111-2222-3333-4444-555555555555";
await withGlobals(world.clock.now,()=>0.5,async()=>{
  const c=createProgram(d.programs[0] as any,world);
  const run=world.runtime.run!;
  const ask=async(o:any={})=>{ const t0=world.clock.now(); console.log("ask",JSON.stringify(o)); const r=await world.clock.settle(c.getToken(S,o).then(t=>t!.token,e=>e.message)); console.log("  ",r, world.clock.now()-t0,"ms"); await world.clock.calm(); };
  world.faults.set("az",{name:"hangs",left:1}); world.faults.set("pwsh",{name:"crash",left:1});
  await ask(); world.faults.clear();
  await ask({tenantId:T}); await ask(); await world.clock.advance(600000);
  await ask({claims:'{"access_token":{}}'}); await ask(); await ask();
});
