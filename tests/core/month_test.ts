// Runs on: deno, node
// Thirty days with each source of managed identities and with each kind of credential whose tokens or proofs expire.
// The load on a virtual machine is in `managed_identity_month_test.ts`.
import {
  AzureCliCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  DeviceCodeCredential,
  ManagedIdentityCredential,
  WorkloadIdentityCredential,
} from "@azweb/identity";
import * as testing from "@azweb/identity/testing";
import { createEntra, type Entra, type EntraApp, type Machine } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { publicKeys } from "../support/certificates/assertion.ts";
import { CERTIFICATE, KEY } from "../support/certificates/certificates.ts";
import {
  type MonthClock,
  type MonthFigures,
  type MonthIdentity,
  type MonthRow,
  rehearse,
  RESOURCES,
  runMonth,
} from "../support/core/month.ts";
import { PROFILE, SIGNED_IN } from "../support/developer_tools/tool.ts";
import { MACHINES } from "../support/managed_identity/machine.ts";
import { CLIENT, TENANT } from "../support/service.ts";
import { ISSUER, PATH, serviceAccountToken, SUBJECT } from "../support/workload.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** The longest lifetime of a token of Microsoft Entra, which is random, from 60 to 90 minutes. */
const ENTRA_LIFETIME = 90 * MINUTE;
const USER = "jo@contoso.com";
const ASSIGNED = { clientId: "66666666-7777-8888-9999-000000000000", objectId: "77777777-7777-8888-9999-000000000000" };
const SYSTEM = { appid: "51577ef2-0000-4000-8000-000000000001" };

/** The names of the functions of `./testing` that create a machine. */
type MachineFactory = {
  [Name in keyof typeof testing]: typeof testing[Name] extends () => Machine ? Name : never;
}[keyof typeof testing];

/** A kind of machine. */
interface MachineKind {
  readonly create: (
    options: { clock: MonthClock; tokenLifetimeInMs: number; userAssigned: readonly (typeof ASSIGNED)[] },
  ) => Machine;
  /** The lifetime of its tokens, in milliseconds. A day by default. */
  readonly livesInMs?: number;
  /** The options of credentials and the claims of their tokens, by default for a system- and a user-assigned identity. */
  readonly identities?: readonly { readonly options: object; readonly claims: MonthIdentity["claims"] }[];
}

const BY_CLIENT_ID = { options: { clientId: ASSIGNED.clientId }, claims: { appid: ASSIGNED.clientId } };
const BY_OBJECT_ID = { options: { objectId: ASSIGNED.objectId }, claims: { oid: ASSIGNED.objectId } };
const BY_DEFAULT = { options: {}, claims: SYSTEM };

/**
 * Every machine that `./testing` can create: the type requires a row of each. The virtual machine, which has the source
 * of a container instance, has a test of its own.
 */
const MACHINE_KINDS: Readonly<Record<Exclude<MachineFactory, "createVirtualMachine">, MachineKind>> = {
  createContainerInstance: { create: testing.createContainerInstance },
  createAppService: { create: testing.createAppService },
  createArcServer: { create: testing.createArcServer },
  createServiceFabricNode: { create: testing.createServiceFabricNode, identities: [BY_DEFAULT, BY_OBJECT_ID] },
  createAzureMlCompute: { create: testing.createAzureMlCompute },
  createCloudShell: {
    create: ({ clock, tokenLifetimeInMs }) => testing.createCloudShell({ clock, tokenLifetimeInMs }),
    livesInMs: ENTRA_LIFETIME,
    identities: [{ options: {}, claims: { upn: USER } }],
  },
};

