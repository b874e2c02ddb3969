/**
 * What to do about the errors that people meet most.
 *
 * https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
export const AADSTS_ADVICE: Readonly<Record<number, string>> = {
  7000215: "Check the client secret: it must be the secret's value, not its id",
  7000222: "The client secret has expired: create a new one in the app registration",
  7000218: "The app is not a public client: give a secret, certificate or assertion",
  700016: "Check the client id, and that the app is registered in this tenant",
  700027: "Upload this certificate to the app registration",
  700024: "Check the clock of this machine",
  70021: "Add a federated credential with the assertion's issuer, subject and audience to the app registration",
  700211: "Add a federated credential with the assertion's issuer to the app registration",
  700212: "Add a federated credential with the assertion's audience to the app registration",
  700213: "Add a federated credential with the assertion's subject to the app registration",
  90002: "Check the tenant id, and the cloud (authorityHost)",
  500011: "Check the scope: its resource is not known in this tenant",
  1002012: 'Use a scope that ends in "/.default"',
  65001: "Grant the app its permissions, as an administrator",
  50034: "Check the user name and the tenant",
  50126: "Check the user name and the password",
  50076: "Sign in interactively: the user must use multi-factor authentication",
  53003: "Ask an administrator: a Conditional Access policy blocks the sign-in",
  50196: "Keep one credential and let it remember its tokens: the app asks again and again",
};
