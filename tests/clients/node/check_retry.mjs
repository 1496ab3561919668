/* Sends more requests than a budget per second permits; each must succeed after the time in Retry-After.

       GATEWAY_URL=http://127.0.0.1:PORT TOKENS="... ..." CALLS=N node check_retry.mjs

   Each client has a token, and so a budget, of its own. openai, @anthropic-ai/sdk and the AI SDK wait and repeat the request;
   huggingface.js reports the error, from which the caller takes the time. */

import { setTimeout as wait } from "node:timers/promises";
import Anthropic from "@anthropic-ai/sdk";
import { createHuggingFace } from "@ai-sdk/huggingface";
import { generateText } from "ai";
import OpenAI from "openai";
import { InferenceClient } from "@huggingface/inference";

const { GATEWAY_URL, TOKENS, CALLS } = process.env;
const model = "org/model";
const prompt = "Say hello.";
const messages = [{ role: "user", content: prompt }];
const patient = { timeout: 20_000, maxRetries: 5 };

function askOpenAi(apiKey) {
  const client = new OpenAI({ baseURL: `${GATEWAY_URL}/v1`, apiKey, ...patient });
  return async () => (await client.chat.completions.create({ model, messages })).choices[0].message.content;
}

function askAnthropic(authToken) {
  const client = new Anthropic({ baseURL: GATEWAY_URL, authToken, ...patient });
  return async () => (await client.messages.create({ model, max_tokens: 16, messages })).content[0].text;
}

function askAiSdk(apiKey) {
  const provider = createHuggingFace({ baseURL: `${GATEWAY_URL}/v1`, apiKey });
  return async () => (await generateText({ model: provider(model), prompt, maxRetries: 5 })).text;
}

/* Makes a call of huggingface.js again after the time in Retry-After. Its error has no headers, but its body names the time. */
function afterRefusals(token, call) {
  const client = new InferenceClient(token).endpoint(GATEWAY_URL);
  let retryAfter;
  const options = {
    fetch: async (...request) => {
      const response = await fetch(...request);
      retryAfter = response.headers.get("retry-after");
      return response;
    },
  };
  return async () => {
    for (let attempt = 0; attempt < 6; attempt += 1) {
      try {
        return await call(client, options);
      } catch (error) {
        if (error.httpResponse?.status !== 429) throw error;
        const body = JSON.stringify(error.httpResponse.body);
        const advice = `try again in ${retryAfter} s (quota_exceeded)`;
        if (!body.includes(advice)) throw new Error(`expected ${advice}, found ${body}`);
        await wait(Number(retryAfter) * 1000);
      }
    }
    throw new Error("the request was still refused after six retries, each after the time in Retry-After");
  };
}

function askHuggingFace(token) {
  const call = async (client, options) => (await client.chatCompletion({ model, messages }, options)).choices[0].message.content;
  return afterRefusals(token, call);
}

function streamHuggingFace(token) {
  return afterRefusals(token, async (client, options) => {
    let text = "";
    for await (const chunk of client.chatCompletionStream({ model, messages }, options)) text += chunk.choices[0]?.delta?.content ?? "";
    return text;
  });
}

const CLIENTS = [askOpenAi, askAnthropic, askAiSdk, askHuggingFace, streamHuggingFace];
const tokens = TOKENS.split(" ");

await Promise.all(CLIENTS.map(async (client, number) => {
  const ask = client(tokens[number]);
  for (let call = 0; call < Number(CALLS); call += 1) {
    const text = await ask();
    if (!text.includes("Say hello")) throw new Error(`${client.name} found ${text}`);
  }
  console.log(`ok ${client.name}`);
}));