const ROWS: readonly (readonly [name: string, row: MonthRow])[] = [
  ...Object.entries(MACHINE_KINDS).map(([name, kind]) => [name.replace("create", ""), machineRow(kind)] as const),
  ["a client secret", secretRow(ENTRA_LIFETIME)],
  ["a client secret, with tokens that live a day", secretRow(DAY)],
  ["a certificate", {
    livesInMs: ENTRA_LIFETIME,
    attempts: 4,
    clockIsOffByHours: false,
    create(clock) {
      const entra = entraWith(clock, { certificates: [CERTIFICATE] });
      const certificate = CERTIFICATE + KEY;
      return [
        appIdentity((options) => new ClientCertificateCredential(TENANT, CLIENT, { certificate }, options), entra),
      ];
    },
  }],
  ["a workload with a token file", {
    livesInMs: ENTRA_LIFETIME,
    attempts: 4,
    clockIsOffByHours: false,
    async create(clock) {
      const jwks = await publicKeys("a-key") as { keys: object[] };
      const entra = entraWith(clock, { federatedCredentials: [{ issuer: ISSUER, subject: SUBJECT, jwks }] });
      const env = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_FEDERATED_TOKEN_FILE: PATH };
      let file: Promise<string>;
      let writtenOn = -Infinity;
      // The kubelet replaces the token after four fifths of its lifetime, which is an hour.
      function readTextFile(): Promise<string> {
        if (clock.now() - writtenOn >= 48 * MINUTE) {
          writtenOn = clock.now();
          file = serviceAccountToken({}, writtenOn);
        }
        return file;
      }
      return [
        appIdentity(
          (options) =>
            new WorkloadIdentityCredential({ ...options, env, runtime: { ...options.runtime, readTextFile } }),
          entra,
        ),
      ];
    },
  }],
  ["a user who signed in", {
    livesInMs: ENTRA_LIFETIME,
    attempts: 4,
    clockIsOffByHours: false,
    create(clock) {
      const entra = entraWith(clock);
      return [{
        claims: { upn: USER },
        async connect({ runtime, through }) {
          const credential = new DeviceCodeCredential({
            ...isolated(through(entra.fetch)),
            runtime,
            tenantId: TENANT,
            clientId: CLIENT,
            disableAutomaticAuthentication: true,
            userPromptCallback: ({ userCode }) => entra.enterUserCode(userCode, USER),
          });
          await credential.authenticate(`${RESOURCES[0]}/.default`);
          return credential;
        },
      }];
    },
  }],
  ["the Azure CLI", {
    livesInMs: ENTRA_LIFETIME,
    // A tool is not started again.
    attempts: 1,
    clockIsOffByHours: false,
    create: (clock) => [azureCliIdentity(clock)],
  }],
];

// The months end before the first test: afterwards, Node tracks each promise for its test, which doubles the time.
const outcomes: (readonly [name: string, row: MonthRow, outcome: MonthFigures | Error])[] = [];
for (const [name, row] of ROWS) {
  const outcome = await rehearse(row).then(() => runMonth(row)).catch((error) => error as Error);
  outcomes.push([name, row, outcome]);
}

for (const [name, row, outcome] of outcomes) {
  test(`thirty days: ${name}`, () => {
    if (outcome instanceof Error) throw outcome;
    // The month was as hard as it should be.
    const { calls, failedCalls, failedCallsInOutages, requests, failedRequests, refreshes, superfluous } = outcome;
    assert.ok(calls > 2000, `${calls} calls`);
    assert.ok(failedRequests > requests / 20, `${failedRequests} failed requests of ${requests}`);
    assert.ok(failedCallsInOutages > 0 && failedCalls < calls / 10, `${failedCalls} failed calls`);
    assert.ok(superfluous <= 1, `${superfluous} superfluous refreshes`);
    assert.ok(refreshes > 30 * DAY / row.livesInMs, `${refreshes} refreshes`);
  });
}

test("each source of managed identities has a row", () => {
  const variables: ReadonlySet<string> = new Set(Object.values(MACHINES).flatMap((env) => Object.keys(env)));
  const variablesOf = (env: object) => Object.keys(env).filter((name) => variables.has(name)).sort().join(" ");
  const options = { clock: testing.createFakeClock(), tokenLifetimeInMs: DAY, userAssigned: [] };
  const rows = Object.values(MACHINE_KINDS).map(({ create }) => variablesOf(create(options).env));
  for (const [name, env] of Object.entries(MACHINES)) assert.ok(rows.includes(variablesOf(env)), name);
});

