/** The part of the AWS SDK that examples in the documents use. */
interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}
export function fromNodeProviderChain(): () => Promise<Credentials>;
