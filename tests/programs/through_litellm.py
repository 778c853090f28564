"""The openai SDK against a LiteLLM proxy: waits until it serves, then asks twice."""

import sys
import time
import urllib.request

import openai

base = f"http://127.0.0.1:{sys.argv[1]}"
for _ in range(600):
    try:
        urllib.request.urlopen(base + "/health/liveliness", timeout=2).read()
        break
    except OSError:
        time.sleep(0.2)
client = openai.OpenAI(base_url=base + "/v1", api_key="sk-of-a-caller", max_retries=0)
for question in ["What is one?", "What is two?"]:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]
    client.chat.completions.create(model="house-model", messages=messages)
