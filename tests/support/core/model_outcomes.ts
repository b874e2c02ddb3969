/**
 * The possible outcomes of a credential for a call, derived from the state of the world: the identity of its token, or
 * the kind of its failure. Follows the documented rules, not the code.
 *
 * @module
 */
import { HTTP_FAULTS, TOOL_FAULTS } from "./model_faults.ts";
import { ASSIGNED, machineIdentity } from "./model_machine.ts";
import {
  clientIdOption,
  clientIdVariable,
  type Leaf,
  type Program,
  TENANTS,
  UNKNOWN_ID,
  USERS,
} from "./model_programs.ts";
import { resourceOf, type Target, type World } from "./model_world.ts";
import type { ToolName } from "../developer_tools/tool.ts";

/** A call of `getToken`. */
export interface Call {
  readonly scopes: readonly string[];
  readonly tenantId: string | undefined;
  readonly claims: boolean;
}

/** The conditions of a credential's outcomes. */
export interface Context {
  readonly program: Program;
  readonly call: Call;
  readonly world: World;
  /** Whether the chain probes for the metadata service; `"maybe"` if both are allowed. */
  readonly searches: boolean | "maybe";
  /** Whether the credential is a member of DefaultAzureCredential, whose options and variables it gets. */
  readonly isInDefault: boolean;
}

/** A possible outcome of a credential. */
export interface Outcome {
  readonly kind: "token" | "absent" | "inconclusive" | "not for this call" | "fails";
  /** The identity, the tenant and the resource of the token. */
  readonly token?: string;
  /**
   * The minimum and maximum time for which a later credential is used after an inconclusive failure, in milliseconds.
   */
  readonly lasts?: readonly [atLeast: number, atMost: number];
  /** The reason, for the report of a counterexample. */
  readonly why: string;
}

/** The value of `lasts` if a later credential is used until its own token must be refreshed. */
export const UNTIL_RENEWAL: readonly [number, number] = [0, Infinity];
const TEN_SECONDS = [10_000, 10_000] as const;
const A_MINUTE = [60_000, 60_000] as const;
const SOME_TIME = [0, 60_000] as const;
const A_SECOND = 1000;

/** Returns the possible outcomes of a credential. */
export function outcomesOf(leaf: Leaf, context: Context): Outcome[] {
  const { program, isInDefault } = context;
  const option = isInDefault ? clientIdOption(program) : undefined;
  const variable = clientIdVariable(program);
  switch (leaf) {
    case "environment":
      if (program.principal !== "secret") return [absent("no secret in the variables")];
      return ofApp(`${variable} by secret s`, TENANTS[0], context);
    case "workload":
      if (!program.hasFederatedToken) return [absent("no token file in the variables")];
      return ofApp(`${option ?? variable} by federated token`, TENANTS[0], context);
    case "workload by option":
      return ofApp("file-app by federated token", TENANTS[0], context);
    case "secret one":
      return ofApp("app-one by secret s", TENANTS[0], context);
    case "secret two":
      return ofApp("app-two by secret s", TENANTS[1], context);
    case "missing certificate":
      return [fails("the certificate's file is missing")];
    case "managed identity":
      return ofMachine(option ?? (isInDefault ? variable : undefined), option !== undefined, context);
    case "assigned identity":
      return ofMachine(ASSIGNED, true, context);
    case "unknown identity":
      return ofMachine(UNKNOWN_ID, true, context);
    case "az":
    case "pwsh":
    case "azd":
      return ofTool(leaf, context);
    case "foreign one":
    case "foreign two":
      return ofForeign(leaf, context);
  }
}

function absent(why: string): Outcome {
  return { kind: "absent", why };
}

function fails(why: string): Outcome {
  return { kind: "fails", why };
}

function inconclusive(lasts: readonly [number, number], why: string): Outcome {
  return { kind: "inconclusive", lasts, why };
}

/** Returns the possible failures of the next request to a target; `undefined` stands for success. */
function dueAt(target: Target, { world: { clock, faults, lingering } }: Context): (string | undefined)[] {
  const fault = faults.get(target);
  const due = !fault ? [undefined] : fault.left === Infinity ? [fault.name] : [fault.name, undefined];
  return clock.now() < (lingering.get(target) ?? 0) ? [...due, "throttled"] : due;
}

