"""The openai SDK against a gateway on this host: a whole answer, a stream that tells no usage, a model
of another provider; then the provider itself, with the first question again."""

import sys

import openai

gateway = openai.OpenAI(base_url=f"http://127.0.0.1:{sys.argv[1]}/v1", api_key="sk-of-a-caller", max_retries=0)
direct = openai.OpenAI(api_key="sk-of-a-caller", max_retries=0)


def ask(client, model, question, script, stream=False):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]
    headers = {"x-sim": script}
    answer = client.chat.completions.create(model=model, messages=messages, stream=stream, extra_headers=headers)
    if stream:
        for _ in answer:
            pass


ask(gateway, "gpt-4o-mini", "What is one?", "in=1000; out=100")
ask(gateway, "gpt-4o-mini", "What is two?", "in=2000; out=200; events=20", stream=True)
ask(gateway, "claude-sonnet-4-5", "What is three?", "in=3000; out=300")
ask(direct, "gpt-4o-mini", "What is one?", "in=4000; out=400")
