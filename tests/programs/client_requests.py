"""requests, with one session."""

import calls
import requests

args = calls.arguments()
with requests.Session() as session:
    for _ in range(args.repeat):
        try:
            answer = session.request(
                args.method,
                args.url,
                data=calls.body_bytes(args),
                headers=calls.headers(args),
                stream=args.stream,
                timeout=30,
            )
            identifier = calls.request_id(answer.headers)
            if args.stream and answer.status_code == 200:
                events = calls.Events()
                for data in answer.iter_content(None):
                    events.feed(data)
                    if args.leave_after and events.count >= args.leave_after:
                        calls.leave()
                calls.say(events.heard(answer.status_code, identifier))
            else:
                calls.say(calls.heard(answer.status_code, identifier, answer.json()))
        except (OSError, ValueError) as error:
            calls.fail(error)
