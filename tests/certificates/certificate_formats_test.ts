import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CertificateConfiguration } from "@azweb/identity";
import { assertionOf, verify } from "../support/certificates/client_assertion.ts";
import { createWorkshop, missingOpenssl, type Workshop } from "../support/certificates/openssl.ts";

const PASSWORD = "correct horse";
const AD_FS = { authorityHost: "https://adfs.example.com" };
const skip = missingOpenssl();

/** Creates a folder with an app's private key and certificate. */
function createApp(): Workshop {
  const workshop = createWorkshop();
  workshop.openssl(
    ..."req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 3 -subj /CN=app".split(" "),
  );
  return workshop;
}

const { openssl, read, readBytes, write, path } = skip ? {} as Workshop : createApp();

/** Runs openssl with the arguments, which are separated by spaces. */
function run(command: string): string {
  return openssl(...command.split(" "));
}

/** Asserts that client assertions of the configuration, for Microsoft Entra and AD FS, verify with the certificate. */
async function accepts(
  configuration: CertificateConfiguration,
  certificate: string = read("certificate.pem"),
): Promise<void> {
  await verify(await assertionOf(configuration), certificate);
  await verify(await assertionOf(configuration, AD_FS, "adfs"), certificate);
}

/** Asserts that the configuration is rejected. Returns the command that the error suggests, without `openssl`. */
async function adviceFor(configuration: CertificateConfiguration, message: RegExp): Promise<string> {
  try {
    await assertionOf(configuration);
  } catch (error) {
    const { name, message: text } = error as Error;
    assert.equal(name, "AuthenticationError");
    assert.match(text, message);
    return /"openssl ([^"]+)"/.exec(text)![1]!;
  }
  throw new Error("Accepted");
}

describe("reads keys made by openssl", { skip }, () => {
  test("PKCS#8", () => accepts({ certificate: read("certificate.pem") + read("key.pem") }));

  test("PKCS#1", async () => {
    run("rsa -in key.pem -traditional -out pkcs1.pem");
    assert.match(read("pkcs1.pem"), /BEGIN RSA PRIVATE KEY/);
    await accepts({ certificate: read("certificate.pem") + read("pkcs1.pem") });
  });

  const encryptions = [
    "-v2 aes-128-cbc",
    "-v2 aes-192-cbc",
    "-v2 aes-256-cbc",
    "-v2 aes-256-cbc -v2prf hmacWithSHA1",
    "-v2 aes-256-cbc -v2prf hmacWithSHA384",
    "-v2 aes-256-cbc -v2prf hmacWithSHA512",
    "-v2 aes-256-cbc -iter 100000",
  ];
  for (const encryption of encryptions) {
    test(`encrypted PKCS#8: ${encryption}`, async () => {
      const out = `encrypted${encryption.replaceAll(" ", "")}.pem`;
      openssl(
        ..."pkcs8 -topk8 -in key.pem".split(" "),
        ...encryption.split(" "),
        "-out",
        out,
        "-passout",
        `pass:${PASSWORD}`,
      );
      assert.match(read(out), /BEGIN ENCRYPTED PRIVATE KEY/);
      await accepts({ certificate: read("certificate.pem") + read(out), certificatePassword: PASSWORD });
    });
  }

  test("an encrypted key whose password has characters beyond ASCII", async () => {
    const password = "pâté 🥖";
    openssl(..."pkcs8 -topk8 -in key.pem -v2 aes-256-cbc -out beyond.pem -passout".split(" "), `pass:${password}`);
    await accepts({ certificate: read("certificate.pem") + read("beyond.pem"), certificatePassword: password });
  });

  test("keys of 3,072 and 4,096 bits", async () => {
    for (const size of [3072, 4096]) {
      run(`req -x509 -newkey rsa:${size} -nodes -keyout ${size}.key -out ${size}.pem -days 3 -subj /CN=app`);
      await accepts({ certificate: read(`${size}.pem`) + read(`${size}.key`) }, read(`${size}.pem`));
    }
  });

  test("certificates with text before each of them", async () => {
    run("x509 -in certificate.pem -text -out text.pem");
    assert.match(read("text.pem"), /^Certificate:\n/);
    await accepts({ certificate: read("text.pem") + read("key.pem") });
  });

  test("PEM that openssl converts from PKCS#12", async () => {
    run("pkcs12 -export -in certificate.pem -inkey key.pem -name app -out bag.pfx -passout pass:");
    run("pkcs12 -in bag.pfx -nodes -out bag.pem -passin pass:");
    assert.match(read("bag.pem"), /^Bag Attributes\n/);
    await accepts({ certificate: read("bag.pem") });
  });

  test("a file with Windows line endings, given by its path", async () => {
    write("windows.pem", (read("certificate.pem") + read("key.pem")).replaceAll("\n", "\r\n"));
    await accepts(path("windows.pem"));
    await accepts({ certificatePath: path("windows.pem") });
  });
});

