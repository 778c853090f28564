"""A model server without TLS, as small as it can be; known as one by its name only.

Answers chat completions with the tokens that the request's x-tokens header asks for ("IN,OUT") and
the model that its body or its x-model header names. On --port (IPv4 and IPv6 loopback) or --uds.
"""

import argparse
import json
import os
import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
parser.add_argument("--v4", action="store_true", help="no IPv6")
parser.add_argument("--uds")
args = parser.parse_args()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "somebody"

    def do_GET(self):
        self.answer(b"ok", "text/plain")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        model = self.headers["x-model"] or json.loads(body)["model"]
        tokens = [int(n) for n in self.headers["x-tokens"].split(",")]
        usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
        common = {"id": "chatcmpl-1", "model": model}
        if body and json.loads(body).get("stream"):
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            delta = {"index": 0, "delta": {"role": "assistant", "content": "x"}, "finish_reason": None}
            last = {"index": 0, "delta": {}, "finish_reason": "stop"}
            for choices, more in [([delta], {})] * tokens[1] + [([last], {}), ([], {"usage": usage})]:
                event = {**common, "object": "chat.completion.chunk", "choices": choices, **more}
                self.chunk(f"data: {json.dumps(event)}\n\n".encode())
            self.chunk(b"data: [DONE]\n\n")
            self.chunk(b"")
            return
        choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
        answer = {**common, "object": "chat.completion", "choices": [choice], "usage": usage}
        self.answer(json.dumps(answer).encode(), "application/json")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def answer(self, data, kind):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class V4(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True
    request_queue_size = 128


class V6(V4):
    address_family = socket.AF_INET6


class Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


servers = []
if args.uds:
    servers.append(Unix(args.uds, Handler))
if args.port:
    servers.append(V4(("127.0.0.1", args.port), Handler))
    if not args.v4:
        servers.append(V6(("::1", args.port), Handler))
for server in servers:
    threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
os.read(0, 1)
