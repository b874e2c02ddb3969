/** A certificate of a hundred years and its key, worth nothing: made for these tests with openssl. */
export const CERTIFICATE: string = `-----BEGIN CERTIFICATE-----
MIIDOzCCAiOgAwIBAgIUIu2MELlqjE4r613e8jY9nFeC50EwDQYJKoZIhvcNAQEL
BQAwLDEqMCgGA1UEAwwhQSB0ZXN0IGNlcnRpZmljYXRlLCB3b3J0aCBub3RoaW5n
MCAXDTI2MTEyMjIzMzcyOVoYDzIxMjYxMDI5MjMzNzI5WjAsMSowKAYDVQQDDCFB
IHRlc3QgY2VydGlmaWNhdGUsIHdvcnRoIG5vdGhpbmcwggEiMA0GCSqGSIb3DQEB
AQUAA4IBDwAwggEKAoIBAQDLXWEybY3sA0l4LDUcMSaEmCl+WW3J3ZYUgH92h8Dn
iDQlDwXMH+IQ23N5KHya6IAhCmLSo8cohBBZhL8PXNW0B2QJOtgc1+qiQdT2no4w
P8Ofnj8lt2FYLZ7qxeUDJUNSzv6395EXLupEumU8EvaCsJv27k76U6Wz7r8NqT5e
Z4Znb4kPTvT97m6f1vyTmFMyMwOH0kwgzeLrq6cyaEpSGWbatlLGYwXMOsg1Z/w/
LQo+JDqHmnuS7xd1+T46Cbv5D6TPS8iNnWAeC0T7JnA/zFnYKBe9WzzI1IbmRMru
uPye6OkV44vU+RSDohAFf6MeeYZAYjUJaC90E17wVD+XAgMBAAGjUzBRMB0GA1Ud
DgQWBBRUDZ9jGkL55tw3k6qLFIT8xgl68DAfBgNVHSMEGDAWgBRUDZ9jGkL55tw3
k6qLFIT8xgl68DAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCwUAA4IBAQAl
ArPl6ouJn97Q7GIlOUTg7px+X2mQdnPIzu3tNJD7+H5DU5iPAOYiJqoyPuPvvXeb
mKLCkVdQzoeFSVc3OABM8xc3JqCbPxLi7GC2gHP9tlH1hQILKj3aXw6u4SJMgsJ9
BTUXTkIuWL2pzfjgV5Md/SUslf6OnH5tB2iU7qIc1hUSJ/xC9R1nub18de6tr40R
SEr8zpuV85zdGdcE9Cosr1SpmGPqr9Cm9dnJwGPIT942n+BPH56MfFiFbiwCsv7X
sJsSoQJUYz301LB04v7YT2kCaXk/bIKzUwkKFwbiUmP6sQFz3VjzSxidxUzJibQ1
I98qFjlSnhxHAB7X3zgU
-----END CERTIFICATE-----
`;

