// Node's ways to make a call: HOW NODE_MODULES whole|stream SCRIPT.
// HOW: https, http2, fetch, openai, anthropic.
import { createRequire } from "node:module";
import http2 from "node:http2";
import https from "node:https";

const [how, modules, mode, script] = process.argv.slice(2);
const stream = mode === "stream";
const url = new URL("https://api.openai.com/v1/chat/completions");
const headers = { "content-type": "application/json", "x-sim": script };
const messages = [{ role: "user", content: "hi" }];
const chat = { model: "gpt-4o-mini", messages };
if (stream) Object.assign(chat, { stream: true, stream_options: { include_usage: true } });
const load = createRequire(modules + "/");

const clients = {
  https: () =>
    new Promise((resolve, reject) => {
      const request = https.request(url, { method: "POST", headers }, (answer) => {
        answer.resume();
        answer.on("end", () => resolve(answer.statusCode));
      });
      request.on("error", reject);
      request.end(JSON.stringify(chat));
    }),
  http2: () =>
    new Promise((resolve, reject) => {
      const session = http2.connect(url.origin);
      session.on("error", reject);
      const request = session.request({ ":method": "POST", ":path": url.pathname, ...headers });
      let status = 0;
      request.on("response", (head) => (status = head[":status"]));
      request.on("error", reject);
      request.on("end", () => {
        session.close();
        resolve(status);
      });
      request.resume();
      request.end(JSON.stringify(chat));
    }),
  fetch: async () => {
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(chat) });
    await answer.text();
    return answer.status;
  },
  openai: async () => {
    const { OpenAI } = load("openai");
    const client = new OpenAI({ apiKey: "sk-simulated", maxRetries: 0 });
    const answer = await client.chat.completions.create(chat, { headers: { "x-sim": script } });
    if (stream) for await (const _ of answer);
    return 200;
  },
  anthropic: async () => {
    const { Anthropic } = load("@anthropic-ai/sdk");
    const client = new Anthropic({ apiKey: "sk-simulated", maxRetries: 0 });
    const body = { model: "claude-sonnet-4-5", max_tokens: 64, messages, stream };
    const answer = await client.messages.create(body, { headers: { "x-sim": script } });
    if (stream) for await (const _ of answer);
    return 200;
  },
};

const status = await clients[how]();
if (status !== 200) throw new Error(`status ${status}`);
