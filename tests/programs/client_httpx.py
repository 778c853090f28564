"""httpx, synchronous; asynchronous with --asynchronous."""

import asyncio

import calls
import httpx

args = calls.arguments(asynchronous={"action": "store_true"})
asked = {"content": calls.body_bytes(args), "headers": calls.headers(args)}


def synchronous():
    with httpx.Client(timeout=30) as client:
        for _ in range(args.repeat):
            try:
                with client.stream(args.method, args.url, **asked) as answer:
                    identifier = calls.request_id(answer.headers)
                    if args.stream and answer.status_code == 200:
                        events = calls.Events()
                        for data in answer.iter_bytes():
                            events.feed(data)
                            if args.leave_after and events.count >= args.leave_after:
                                return
                        calls.say(events.heard(answer.status_code, identifier))
                    else:
                        answer.read()
                        calls.say(calls.heard(answer.status_code, identifier, answer.json()))
            except (httpx.HTTPError, ValueError) as error:
                calls.fail(error)


async def asynchronous():
    async with httpx.AsyncClient(timeout=30) as client:
        for _ in range(args.repeat):
            try:
                async with client.stream(args.method, args.url, **asked) as answer:
                    identifier = calls.request_id(answer.headers)
                    if args.stream and answer.status_code == 200:
                        events = calls.Events()
                        async for data in answer.aiter_bytes():
                            events.feed(data)
                        calls.say(events.heard(answer.status_code, identifier))
                    else:
                        await answer.aread()
                        calls.say(calls.heard(answer.status_code, identifier, answer.json()))
            except (httpx.HTTPError, ValueError) as error:
                calls.fail(error)


if args.asynchronous:
    asyncio.run(asynchronous())
else:
    synchronous()
