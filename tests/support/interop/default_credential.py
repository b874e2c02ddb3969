# Does the same as default_credential.js, with Azure's library for Python.
import subprocess
import time

from azure.identity import DefaultAzureCredential

# The library limits the Azure CLI to ten seconds, which no option changes.
check_output = subprocess.check_output
subprocess.check_output = lambda *args, **options: check_output(*args, **{**options, "timeout": 600})

start = time.monotonic()
try:
    print("token", DefaultAzureCredential().get_token("https://storage.azure.com/.default").token)
except Exception as error:
    print(f"error {type(error).__name__}: {error}")
print(f"took {round((time.monotonic() - start) * 1000)} ms")
