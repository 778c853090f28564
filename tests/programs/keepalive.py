"""One keep-alive connection, as many requests as fit: host, path, seconds. Prints how many."""

import http.client
import sys
import time

host, path, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
body = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}'
connection = http.client.HTTPSConnection(host, timeout=30)
post = path.startswith("/v1/")
count = 0
end = time.monotonic() + seconds
while time.monotonic() < end:
    if post:
        connection.request("POST", path, body, {"content-type": "application/json"})
    else:
        connection.request("GET", path)
    connection.getresponse().read()
    count += 1
print(count)
