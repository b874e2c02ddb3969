# Does the same as default_credential.js, with Azure's library for Python.
import os
import subprocess
import time

from azure.identity import DefaultAzureCredential

# The library limits the Azure CLI to ten seconds, which no option of the older version changes.
tool_timeout = int(os.environ.get("CALL_TOOL_TIMEOUT_IN_MS", 600_000)) / 1000
check_output = subprocess.check_output
subprocess.check_output = lambda *args, **options: check_output(*args, **{**options, "timeout": tool_timeout})

scopes = os.environ.get("CALL_SCOPES", "https://storage.azure.com/.default").split(" ")
call = {
    "tenant_id": os.environ.get("CALL_TENANT_ID"),
    "claims": os.environ.get("CALL_CLAIMS"),
}
call = {name: value for name, value in call.items() if value}

start = time.monotonic()
try:
    print("token", DefaultAzureCredential().get_token(*scopes, **call).token)
except Exception as error:
    print(f"error {type(error).__name__}: {error}")
print(f"took {round((time.monotonic() - start) * 1000)} ms")
