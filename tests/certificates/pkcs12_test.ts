import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { fromPkcs12 } from "@azweb/identity/pkcs12";
import forge from "node-forge";
import { assertionOf, verify } from "../support/certificates/client_assertion.ts";
import { createWorkshop, missingOpenssl, type Workshop } from "../support/certificates/openssl.ts";

const PASSWORD = "correct horse";
const skip = missingOpenssl();
const { openssl, read, readBytes, write, path } = skip ? {} as Workshop : createAuthority();

/** Creates a folder with a root, an intermediate authority (elliptic curve), an app's certificate and its key. */
function createAuthority(): Workshop {
  const workshop = createWorkshop();
  const run = (command: string) => workshop.openssl(...command.split(" "));
  workshop.write("authority.cnf", "basicConstraints=critical,CA:TRUE\n");
  run("req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -days 3 -subj /CN=root");
  run(
    "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout authority.key -out authority.csr -subj /CN=authority",
  );
  run(
    "x509 -req -in authority.csr -CA root.pem -CAkey root.key -days 3 -set_serial 2 -extfile authority.cnf -out authority.pem",
  );
  run("req -newkey rsa:2048 -nodes -keyout key.pem -out app.csr -subj /CN=app");
  run("x509 -req -in app.csr -CA authority.pem -CAkey authority.key -days 3 -set_serial 3 -out app.pem");
  run("req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -days 3 -subj /CN=other");
  // The certificates are not in the order of the chain, and one of them does not belong to it.
  workshop.write("rest.pem", ["root.pem", "other.pem", "authority.pem"].map(workshop.read).join(""));
  return workshop;
}

/** Exports a PKCS#12 file and returns its content. */
function createPfx(options: string, password: string = PASSWORD): Uint8Array {
  openssl("pkcs12", "-export", ...options.split(" "), "-out", "app.pfx", "-passout", `pass:${password}`);
  return readBytes("app.pfx");
}

/** Returns the base64 content of a certificate file. */
function bodyOf(name: string): string {
  return read(name).replace(/-----[^-]+-----|\s/g, "");
}

/** Asserts that a credential can use the certificate and the key of a PKCS#12 file. */
async function accepts(bytes: Uint8Array, password: string = PASSWORD): Promise<void> {
  const { certificate } = await fromPkcs12(bytes, password);
  await verify(await assertionOf({ certificate }), read("app.pem"));
}

/** Asserts that a PKCS#12 file is rejected, with an error that does not contain the password. */
async function rejects(bytes: Uint8Array, message: RegExp, password: string = PASSWORD): Promise<void> {
  await assert.rejects(fromPkcs12(bytes, password), (error: Error) => {
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, /^Cannot read PKCS#12: [A-Z]/);
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /horse/);
    return true;
  });
}

describe("reads PKCS#12 made by openssl", { skip }, () => {
  const forms: Record<string, string> = {
    "with the default options": "",
    "with AES-128 and SHA-384": " -keypbe AES-128-CBC -certpbe AES-128-CBC -macalg SHA384",
    "with Triple DES and SHA-1": " -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg SHA1",
    "in the legacy format, with RC2": " -legacy",
    "with nothing encrypted": " -keypbe NONE -certpbe NONE",
    "without a checksum": " -nomac",
    "with many iterations": " -iter 20000",
  };
  for (const [form, options] of Object.entries(forms)) {
    test(form, () => accepts(createPfx(`-in app.pem -inkey key.pem -name app${options}`)));
  }

  test("with a password that has characters beyond ASCII", async () => {
    await accepts(createPfx("-in app.pem -inkey key.pem -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES", "pâté"), "pâté");
    await accepts(createPfx("-in app.pem -inkey key.pem", "pâté"), "pâté");
  });

  test("with an empty password", () => accepts(createPfx("-in app.pem -inkey key.pem", ""), ""));

  test("with the app's certificate first, then its chain, without unrelated certificates", async () => {
    const { certificate } = await fromPkcs12(createPfx("-in app.pem -inkey key.pem -certfile rest.pem"), PASSWORD);
    const assertion = await assertionOf({ certificate }, { sendCertificateChain: true });
    const { header } = await verify(assertion, read("app.pem"));
    assert.deepEqual(header.x5c, ["app.pem", "authority.pem", "root.pem"].map(bodyOf));
  });

  test("with a duplicate certificate", async () => {
    write("twice.pem", read("app.pem") + read("app.pem"));
    const { certificate } = await fromPkcs12(createPfx("-in app.pem -inkey key.pem -certfile twice.pem"), PASSWORD);
    assert.equal(certificate.match(/BEGIN CERTIFICATE/g)!.length, 1);
  });

  test("from a Uint8Array that is a part of a longer buffer", async () => {
    const bytes = createPfx("-in app.pem -inkey key.pem");
    const padded = new Uint8Array(bytes.length + 20);
    padded.set(bytes, 10);
    await accepts(padded.subarray(10, 10 + bytes.length));
  });
});

