// A job is one recording on its way to a transcript: its states, and the POST that carries it.

/** In their order; loading a model happens on the way to one of them. */
export const STAGES = ["decode", "transcribe", "diarize", "align"];
const SILENCE_MS = 45_000, LONG_TEXT = ["initial_prompt", "hotwords"];

const UNSENT = { sent: 0, notBefore: 0, position: null, stages: {}, all: 0, preview: "" };

export const newJob = (id, file, options) => ({ id, file, options, name: file.name, size: file.size, state: "waiting", ...UNSENT });

const isAtServer = ({ state }) => ["checking", "queued", "running"].includes(state);
export const isActive = (job) => job.state === "uploading" || isAtServer(job);
export const isEnded = ({ state }) => ["done", "failed", "cancelled"].includes(state);
export const isStalled = (job, now) => isAtServer(job) && now - job.seenAt > SILENCE_MS;

/** Return the stages that a job goes through: speakers are given to words, which need their times for that. */
export function stagesOf({ word_timestamps: words, diarize, task }) {
  const skipped = { align: task === "translate" || (words === "false" && diarize === "false"), diarize: diarize === "false" };
  return STAGES.filter((stage) => !skipped[stage]);
}

const CHANGES = {
  start: (job, _, startedAt) => ({ ...UNSENT, state: "uploading", startedAt }),
  sent: (job, { loaded, total }) => ({ sent: loaded, size: total }),
  uploaded: () => ({ state: "checking" }),
  queue: (job, { position, seconds }) => ({ state: position ? "queued" : "running", position, wait: seconds }),
  progress: (job, { stage, done, all, seconds_left: left }) => ({
    state: "running", stage, stages: reached(job.stages, stage, done), all: Math.max(job.all, all), left,
  }),
  text: (job, { text }) => ({ state: "running", preview: `${job.preview} ${text.trim()}`.slice(-1200) }),
  result: (job, answer, endedAt) => ({ state: "done", all: 1, answer, preview: "", endedAt }),
  failed: (job, { error }, now) => ({ state: "failed", error, preview: "", notBefore: now + 1000 * (error.retry_after ?? 0) }),
  cancel: () => ({ state: "cancelled", preview: "" }),
  retry: ({ notBefore }) => ({ ...UNSENT, state: "waiting", error: null, notBefore }),
};

/** Return the job after `event`, {type, ...}, at `now` ms. What has ended changes by a retry only. */
export function reduce(job, event, now) {
  if (isEnded(job) && event.type !== "retry") return job;
  return { ...job, seenAt: now, ...CHANGES[event.type]?.(job, event, now) };
}

/** Of stages at the same time the first is told, so that those before it have ended. */
function reached(stages, stage, done) {
  const ended = STAGES.slice(0, Math.max(0, STAGES.indexOf(stage))).map((earlier) => [earlier, 1]);
  return { ...stages, ...Object.fromEntries(ended), [stage]: Math.max(stages[stage] ?? 0, done) };
}

/** Return the job that may start now: one is sent while one is worked on, never more. */
export function nextToStart(jobs, now) {
  const active = jobs.filter(isActive);
  const busy = active.length > 1 || active.some(({ state }) => state === "uploading" || state === "checking");
  return busy ? undefined : jobs.find(({ state, notBefore }) => state === "waiting" && notBefore <= now);
}

/** Return a reader of a stream's text that calls `onEvent(name, data)`; a comment is a "sign" without data. */
export function eventReader(onEvent) {
  let rest = "";
  return (text) => {
    rest += text;
    if (!text.includes("\n")) return;
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split(/\r?\n/);
      const field = (name) => lines.filter((line) => line.startsWith(name)).map((line) => line.slice(name.length).replace(/^ /, "")).join("\n");
      const data = field("data:");
      if (data) onEvent(field("event:") || "message", data);
      else onEvent("sign");
    }
  };
}

/** Send `file` and `emit` what happens; return a function that breaks off, which ends the work as well. */
export function send(file, options, emit) {
  const request = new XMLHttpRequest();
  let read = 0, ended = false;
  const end = (event) => {
    if (!ended) emit(event);
    ended = true;
  };
  const fail = (error) => end({ type: "failed", error });
  const reader = eventReader((type, data = "{}") => {
    const event = JSON.parse(data);
    if (type === "error") fail(event);
    else (type === "result" ? end : emit)({ ...event, type });
  });
  const readOn = () => {
    const { responseText: text } = request, isStream = request.getResponseHeader("content-type")?.startsWith("text/event-stream");
    if (isStream) reader(text.slice(read));
    read = text.length;
    return isStream;
  };
  request.upload.onprogress = ({ loaded, total }) => emit({ type: "sent", loaded, total });
  request.upload.onload = () => emit({ type: "uploaded" });
  request.onprogress = readOn;
  request.onload = () => fail(readOn() ? { code: "cut_off" } : errorOf(request.status, parsed(request.responseText), request.getResponseHeader("retry-after")));
  request.onerror = () => fail({ code: "no_connection" });
  const query = new URLSearchParams({ output: "json", stream: "true" }), form = new FormData();
  // Options go into the address, where they are judged before the upload; long texts, which no log should keep, do not.
  for (const name in options) (LONG_TEXT.includes(name) ? form : query).append(name, options[name]);
  form.append("audio_file", file, file.name);
  request.open("POST", `asr?${query}`);
  request.send(form);
  return () => {
    ended = true;
    request.abort();
  };
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
