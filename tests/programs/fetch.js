// Chat calls with fetch, for Bun, Deno and Node: each prints what it was told, one JSON line a call.
const args = (globalThis.Deno ? Deno.args : process.argv.slice(2));
const option = (name, otherwise) => {
  const at = args.indexOf("--" + name);
  return at < 0 ? otherwise : args[at + 1];
};
const stream = args.includes("--stream");
await new Promise((resolve) => setTimeout(resolve, 1000 * Number(option("idle", 0))));
for (let i = 0; i < Number(option("calls", 1)); i++) {
  const response = await fetch("https://api.openai.com/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer sk-none", "x-sim": option("sim", "") },
    body: JSON.stringify({
      model: "gpt-4o-mini",
      stream,
      ...(stream ? { stream_options: { include_usage: true } } : {}),
      messages: [{ role: "user", content: "hi" }],
    }),
  });
  await response.text();
  console.log(JSON.stringify({ status: response.status, request_id: response.headers.get("x-request-id") }));
}
