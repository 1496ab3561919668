#!/usr/bin/env node
/* Checks that clients which outlive a token get a new one from a function, without a restart.

       GATEWAY_URL=http://127.0.0.1:PORT TOKEN=... TOKEN_EXPIRED=... node check_renewal.mjs

   Each client gets an expired token first. It prints `ok NAME` for each client that then gets an answer. */

import Anthropic from "@anthropic-ai/sdk";
import { createHuggingFace } from "@ai-sdk/huggingface";
import { generateText } from "ai";
import OpenAI from "openai";

const { GATEWAY_URL, TOKEN, TOKEN_EXPIRED } = process.env;
const model = "org/model";
const messages = [{ role: "user", content: "Say hello." }];

/* Returns a function that gets tokens, of which the first has expired. */
function renewing() {
  let tokens = 0;
  return async () => (tokens++ === 0 ? TOKEN_EXPIRED : TOKEN);
}

/* Repeats a call that fails with 401, as an application does. */
async function again(call) {
  try {
    return await call();
  } catch (error) {
    if ((error.status ?? error.statusCode) !== 401) throw error;
    return call();
  }
}

const CHECKS = {
  openai: async () => {
    const client = new OpenAI({ baseURL: `${GATEWAY_URL}/v1`, apiKey: renewing(), maxRetries: 0 });
    const answer = await again(() => client.chat.completions.create({ model, messages }));
    return answer.choices[0].message.content;
  },
  /* This client requests a new token and repeats the call itself. */
  anthropic: async () => {
    const token = renewing();
    const client = new Anthropic({ baseURL: GATEWAY_URL, credentials: async () => ({ token: await token(), expiresAt: null }) });
    return (await client.messages.create({ model, max_tokens: 16, messages })).content[0].text;
  },
  ai_sdk: async () => {
    const token = renewing();
    const withToken = async (url, options) =>
      fetch(url, { ...options, headers: { ...options.headers, authorization: `Bearer ${await token()}` } });
    const huggingFace = createHuggingFace({ baseURL: `${GATEWAY_URL}/v1`, apiKey: "unused", fetch: withToken });
    const call = () => generateText({ model: huggingFace(model), prompt: "Say hello.", maxRetries: 0 });
    return (await again(call)).text;
  },
};

let failed = 0;
for (const [name, check] of Object.entries(CHECKS)) {
  const text = await check().catch((error) => `an error: ${error.message}`);
  const is_good = text.includes("Say hello") && !text.startsWith("an error");
  console.log(is_good ? `ok ${name}` : `FAILED ${name}: ${text}`);
  failed += is_good ? 0 : 1;
}
console.log(`${Object.keys(CHECKS).length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
