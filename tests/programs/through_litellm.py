"""The openai SDK against a LiteLLM proxy: asks twice when it serves."""

import sys
import time

import openai

client = openai.OpenAI(base_url=f"http://127.0.0.1:{sys.argv[1]}/v1", api_key="sk-of-a-caller", max_retries=0)


def ask(question):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]
    client.chat.completions.create(model="house-model", messages=messages)


def listens():
    """Looks for the listener without knocking."""
    with open("/proc/net/tcp") as sockets:
        return any(row.split()[1].endswith(f":{int(sys.argv[1]):04X}") for row in list(sockets)[1:])


deadline = time.monotonic() + 120
while not listens() and time.monotonic() < deadline:
    time.sleep(0.2)
# Who listens is noticed, and looked at, within a moment.
time.sleep(2)
ask("What is one?")
ask("What is two?")
