// How one recording on its way is shown: a sentence, a bar, the stages, the text so far, and what can be done.

import { h, icon } from "./dom.js";
import { about, bytes, clock, has, percent, t } from "./i18n.js";
import { isActive, isStalled, stagesOf } from "./state.js";

export function createCard() {
  const parts = {
    name: h("strong", { class: "name" }), say: h("span", { class: "say" }), bar: h("progress", { max: 1 }),
    stages: h("ul", { class: "stages" }), preview: h("p", { class: "preview", dir: "auto" }), buttons: h("span", { class: "row" }),
    problem: h("div", { class: "problem" }),
  };
  const item = h("li", { class: "job" }, h("div", { class: "line" }, parts.name, parts.say, parts.buttons), parts.bar, parts.problem, parts.stages, parts.preview);
  return { ...parts, item };
}

export function drawCard(card, job, actions) {
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
