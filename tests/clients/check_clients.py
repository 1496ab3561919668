#!/usr/bin/env python3
"""Checks the behaviour of real clients (huggingface_hub, openai-python, anthropic) against a running gateway.

The end-to-end tests start Envoy with the filter and a stand-in for a Hugging Face endpoint, then run

    GATEWAY_URL=http://127.0.0.1:PORT TOKEN_OK=... TOKEN_FORBIDDEN=... TOKEN_EXPIRED=... \\
        .tools/clients/bin/python tests/clients/check_clients.py

    GATEWAY_URL      the address of the gateway, without a path
    TOKEN_OK         an Entra ID token that is permitted on every route below
    TOKEN_FORBIDDEN  a valid Entra ID token that no rule permits           -> 403, code rule_unsatisfied
    TOKEN_EXPIRED    a token that would be permitted if it had not expired -> 401, code token_expired

It prints `ok NAME` for each check that passes, the expected and the actual result of each one that fails, and
`N passed, N failed` at the end. The exit status is 1 if any check failed.

The requests of the clients, and the answers that the stand-in must give (from their sources and from recorded traffic):

    POST /v1/chat/completions  huggingface_hub `chat_completion` (model "dummy" unless one is given), openai
        {"model", "messages", ...}  ->  a `chat.completion` with `choices` and `usage`;
        with "stream": true  ->  SSE: chunks of `delta.content`, `finish_reason` in the last one; with
        "stream_options": {"include_usage": true} another chunk with empty `choices` and with `usage`; then `data: [DONE]`
    POST /embed                huggingface_hub `feature_extraction(model=GATEWAY_URL + "/embed")`: it posts to the
        URL as given, with the parameters next to the inputs: {"inputs": "text" | [...], "normalize": true}
        ->  a JSON array of one array of numbers for each input
    POST /generate             huggingface_hub `text_generation(model=GATEWAY_URL + "/generate")`, likewise as given:
        {"inputs": "text", "parameters": {"max_new_tokens": 5, "details": true, ...}}, "stream" is only sent if true
        ->  {"generated_text", "details": {"finish_reason", "generated_tokens", "prefill": [], "tokens": []}}
    POST /                     the same, from a client that has only the endpoint's URL  ->  [{"generated_text"}],
        or the object alone
    POST /generate_stream      the same with "stream": true  ->  SSE, `data:` and then
        {"token": {"id", "text", "logprob", "special"}, "generated_text": null, "details": null}; the last has
        `generated_text` and `details`: {"finish_reason", "generated_tokens"}
    POST /v1/embeddings        openai: {"input", "model", "encoding_format": "base64"}  ->  a list of `embedding`, each
        an array of numbers or, by default, base64 of little-endian 32-bit floats; and `usage`
    POST /v1/messages          anthropic: {"model", "messages", "max_tokens", ...}  ->  a `message` with `content` and `usage`; with
        "stream": true  ->  SSE: message_start, content_block_start, content_block_delta..., content_block_stop,
        message_delta with the final `usage`, message_stop
    POST /v1/messages/count_tokens  anthropic: {"model", "messages"}  ->  {"input_tokens"}
    GET /v1/models             openai `models.list`  ->  {"object": "list", "data": [{"id", ...}]}
"""

import asyncio
import os
import sys
import tempfile

# Set before the clients are imported, so that the checks neither use nor send the user's own settings.
for name in list(os.environ):
    if name.upper().endswith("_PROXY") or name.startswith(("ANTHROPIC_", "HF_", "HUGGING_FACE_", "OPENAI_")):
        del os.environ[name]
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
home = tempfile.TemporaryDirectory()
os.environ["HF_HOME"] = home.name

import anthropic
import openai
from anthropic.lib.credentials import AccessToken
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_hub.errors import HfHubHTTPError

CODE_FORBIDDEN = "rule_unsatisfied"
CODE_EXPIRED = "token_expired"
CODE_OWN_HF_TOKEN = "hugging_face_token"
# Has the form of a personal Hugging Face token, which clients use if they find one. It is not valid.
OWN_HF_TOKEN = "hf_" + "x" * 34

MODEL = "org/model"
MESSAGES = [{"role": "user", "content": "Say hello."}]
TIMEOUT = 30

try:
    GATEWAY_URL = os.environ["GATEWAY_URL"].rstrip("/")
    TOKEN_OK = os.environ["TOKEN_OK"]
    TOKEN_FORBIDDEN = os.environ["TOKEN_FORBIDDEN"]
    TOKEN_EXPIRED = os.environ["TOKEN_EXPIRED"]
