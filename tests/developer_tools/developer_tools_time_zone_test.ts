// Before version 2.54, the Azure CLI wrote the expiry as a local time. It is read here in several time zones.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startModule, stopModules } from "../support/child.ts";

after(stopModules);

type Row = readonly [situation: string, now: string, local: string, end: string];

const ZONES: Readonly<Record<string, readonly Row[]>> = {
  UTC: [["any day", "2026-03-29T00:30Z", "2026-03-29 01:30:00.123456", "2026-03-29T01:30:00.000Z"]],
  "Asia/Kolkata": [["any day", "2026-03-29T00:30Z", "2026-03-29 07:00:00", "2026-03-29T01:30:00.000Z"]],
  "Europe/Berlin": [
    ["in winter", "2026-01-15T10:00Z", "2026-01-15 12:00:00.000000", "2026-01-15T11:00:00.000Z"],
    ["in summer", "2026-07-15T10:00Z", "2026-07-15 13:00:00.000000", "2026-07-15T11:00:00.000Z"],
    ["across the skipped hour", "2026-03-29T00:30Z", "2026-03-29 03:30:00.000000", "2026-03-29T01:30:00.000Z"],
    ["before the skipped hour", "2026-03-29T00:00Z", "2026-03-29 01:59:59", "2026-03-29T00:59:59.000Z"],
    ["across the repeated hour", "2026-10-25T00:30Z", "2026-10-25 03:00:00", "2026-10-25T02:00:00.000Z"],
    [
      "into the second pass of the repeated hour",
      "2026-10-25T00:30Z",
      "2026-10-25 02:20:00",
      "2026-10-25T01:20:00.000Z",
    ],
    ["within the second pass", "2026-10-25T01:10Z", "2026-10-25 02:40:00", "2026-10-25T01:40:00.000Z"],
    ["into the first pass", "2026-10-24T23:30Z", "2026-10-25 02:30:00", "2026-10-25T00:30:00.000Z"],
    // The local time is ambiguous: the earlier of the two times is used.
    [
      "within the repeated hour, from its first pass",
      "2026-10-25T00:10Z",
      "2026-10-25 02:20:00",
      "2026-10-25T00:20:00.000Z",
    ],
  ],
  "America/New_York": [
    ["across the skipped hour", "2026-03-08T06:30Z", "2026-03-08 03:30:00", "2026-03-08T07:30:00.000Z"],
    [
      "into the second pass of the repeated hour",
      "2026-11-01T05:50Z",
      "2026-11-01 01:20:00",
      "2026-11-01T06:20:00.000Z",
    ],
  ],
  // Half an hour is skipped, and half an hour is repeated.
  "Australia/Lord_Howe": [
    ["across the skipped half hour", "2026-10-03T15:15Z", "2026-10-04 03:15:00", "2026-10-03T16:15:00.000Z"],
    [
      "into the second pass of the repeated hour",
      "2026-04-04T14:50Z",
      "2026-04-05 01:40:00",
      "2026-04-04T15:10:00.000Z",
    ],
  ],
};

for (const [TZ, rows] of Object.entries(ZONES)) {
  test(`${TZ}: ${rows.map(([situation]) => situation).join(", ")}`, async () => {
    const inputs = JSON.stringify(rows.map(([, now, local]) => [now, local]));
    const { stdout, stderr } = await startModule("developer_tools/local_time_process", { args: [inputs], env: { TZ } })
      .ended;
    assert.ok(stdout, stderr);
    assert.deepEqual(JSON.parse(stdout), rows.map(([, , , end]) => end));
  });
}

test("an ambiguous time is expired if both of the times that it may mean have passed", async () => {
  const inputs = JSON.stringify([["2026-10-25T03:00Z", "2026-10-25 02:20:00"]]);
  const { stdout } = await startModule("developer_tools/local_time_process", {
    args: [inputs],
    env: { TZ: "Europe/Berlin" },
  }).ended;
  assert.match(stdout, /Its token expired on 2026-10-25T01:20:00\.000Z/);
});
