"""The official openai SDK; asynchronous with --asynchronous."""

import asyncio

import calls
import openai

args = calls.arguments(asynchronous={"action": "store_true"})
options = {"api_key": args.key, "max_retries": 0, "timeout": 30}
extra = {"extra_headers": {"x-sim": args.sim}} if args.sim else {}


def endpoint(client):
    if args.api == "embeddings":
        return client.embeddings.with_raw_response.create
    if args.api == "models":
        return client.models.with_raw_response.list
    if args.api == "responses":
        return client.responses.with_raw_response.create
    return client.chat.completions.with_raw_response.create


def line(raw, answer):
    return calls.heard(raw.status_code, calls.request_id(raw.headers), answer.to_dict())


def synchronous():
    client = openai.OpenAI(**options)
    for _ in range(args.repeat):
        try:
            raw = endpoint(client)(**(calls.payload(args) or {}), **extra)
            if args.stream:
                events = calls.Events()
                for event in raw.parse():
                    events.read(event.to_dict())
                calls.say(events.heard(raw.status_code, calls.request_id(raw.headers)))
            elif args.api == "models":
                calls.say({"status": raw.status_code, "request_id": calls.request_id(raw.headers)})
            else:
                calls.say(line(raw, raw.parse()))
        except openai.OpenAIError as error:
            calls.fail(error)


async def asynchronous():
    client = openai.AsyncOpenAI(**options)
    for _ in range(args.repeat):
        try:
            raw = await endpoint(client)(**(calls.payload(args) or {}), **extra)
            if args.stream:
                events = calls.Events()
                async for event in raw.parse():
                    events.read(event.to_dict())
                calls.say(events.heard(raw.status_code, calls.request_id(raw.headers)))
            else:
                calls.say(line(raw, raw.parse()))
        except openai.OpenAIError as error:
            calls.fail(error)


if args.asynchronous:
    asyncio.run(asynchronous())
else:
    synchronous()
