// A job is one recording on its way to a transcript. Here is what it can be and what makes it something else: no DOM, no clock.

/** The stages a person waits for, in their order; loading a model happens on the way to one of them. */
export const STAGES = ["decode", "transcribe", "diarize", "align"];
export const SILENCE_MS = 45_000;
const AT_SERVER = new Set(["checking", "queued", "running"]);
const ENDED = new Set(["done", "failed", "cancelled"]);

/** Return a job for `file` that waits for its turn. `options` are what the server is asked. */
export function newJob(id, file, options) {
  return { id, file, options, name: file.name, size: file.size, ...UNSENT };
}

const UNSENT = {
  state: "waiting", sent: 0, startedAt: 0, seenAt: 0, endedAt: 0, notBefore: 0, position: null, wait: null,
  stage: null, stages: {}, all: 0, left: null, audioSeconds: null, preview: "", error: null, answer: null,
};

export const isActive = (job) => job.state === "uploading" || AT_SERVER.has(job.state);
export const isEnded = (job) => ENDED.has(job.state);
export const isStalled = (job, now) => AT_SERVER.has(job.state) && now - job.seenAt > SILENCE_MS;

/** Return the stages that this job goes through: speakers are given to words, which need their times for that. */
export function stagesOf({ word_timestamps: words, diarize, task }) {
  const skipped = { align: task === "translate" || (words === "false" && diarize === "false"), diarize: diarize === "false" };
  return STAGES.filter((stage) => !skipped[stage]);
}

const CHANGES = {
  start: (job, _, now) => ({ ...UNSENT, state: "uploading", startedAt: now }),
  sent: (job, { loaded, total }) => ({ sent: loaded, size: total }),
  uploaded: () => ({ state: "checking" }),
  sign: () => ({}),
  queue: (job, { position, seconds }) =>
    position > 0 ? { state: "queued", position, wait: seconds } : { state: "running", position: null },
  progress: (job, event) => ({
    state: "running",
    position: null,
    stage: event.stage,
    stages: reached(job.stages, event),
    all: Math.max(job.all, event.all),
    left: event.seconds_left,
    audioSeconds: event.audio_seconds ?? job.audioSeconds,
  }),
  text: (job, { text }) => ({ state: "running", preview: `${job.preview} ${text.trim()}`.slice(-1200) }),
  result: (job, answer, now) => ({ state: "done", all: 1, answer, preview: "", endedAt: now }),
  failed: (job, { error }, now) => ({
    state: "failed", error, preview: "", endedAt: now, notBefore: now + 1000 * (error.retry_after ?? 0),
  }),
  cancel: (job, _, now) => ({ state: "cancelled", preview: "", endedAt: now }),
  retry: (job) => ({ ...UNSENT, notBefore: job.notBefore }),
};

/** Return the job after `event`, {type, ...}, at `now` ms. What comes after a job has ended changes nothing but a retry. */
export function reduce(job, event, now) {
  if (isEnded(job) && event.type !== "retry") return job;
  const change = CHANGES[event.type];
  return change ? { ...job, seenAt: now, ...change(job, event, now) } : { ...job, seenAt: now };
}

/** Of stages at the same time the first is told, so that those before it have ended. */
function reached(stages, { stage, done }) {
  const place = STAGES.indexOf(stage);
  if (place < 0) return stages;
  const ended = Object.fromEntries(STAGES.slice(0, place).map((earlier) => [earlier, 1]));
  return { ...stages, ...ended, [stage]: Math.max(stages[stage] ?? 0, done) };
}

/** Return the job that may start now: one is sent while one is worked on, never more. */
export function nextToStart(jobs, now) {
  const active = jobs.filter(isActive);
  const busy = active.length > 1 || active.some((job) => job.state === "uploading" || job.state === "checking");
  return busy ? undefined : jobs.find((job) => job.state === "waiting" && job.notBefore <= now);
}
