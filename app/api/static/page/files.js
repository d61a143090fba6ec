// The recordings of this visit, one after the other: what each is doing, and what can be done about it.

import { announce, h, say, ui } from "./dom.js";
import { about, bytes, clock, has, percent, t } from "./i18n.js";
import { isActive, isEnded, isStalled, newJob, nextToStart, reduce, send, stagesOf } from "./job.js";

/** `options()` is asked when a file is added; `onShow(id)` hears of the wish to see an answer. */
export function createFiles({ options, onDone, onFailed, onShow, onChange, copy }) {
  let jobs = [], counter = 0, shown = null;
  const aborts = new Map(), cards = new Map();

  function dispatch(id, event) {
    const before = jobs.find((job) => job.id === id);
    if (!before) return;
    const after = reduce(before, event, performance.now());
    jobs = jobs.map((job) => (job === before ? after : job));
    speakOf(before, after);
    draw(after);
    if (after.state !== before.state) ({ done: onDone, failed: onFailed })[after.state]?.(after);
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
    ui.files.hidden = false;
    pump();
  }

  const acts = {
    cancel(id) {
      aborts.get(id)?.();
      dispatch(id, { type: "cancel" });
    },
    remove(id) {
      jobs = jobs.filter((job) => job.id !== id);
      cards.get(id).item.remove();
      ui.files.hidden = !jobs.length;
      onChange(jobs);
    },
    retry: (id) => dispatch(id, { type: "retry" }),
    show: onShow,
  };

  function draw(job) {
    if (!cards.has(job.id)) {
      cards.set(job.id, createCard());
      ui.jobs.append(cards.get(job.id).item);
    }
    drawCard(cards.get(job.id), job, acts, copy, shown === job.id);
  }

  setInterval(() => {
    const moving = jobs.filter((job) => isActive(job) || job.state === "waiting" || job.notBefore > 0);
    moving.forEach(draw);
    if (moving.length) pump();
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
  const quarter = Math.floor(after.all * 4);
  if (before.state !== after.state) announce(`${after.name}: ${sentence(after, performance.now())}`);
  else if (quarter !== Math.floor(before.all * 4)) announce(`${after.name}: ${percent(after.all)}`);
}

function createCard() {
  const name = h("strong.name"), said = h("span.say"), bar = h("progress", { max: 1 }), stages = h("ul.stages");
  const preview = h("p.preview", { dir: "auto" }), buttons = h("span.row"), problem = h("div.problem");
  return { name, said, bar, stages, preview, buttons, problem, item: h("li.job", {}, h("div.line", {}, name, said, buttons), bar, problem, stages, preview) };
}

function drawCard(card, job, acts, copy, isShown) {
  const now = performance.now(), wait = job.state === "failed" ? Math.max(0, Math.ceil((job.notBefore - now) / 1000)) : 0;
  card.item.dataset.state = job.state;
  card.item.classList.toggle("shown", isShown);
  say(card.name, job.name);
  say(card.said, isStalled(job, now) ? t("job.stalled", { seconds: Math.floor((now - job.seenAt) / 1000) }) : sentence(job, now));
  drawBar(card.bar, job);
  card.stages.hidden = job.state !== "running";
  card.stages.replaceChildren(...stagesOf(job.options).map((stage) => stageItem(stage, job.stages[stage] ?? 0, stage === job.stage)));
  say(card.preview, job.preview);
  drawOnce(card.problem, [job.error], () => problem(job, copy));
  drawOnce(card.buttons, [job.state, isShown, wait, t("ok")], () => buttons(job, acts, isShown, wait));
}

/** Draw again only if what it stands for is another: a button that has the focus keeps it. */
function drawOnce(element, values, children) {
  if (element.drawnFor?.every((value, index) => value === values[index])) return;
  element.drawnFor = values;
  const held = [...element.children].indexOf(document.activeElement);
  element.replaceChildren(...children());
  if (held >= 0) (element.children[held] ?? element.children[0])?.focus();
}

function drawBar(bar, { state, name, sent, size, all }) {
  bar.hidden = !isActive({ state });
  bar.ariaLabel = t("job.bar", { name });
  const value = { uploading: sent / size, running: all }[state];
  if (value === undefined) bar.removeAttribute("value");
  else bar.value = value;
}

const stageItem = (stage, done, isCurrent) => h(`li.${done >= 1 ? "past" : isCurrent ? "current" : "to-come"}`, { ariaCurrent: isCurrent ? "step" : null },
  done >= 1 && "✓ ", t(`stage.${stage}`), done > 0 && done < 1 && ` ${percent(done)}`);

function sentence(job, now) {
  const passed = (now - job.startedAt) / 1000;
  switch (job.state) {
    case "uploading": return uploading(job, passed);
    case "queued": return [t("job.queued", { n: job.position }), job.wait && timeLeft(job.wait)].filter(Boolean).join(" · ");
    case "running": return running(job, passed);
    case "done": return t("job.done", { time: clock((job.endedAt - job.startedAt) / 1000) });
    default: return t(`job.${job.state}`);
  }
}

function uploading({ sent, size }, passed) {
  const rate = sent / passed, said = t("job.uploading", { percent: percent(sent / size), sent: bytes(sent), size: bytes(size) });
  return passed > 2 && rate > 0 ? `${said} · ${t("job.rate", { rate: bytes(rate) })} · ${timeLeft((size - sent) / rate)}` : said;
}

const running = ({ stage, all, left }, passed) =>
  [t(stage ? `stage.${stage}` : "job.checking"), percent(all), t("job.passed", { time: clock(passed) }), timeLeft(left)].filter(Boolean).join(" · ");

const timeLeft = (seconds) => seconds > 0 ? t("job.left", { time: about(seconds) }) : seconds === 0 ? t("job.longer") : "";

/** Return an error in the service's own words, or in ours. */
export function errorText({ code, detail, status = "" }) {
  return detail ?? t(has(`error.${code}`) ? `error.${code}` : "error.other", { status: String(status) });
}

function problem({ error }, copy) {
  if (!error) return [];
  const remedy = `error.proxy.${error.status}`, { request_id: id } = error;
  return [
    h("p", error.detail ? { lang: "en" } : {}, errorText(error)),
    error.code === "proxy" && has(remedy) && h("p", {}, t(remedy)),
    id && h("p.hint", {}, `${error.code} · ${t("error.id")} `, h("code", {}, id), " ", h("button.quiet", { onclick: () => copy(id) }, t("copy"))),
  ].filter(Boolean);
}

function buttons(job, acts, isShown, wait) {
  const button = (act, label = t(`job.${act}`)) => h("button", { ariaLabel: `${label}: ${job.name}`, onclick: () => acts[act](job.id) }, label);
  if (!isEnded(job)) return [button("cancel", t("cancel"))];
  if (job.state === "done") return isShown ? [button("remove")] : [button("show"), button("remove")];
  return [button("retry", `${t("job.retry")}${wait > 0 ? ` (${clock(wait)})` : ""}`), button("remove")];
}
