export { encodeBase64, encodeBase64Url } from "./encoding.ts";
