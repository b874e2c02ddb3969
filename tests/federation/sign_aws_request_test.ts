// Runs on: deno
//
// The signature of AWS's published test suite (aws-sig-v4-test-suite), whose region and service no source has: the only
// test of an internal function.
import assert from "node:assert/strict";
import { test } from "node:test";
import { signAwsRequest } from "../../src/federation/sign_aws_request.ts";

const CREDENTIALS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const SESSION =
  "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8" +
  "YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVX" +
  "AkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

for (
  const [name, request, credentials, headers, signature] of [
    ["post-vanilla", {}, {}, "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
    [
      "post-x-www-form-urlencoded",
      { contentType: "application/x-www-form-urlencoded", body: "Param1=value1" },
      {},
      "content-type;host;x-amz-date",
      "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ],
    [
      "post-sts-header-before",
      {},
      { sessionToken: SESSION },
      "host;x-amz-date;x-amz-security-token",
      "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    ],
  ] as const
) {
  test(`the published signature of ${name}`, async () => {
    const { authorization } = await signAwsRequest({
      url: new URL("https://example.amazonaws.com/"),
      body: "",
      region: "us-east-1",
      service: "service",
      now: Date.UTC(2015, 7, 30, 12, 36),
      ...request,
    }, { ...CREDENTIALS, ...credentials });
    assert.equal(
      authorization,
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, " +
        `SignedHeaders=${headers}, Signature=${signature}`,
    );
  });
}
