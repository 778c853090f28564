"""Two agents in one process, turn about, with the official openai SDK: each asks, is told to call a
tool, calls it, and asks again with all that was said. One answer of the first agent is a 429; it
waits as told and sends the same again."""

import json
import sys
import time

import openai

TURNS = int(sys.argv[1]) if len(sys.argv) > 1 else 12
FAILS_AT = 5
TOOLS = [{"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}]
client = openai.OpenAI(api_key="sk-simulated-agent", max_retries=0, timeout=30)


class Agent:
    def __init__(self, name, goal):
        self.name, self.turn, self.messages = name, 0, []
        self.messages.append({"role": "system", "content": f"You are {name}. Use your tools."})
        self.messages.append({"role": "user", "content": goal})

    def ask(self, script):
        return client.chat.completions.create(
            model="gpt-4o-mini", messages=self.messages, tools=TOOLS, extra_headers={"x-sim": script}
        )

    def step(self):
        self.turn += 1
        last = self.turn == TURNS
        script = "in=100; out=20" + ("" if last else "; tools=lookup")
        try:
            answer = self.ask(script + ("; fail=429; retry-after=1" if self.fails() else ""))
        except openai.RateLimitError as error:
            time.sleep(float(error.response.headers["retry-after"]))
            answer = self.ask(script)
        message = answer.choices[0].message
        self.messages.append(message.to_dict())
        for call in message.tool_calls or []:
            result = {"role": "tool", "tool_call_id": call.id, "content": f"result {self.turn}"}
            self.messages.append(result)
        print(json.dumps({"agent": self.name, "turn": self.turn}))

    def fails(self):
        return self.name == "planner" and self.turn == FAILS_AT


agents = [Agent("planner", "Plan a trip."), Agent("critic", "Judge the plan.")]
for _ in range(TURNS):
    for agent in agents:
        agent.step()
