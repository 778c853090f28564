"""One keep-alive session of requests, as many requests as fit: host, path, seconds. Prints how many."""

import sys
import time

import requests

host, path, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
body = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}'
session = requests.Session()
url = f"https://{host}{path}"
post = path.startswith("/v1/")
count = 0
end = time.monotonic() + seconds
while time.monotonic() < end:
    if post:
        session.post(url, data=body, headers={"content-type": "application/json"}, timeout=30)
    else:
        session.get(url, timeout=30)
    count += 1
print(count)
