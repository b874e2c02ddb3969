/** The authority hosts of the Azure clouds, for the option `authorityHost`. */
export const AzureAuthorityHosts: {
  /** The Azure public cloud, the default. */
  readonly AzurePublicCloud: "https://login.microsoftonline.com";
  /** Azure operated by 21Vianet, in China. */
  readonly AzureChina: "https://login.chinacloudapi.cn";
  /** Azure Government, for the United States. */
  readonly AzureGovernment: "https://login.microsoftonline.us";
  /** Azure Germany, which closed in 2021. */
  readonly AzureGermany: "https://login.microsoftonline.de";
} = {
  AzurePublicCloud: "https://login.microsoftonline.com",
  AzureChina: "https://login.chinacloudapi.cn",
  AzureGovernment: "https://login.microsoftonline.us",
  AzureGermany: "https://login.microsoftonline.de",
};
