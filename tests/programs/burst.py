"""Many calls in a hurry: --parallel keep-alive connections, --repeat calls on each. Standard library."""

import http.client
import json
import threading

import calls

args = calls.arguments(parallel={"type": int, "default": 4})
failures = []


def work():
    connection = http.client.HTTPSConnection(args.host, timeout=60)
    body, found = calls.body_bytes(args), calls.headers(args)
    for _ in range(args.repeat):
        connection.request(args.method, args.path, body, found)
        answer = connection.getresponse()
        data = answer.read()
        if not args.stream:
            json.loads(data)
        if answer.status != 200:
            failures.append(answer.status)


threads = [threading.Thread(target=work) for _ in range(args.parallel)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
calls.say({"status": failures[0] if failures else 200})
