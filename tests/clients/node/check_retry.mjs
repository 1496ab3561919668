/* Sends more requests than a budget per second permits; openai waits for the time in Retry-After and retries, so each must succeed.

       GATEWAY_URL=http://127.0.0.1:PORT TOKEN=... CALLS=N node check_retry.mjs */

import OpenAI from "openai";

const { GATEWAY_URL, TOKEN, CALLS } = process.env;
const openai = new OpenAI({ baseURL: `${GATEWAY_URL}/v1`, apiKey: TOKEN, timeout: 20_000, maxRetries: 5 });
const messages = [{ role: "user", content: "Say hello." }];

for (let call = 0; call < Number(CALLS); call += 1) {
  const { choices } = await openai.chat.completions.create({ model: "org/model", messages });
  const text = choices[0].message.content;
  if (!text.includes("Say hello")) throw new Error(`found ${text}`);
}
console.log("ok openai");
