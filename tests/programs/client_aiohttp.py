"""aiohttp; --parallel calls at once, each --repeat times on connections of its own pool."""

import asyncio
import ssl

import aiohttp
import calls

args = calls.arguments(parallel={"type": int, "default": 1})
body = calls.body_bytes(args)


async def call(session):
    for _ in range(args.repeat):
        try:
            async with session.request(
                args.method, args.url, data=body, headers=calls.headers(args)
            ) as answer:
                identifier = calls.request_id(answer.headers)
                if args.stream and answer.status == 200:
                    events = calls.Events()
                    async for data in answer.content.iter_any():
                        events.feed(data)
                    calls.say(events.heard(answer.status, identifier))
                else:
                    calls.say(calls.heard(answer.status, identifier, await answer.json()))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            calls.fail(error)


async def main():
    trust = ssl.create_default_context()
    connector = aiohttp.TCPConnector(limit=args.parallel, ssl=trust)
    timeout = aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        await asyncio.gather(*(call(session) for _ in range(args.parallel)))


asyncio.run(main())
