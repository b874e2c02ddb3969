/** What the documents use of the AWS SDK. */
interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}
export function fromNodeProviderChain(): () => Promise<Credentials>;
