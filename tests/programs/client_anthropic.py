"""The official anthropic SDK; asynchronous with --asynchronous."""

import asyncio

import anthropic
import calls

args = calls.arguments(asynchronous={"action": "store_true"})
options = {"api_key": args.key, "max_retries": 0, "timeout": 30}
extra = {"extra_headers": {"x-sim": args.sim}} if args.sim else {}


def endpoint(client):
    if args.api == "count_tokens":
        return client.messages.with_raw_response.count_tokens
    return client.messages.with_raw_response.create


def synchronous():
    client = anthropic.Anthropic(**options)
    for _ in range(args.repeat):
        try:
            raw = endpoint(client)(**calls.payload(args), **extra)
            identifier = calls.request_id(raw.headers)
            if args.stream:
                events = calls.Events()
                for event in raw.parse():
                    events.read(event.to_dict())
                calls.say(events.heard(raw.status_code, identifier))
            else:
                calls.say(calls.heard(raw.status_code, identifier, raw.parse().to_dict()))
        except anthropic.AnthropicError as error:
            calls.fail(error)


async def asynchronous():
    client = anthropic.AsyncAnthropic(**options)
    for _ in range(args.repeat):
        try:
            raw = await endpoint(client)(**calls.payload(args), **extra)
            identifier = calls.request_id(raw.headers)
            if args.stream:
                events = calls.Events()
                async for event in await raw.parse():
                    events.read(event.to_dict())
                calls.say(events.heard(raw.status_code, identifier))
            else:
                calls.say(calls.heard(raw.status_code, identifier, await raw.parse().to_dict()))
        except anthropic.AnthropicError as error:
            calls.fail(error)


if args.asynchronous:
    asyncio.run(asynchronous())
else:
    synchronous()
