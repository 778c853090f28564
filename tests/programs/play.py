"""Recorded requests, each on a connection of its own: one JSON object a line in the file given."""

import base64
import http.client
import json
import sys

for line in open(sys.argv[1]):
    call = json.loads(line)
    body = base64.b64decode(call["body"])
    connection = http.client.HTTPSConnection(call["host"], timeout=30)
    connection.putrequest(call["method"], call["target"], skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", call["host"])
    for name, value in call["headers"]:
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.putheader("X-Sim", "play=" + call["id"])
    connection.endheaders(body)
    answer = connection.getresponse()
    answer.read()
    print(answer.status, flush=True)
    connection.close()
