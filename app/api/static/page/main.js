// The page: puts the parts together, and keeps the works that are on it.

import { announce, byId, h } from "./dom.js";
import { about, bytes, chooseLanguage, currentLanguage, LANGUAGES, preferredLanguage, t, translate, useLanguage } from "./i18n.js";
import { createFiles } from "./files.js";
import { createIntake, isJson, problemOf, refuse } from "./intake.js";
import { createKeys } from "./keys.js";
import { createOptions } from "./options.js";
import { createResult } from "./result.js";
import { isActive } from "./state.js";

const THEME = "page.theme", THEMES = ["auto", "light", "dark"], HEALTH_MS = 15_000;
const service = JSON.parse(byId("service").textContent);
const exits = () => import("./download.js");

async function start() {
  await speak(preferredLanguage());
  const works = new Map();
  const options = createOptions(service);
  const chooseOne = createIntake(take);
  const result = createResult({ chooseFile: (receiver) => chooseOne(([file]) => file && receiver(file)) });
  const copy = (text) => exits().then(({ copyText }) => copyText(text));
  const files = createFiles({ options: options.values, copy, onDone: arrived, onFailed: askHealth, onShow: ({ id }) => show(works.get(id)), onChange: summarize });

  /** Works are opened, recordings are sent, and a recording that belongs to a work is played with it. */
  async function take(list) {
    refuse("");
    const media = list.filter((file) => !isJson(file));
    for (const file of list.filter(isJson)) {
      const found = await exits().then(({ readWork }) => readWork(file));
      if (found) open(found, media);
      else refuse(t("refused.json", { name: file.name }));
    }
    const recordings = media.filter((file) => !belongs(file));
    const good = recordings.filter((file) => !problemOf(file, service));
    const problem = recordings.map((file) => problemOf(file, service)).find(Boolean);
    if (problem) refuse(problem);
    if (good.length) files.add(good);
  }

  function arrived(job) {
    const { id, name, file, answer: { document: transcript } } = job;
    works.set(id, result.adopt({ id, name, file, document: transcript, seconds: (job.endedAt - job.startedAt) / 1000 }));
    job.answer.document = null;
    if (!result.shown || !document.activeElement?.closest("#result")) show(works.get(id));
  }

  function open({ document: transcript, name, size }, media) {
    const file = media.find((each) => each.name === name && (size === undefined || each.size === size)) ?? (media.length === 1 ? media[0] : null);
    const id = `work ${name}`;
    works.set(id, result.adopt({ id, name, file, document: transcript }));
    show(works.get(id));
  }

  function show(work) {
    result.show(work);
    files.markShown(work.id);
    document.body.classList.add("slim");
    document.title = `✓ ${work.name}`;
    byId("title").focus();
  }

  function belongs(file) {
    const { shown } = result;
    if (shown && !shown.file && shown.name === file.name) result.attach(file);
    return shown?.file === file;
  }

  function summarize(jobs) {
    document.body.classList.toggle("slim", jobs.length > 0 || works.size > 0);
    for (const [id, work] of works) {
      if (typeof id === "string" || jobs.some((job) => job.id === id)) continue;
      if (result.shown === work) result.hide();
      works.delete(id);
    }
    byId("download-all").hidden = works.size < 2;
    const active = jobs.find(isActive);
    if (active) document.title = `${active.state === "uploading" ? "↑" : "…"} ${active.name}`;
    else if (!result.shown) document.title = "WhisperX ASR";
  }

  createKeys({
    play: result.player.toggle, back: () => result.player.skip(-5), forward: () => result.player.skip(5), again: result.again,
    edit: () => result.list.edit(result.list.current), doubt: result.nextDoubt, find: result.search.focus, undo: result.undo, redo: result.redo,
    slower: () => result.player.faster(-1), faster: () => result.player.faster(1), zoomIn: () => result.lanes.zoom(1), zoomOut: () => result.lanes.zoom(-1), help: () => import("./shortcuts.js").then(({ showShortcuts }) => showShortcuts()),
  });
  const press = (id, run) => byId(id).addEventListener("click", run);
  press("record", () => import("./record.js").then(({ record }) => record(take)));
  press("copy", () => exits().then(({ copyTranscript }) => copyTranscript(result.shown)));
  press("save-work", () => exits().then(({ saveWork }) => saveWork(result.shown)));
  press("download", ({ currentTarget }) => exits().then(({ openDownloads }) => openDownloads(currentTarget, service, result.shown)));
  press("download-all", () => exits().then(({ downloadAll }) => downloadAll([...works.values()], service)));
  press("theme", () => {
    nextTheme();
    result.lanes.draw();
  });
  byId("language").addEventListener("change", async ({ target }) => {
    chooseLanguage(target.value);
    await speak(target.value);
    options.fill();
    files.redraw();
    result.retranslate();
  });
  addEventListener("beforeunload", (event) => {
    if (files.jobs.some(isActive) || [...works.values()].some(({ history }) => history.isDirty)) event.preventDefault();
  });
  setInterval(() => files.jobs.some(isActive) || askHealth(), HEALTH_MS);
  setTimeout(askHealth, 500);
  document.body.classList.add("ready");
}

/** Write everything that stands on the page from the beginning in a language. */
async function speak(code) {
  await useLanguage(code);
  document.documentElement.lang = code;
  translate(document);
  byId("language").replaceChildren(...Object.entries(LANGUAGES).map(([each, name]) => h("option", { value: each, lang: each }, name)));
  byId("language").value = currentLanguage();
  const { max_upload_bytes: size, max_audio_seconds: length } = service;
  byId("limits").textContent = size && length ? t("start.limits", { size: bytes(size), length: about(length) }) : "";
  applyTheme();
}

const theme = () => localStorage.getItem(THEME) ?? "auto";

function applyTheme() {
  document.documentElement.dataset.theme = theme();
  byId("theme").ariaLabel = byId("theme").title = t(`theme.${theme()}`);
}

function nextTheme() {
  localStorage.setItem(THEME, THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
  applyTheme();
  announce(t(`theme.${theme()}`));
}

/** Ask how the service is, while somebody looks. */
async function askHealth() {
  if (document.hidden) return;
  const { status, reasons = [] } = await fetch("health").then((answer) => answer.json()).catch(() => ({ status: "gone" }));
  byId("banner").hidden = status === "healthy";
  if (status !== "healthy") byId("banner").textContent = [t(`health.${status}`), ...reasons].join(" ");
}

// From a page with a key in its address, as in http://user:KEY@host/, a browser refuses every request. It keeps the
// key, so that the bare address opens too.
const address = new URL(document.URL);
if (address.username || address.password) {
  address.username = address.password = "";
  location.replace(address);
} else {
  start();
}