/** Returns the outcome of a cached token, if a token that was issued before may still be in a cache. */
function fromCache(token: string, { call, program, world: { clock, issued } }: Context): Outcome[] {
  const isCached = !call.claims && program.cache !== "none" &&
    issued.some(({ key, expiresOn }) => key === token && expiresOn > clock.now());
  return isCached ? [{ kind: "token", token, why: "its token is in a cache" }] : [];
}

/** Returns the outcomes of requests in sequence. A request that fails ends the call. */
function afterRequests(targets: readonly Target[], token: string, context: Context): Outcome[] {
  const failures = targets.flatMap((target) =>
    dueAt(target, context).flatMap((name) => name === undefined ? [] : fails(`${target}: ${name}`))
  );
  const canSucceed = targets.every((target) => dueAt(target, context).includes(undefined));
  return [...failures, ...canSucceed ? [{ kind: "token", token, why: "" } as const] : [], ...fromCache(token, context)];
}

function ofApp(app: string, ownTenant: string, context: Context): Outcome[] {
  const { call, program } = context;
  const tenant = call.tenantId ?? ownTenant;
  if (tenant !== ownTenant && !program.allowsAnyTenant) return [fails("the tenant is not allowed")];
  if (call.scopes.length > 1) return [fails("several scopes")];
  const host = program.isInChina ? "login.partner.microsoftonline.cn" : "login.microsoftonline.com";
  const token = `app ${app} at ${host}|${tenant}|${resourceOf(call.scopes[0]!)}`;
  return afterRequests(app.endsWith("federated token") ? ["token file", "entra"] : ["entra"], token, context);
}

function ofMachine(id: string | undefined, isOption: boolean, context: Context): Outcome[] {
  const { call, program, searches, world } = context;
  const { box, clock, hasAnswered, lingering } = world;
  if (program.hasFederatedToken) {
    return ofApp(`${id ?? clientIdVariable(program)} by federated token`, TENANTS[0], context);
  }
  const isNamed = box.source !== "none";
  const name = isNamed ? box.source : box.linkLocal;
  const target = isNamed ? "source" : "imds";
  const token = `${machineIdentity(name, id)}||${resourceOf(call.scopes[0]!)}`;
  const isLingering = (label: string) => clock.now() < (lingering.get(label) ?? 0);
  // The outcome of "Identity not found": a failure if the id is an option, and inconclusive if the metadata service was
  // found by a probe.
  const withoutIdentity = (why: string): Outcome[] =>
    isOption
      ? [fails(why)]
      : !isNamed
      ? [inconclusive(A_MINUTE, why)]
      : ["Azure Arc", "Azure Arc by file", "a named metadata service"].includes(name)
      ? [inconclusive(A_MINUTE, why), fails(why)]
      : [fails(why)];

  /** Returns the outcomes of the request for a token. */
  function ofRequest(): Outcome[] {
    const refusesIds = id !== undefined && (name === "Service Fabric" || name === "Cloud Shell");
    const refusal = refusesIds && !isOption ? [inconclusive(SOME_TIME, `${name}: an id in the variable`)] : [];
    if (call.scopes.length > 1) return [fails("several scopes"), ...refusal];
    if (refusesIds) return [fails(`${name}: an id`), ...refusal];
    const targets: Target[] = name === "Service Fabric"
      ? ["pin", target]
      : name.startsWith("Azure Arc")
      ? [target, "key file"]
      : [target];
    const outcomes = afterRequests(targets, token, context).flatMap((outcome) =>
      outcome.why === "imds: no permission to connect"
        ? [outcome, absent(outcome.why)]
        : outcome.why === `${target}: 400 Identity not found`
        ? withoutIdentity(`${name}: Identity not found`)
        : outcome
    );
    const isUnknown = name === "runner" || id !== undefined && id !== ASSIGNED;
    return outcomes.flatMap((outcome) =>
      outcome.kind !== "token"
        ? { ...outcome, why: `${name}: ${outcome.why}` }
        : name === "nothing"
        ? fails("the metadata service is gone")
        : isUnknown
        ? withoutIdentity(`${name}: no such identity`)
        : outcome
    ).concat(isLingering("identity") && !isOption ? inconclusive(SOME_TIME, "no such identity, a moment ago") : []);
  }

  /** Returns the outcomes of the probe, and of the request after it. */
  function ofProbe(): Outcome[] {
    const found = dueAt("probe", context).flatMap((name): Outcome[] => {
      const recognised = name === undefined ? box.linkLocal !== "nothing" && "recognised" : HTTP_FAULTS[name]?.probe;
      const outcome = recognised || "absent";
      return [
        ...outcome === "recognised" ? ofRequest() : [],
        ...outcome.includes("absent") ? [absent(`probe: ${name ?? "no service"}`)] : [],
        ...outcome.includes("inconclusive") ? [inconclusive(TEN_SECONDS, `probe: ${name}`)] : [],
      ];
    });
    return [
      ...found,
      ...isLingering("absent") ? [absent("probe: absent a moment ago")] : [],
      ...isLingering("inconclusive") ? [inconclusive([0, 10_000], "probe: inconclusive a moment ago")] : [],
    ];
  }

  if (isNamed || hasAnswered) return ofRequest();
  // A token that another program of this process has cached is returned without a probe.
  const isKnown = world.issued.some(({ key }) => key === token);
  const withoutProbe = () => [...ofRequest(), ...box.linkLocal === "nothing" ? [absent("no metadata service")] : []];
  return [...searches ? ofProbe() : [], ...searches === true && !isKnown ? [] : withoutProbe()];
}

