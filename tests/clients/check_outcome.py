#!/usr/bin/env python3
"""Checks one outcome of real clients (huggingface_hub, openai-python, anthropic) against a running gateway.

    GATEWAY_URL=http://127.0.0.1:PORT TOKEN=... EXPECT=200|STATUS:CODE .tools/clients/bin/python tests/clients/check_outcome.py

EXPECT is the outcome of every call: 200, or the status and the code of an error from the gateway. MAX_RETRIES is how often
openai and anthropic may repeat a request (default 0). check_clients.mjs does the same for Node.
"""

import os
import sys
import tempfile

for name in list(os.environ):
    if name.upper().endswith("_PROXY") or name.startswith(("ANTHROPIC_", "HF_", "HUGGING_FACE_", "OPENAI_")):
        del os.environ[name]
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
home = tempfile.TemporaryDirectory()
os.environ["HF_HOME"] = home.name

import anthropic
import openai
from huggingface_hub import InferenceClient

GATEWAY_URL, TOKEN, EXPECT = (os.environ[name] for name in ("GATEWAY_URL", "TOKEN", "EXPECT"))
STATUS, _, CODE = EXPECT.partition(":")
MODEL = "org/model"
MESSAGES = [{"role": "user", "content": "Say hello."}]
RETRIES = int(os.environ.get("MAX_RETRIES", "0"))

open_ai = openai.OpenAI(base_url=GATEWAY_URL + "/v1", api_key=TOKEN, timeout=30, max_retries=RETRIES)
claude = anthropic.Anthropic(base_url=GATEWAY_URL, auth_token=TOKEN, timeout=30, max_retries=RETRIES)
hugging_face = InferenceClient(base_url=GATEWAY_URL, api_key=TOKEN, timeout=30)


def whole(stream):
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def message_stream():
    with claude.messages.stream(model=MODEL, messages=MESSAGES, max_tokens=16) as stream:
        return "".join(stream.text_stream)


CHECKS = {
    "anthropic_message": lambda: claude.messages.create(model=MODEL, messages=MESSAGES, max_tokens=16).content[0].text,
    "anthropic_stream": message_stream,
    "openai_chat": lambda: open_ai.chat.completions.create(model=MODEL, messages=MESSAGES).choices[0].message.content,
    "openai_stream": lambda: whole(open_ai.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)),
    "huggingface_chat": lambda: hugging_face.chat_completion(MESSAGES).choices[0].message.content,
    "huggingface_stream": lambda: whole(hugging_face.chat_completion(MESSAGES, stream=True)),
}


def main():
    failed = 0
    for name, check in CHECKS.items():
        try:
            text = check()
            good = EXPECT == "200" and "Say hello" in text
        except Exception as error:
            text = str(error)
            print(f"   {name} prints: {text!r}")
            held = text + repr(getattr(getattr(error, "response", None), "headers", ""))
            good = bool(CODE) and STATUS in text and f"({CODE})" in text and "hf_" not in held
        print(f"ok {name}" if good else f"FAILED {name}: expected {EXPECT}, found {text!r}")
        failed += not good
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
