// The recordings of this visit, one after the other: what each is doing, and what can be done about it.

import { announce, byId } from "./dom.js";
import { percent, t } from "./i18n.js";
import { isActive, isEnded, newJob, nextToStart, reduce } from "./state.js";
import { send } from "./upload.js";

/** `options()` is asked when a file is added; `onDone(job)` hears of an answer, `onFailed()` of none, `onShow(job)` of the wish to see one. */
export function createFiles({ options, onDone, onFailed, onShow, onChange, copy }) {
  let jobs = [], counter = 0, shown = null, views = null;
  const aborts = new Map(), cards = new Map();

  const jobOf = (id) => jobs.find((job) => job.id === id);

  function dispatch(id, event) {
    const before = jobOf(id);
    if (!before) return;
    const after = reduce(before, event, performance.now());
    jobs = jobs.map((job) => (job === before ? after : job));
    speakOf(before, after, views.sentence);
    draw(after);
    if (isEnded(after) && !isEnded(before)) aborts.delete(id);
    if (after.state === "done" && before.state !== "done") onDone(after);
    if (after.state === "failed" && before.state !== "failed") onFailed();
    pump();
  }

  function pump() {
    const job = nextToStart(jobs, performance.now());
    if (job) {
      dispatch(job.id, { type: "start" });
      aborts.set(job.id, send(job.file, job.options, (event) => dispatch(job.id, event)));
    }
    onChange(jobs);
  }

  /** How a recording is shown is fetched with the first one. */
  async function add(files) {
    views ??= await import("./cards.js");
    const added = files.map((file) => newJob(++counter, file, options()));
    jobs = [...jobs, ...added];
    added.forEach(draw);
    byId("files").hidden = false;
    pump();
  }

  function cancel(id) {
    aborts.get(id)?.();
    dispatch(id, { type: "cancel" });
  }

  function remove(id) {
    jobs = jobs.filter((job) => job.id !== id);
    cards.get(id)?.item.remove();
    cards.delete(id);
    byId("files").hidden = !jobs.length;
    onChange(jobs);
  }

  function draw(job) {
    if (!cards.has(job.id)) {
      cards.set(job.id, views.createCard());
      byId("jobs").append(cards.get(job.id).item);
    }
    views.drawCard(cards.get(job.id), job, { cancel, remove, retry: (id) => dispatch(id, { type: "retry" }), onShow, copy, shown: shown === job.id });
  }

  setInterval(() => {
    const waiting = jobs.filter((job) => isActive(job) || job.state === "waiting" || (job.state === "failed" && job.notBefore > 0));
    waiting.forEach(draw);
    if (waiting.length) pump();
  }, 1000);

  return {
    add,
    get jobs() { return jobs; },
    redraw: () => jobs.forEach(draw),
    markShown(id) {
      shown = id;
      jobs.forEach(draw);
    },
  };
}

/** Say what changed, and each quarter of the way; never every second. */
function speakOf(before, after, sentence) {
  const quarter = (job) => Math.floor(job.all * 4);
  if (before.state === after.state && quarter(before) === quarter(after)) return;
  if (isEnded(after) || after.state !== "running" || before.state !== "running") announce(`${after.name}: ${sentence(after, performance.now())}`);
  else announce(t("job.quarter", { name: after.name, percent: percent(after.all) }));
}
