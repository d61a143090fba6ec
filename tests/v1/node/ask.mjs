// Sends a recording with OpenAI's SDK, once for each set of fields, and prints what the SDK makes of the answers.
import fs from "node:fs";
import OpenAI from "openai";

const [baseURL, recording, requests] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "any", maxRetries: 0 });

async function ask(fields) {
  const events = [];
  try {
    const file = fs.createReadStream(recording);
    const answer = await client.audio.transcriptions.create({ file, model: "whisper-1", ...fields });
    if (!fields.stream) return { answer };
    for await (const event of answer) events.push(event);
    return { events };
  } catch (error) {
    const { code, message, status, requestID } = error;
    return { events, error: { kind: error.constructor.name, code, message, status, requestID } };
  }
}

const outcomes = [];
for (const fields of JSON.parse(requests)) outcomes.push(await ask(fields));
console.log(JSON.stringify(outcomes));