function ofTool(tool: ToolName, context: Context): Outcome[] {
  const { call, isInDefault, program, world: { box, changes, clock, users } } = context;
  const { home } = program;
  const user = users.get(home);
  const isInstalled = box.tools.includes(tool);
  const ownTenant = isInDefault && program.hasTenant ? TENANTS[0] : undefined;
  const isOtherTenant = call.tenantId !== undefined && ownTenant !== undefined && call.tenantId !== ownTenant;
  const obstacle = isOtherTenant && !program.allowsAnyTenant
    ? "the tenant is not allowed"
    : tool === "azd"
    ? undefined
    : call.scopes.length > 1
    ? "several scopes"
    : call.claims
    ? "claims"
    : undefined;
  const whyAbsent = isInstalled ? "no account is signed in" : "not installed";
  if (obstacle) {
    const refusal: Outcome = { kind: "not for this call", why: `${tool}: ${obstacle}` };
    return isInstalled && user ? [refusal] : [refusal, absent(whyAbsent)];
  }
  if (!isInstalled) return [absent(whyAbsent)];
  const cloud = program.isInChina ? "AzureChinaCloud" : "AzureCloud";
  const tenant = call.tenantId ?? ownTenant ?? "home";
  const tokenOf = (user: string) => `${tool} ${user} at ${cloud}|${tenant}|${resourceOf(call.scopes.join(" "))}`;
  const outcomes = dueAt(tool, context).map((name): Outcome => {
    if (name === undefined) return user ? { kind: "token", token: tokenOf(user), why: "" } : absent(whyAbsent);
    const why = `${tool}: ${name}`;
    return TOOL_FAULTS[name]!.outcome === "absent" ? absent(why) : inconclusive(UNTIL_RENEWAL, why);
  });
  // The library reads the account of the Azure CLI once per second. It does not know the accounts of the other tools.
  const changedOn = changes.get(home) ?? -Infinity;
  const isNoticed = tool === "az" && box.areProfilesReadable && clock.now() > changedOn + A_SECOND;
  const possible = isNoticed ? [user].flatMap((user) => user ?? []) : USERS[home];
  return [...outcomes, ...possible.flatMap((user) => fromCache(tokenOf(user), context))];
}

function ofForeign(leaf: Leaf, { call, world: { foreign } }: Context): Outcome[] {
  const mood = foreign.get(leaf) ?? "token";
  const why = `foreign: ${mood}`;
  switch (mood) {
    case "token":
      return [{ kind: "token", token: `${leaf}||${resourceOf(call.scopes.join(" "))}`, why }];
    case "unavailable":
      return [inconclusive(A_MINUTE, why)];
    case "absent":
    case "not for this call":
      return [{ kind: mood, why }];
    case "null":
      return [absent(why), inconclusive(SOME_TIME, why)];
    case "required":
    case "aggregate":
      return [inconclusive(SOME_TIME, why)];
    case "refused":
      return [fails(why)];
  }
}