except KeyError as missing:
    sys.exit(f"{missing.args[0]} is not set.\n\n{__doc__}")

CHECKS = []


def check(function):
    """Registers a function as a check under its name."""
    CHECKS.append(function)
    return function


class Mismatch(Exception):
    """An unexpected response."""


def expect(condition, expected, got):
    if not condition:
        raise Mismatch(f"expected {expected}\n  found    {got!r}")


def raised(kind, call):
    """Runs `call` and returns its error, which must be of exactly this class."""
    try:
        answer = call()
    except Exception as error:
        expect(type(error) is kind, kind.__name__, error)
        return error
    raise Mismatch(f"expected {kind.__name__}\n  found    an answer: {answer!r}")


def hugging_face(token, path=""):
    return InferenceClient(base_url=GATEWAY_URL + path, api_key=token, timeout=TIMEOUT)


def open_ai(token, path="/v1"):
    # Without retries, so that each check covers one response.
    return openai.OpenAI(base_url=GATEWAY_URL + path, api_key=token, timeout=TIMEOUT, max_retries=0)


def claude(token, **options):
    return anthropic.Anthropic(base_url=GATEWAY_URL, auth_token=token, timeout=TIMEOUT, max_retries=0, **options)


def expect_sentence(text, code):
    """Checks that a text is readable: a few words and the error code."""
    expect(f"({code})" in text and len(text.split()) >= 4, f"a sentence with ({code})", text)


def expect_open_ai_error(error, status, code):
    expect(error.status_code == status, f"status {status}", error.status_code)
    expect(error.code == code, f"code {code}", error.code)
    expect_sentence(error.body["message"], code)
    expect(error.body["message"] in str(error), f"str() with {error.body['message']!r}", str(error))
    expect(error.request_id, "a request id", error.request_id)


def expect_hugging_face_error(error, status, code):
    expect(error.response.status_code == status, f"status {status}", error.response.status_code)
    message = error.response.headers.get("x-error-message", "")
    expect_sentence(message, code)
    expect(message in str(error), f"str() with {message!r}", str(error))
    expect(error.response.headers.get("x-error-code") == code, f"x-error-code {code}", error.response.headers)
    expect("Forbidden: None" not in str(error), "a reason", str(error))
    expect(error.request_id and error.request_id in str(error), "str() with the request id", str(error))


def chat(client):
    return client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=16)


def expect_chat(answer):
    expect(answer.choices and answer.choices[0].message.content, "a message", answer)
    expect(answer.usage and answer.usage.total_tokens > 0, "usage", answer)


def expect_chat_stream(chunks):
    chunks = list(chunks)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    expect(len(chunks) >= 2 and text, "two chunks or more, with text", chunks)
    expect(any(chunk.choices and chunk.choices[0].finish_reason for chunk in chunks), "a finish_reason", chunks)
    expect(chunks[-1].usage and not chunks[-1].choices, "usage in a last chunk without choices", chunks[-1])


# Permitted calls with huggingface_hub.


@check
def hugging_face_chat():
    expect_chat(hugging_face(TOKEN_OK).chat_completion(MESSAGES, max_tokens=16))


@check
def hugging_face_chat_below_v1():
    expect_chat(hugging_face(TOKEN_OK, "/v1").chat_completion(MESSAGES, max_tokens=16))


@check
def hugging_face_chat_stream():
    # Keeps the client alive: it closes the stream when it is released.
    client = hugging_face(TOKEN_OK)
    expect_chat_stream(client.chat_completion(MESSAGES, stream=True, stream_options={"include_usage": True}))


@check
def hugging_face_chat_async():
    client = AsyncInferenceClient(base_url=GATEWAY_URL, api_key=TOKEN_OK, timeout=TIMEOUT)
    expect_chat(asyncio.run(client.chat_completion(MESSAGES, max_tokens=16)))


@check
def hugging_face_feature_extraction():
    vectors = hugging_face(TOKEN_OK, "/embed").feature_extraction("Hello.", normalize=True)
    expect(vectors.ndim == 2 and vectors.shape[0] == 1 and vectors.shape[1] > 0, "one vector", vectors)


@check
def hugging_face_text_generation():
    answer = hugging_face(TOKEN_OK, "/generate").text_generation("Hello", max_new_tokens=5, details=True)
    expect(answer.generated_text, "text", answer)
    expect(answer.details.generated_tokens > 0, "the number of tokens", answer)


@check
def hugging_face_text_generation_at_the_root():
    answer = hugging_face(TOKEN_OK).text_generation("Hello", max_new_tokens=5)
    expect(isinstance(answer, str) and answer, "text", answer)


