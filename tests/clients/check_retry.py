#!/usr/bin/env python3
"""Sends more requests than a budget per second permits; each must succeed after the time in Retry-After.

    GATEWAY_URL=http://127.0.0.1:PORT TOKEN=... CALLS=N .tools/clients/bin/python tests/clients/check_retry.py

openai waits and retries by itself; huggingface_hub reports the error, from which the caller takes the time.
"""

import os
import sys
import tempfile
import time

for name in list(os.environ):
    if name.upper().endswith("_PROXY") or name.startswith(("HF_", "HUGGING_FACE_", "OPENAI_")):
        del os.environ[name]
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
home = tempfile.TemporaryDirectory()
os.environ["HF_HOME"] = home.name

import openai
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

GATEWAY_URL, TOKEN, CALLS = os.environ["GATEWAY_URL"], os.environ["TOKEN"], int(os.environ["CALLS"])
MESSAGES = [{"role": "user", "content": "Say hello."}]

open_ai = openai.OpenAI(base_url=GATEWAY_URL + "/v1", api_key=TOKEN, timeout=30, max_retries=5)
hugging_face = InferenceClient(base_url=GATEWAY_URL, api_key=TOKEN, timeout=30)


def ask_open_ai():
    return open_ai.chat.completions.create(model="org/model", messages=MESSAGES).choices[0].message.content


def ask_hugging_face():
    for _ in range(6):
        try:
            return hugging_face.chat_completion(MESSAGES, model="org/model").choices[0].message.content
        except HfHubHTTPError as error:
            if error.response.status_code != 429:
                raise
            time.sleep(int(error.response.headers["retry-after"]))
    raise RuntimeError("still refused after six times of Retry-After")


for ask in (ask_open_ai, ask_hugging_face):
    for _ in range(CALLS):
        text = ask()
        if "Say hello" not in text:
            sys.exit(f"FAILED {ask.__name__}: {text!r}")
    print(f"ok {ask.__name__}")
