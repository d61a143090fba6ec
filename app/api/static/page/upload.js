// One POST carries everything: the recording on its way there, and the events on their way back.

const LONG_TEXT = new Set(["initial_prompt", "hotwords"]);

/** Return a function that takes a stream's text as it comes and calls `onEvent(name, data)`, or `onComment()`. */
export function eventReader(onEvent, onComment = () => {}) {
  let rest = "", name = "message", data = [];
  const line = (text) => {
    if (text.startsWith(":")) onComment();
    else if (text.startsWith("event:")) name = text.slice(6).trim();
    else if (text.startsWith("data:")) data.push(text.slice(5).replace(/^ /, ""));
    else if (text === "") {
      if (data.length) onEvent(name, data.join("\n"));
      name = "message";
      data = [];
    }
  };
  return (text) => {
    rest += text;
    if (!text.includes("\n")) return;
    const lines = rest.split(/\r?\n/);
    rest = lines.pop();
    lines.forEach(line);
  };
}

/** Send `file`; `emit` gets the events of state.js. Return a function that breaks off, which ends the work as well. */
export function send(file, options, emit) {
  const request = new XMLHttpRequest();
  let read = 0, ended = false;
  const end = (event) => {
    ended = true;
    emit(event);
  };
  const reader = eventReader((name, data) => {
    const event = JSON.parse(data);
    if (name === "result") end({ ...event, type: "result" });
    else if (name === "error") end({ type: "failed", error: event });
    else emit({ ...event, type: name });
  }, () => emit({ type: "sign" }));
  const readOn = () => {
    if (request.readyState < 3 || !isStream(request)) return;
    const text = request.responseText;
    const fresh = text.slice(read);
    read = text.length;
    reader(fresh);
  };
  request.upload.onprogress = ({ loaded, total }) => emit({ type: "sent", loaded, total });
  request.upload.onload = () => emit({ type: "uploaded" });
  request.onprogress = readOn;
  request.onload = () => {
    readOn();
    if (!ended) end(isStream(request) ? { type: "failed", error: { code: "cut_off" } } : verdict(request));
  };
  request.onerror = () => ended || end({ type: "failed", error: { code: "no_connection" } });
  const { address, form } = requestOf(file, options);
  request.open("POST", address);
  request.send(form);
  return () => {
    ended = true;
    request.abort();
  };
}

/** Options go into the address, where they are judged before the upload; long texts, which no log should keep, do not. */
function requestOf(file, options) {
  const query = new URLSearchParams({ output: "json", stream: "true" });
  const form = new FormData();
  for (const [name, value] of Object.entries(options)) (LONG_TEXT.has(name) ? form : query).append(name, value);
  form.append("audio_file", file, file.name);
  return { address: `asr?${query}`, form };
}

const isStream = (request) => (request.getResponseHeader("content-type") ?? "").startsWith("text/event-stream");

/** Return what an answer without a stream says: a document, our error, or that of a proxy in between. */
function verdict(request) {
  const answer = parsed(request.responseText);
  if (request.status === 200 && answer?.segments) return { type: "result", format: "json", document: answer };
  return { type: "failed", error: errorOf(request.status, answer, request.getResponseHeader("retry-after")) };
}

/** Return our error object, or {code: "proxy"}: whoever answers in another form is not the service. */
export function errorOf(status, answer, retryAfter) {
  if (!answer?.code) return { code: "proxy", status };
  return { ...answer, status, ...(retryAfter && { retry_after: Number(retryAfter) || 30 }) };
}

export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
