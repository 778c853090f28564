"""A small gateway: speaks OpenAI's format to its callers in the clear, and to the provider over TLS;
asks Anthropic in its own format for models of theirs. Says its port when it listens."""

import http.client
import http.server
import json
import ssl
import sys

CONTEXT = ssl.create_default_context()


def ask(host, path, body, headers):
    upstream = http.client.HTTPSConnection(host, context=CONTEXT, timeout=60)
    own = {"content-type": "application/json", **headers}
    upstream.request("POST", path, json.dumps(body).encode(), own)
    return upstream.getresponse()


def anthropic(body, script):
    """Chat completions to messages, and the answer back."""
    system = [m["content"] for m in body["messages"] if m["role"] == "system"]
    rest = [m for m in body["messages"] if m["role"] != "system"]
    asked = {"model": body["model"], "max_tokens": 100, "system": "\n".join(system), "messages": rest}
    headers = {"x-api-key": "sk-ant-of-the-gateway", "anthropic-version": "2023-06-01", **script}
    answer = ask("api.anthropic.com", "/v1/messages", asked, headers)
    said = json.loads(answer.read())
    usage = said["usage"]
    text = "".join(block.get("text", "") for block in said["content"])
    return {
        "id": "chatcmpl-gateway", "object": "chat.completion", "model": body["model"],
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": usage["input_tokens"], "completion_tokens": usage["output_tokens"],
                  "total_tokens": usage["input_tokens"] + usage["output_tokens"]},
    }


class Gateway(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        script = {"x-sim": self.headers["x-sim"]} if "x-sim" in self.headers else {}
        if body["model"].startswith("claude"):
            return self.whole(200, "application/json", json.dumps(anthropic(body, script)).encode())
        if body.get("stream"):
            # It wants to know what its callers use, though they did not ask.
            body["stream_options"] = {"include_usage": True}
        headers = {"authorization": "Bearer sk-of-the-gateway", **script}
        answer = ask("api.openai.com", self.path, body, headers)
        kind = answer.headers["content-type"]
        if not body.get("stream"):
            return self.whole(answer.status, kind, answer.read())
        self.send_response(answer.status)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for line in answer:
            if line.startswith(b"data: {") and json.loads(line[6:]).get("usage"):
                continue
            self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
        self.wfile.write(b"0\r\n\r\n")

    def whole(self, status, kind, data):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Gateway)
print("listening", flush=True)
server.serve_forever()
