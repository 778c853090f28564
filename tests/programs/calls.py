"""What every client program shares: its arguments, request bodies, and what it prints per call.

Prints one JSON line per call: status, request_id, model, input, output, error.
Input and output are what the client read itself, totals as the provider words them.
"""

import argparse
import json
import os
import sys

PATHS = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "embeddings": "/v1/embeddings",
    "models": "/v1/models",
    "messages": "/v1/messages",
    "count_tokens": "/v1/messages/count_tokens",
}


def arguments(**extra):
    parser = argparse.ArgumentParser()
    parser.add_argument("--api", choices=sorted(PATHS), default="chat")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--usage", action="store_true", help="ask a chat stream for its usage")
    parser.add_argument("--model", default=None)
    parser.add_argument("--sim", default="", help="the simulator's script")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--size", type=int, default=0, help="bytes of filling in the prompt")
    parser.add_argument("--prompt", default="Say something short.")
    parser.add_argument("--tools", default="", help="names of offered tools, by comma")
    parser.add_argument("--key", default="sk-simulated-0000000000000000")
    parser.add_argument("--leave-after", type=int, default=0, help="go away after so many events")
    for name, options in extra.items():
        parser.add_argument("--" + name, **options)
    args = parser.parse_args()
    anthropic = args.api in ("messages", "count_tokens")
    args.host = "api.anthropic.com" if anthropic else "api.openai.com"
    args.method = "GET" if args.api == "models" else "POST"
    args.path = PATHS[args.api]
    if args.model is None:
        args.model = "claude-sonnet-4-5" if anthropic else "gpt-4o-mini"
        if args.api == "embeddings":
            args.model = "text-embedding-3-small"
    args.url = f"https://{args.host}{args.path}"
    return args


def prompt(args):
    return args.prompt + "x" * args.size


def tools(args):
    names = [name for name in args.tools.split(",") if name]
    schema = {"type": "object", "properties": {"q": {"type": "integer"}}}
    if args.api == "messages":
        return [{"name": name, "description": "A tool.", "input_schema": schema} for name in names]
    if args.api == "responses":
        return [{"type": "function", "name": name, "parameters": schema, "strict": False} for name in names]
    return [{"type": "function", "function": {"name": name, "parameters": schema}} for name in names]


def payload(args):
    """The JSON body, as keyword arguments fit for the SDKs too."""
    text = prompt(args)
    if args.api == "models":
        return None
    if args.api == "embeddings":
        return {"model": args.model, "input": text}
    if args.api == "responses":
        body = {"model": args.model, "input": text}
    else:
        body = {"model": args.model, "messages": [{"role": "user", "content": text}]}
    if args.api == "messages":
        body["max_tokens"] = 1024
    if args.tools:
        body["tools"] = tools(args)
    if args.stream:
        body["stream"] = True
        if args.usage and args.api == "chat":
            body["stream_options"] = {"include_usage": True}
    return body


def headers(args):
    found = {"content-type": "application/json"}
    if args.host == "api.anthropic.com":
        found["x-api-key"] = args.key
        found["anthropic-version"] = "2023-06-01"
    else:
        found["authorization"] = "Bearer " + args.key
    if args.sim:
        found["x-sim"] = args.sim
    return found


def body_bytes(args):
    body = payload(args)
    return None if body is None else json.dumps(body).encode()


def heard(status, request_id, answer):
    """From a whole answer's JSON."""
    usage = answer.get("usage") or {}
    return {
        "status": status,
        "request_id": request_id,
        "model": answer.get("model"),
        "input": usage.get("input_tokens", usage.get("prompt_tokens", answer.get("input_tokens"))),
        "output": usage.get("output_tokens", usage.get("completion_tokens")),
    }


class Events:
    """Reads a stream of events piece by piece and keeps what a client would."""

    def __init__(self):
        self.rest = b""
        self.count = 0
        self.model = self.input = self.output = None

    def feed(self, data):
        self.rest += data
        while (end := self.rest.find(b"\n\n")) >= 0:
            event, self.rest = self.rest[:end], self.rest[end + 2 :]
            self.count += 1
            for line in event.split(b"\n"):
                if line.startswith(b"data: ") and line != b"data: [DONE]":
                    self.read(json.loads(line[6:]))

    def read(self, event):
        for part in (event, event.get("message") or {}, event.get("response") or {}):
            self.model = part.get("model", self.model)
            usage = part.get("usage") or {}
            self.input = usage.get("input_tokens", usage.get("prompt_tokens", self.input))
            self.output = usage.get("output_tokens", usage.get("completion_tokens", self.output))

    def heard(self, status, request_id):
        return {
            "status": status,
            "request_id": request_id,
            "model": self.model,
            "input": self.input,
            "output": self.output,
        }


def request_id(found):
    return found.get("x-request-id") or found.get("request-id")


def say(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def fail(error):
    say({"error": type(error).__name__})


def leave():
    """Goes away as a killed process does: no goodbye on any connection."""
    os._exit(0)