/** Returns the row of a kind of machine. */
function machineRow({ create, livesInMs = DAY, identities = [BY_DEFAULT, BY_CLIENT_ID] }: MachineKind): MonthRow {
  return {
    livesInMs,
    attempts: 4,
    // A token that has expired by the clock of the program is of no use.
    clockIsOffByHours: livesInMs > 3 * HOUR,
    create(clock) {
      const machine = create({ clock, tokenLifetimeInMs: livesInMs, userAssigned: [ASSIGNED] });
      const { localFetch, runtime: machineRuntime } = machine.options;
      return identities.map(({ options, claims }) => ({
        claims,
        connect: ({ runtime, through }) =>
          new ManagedIdentityCredential({
            ...machine.options,
            ...options,
            waitUntil() {},
            localFetch: through(localFetch),
            runtime: { ...machineRuntime, ...runtime, tlsFetch: (trust) => through(machineRuntime.tlsFetch(trust)) },
          }),
      }));
    },
  };
}

function secretRow(livesInMs: number): MonthRow {
  return {
    livesInMs,
    attempts: 4,
    clockIsOffByHours: true,
    create(clock) {
      const entra = entraWith(clock, { secrets: ["a-secret"] }, livesInMs);
      return [appIdentity((options) => new ClientSecretCredential(TENANT, CLIENT, "a-secret", options), entra)];
    },
  };
}

/** Creates an Entra with one app and one user. */
function entraWith(clock: MonthClock, app: Partial<EntraApp> = {}, tokenLifetimeInMs: number = ENTRA_LIFETIME): Entra {
  return createEntra({
    apps: [{ tenantId: TENANT, clientId: CLIENT, ...app }],
    users: [{ tenantId: TENANT, username: USER }],
    tokenLifetimeInMs,
    now: clock.now,
  });
}

/** Options of a credential that is isolated from the machine. */
interface IsolatedOptions {
  readonly env: object;
  readonly fetch: typeof fetch;
  readonly waitUntil: () => void;
}

function isolated(fetch: typeof globalThis.fetch): IsolatedOptions {
  return { env: {}, fetch, waitUntil() {} };
}

/** Returns the identity of the app. */
function appIdentity(
  create: (options: IsolatedOptions & { runtime: MonthClock }) => ReturnType<MonthIdentity["connect"]>,
  entra: Entra,
): MonthIdentity {
  return {
    claims: { appid: CLIENT },
    connect: ({ runtime, through }) => create({ ...isolated(through(entra.fetch)), runtime }),
  };
}

/** Returns the user of an Azure CLI, which caches a token until five minutes before its expiry. */
function azureCliIdentity(clock: MonthClock): MonthIdentity {
  const cached = new Map<string, { readonly accessToken: string; readonly expires_on: number }>();
  function getAccessToken(resource: string): { code: number; stdout: string; stderr: string } {
    let token = cached.get(resource);
    if (!token || token.expires_on * SECOND <= clock.now() + 5 * MINUTE) {
      const exp = Math.floor((clock.now() + ENTRA_LIFETIME) / SECOND);
      const parts = [{ alg: "none" }, { aud: resource, exp, upn: USER, oid: "jo" }, {}];
      token = { accessToken: parts.map((part) => btoa(JSON.stringify(part))).join("."), expires_on: exp };
      cached.set(resource, token);
    }
    return { code: 0, stdout: JSON.stringify({ ...token, tokenType: "Bearer" }), stderr: "" };
  }
  return {
    claims: { upn: USER },
    connect: ({ runtime, request }) =>
      new AzureCliCredential({
        env: { PATH: "/usr/bin", HOME: "/home/jo" },
        waitUntil() {},
        runtime: {
          ...runtime,
          platform: "linux",
          fileExists: (path) => Promise.resolve([PROFILE, "/usr/bin/az"].includes(path)),
          readTextFile: () => Promise.resolve(SIGNED_IN),
          run(_command, args, { signal }) {
            const resource = args[args.indexOf("--resource") + 1]!;
            return request({
              resource,
              signal,
              send: () => Promise.resolve(getAccessToken(resource)),
              fail: (fault) => ({ code: 1, stdout: "", stderr: `ERROR: The connection failed: ${fault}` }),
              read: ({ stdout }) => stdout ? JSON.parse(stdout) : undefined,
            });
          },
        },
      }),
  };
}
