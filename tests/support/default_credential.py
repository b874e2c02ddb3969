# The same as default_credential.js, with Azure's library for Python.
import time

from azure.identity import DefaultAzureCredential

start = time.monotonic()
try:
    print("token", DefaultAzureCredential().get_token("https://storage.azure.com/.default").token)
except Exception as error:
    print(f"error {type(error).__name__}: {error}")
print(f"took {round((time.monotonic() - start) * 1000)} ms")
