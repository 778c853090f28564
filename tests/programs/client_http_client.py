"""http.client of the standard library."""

import http.client
import json

import calls

args = calls.arguments()
connection = http.client.HTTPSConnection(args.host, timeout=30)
for _ in range(args.repeat):
    try:
        connection.request(args.method, args.path, calls.body_bytes(args), calls.headers(args))
        answer = connection.getresponse()
        identifier = calls.request_id(answer.headers)
        if args.stream and answer.status == 200:
            events = calls.Events()
            while data := answer.read1(4096):
                events.feed(data)
                if args.leave_after and events.count >= args.leave_after:
                    calls.leave()
            calls.say(events.heard(answer.status, identifier))
        else:
            calls.say(calls.heard(answer.status, identifier, json.loads(answer.read())))
    except (OSError, http.client.HTTPException, ValueError) as error:
        calls.fail(error)
        connection.close()