describe("rejects PKCS#12", { skip }, () => {
  test("with a wrong password", async () => {
    for (const options of ["", " -legacy", " -nomac", " -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -nomac"]) {
      await rejects(createPfx(`-in app.pem -inkey key.pem${options}`), /The password is wrong/, "wrong horse");
    }
    await rejects(createPfx("-in app.pem -inkey key.pem"), /The password is wrong/, "");
  });

  test("without a private key", () => rejects(createPfx("-in app.pem -nokeys"), /It contains no private key/));

  test("without a certificate", () => rejects(createPfx("-inkey key.pem -nocerts"), /It contains no certificate/));

  test("with a private key for an elliptic curve", () =>
    rejects(createPfx("-in authority.pem -inkey authority.key"), /The private key is not an RSA key/));

  test("with unrelated certificates only", () => {
    const parts = [createPfx("-inkey key.pem -nocerts -nomac"), createPfx("-in root.pem -nokeys -nomac")];
    return rejects(join(parts[0]!, parts[1]!), /None of its certificates belongs to the private key/);
  });

  test("with several private keys", () => {
    const other = createPfx("-in other.pem -inkey other.key -nomac");
    return rejects(join(createPfx("-in app.pem -inkey key.pem -nomac"), other), /It contains several private keys/);
  });

  test("with two certificates for the key", () => {
    openssl(..."req -x509 -key key.pem -out renewed.pem -days 3 -subj /CN=app".split(" "));
    const bytes = createPfx("-in app.pem -inkey key.pem -certfile renewed.pem");
    return rejects(bytes, /It contains several certificates for one private key/);
  });

  test("that is truncated at any position, and files of other formats", async () => {
    const bytes = createPfx("-in app.pem -inkey key.pem");
    for (const length of [0, 1, 2, 10, 100, 1000, bytes.length - 1]) {
      await rejects(bytes.subarray(0, length), /It is damaged, or not a PKCS#12 file/);
    }
    await rejects(
      new TextEncoder().encode(read("app.pem")),
      /It is PEM text: Pass it to the credential as "certificate"/,
    );
    openssl(..."x509 -in app.pem -outform der -out app.der".split(" "));
    await rejects(
      readBytes("app.der"),
      /The password is wrong, or the file is damaged or encrypted by.*"openssl pkcs12 -in old.pfx -out new.pem -nodes"/,
    );
  });

  test("or a password with a TypeError, if the argument has the wrong type", async () => {
    const bytes = createPfx("-in app.pem -inkey key.pem");
    await assert.rejects(fromPkcs12("app.pfx" as unknown as Uint8Array, PASSWORD), {
      name: "TypeError",
      message: /"bytes" must be/,
    });
    await assert.rejects(fromPkcs12(bytes, undefined as unknown as string), {
      name: "TypeError",
      message: /"password" must be/,
    });
  });
});

test("an error says how to install node-forge if it is missing", { skip }, () => {
  const library = fileURLToPath(import.meta.resolve("@azweb/identity/pkcs12"));
  const root = dirname(dirname(library));
  // Only the npm package has `chunks`, with the code that its modules share.
  for (const folder of ["src", "chunks"].filter((folder) => existsSync(`${root}/${folder}`))) {
    cpSync(`${root}/${folder}`, path(`alone/${folder}`), { recursive: true });
  }
  writeFileSync(path("alone/package.json"), '{ "type": "module" }');
  const copy = pathToFileURL(path("alone") + library.slice(root.length)).href;
  writeFileSync(
    path("alone/try.js"),
    `import { fromPkcs12 } from "${copy}";
    fromPkcs12(new Uint8Array(1), "").catch(({ name, message }) => console.log(name + ": " + message));`,
  );
  const flags = "deno" in process.versions
    ? ["run", "--no-config", "-A"]
    : "bun" in process.versions
    ? ["--no-install"]
    : [];
  const output = execFileSync(process.execPath, [...flags, path("alone/try.js")], {
    encoding: "utf8",
    cwd: path("alone"),
  });
  assert.equal(
    output.trim(),
    'CredentialUnavailableError: Cannot read PKCS#12: The package "node-forge" is missing; run "npm install node-forge"',
  );
});

/** Merges the bags of two PKCS#12 files without checksums into one file. */
function join(one: Uint8Array, other: Uint8Array): Uint8Array {
  const { asn1 } = forge;
  const [first, second] = [one, other].map((bytes) => asn1.fromDer(String.fromCharCode(...bytes)));
  const [octets, otherOctets] = [first, second].map((file) => file.value[1].value[1].value[0]);
  const bags = [octets, otherOctets].flatMap(({ value }) => asn1.fromDer(value).value);
  octets.value = asn1.toDer(asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, bags)).getBytes();
  return Uint8Array.from(asn1.toDer(first).getBytes() as string, (character) => character.charCodeAt(0));
}
