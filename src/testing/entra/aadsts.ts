/**
 * OAuth error code, description with placeholders in braces, HTTP status (by default that of the OAuth error code),
 * suberror.
 */
export type ServiceErrorEntry = readonly [error: string, description: string, status?: number, suberror?: string];

const MFA =
  "Due to a configuration change made by your administrator, or because you moved to a new location, you must {verb} " +
  "multi-factor authentication to access '{resource}'.";
const FEDERATION =
  "Check your federated identity credential Subject, Audience and Issuer against the presented assertion. " +
  "https://learn.microsoft.com/entra/workload-id/workload-identity-federation";
const CERTIFICATES =
  "Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .";

/**
 * The error responses of Entra, by AADSTS code.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
export const SERVICE_ERRORS: Readonly<Record<number, ServiceErrorEntry>> = {
  28000: [
    "invalid_request",
    "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope {scope} is not valid.",
  ],
  50011: [
    "invalid_request",
    "The redirect URI '{uri}' specified in the request does not match the redirect URIs configured for the application '{app}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal.",
  ],
  50013: ["invalid_client", "Assertion failed validation. [Reason - {reason}]"],
  50020: [
    "invalid_grant",
    "User account '{username}' does not exist in tenant '{tenant}' and cannot access the application '{app}' in that tenant.",
  ],
  50027: ["invalid_client", "JWT token is invalid or malformed."],
  50034: [
    "invalid_grant",
    "The user account {username} does not exist in the {tenant} directory. To sign into this application, the account must be added to the directory.",
  ],
  50048: ["invalid_client", "Subject does not match the issuer claim in the client assertion."],
  50049: ["invalid_instance", "Unknown or invalid instance."],
  50053: [
    "invalid_grant",
    "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.",
  ],
  50055: ["invalid_grant", "The password is expired.", 400, "user_password_expired"],
  50057: ["invalid_grant", "The user account is disabled."],
  50059: [
    "invalid_request",
    "No tenant-identifying information found in either the request or implied by any provided credentials.",
  ],
  50076: ["interaction_required", MFA.replace("{verb}", "use"), 400, "basic_action"],
  50079: ["interaction_required", MFA.replace("{verb}", "enroll in"), 400, "basic_action"],
  50126: ["invalid_grant", "Error validating credentials due to invalid username or password."],
  50158: ["interaction_required", "External security challenge not satisfied.", 400, "basic_action"],
  50173: [
    "invalid_grant",
    "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
    400,
    "bad_token",
  ],
  50196: [
    "invalid_grant",
    "The server terminated an operation because it encountered a client request loop. Please contact your app vendor.",
  ],
  53003: [
    "invalid_grant",
    "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
    400,
    "message_only",
  ],
  54005: [
    "invalid_grant",
    "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
  ],
  65001: [
    "invalid_grant",
    "The user or administrator has not consented to use the application with ID '{app}'. Send an interactive authorization request for this user and resource.",
    400,
    "consent_required",
  ],
  65004: ["access_denied", "User declined to consent to access the app."],
  70000: ["invalid_grant", "The provided value for the input parameter '{parameter}' is not valid."],
  70003: ["unsupported_grant_type", "The app requested an unsupported grant type '{grant}'."],
  70025: ["invalid_client", "The client '{app}' has no configured federated identity credentials."],
  70008: [
    "invalid_grant",
    "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
  ],
  70011: [
    "invalid_scope",
    "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid.",
  ],
  70016: [
    "authorization_pending",
    "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
  ],
  70020: [
    "expired_token",
    "The provided value for the input parameter 'device_code' is not valid. This device code has expired.",
  ],
  70043: [
    "invalid_grant",
    "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.",
    400,
    "bad_token",
  ],
  90002: [
    "invalid_request",
    "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.",
  ],
  90033: ["temporarily_unavailable", "A transient error has occurred. Please try again.", 503],
  90055: ["temporarily_unavailable", "The server has terminated the request because there are too many requests.", 429],
  500011: [
    "invalid_resource",
    "The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.",
  ],
  500112: [
    "invalid_client",
    "The reply address '{uri}' does not match the reply address '{requested}' provided when requesting Authorization code.",
  ],
  500131: [
    "invalid_grant",
    "Assertion audience does not match the Client app presenting the assertion. The audience in the assertion was '{audience}' and the expected audience is one of the Application Uris of this application with App ID '{app}'. The downstream client must request a token for the expected audience (the application that made the OBO request) and this application should use that token as the assertion.",
  ],
  500133: [
    "invalid_grant",
    "Assertion is not within its valid time range. Ensure that the access token is not expired before using it for user assertion, or request a new token. Current time: {now}.",
  ],
  501481: [
    "invalid_grant",
    "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
  ],
  700005: [
    "invalid_grant",
    "Provided Authorization Code is intended to use against other tenant, thus rejected.",
  ],
  700016: [
    "unauthorized_client",
    "Application with identifier '{app}' was not found in the directory '{tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
  ],
  700021: [
    "invalid_client",
    `Client assertion application identifier doesn't match 'client_id' parameter. ${CERTIFICATES}`,
  ],
  700023: ["invalid_client", `Client assertion audience claim does not match Realm issuer. ${CERTIFICATES}`],
  700024: [
    "invalid_client",
    `Client assertion is not within its valid time range. Current time: {now}, assertion valid from {from}, expiry time of assertion {until}. ${CERTIFICATES}`,
  ],
  700025: ["invalid_client", "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."],
  700027: [
    "invalid_client",
    `Client assertion contains an invalid signature. [Reason - {reason}, Thumbprint of key used by client: '{thumbprint}'] ${CERTIFICATES}`,
  ],
  700082: ["invalid_grant", "The refresh token has expired due to inactivity.", 400, "bad_token"],
  700211: [
    "invalid_client",
    `No matching federated identity record found for presented assertion issuer '{issuer}'. ${FEDERATION}`,
  ],
  700212: [
    "invalid_client",
    `No matching federated identity record found for presented assertion audience '{audience}'. ${FEDERATION}`,
  ],
  700213: [
    "invalid_client",
    `No matching federated identity record found for presented assertion subject '{subject}'. ${FEDERATION}`,
  ],
  900023: [
    "invalid_request",
    "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain.",
  ],
  900144: ["invalid_request", "The request body must contain the following parameter: '{parameter}'."],
  900561: ["invalid_request", "The endpoint only accepts POST, OPTIONS requests. Received a {method} request."],
  1002012: [
    "invalid_scope",
    "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).",
  ],
  501661: [
    "invalid_client",
    "The OpenID configuration or the keys of the issuer '{issuer}' cannot be fetched.",
  ],
  5002738: [
    "invalid_client",
    "The algorithm '{algorithm}' that signs the assertion is not supported. Supported algorithms are RS256, RS384 and RS512.",
  ],
  7002138: [
    "invalid_client",
    `No matching federated identity record found for presented assertion subject '{subject}': the comparison is case-sensitive. ${FEDERATION}`,
  ],
  7000112: ["unauthorized_client", "Application '{app}' is disabled."],
  7000114: ["invalid_grant", "Application '{app}' is not allowed to make application on-behalf-of calls."],
  7000215: [
    "invalid_client",
    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{app}'.",
  ],
  7000216: [
    "invalid_client",
    "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
  ],
  7000218: [
    "invalid_client",
    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  ],
  7000222: [
    "invalid_client",
    "The provided client secret keys for app '{app}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.",
  ],
  7000272: ["invalid_client", "The certificate with identifier '{key}' used to sign the assertion could not be found."],
  9001023: [
    "invalid_request",
    "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint.",
  ],
  9002313: ["invalid_request", "Invalid request. Request is malformed or invalid."],
};