describe("the client assertion for a certificate made by openssl", { skip }, () => {
  test("contains the thumbprints that openssl prints and the bytes of the certificate", async () => {
    run("x509 -in certificate.pem -outform der -out certificate.der");
    const configuration = { certificate: read("certificate.pem") + read("key.pem") };
    const options = { sendCertificateChain: true };
    const entra = await verify(await assertionOf(configuration, options), read("certificate.pem"));
    assert.equal(hex(entra.header["x5t#S256"] as string), fingerprint("sha256"));
    assert.deepEqual(entra.header.x5c, [btoa(String.fromCharCode(...readBytes("certificate.der")))]);
    const adfs = await verify(
      await assertionOf(configuration, { ...options, ...AD_FS }, "adfs"),
      read("certificate.pem"),
    );
    assert.equal(hex(adfs.header.x5t as string), fingerprint("sha1"));
  });

  test("can be signed by openssl through the callback", async () => {
    const sign = (data: Uint8Array, algorithm: "PS256" | "RS256") => {
      write("data.txt", new TextDecoder().decode(data));
      const padding = algorithm === "PS256" ? "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 " : "";
      run(`dgst -sha256 -sign key.pem ${padding}-out signature.bin data.txt`);
      return Promise.resolve(readBytes("signature.bin"));
    };
    await accepts({ certificate: read("certificate.pem"), sign });
    const thumbprint = fingerprint("sha256");
    await verify(await assertionOf({ thumbprint, sign }), read("certificate.pem"));
  });

  test("is not created before or after the validity dates that openssl prints", async () => {
    // Expires after 2049, when the encoding of dates changes.
    run("req -x509 -key key.pem -out long.pem -days 20000 -subj /CN=app");
    for (const file of ["certificate.pem", "long.pem"]) {
      const configuration = { certificate: read(file) + read("key.pem") };
      const [start, end] = run(`x509 -in ${file} -noout -startdate -enddate`).split("\n").map((line) =>
        Date.parse(line.split("=")[1]!)
      );
      const at = (now: number) => assertionOf(configuration, { runtime: { now: () => now } });
      await assert.rejects(at(start! - 1), { name: "AuthenticationError", message: /It is not valid before/ });
      await assert.rejects(at(end! + 1), { name: "AuthenticationError", message: /It expired on/ });
      await at(start!);
      await at(end!);
    }
  });

  function hex(base64Url: string): string {
    const binary = atob(base64Url.replaceAll("-", "+").replaceAll("_", "/"));
    return Array.from(binary, (byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join(":").toUpperCase();
  }

  function fingerprint(digest: string): string {
    return run(`x509 -in certificate.pem -noout -fingerprint -${digest}`).trim().split("=")[1]!;
  }
});

describe("the command that an error suggests creates a file that can be used", { skip }, () => {
  const encryptions: Record<string, string> = {
    "PBES1": "pkcs8 -topk8 -in key.pem -v1 PBE-SHA1-3DES",
    "Triple DES": "pkcs8 -topk8 -in key.pem -v2 des3",
    "scrypt": "pkcs8 -topk8 -in key.pem -scrypt",
    "HMAC-SHA-224": "pkcs8 -topk8 -in key.pem -v2 aes-256-cbc -v2prf hmacWithSHA224",
    "the traditional format": "rsa -in key.pem -traditional -aes256",
  };
  for (const [kind, command] of Object.entries(encryptions)) {
    test(`for a key encrypted by ${kind}`, async () => {
      openssl(...command.split(" "), "-out", "encrypted.pem", "-passout", `pass:${PASSWORD}`);
      write("old.pem", read("certificate.pem") + read("encrypted.pem"));
      const configuration = { certificate: read("old.pem"), certificatePassword: PASSWORD };
      const advice = await adviceFor(configuration, /The private key is encrypted by an unsupported algorithm/);
      openssl(...withNewFile(advice), "-passin", `pass:${PASSWORD}`, "-passout", `pass:${PASSWORD}`);
      await accepts({ certificate: read("new.key") + read("certificate.pem"), certificatePassword: PASSWORD });
    });
  }

  test("for an encrypted key without password", async () => {
    openssl(..."pkcs8 -topk8 -in key.pem -out encrypted.pem -passout".split(" "), `pass:${PASSWORD}`);
    write("old.pem", read("certificate.pem") + read("encrypted.pem"));
    const advice = await adviceFor(path("old.pem"), /The private key is encrypted: set "certificatePassword"/);
    openssl(...withNewFile(advice), "-passin", `pass:${PASSWORD}`);
    await accepts({ certificate: read("new.key") + read("certificate.pem") });
  });

  test("for a PKCS#12 file that was read as text", async () => {
    run("pkcs12 -export -in certificate.pem -inkey key.pem -out old.pfx -passout pass:");
    const advice = await adviceFor({ certificate: read("old.pfx") }, /It is not PEM text/);
    openssl(...advice.split(" "), "-passin", "pass:");
    await accepts(path("new.pem"));
  });

  const otherKeys: Record<string, string> = {
    "an elliptic curve": "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256",
    "Ed25519": "req -x509 -newkey ed25519",
    "RSA that is limited to PSS": "req -x509 -newkey rsa-pss -pkeyopt rsa_keygen_bits:2048",
  };
  for (const [kind, command] of Object.entries(otherKeys)) {
    test(`for a key of another type: ${kind}`, async () => {
      run(`${command} -nodes -keyout other.key -out other.pem -days 3 -subj /CN=app`);
      const advice = await adviceFor(
        { certificate: read("other.pem") + read("other.key") },
        /The certificate is not for an RSA key/,
      );
      await adviceFor(
        { certificate: read("certificate.pem") + read("other.key") },
        /The private key is not an RSA key/,
      );
      openssl(...withNewFile(advice.replaceAll("certificate.pem", "new.pem")));
      await accepts({ certificate: read("new.pem") + read("new.key") }, read("new.pem"));
    });
  }

  /** Splits the suggested command, and lets it write `new.key` instead of `key.pem`, which other tests read. */
  function withNewFile(advice: string): string[] {
    return advice.replaceAll("key.pem", "new.key").split(" ");
  }
});
