#!/usr/bin/env python3
"""Sends more requests than a budget per second permits; each must succeed after the time in Retry-After.

    GATEWAY_URL=http://127.0.0.1:PORT TOKENS="... ..." CALLS=N .tools/clients/bin/python tests/clients/check_retry.py

Each client has its own token and therefore its own budget. openai and anthropic wait and repeat the request; huggingface_hub
reports the error, from which the caller takes the time.
"""

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

for name in list(os.environ):
    if name.upper().endswith("_PROXY") or name.startswith(("ANTHROPIC_", "HF_", "HUGGING_FACE_", "OPENAI_")):
        del os.environ[name]
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
home = tempfile.TemporaryDirectory()
os.environ["HF_HOME"] = home.name

import anthropic
import openai
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

GATEWAY_URL, TOKENS, CALLS = os.environ["GATEWAY_URL"], os.environ["TOKENS"].split(" "), int(os.environ["CALLS"])
MODEL = "org/model"
MESSAGES = [{"role": "user", "content": "Say hello."}]


def ask_open_ai(token):
    client = openai.OpenAI(base_url=GATEWAY_URL + "/v1", api_key=token, timeout=30, max_retries=5)
    return lambda: client.chat.completions.create(model=MODEL, messages=MESSAGES).choices[0].message.content


def ask_anthropic(token):
    client = anthropic.Anthropic(base_url=GATEWAY_URL, auth_token=token, timeout=30, max_retries=5)
    return lambda: client.messages.create(model=MODEL, messages=MESSAGES, max_tokens=16).content[0].text


def ask_hugging_face(token):
    client = InferenceClient(base_url=GATEWAY_URL, api_key=token, timeout=30)

    def ask():
        for _ in range(6):
            try:
                return client.chat_completion(MESSAGES, model=MODEL).choices[0].message.content
            except HfHubHTTPError as error:
                if error.response.status_code != 429:
                    raise
                time.sleep(int(error.response.headers["retry-after"]))
        raise RuntimeError("still refused after six waits for Retry-After")

    return ask


CLIENTS = [ask_open_ai, ask_anthropic, ask_hugging_face]


def check(client, token):
    ask = client(token)
    for _ in range(CALLS):
        text = ask()
        if "Say hello" not in text:
            raise RuntimeError(f"{client.__name__}: {text!r}")
    return f"ok {client.__name__}"


with ThreadPoolExecutor() as threads:
    for line in threads.map(check, CLIENTS, TOKENS):
        print(line)