@check
def hugging_face_text_generation_stream():
    client = hugging_face(TOKEN_OK, "/generate_stream")
    events = list(client.text_generation("Hello", max_new_tokens=5, stream=True, details=True))
    expect(len(events) >= 2 and events[0].token.text, "two events or more, with text", events)
    expect(events[-1].generated_text and events[-1].details, "the complete text and details in the last event", events[-1])


# Permitted calls with openai-python.


@check
def open_ai_chat():
    expect_chat(chat(open_ai(TOKEN_OK)))


@check
def open_ai_chat_stream():
    expect_chat_stream(
        open_ai(TOKEN_OK).chat.completions.create(
            model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
    )


@check
def open_ai_chat_async():
    async def ask():
        async with openai.AsyncOpenAI(
            base_url=GATEWAY_URL + "/v1", api_key=TOKEN_OK, timeout=TIMEOUT, max_retries=0
        ) as client:
            return await chat(client)

    expect_chat(asyncio.run(ask()))


@check
def open_ai_embeddings():
    answer = open_ai(TOKEN_OK).embeddings.create(model=MODEL, input=["Hello.", "Goodbye."])
    expect(len(answer.data) == 2, "two embeddings", answer)
    expect(all(isinstance(number, float) for each in answer.data for number in each.embedding), "numbers", answer)


@check
def open_ai_models():
    models = list(open_ai(TOKEN_OK).models.list())
    expect(models and all(model.id for model in models), "models with an id", models)


@check
def open_ai_new_token_per_request():
    """`api_key` can be a function: a client that outlives a token calls it before each request."""
    tokens = iter([TOKEN_OK, TOKEN_EXPIRED, TOKEN_OK])
    client = open_ai(lambda: next(tokens))
    expect_chat(chat(client))
    raised(openai.AuthenticationError, lambda: chat(client))
    expect_chat(chat(client))


# Permitted calls with anthropic.


def message(client):
    return client.messages.create(model=MODEL, messages=MESSAGES, max_tokens=16)


def expect_message(answer):
    expect(answer.content and "Say hello" in answer.content[0].text, "a text", answer)
    expect(answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0, "usage", answer)


@check
def anthropic_message():
    expect_message(message(claude(TOKEN_OK)))


@check
def anthropic_stream():
    with claude(TOKEN_OK).messages.stream(model=MODEL, messages=MESSAGES, max_tokens=16) as stream:
        pieces = list(stream.text_stream)
        expect(len(pieces) >= 2, "two pieces or more", pieces)
        expect_message(stream.get_final_message())


@check
def anthropic_token_count():
    count = claude(TOKEN_OK).messages.count_tokens(model=MODEL, messages=MESSAGES)
    expect(count.input_tokens == 2, "two tokens", count)


@check
def anthropic_token_in_both_headers():
    """Claude Code sends its token in Authorization and in X-Api-Key."""
    expect_message(message(claude(TOKEN_OK, default_headers={"x-api-key": TOKEN_OK})))


@check
def anthropic_new_token_after_an_expired_one():
    """`credentials` is a function that the client calls again after a 401."""
    tokens = iter([TOKEN_EXPIRED, TOKEN_OK])
    client = anthropic.Anthropic(
        base_url=GATEWAY_URL,
        credentials=lambda force_refresh=False: AccessToken(next(tokens)),
        timeout=TIMEOUT,
    )
    expect_message(message(client))


# Denials have a readable text and a code.


def expect_anthropic_error(error, status, kind, code):
    expect(error.status_code == status, f"status {status}", error.status_code)
    expect(error.body["type"] == "error" and error.body["error"]["type"] == kind, f"type {kind}", error.body)
    expect_sentence(error.body["error"]["message"], code)
    expect(error.body["error"]["message"] in str(error), "str() with the message", str(error))
    expect(error.request_id and error.request_id == error.body["request_id"], "a request id", error.body)


@check
def anthropic_forbidden():
    error = raised(anthropic.PermissionDeniedError, lambda: message(claude(TOKEN_FORBIDDEN)))
    expect_anthropic_error(error, 403, "permission_error", CODE_FORBIDDEN)


@check
def anthropic_forbidden_stream():
    def stream():
        with claude(TOKEN_FORBIDDEN).messages.stream(model=MODEL, messages=MESSAGES, max_tokens=16) as events:
            return list(events)

    error = raised(anthropic.PermissionDeniedError, stream)
    expect_anthropic_error(error, 403, "permission_error", CODE_FORBIDDEN)


@check
def anthropic_forbidden_token_count():
    client = claude(TOKEN_FORBIDDEN)
    error = raised(
        anthropic.PermissionDeniedError, lambda: client.messages.count_tokens(model=MODEL, messages=MESSAGES)
    )
    expect_anthropic_error(error, 403, "permission_error", CODE_FORBIDDEN)


@check
def anthropic_expired():
    error = raised(anthropic.AuthenticationError, lambda: message(claude(TOKEN_EXPIRED)))
    expect_anthropic_error(error, 401, "authentication_error", CODE_EXPIRED)



@check
def open_ai_forbidden():
    error = raised(openai.PermissionDeniedError, lambda: chat(open_ai(TOKEN_FORBIDDEN)))
    expect_open_ai_error(error, 403, CODE_FORBIDDEN)


@check
def open_ai_forbidden_stream():
    client = open_ai(TOKEN_FORBIDDEN)
    error = raised(
        openai.PermissionDeniedError,
        lambda: client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True),
    )
    expect_open_ai_error(error, 403, CODE_FORBIDDEN)


