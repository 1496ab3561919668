#!/usr/bin/env node
/* Checks one outcome of the Node clients (openai, @huggingface/inference, @anthropic-ai/sdk, @ai-sdk/huggingface) against a running gateway.

   The end-to-end tests start Envoy with the filter and a stand-in, set how the stand-in fails, then run

       GATEWAY_URL=http://127.0.0.1:PORT TOKEN=... EXPECT=200|STATUS:CODE node check_clients.mjs

   EXPECT is the outcome of every call: 200, or the status and the code of an error from the gateway. MAX_RETRIES is how often
   openai and @anthropic-ai/sdk may repeat a request (default 0). It prints `ok NAME` for each check that passes, the result of each one
   that fails, and exits with 1 if any failed. */

import Anthropic from "@anthropic-ai/sdk";
import { createHuggingFace } from "@ai-sdk/huggingface";
import { generateText, streamText } from "ai";
import OpenAI from "openai";
import { InferenceClient } from "@huggingface/inference";

const { GATEWAY_URL, TOKEN, EXPECT, MAX_RETRIES } = process.env;
const MODEL = "org/model";
const messages = [{ role: "user", content: "Say hello." }];
const [status, code] = EXPECT.split(":");
const limits = { timeout: 20_000, maxRetries: Number(MAX_RETRIES ?? 0) };

const openai = new OpenAI({ baseURL: `${GATEWAY_URL}/v1`, apiKey: TOKEN, ...limits });
const anthropic = new Anthropic({ baseURL: GATEWAY_URL, authToken: TOKEN, ...limits });
const aiSdk = createHuggingFace({ baseURL: `${GATEWAY_URL}/v1`, apiKey: TOKEN });
const huggingFace = new InferenceClient(TOKEN).endpoint(GATEWAY_URL);

async function whole(stream) {
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
  return text;
}

const message = { model: MODEL, max_tokens: 16, messages };
const prompt = { model: aiSdk(MODEL), prompt: "Say hello.", maxRetries: 0 };

async function wholeMessage(stream) {
  let text = "";
  for await (const event of stream) text += event.delta?.text ?? "";
  return text;
}

/* The AI SDK reports the error of a stream to a function; the stream itself ends without a reason. */
async function wholeText() {
  let failure;
  const { text } = streamText({ ...prompt, onError: ({ error }) => { failure = error; } });
  return text.then((text) => text, (error) => { throw failure ?? error; });
}

const CHECKS = {
  anthropic_message: async () => (await anthropic.messages.create(message)).content[0].text,
  anthropic_stream: async () => wholeMessage(await anthropic.messages.create({ ...message, stream: true })),
  ai_sdk_text: async () => (await generateText(prompt)).text,
  ai_sdk_stream: wholeText,
  openai_chat: async () => (await openai.chat.completions.create({ model: MODEL, messages })).choices[0].message.content,
  openai_stream: async () => whole(await openai.chat.completions.create({ model: MODEL, messages, stream: true })),
  huggingface_chat: async () => (await huggingFace.chatCompletion({ model: MODEL, messages })).choices[0].message.content,
  huggingface_stream: async () => whole(huggingFace.chatCompletionStream({ model: MODEL, messages })),
};

/* Returns everything that an error shows or contains. */
function shown(error) {
  const response = error.httpResponse ?? {};
  const own = [error.message, error.status, error.code, error.statusCode, error.responseBody];
  return [...own, response.status, JSON.stringify(response.body ?? "")].join(" ");
}

let failed = 0;
for (const [name, check] of Object.entries(CHECKS)) {
  let outcome;
  try {
    const text = await check();
    outcome = EXPECT === "200" && text.includes("Say hello") ? null : `an answer: ${text}`;
  } catch (error) {
    const text = shown(error);
    outcome = code && text.includes(status) && text.includes(`(${code})`) ? null : text;
    if (outcome && outcome.includes("hf_")) outcome = "something that looks like a credential";
    console.log(`   ${name} prints: ${error.message}`);
  }
  console.log(outcome === null ? `ok ${name}` : `FAILED ${name}: expected ${EXPECT}, found ${outcome}`);
  failed += outcome === null ? 0 : 1;
}
console.log(`${Object.keys(CHECKS).length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
