/** The token services of the Azure clouds, for `authorityHost`. */
export const AzureAuthorityHosts: {
  /** The public cloud, the default. */
  readonly AzurePublicCloud: "https://login.microsoftonline.com";
  /** Azure in China, operated by 21Vianet. */
  readonly AzureChina: "https://login.chinacloudapi.cn";
  /** Azure for the US Government. */
  readonly AzureGovernment: "https://login.microsoftonline.us";
  /** The German cloud, closed in 2021. */
  readonly AzureGermany: "https://login.microsoftonline.de";
} = {
  AzurePublicCloud: "https://login.microsoftonline.com",
  AzureChina: "https://login.chinacloudapi.cn",
  AzureGovernment: "https://login.microsoftonline.us",
  AzureGermany: "https://login.microsoftonline.de",
};