@check
def open_ai_base_url_without_version():
    error = raised(openai.PermissionDeniedError, lambda: chat(open_ai(TOKEN_OK, "")))
    expect_open_ai_error(error, 403, "no_rule")
    expect("base URL in /v1" in str(error), "the mistake", str(error))


@check
def open_ai_expired():
    error = raised(openai.AuthenticationError, lambda: chat(open_ai(TOKEN_EXPIRED)))
    expect_open_ai_error(error, 401, CODE_EXPIRED)


@check
def open_ai_own_hugging_face_token():
    error = raised(openai.AuthenticationError, lambda: chat(open_ai(OWN_HF_TOKEN)))
    expect_open_ai_error(error, 401, CODE_OWN_HF_TOKEN)
    expect(OWN_HF_TOKEN not in str(error), "a text without the token", str(error))


@check
def hugging_face_forbidden():
    error = raised(HfHubHTTPError, lambda: hugging_face(TOKEN_FORBIDDEN).chat_completion(MESSAGES))
    expect_hugging_face_error(error, 403, CODE_FORBIDDEN)


@check
def hugging_face_forbidden_stream():
    error = raised(HfHubHTTPError, lambda: list(hugging_face(TOKEN_FORBIDDEN).chat_completion(MESSAGES, stream=True)))
    expect_hugging_face_error(error, 403, CODE_FORBIDDEN)


@check
def hugging_face_forbidden_async():
    client = AsyncInferenceClient(base_url=GATEWAY_URL, api_key=TOKEN_FORBIDDEN, timeout=TIMEOUT)
    error = raised(HfHubHTTPError, lambda: asyncio.run(client.chat_completion(MESSAGES)))
    expect_hugging_face_error(error, 403, CODE_FORBIDDEN)


@check
def hugging_face_forbidden_embed():
    error = raised(HfHubHTTPError, lambda: hugging_face(TOKEN_FORBIDDEN, "/embed").feature_extraction("Hello."))
    expect_hugging_face_error(error, 403, CODE_FORBIDDEN)
    expect_sentence(error.response.json()["error"], CODE_FORBIDDEN)


@check
def hugging_face_forbidden_generate():
    # An `error_type` in the body would turn this into one of the client's TGI errors, which have no status or request id.
    error = raised(HfHubHTTPError, lambda: hugging_face(TOKEN_FORBIDDEN, "/generate").text_generation("Hello"))
    expect_hugging_face_error(error, 403, CODE_FORBIDDEN)


@check
def hugging_face_expired():
    error = raised(HfHubHTTPError, lambda: hugging_face(TOKEN_EXPIRED).chat_completion(MESSAGES))
    expect_hugging_face_error(error, 401, CODE_EXPIRED)


@check
def hugging_face_own_hugging_face_token():
    error = raised(HfHubHTTPError, lambda: hugging_face(OWN_HF_TOKEN).chat_completion(MESSAGES))
    expect_hugging_face_error(error, 401, CODE_OWN_HF_TOKEN)
    expect(OWN_HF_TOKEN not in str(error), "a text without the token", str(error))


def main():
    failed = 0
    for function in CHECKS:
        try:
            function()
        except Mismatch as mismatch:
            failed += 1
            print(f"FAILED {function.__name__}\n  {mismatch}", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAILED {function.__name__}\n  expected an answer\n  found    {error!r}", flush=True)
        else:
            print(f"ok {function.__name__}", flush=True)
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
