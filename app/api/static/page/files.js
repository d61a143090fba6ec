// The recordings of this visit, one after the other: what each is doing, and what can be done about it.

import { announce, byId, h, icon } from "./dom.js";
import { about, bytes, clock, has, percent, t } from "./i18n.js";
import { isActive, isEnded, isStalled, newJob, nextToStart, reduce, stagesOf } from "./state.js";
import { send } from "./upload.js";

/** `options()` is asked when a file is added; `onDone(job)` hears of an answer, `onShow(job)` of the wish to see it. */
export function createFiles({ options, onDone, onShow, onChange, copy }) {
  let jobs = [], counter = 0, shown = null;
  const aborts = new Map(), cards = new Map();

  const jobOf = (id) => jobs.find((job) => job.id === id);

  function dispatch(id, event) {
    const before = jobOf(id);
    if (!before) return;
    const after = reduce(before, event, performance.now());
    jobs = jobs.map((job) => (job === before ? after : job));
    speakOf(before, after);
    draw(after);
    if (isEnded(after) && !isEnded(before)) aborts.delete(id);
    if (after.state === "done" && before.state !== "done") onDone(after);
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

  function add(files) {
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
      cards.set(job.id, createCard());
      byId("jobs").append(cards.get(job.id).item);
    }
    drawCard(cards.get(job.id), job, { cancel, remove, retry: (id) => dispatch(id, { type: "retry" }), onShow, copy, shown: shown === job.id });
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
function speakOf(before, after) {
  const quarter = (job) => Math.floor(job.all * 4);
  if (before.state === after.state && quarter(before) === quarter(after)) return;
  if (isEnded(after) || after.state !== "running" || before.state !== "running") announce(`${after.name}: ${sentence(after, performance.now())}`);
  else announce(t("job.quarter", { name: after.name, percent: percent(after.all) }));
}

function createCard() {
  const parts = {
    name: h("strong", { class: "name" }), say: h("span", { class: "say" }), bar: h("progress", { max: 1 }),
    stages: h("ul", { class: "stages" }), preview: h("p", { class: "preview", dir: "auto" }), buttons: h("span", { class: "row" }),
    problem: h("div", { class: "problem" }),
  };
  const item = h("li", { class: "job" }, h("div", { class: "line" }, parts.name, parts.say, parts.buttons), parts.bar, parts.problem, parts.stages, parts.preview);
  return { ...parts, item };
}

function drawCard(card, job, actions) {
  const now = performance.now();
  card.item.dataset.state = job.state;
  card.item.classList.toggle("shown", actions.shown);
  setText(card.name, job.name);
  setText(card.say, isStalled(job, now) ? t("job.stalled", { seconds: Math.floor((now - job.seenAt) / 1000) }) : sentence(job, now));
  drawBar(card.bar, job);
  drawStages(card.stages, job);
  setText(card.preview, job.preview);
  drawOnce(card.problem, job.error, () => problem(job, actions.copy));
  const wait = job.state === "failed" ? Math.ceil((job.notBefore - now) / 1000) : 0;
  drawOnce(card.buttons, `${job.state} ${actions.shown} ${Math.max(0, wait)} ${document.documentElement.lang}`, () => buttons(job, actions, wait));
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

/** Draw again only if what it stands for is another: a button that has the focus keeps it. */
function drawOnce(element, value, children) {
  if (element.drawnFor === value) return;
  element.drawnFor = value;
  const held = [...element.children].indexOf(document.activeElement);
  element.replaceChildren(...children());
  if (held >= 0) (element.children[held] ?? element.children[0])?.focus();
}

function drawBar(bar, job) {
  bar.hidden = !isActive(job);
  bar.setAttribute("aria-label", t("job.bar", { name: job.name }));
  const value = job.state === "uploading" ? job.sent / (job.size || 1) : job.state === "running" ? job.all : null;
  if (value === null) bar.removeAttribute("value");
  else bar.value = value;
}

function drawStages(list, job) {
  list.hidden = job.state !== "running";
  if (list.hidden) return;
  const rows = stagesOf(job.options).map((stage) => [stage, job.stages[stage] ?? 0, stage === job.stage]);
  list.replaceChildren(...rows.map(([stage, done, current]) => h("li", { class: done >= 1 ? "past" : current ? "current" : "", "aria-current": current ? "step" : undefined },
    done >= 1 ? icon("done") : null, t(`stage.${stage}`), done > 0 && done < 1 ? ` ${percent(done)}` : "")));
}

/** Return what a job is doing, in words. */
export function sentence(job, now) {
  const passed = (now - job.startedAt) / 1000;
  switch (job.state) {
    case "uploading": return uploading(job, passed);
    case "queued": return job.position === null ? t("job.waiting") : t(job.wait ? "job.queued.wait" : "job.queued", { n: job.position, wait: job.wait ? about(job.wait) : "" });
    case "running": return running(job, passed);
    case "done": return t("job.done", { time: clock((job.endedAt - job.startedAt) / 1000) });
    default: return t(`job.${job.state}`);
  }
}

function uploading({ sent, size }, passed) {
  const rate = sent / Math.max(0.2, passed);
  const parts = [t("job.uploading", { percent: percent(sent / (size || 1)), sent: bytes(sent), size: bytes(size) })];
  if (passed > 2 && rate > 0) parts.push(t("job.rate", { rate: bytes(rate) }), t("job.left", { time: about((size - sent) / rate) }));
  return parts.join(" · ");
}

function running({ stage, all, left }, passed) {
  const parts = [stage && has(`stage.${stage}`) ? t(`stage.${stage}`) : t("job.running"), percent(all), t("job.passed", { time: clock(passed) })];
  if (left > 0) parts.push(t("job.left", { time: about(left) }));
  else if (left === 0 && all < 1) parts.push(t("job.longer"));
  return parts.join(" · ");
}

function problem({ error }, copy) {
  if (!error) return [];
  const own = `error.${error.code}`;
  const said = error.detail ? h("p", { lang: "en" }, error.detail) : h("p", {}, t(has(own) ? own : "error.other", { status: String(error.status ?? "") }));
  const remedy = error.code === "proxy" && has(`error.proxy.${error.status}`) ? h("p", {}, t(`error.proxy.${error.status}`)) : null;
  const id = error.request_id && h("p", { class: "hint" }, `${error.code} · ${t("error.id")} `, h("code", {}, error.request_id), " ",
    h("button", { class: "quiet", onclick: () => copy(error.request_id) }, t("error.copy")));
  return [said, remedy, id].filter(Boolean);
}

function buttons(job, { cancel, remove, retry, onShow, shown }, wait) {
  const button = (label, run) => h("button", { "aria-label": `${label}: ${job.name}`, onclick: () => run(job.id) }, label);
  if (isActive(job) || job.state === "waiting") return [button(t("job.cancel"), cancel)];
  if (job.state === "done") return [...(shown ? [] : [button(t("job.show"), () => onShow(job))]), button(t("job.remove"), remove)];
  return [button(wait > 0 ? t("job.retry.wait", { n: wait }) : t("job.retry"), retry), button(t("job.remove"), remove)];
}