const PRIVATE_KEY = `
MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDLXWEybY3sA0l4
LDUcMSaEmCl+WW3J3ZYUgH92h8DniDQlDwXMH+IQ23N5KHya6IAhCmLSo8cohBBZ
hL8PXNW0B2QJOtgc1+qiQdT2no4wP8Ofnj8lt2FYLZ7qxeUDJUNSzv6395EXLupE
umU8EvaCsJv27k76U6Wz7r8NqT5eZ4Znb4kPTvT97m6f1vyTmFMyMwOH0kwgzeLr
q6cyaEpSGWbatlLGYwXMOsg1Z/w/LQo+JDqHmnuS7xd1+T46Cbv5D6TPS8iNnWAe
C0T7JnA/zFnYKBe9WzzI1IbmRMruuPye6OkV44vU+RSDohAFf6MeeYZAYjUJaC90
E17wVD+XAgMBAAECggEAF8bQ1g2Fr1dptUQt6CA9qaOvY5dfGl/u68djn7RwMwxz
VEs1A/r3pRLopadnJ3wRfEtzkb8WSkAOjU4o7HSP2R7tbOrVWPdMS9uN46ZWvNYS
WszXWI3f3WhlZnuWsqRzrPCIoB0GI1jCiSCQiifewcRA/UDljlJN/a3nO9ioHcSg
C57DIzgkXaO8hN0DhBqy2lrHIkjld3RbCEZhUOlja7zoEDwgaTtUOnZiFNfR7rof
g/sNuZ9Gn6k68UIuYcOKU8M5mixjT7O0xZgtpgbkiTOcWAyhrPdhSR7UbJTCFM5P
TjZQSNz2jePpOY/VSm+5WIlsZRv2/qz4VWdtJE91UQKBgQDy80yn2mO6ejFtHstR
HIQZH5dFhIiYtIUkxOZALWWaBVOxrfgStc5CBSlRcp1Yd+PALcIPJA+vd+yUz2iK
AdMZ2iVhHKL/U4CqFihMArPShOtJ4kWC5pW0rmpUaCkCZwLv2sRwmmP89cSlkrdY
9IS7y4IkQTt+ihGQBM2141/mWQKBgQDWScGbxRMRP8oqCGrA7s2FbAmZ09grk5pN
lSUDhoHTWqYbumsU9CKtBWb/gyu0L9YG9jRLxi4ezxh5Xlm+vuGfo2bFo5pQesV7
xpJEhr7zY/xI2N0T8dqxtFTrRUhoiPIEdog9N80LbhLRoU9AVCJS4pIvhLO2Jy5i
rrQslYx3bwKBgQC/947ycpWqmzLCzjpI9QdL8rJMs9RbFQi/bPWicDx/3wWqt5P0
9MLtV7a2LKI3bUQAbieQXyYlt9SwINKxeY+cNcqjWUVSCmD4BFoC9X+xMGXaE3hp
XlmcUtShrUv6IfsoGuxtLREkp+2iBrPpDgxzdvJ2QzUHX4FREvqYZfk4wQKBgD5I
9+537N/ho7ht8+GaR8CVM4Ez0yxvXbVZOYX5zbiKK6f5mnBfuciCvnpcPRLFqLcj
TvYLZ5Jq7ZkxdHJ99wS4sQGXWR41YTtl71PdupjyIf1mk3Pdo4xtdxVfcPl5fKcR
cO4iTwYYe33VHjz7d3KSCp2nO7khUFk8oIApA8gfAoGBAO9Lo/a85HQtc67ODEb2
gh5mkC84gVlt+QvFnSDbEIOWbwk7rJd8AnvOWg5+OIVTI6s6IlKyUQ7JEjnUlx43
ILLDTgVpc8XPYqdgOOrhW+4dHhNhuGTJ8CIOre2mu8MS30ePZmr6WMOoaz8Ol0Vm
F2Q1log5Jq0+dS3sIoRxqJVR
`;

/** Thumbprints of the certificate as the header of an assertion names them, from openssl. */
export const X5T = "E-Ue_KWZOUQsDm2lOdQPq2jd63s";
export const X5T_S256 = "GMwXd_H8nFv58VsKMY66KZHKN-TIK-5VR_n8DjbyrO4";

const ALGORITHMS = {
  PS256: { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
};

/** Signs a client assertion with the key of the certificate. */
export async function signAssertion(
  claims: object,
  header: { alg?: string; [name: string]: unknown } = {},
): Promise<string> {
  const algorithm = ALGORITHMS[header.alg as keyof typeof ALGORITHMS] ?? ALGORITHMS.PS256;
  const der = Uint8Array.from(atob(PRIVATE_KEY.replace(/\s/g, "")), (character) => character.charCodeAt(0));
  const key = await crypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  const data = [{ typ: "JWT", alg: "PS256", ...header }, claims].map((part) => base64Url(JSON.stringify(part))).join(
    ".",
  );
  const signature = await crypto.subtle.sign(algorithm, key, new TextEncoder().encode(data));
  return `${data}.${base64Url(String.fromCharCode(...new Uint8Array(signature)))}`;
}

/** The public half of the certificate's key, as a JWK Set. */
export async function publicKeys(kid: string): Promise<{ keys: object[] }> {
  const der = Uint8Array.from(atob(PRIVATE_KEY.replace(/\s/g, "")), (character) => character.charCodeAt(0));
  const key = await crypto.subtle.importKey("pkcs8", der, ALGORITHMS.RS256, true, ["sign"]);
  const { kty, n, e } = await crypto.subtle.exportKey("jwk", key);
  return { keys: [{ kty, n, e, kid }] };
}

function base64Url(binary: string): string {
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
