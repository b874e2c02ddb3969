import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { scopeFor } from "@azweb/identity/fetch";

/** URLs by the scope that they require, according to the documentation of the services. */
const SCOPES: Readonly<Record<string, readonly string[]>> = {
  "https://storage.azure.com/.default": [
    "https://account.blob.core.windows.net/container/blob?comp=list",
    "https://account-secondary.blob.core.windows.net/",
    "https://account.z01.blob.storage.azure.net/",
    "https://account.dfs.core.windows.net/filesystem",
    "https://account.file.core.windows.net/share",
    "https://account.queue.core.windows.net/queue/messages",
    "https://account.table.core.windows.net/Tables",
    "https://account.blob.core.chinacloudapi.cn/",
    "https://account.blob.core.usgovcloudapi.net/",
    "https://ACCOUNT.BLOB.CORE.WINDOWS.NET/",
    "https://account.blob.core.windows.net:443/",
  ],
  "https://vault.azure.net/.default": ["https://my-vault.vault.azure.net/secrets/one"],
  "https://vault.azure.cn/.default": ["https://my-vault.vault.azure.cn/keys"],
  "https://vault.usgovcloudapi.net/.default": ["https://my-vault.vault.usgovcloudapi.net/"],
  "https://managedhsm.azure.net/.default": ["https://my-hsm.managedhsm.azure.net/keys"],
  "https://management.azure.com/.default": ["https://management.azure.com/subscriptions?api-version=2022-12-01"],
  "https://management.chinacloudapi.cn/.default": ["https://management.chinacloudapi.cn/subscriptions"],
  "https://management.usgovcloudapi.net/.default": ["https://management.usgovcloudapi.net/subscriptions"],
  "https://graph.microsoft.com/.default": ["https://graph.microsoft.com/v1.0/me"],
  "https://graph.microsoft.us/.default": ["https://graph.microsoft.us/v1.0/me"],
  "https://dod-graph.microsoft.us/.default": ["https://dod-graph.microsoft.us/v1.0/me"],
  "https://microsoftgraph.chinacloudapi.cn/.default": ["https://microsoftgraph.chinacloudapi.cn/v1.0/me"],
  "https://my-account.documents.azure.com/.default": ["https://my-account.documents.azure.com/dbs/db/colls"],
  "https://my-account.documents.azure.us/.default": ["https://my-account.documents.azure.us/dbs"],
  "https://servicebus.azure.net/.default": [
    "https://my-namespace.servicebus.windows.net/queue/messages",
    "https://my-namespace.servicebus.usgovcloudapi.net/hub/messages",
  ],
  "https://appconfig.azure.com/.default": ["https://my-store.azconfig.io/kv?key=*"],
  "https://appconfig.azure.us/.default": ["https://my-store.azconfig.azure.us/kv"],
  "https://appconfig.azure.cn/.default": ["https://my-store.azconfig.azure.cn/kv"],
  "https://search.azure.com/.default": ["https://my-search.search.windows.net/indexes"],
  "https://search.azure.us/.default": ["https://my-search.search.azure.us/indexes"],
  "https://database.windows.net/.default": ["https://my-server.database.windows.net/"],
  "https://cognitiveservices.azure.com/.default": [
    "https://my-resource.openai.azure.com/openai/v1/responses",
    "https://my-resource.cognitiveservices.azure.com/vision/v3.2/analyze",
    "https://my-resource.services.ai.azure.com/models/chat/completions",
    "https://my-resource.services.ai.azure.com/openai/v1/responses",
    "https://my-resource.services.ai.azure.com/api/projectsx",
    "https://my-resource.services.ai.azure.com/api/projects/../../models",
  ],
  "https://cognitiveservices.azure.us/.default": ["https://my-resource.openai.azure.us/openai/v1/responses"],
  "https://ai.azure.com/.default": [
    "https://my-resource.services.ai.azure.com/api/projects/one/agents",
    "https://my-resource.services.ai.azure.com/API/Projects/one/agents",
  ],
  "https://containerregistry.azure.net/.default": ["https://myregistry.azurecr.io/oauth2/exchange"],
  "https://api.loganalytics.io/.default": [
    "https://api.loganalytics.azure.com/v1/workspaces/id/query",
    "https://api.loganalytics.io/v1/workspaces/id/query",
  ],
  "https://monitor.azure.com/.default": [
    "https://my-rule-abcd.westeurope-1.ingest.monitor.azure.com/dataCollectionRules",
  ],
  "https://atlas.microsoft.com/.default": [
    "https://atlas.microsoft.com/search",
    "https://eu.atlas.microsoft.com/search",
  ],
  "https://signalr.azure.com/.default": ["https://my-hub.service.signalr.net/api/hubs/chat"],
  "https://webpubsub.azure.com/.default": ["https://my-hub.webpubsub.azure.com/api/hubs/chat/:send"],
  "https://digitaltwins.azure.net/.default": ["https://my-twins.api.weu.digitaltwins.azure.net/models"],
  "https://eventgrid.azure.net/.default": ["https://my-topic.westeurope-1.eventgrid.azure.net/api/events"],
  "https://batch.core.windows.net/.default": ["https://my-batch.westeurope.batch.azure.com/jobs"],
};

/** URLs that get no token, and why. */
const WITHOUT_SCOPE: Readonly<Record<string, string>> = {
  "another protocol": "http://account.blob.core.windows.net/",
  "a WebSocket": "wss://account.service.signalr.net/",
  "a port": "https://account.blob.core.windows.net:8443/",
  "a user name": "https://user@account.blob.core.windows.net/",
  "a user name that resembles the host": "https://account.blob.core.windows.net@evil.example/",
  "a suffix after the host": "https://account.blob.core.windows.net.evil.example/",
  "a label that only ends like the host": "https://evilblob.core.windows.net/",
  "no account": "https://blob.core.windows.net/",
  "a subdomain of an exact host": "https://evil.graph.microsoft.com/",
  "an exact host as the end of a label": "https://evilgraph.microsoft.com/",
  "a trailing dot": "https://account.blob.core.windows.net./",
  "an IP address": "https://20.60.1.2/",
  "an IPv6 address": "https://[::1]/",
  "letters that resemble the host's": "https://account.blob.core.windоws.net/",
  "an encoded slash": "https://evil.example%2f.blob.core.windows.net/",
  "a host that is unknown": "https://example.com/",
  "a static web site": "https://account.z6.web.core.windows.net/",
  "two levels of Azure Cosmos DB": "https://a.b.documents.azure.com/",
  "a relative URL": "/container/blob",
  "no URL": "",
};

describe("scopeFor", () => {
  for (const [scope, urls] of Object.entries(SCOPES)) {
    for (const url of urls) {
      test(`returns ${scope} for ${url}`, () => {
        assert.equal(scopeFor(url), scope);
        assert.equal(scopeFor(new URL(url)), scope);
      });
    }
  }

  for (const [what, url] of Object.entries(WITHOUT_SCOPE)) {
    test(`returns undefined for ${what}`, () => assert.equal(scopeFor(url), undefined));
  }
});
