// The page: puts the parts together, and takes in what people drop, paste, choose or record.

import { announce, byId, h, icon } from "./dom.js";
import { bytes, chooseLanguage, currentLanguage, about, LANGUAGES, preferredLanguage, t, translate, useLanguage } from "./i18n.js";
import { createFiles } from "./files.js";
import { createKeys, showKeys } from "./keys.js";
import { createOptions } from "./options.js";
import { createResult } from "./result.js";
import { isActive } from "./state.js";

const THEME = "page.theme", THEMES = ["auto", "light", "dark"], HEALTH_MS = 15_000;
const service = JSON.parse(byId("service").textContent);
const exits = () => import("./download.js");

async function start() {
  await useLanguage(preferredLanguage());
  document.documentElement.lang = currentLanguage();
  translate(document);
  applyTheme();

  const works = new Map();
  const options = createOptions(service);
  const result = createResult({ chooseFile: (take) => choose((files) => take(files[0]), false) });
  const copy = (text) => exits().then(({ copyText }) => copyText(text));
  const files = createFiles({ options: options.values, copy, onDone: arrived, onShow: showJob, onChange: summarize });

  function arrived(job) {
    works.set(job.id, { id: job.id, name: job.name, file: job.file, document: job.answer.document, seconds: (job.endedAt - job.startedAt) / 1000 });
    job.answer.document = null;
    if (!result.shown || !document.activeElement?.closest("#result")) showJob(job);
  }

  function showJob({ id, name }) {
    result.show(works.get(id));
    files.markShown(id);
    document.title = `✓ ${name}`;
    byId("title").focus();
  }

  function summarize(jobs) {
    document.body.classList.toggle("has-files", jobs.length > 0);
    for (const id of works.keys()) if (typeof id === "number" && !jobs.some((job) => job.id === id)) forget(id);
    byId("download-all").hidden = [...works.keys()].length < 2;
    const active = jobs.find(isActive);
    if (active) document.title = `${t(`title.${active.state}`)} ${active.name}`;
    else if (!result.shown) document.title = "WhisperX ASR";
  }

  function forget(id) {
    if (result.shown === works.get(id)) result.hide();
    works.delete(id);
  }

  /** Take in files: works are opened, recordings are sent, and a recording that belongs to a work is played. */
  async function take(list) {
    const chosen = [...list];
    const opened = [];
    refuse("");
    for (const file of chosen.filter(isJson)) {
      const found = await exits().then(({ readWork }) => readWork(file));
      if (found) opened.push(found);
      else refuse(t("refused.json", { name: file.name }));
    }
    const media = chosen.filter((file) => !isJson(file));
    opened.forEach((found) => open(found, media));
    const rest = media.filter((file) => !belongs(file));
    const problems = rest.map((file) => [file, problemOf(file)]);
    problems.forEach(([, problem]) => problem && refuse(problem));
    const good = problems.filter(([, problem]) => !problem).map(([file]) => file);
    if (good.length) files.add(good);
  }

  function open({ document: transcript, name, size }, media) {
    const file = media.find((each) => each.name === name && (size === undefined || each.size === size)) ?? (media.length === 1 ? media[0] : null);
    const id = `work ${name}`;
    works.set(id, { id, name, file, document: transcript });
    result.show(works.get(id));
    files.markShown(id);
    document.title = `✓ ${name}`;
    byId("title").focus();
  }

  function belongs(file) {
    if (result.shown?.file === file) return true;
    if (!result.shown || result.shown.file || result.shown.name !== file.name) return false;
    result.attach(file);
    return true;
  }

  function problemOf({ name, size }) {
    if (!navigator.onLine) return t("refused.offline");
    if (size === 0) return t("refused.empty", { name });
    if (service.max_upload_bytes && size > service.max_upload_bytes) return t("refused.large", { name, size: bytes(size), limit: bytes(service.max_upload_bytes) });
    return "";
  }

  translateControls();
  takeFiles(take);
  record(take);
  watchHealth(files);
  createKeys({
    play: result.player.toggle, back: () => result.player.skip(-5), forward: () => result.player.skip(5),
    again: () => result.player.seek(result.work.segments[result.list.current]?.start ?? 0),
    edit: () => result.list.edit(result.list.current), doubt: () => result.shown && result.nextDoubt(),
    find: result.search.focus, undo: result.undo, redo: result.redo, help: showKeys,
    slower: () => result.player.faster(-1), faster: () => result.player.faster(1), zoomIn: () => result.lanes.zoom(1), zoomOut: () => result.lanes.zoom(-1),
  });
  byId("copy").addEventListener("click", () => exits().then(({ copyTranscript }) => copyTranscript(result.shown)));
  byId("save-work").addEventListener("click", () => exits().then(({ saveWork }) => saveWork(result.shown)));
  byId("download").addEventListener("click", ({ currentTarget }) => exits().then(({ openDownloads }) => openDownloads(currentTarget, service, result.shown)));
  byId("download-all").addEventListener("click", () => exits().then(({ downloadAll }) => downloadAll([...works.values()], service)));
  addEventListener("beforeunload", (event) => {
    if (files.jobs.some(isActive) || [...works.values()].some(({ history }) => history?.isDirty)) event.preventDefault();
  });

  function translateControls() {
    byId("language").replaceChildren(...Object.entries(LANGUAGES).map(([code, name]) => h("option", { value: code, lang: code }, name)));
    byId("language").value = currentLanguage();
    byId("limits").textContent = limits();
  }

  byId("language").addEventListener("change", async ({ target }) => {
    chooseLanguage(target.value);
    await useLanguage(target.value);
    document.documentElement.lang = target.value;
    translate(document);
    translateControls();
    applyTheme();
    options.fill();
    files.redraw();
    result.retranslate();
  });
  byId("theme").addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
    localStorage.setItem(THEME, next);
    applyTheme();
    result.lanes.draw();
    announce(t(`theme.${next}`));
  });
  document.body.classList.add("ready");
}

const isJson = ({ name }) => /\.json$/i.test(name);
const refuse = (text) => {
  byId("refused").textContent = text;
  byId("refused").hidden = !text;
};

function limits() {
  const { max_upload_bytes: size, max_audio_seconds: length } = service;
  return size && length ? t("start.limits", { size: bytes(size), length: about(length) }) : "";
}

const theme = () => localStorage.getItem(THEME) ?? "auto";

function applyTheme() {
  document.documentElement.dataset.theme = theme();
  byId("theme").setAttribute("aria-label", t(`theme.${theme()}`));
  byId("theme").title = t(`theme.${theme()}`);
}

let chosen = () => {};

function choose(taken, several = true) {
  chosen = taken;
  byId("file").multiple = several;
  byId("file").click();
}

/** No `accept`: a wildcard greys out recordings on iOS. The service judges by content. */
function takeFiles(take) {
  chosen = take;
  byId("choose").addEventListener("click", () => choose(take));
  byId("file").addEventListener("change", ({ target }) => {
    chosen([...target.files]);
    target.value = "";
  });
  const dropping = byId("dropping");
  const carriesFiles = ({ dataTransfer }) => dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    dropping.hidden = false;
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) dropping.hidden = true; });
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    dropping.hidden = true;
    const folder = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).find((entry) => entry?.isDirectory);
    if (folder) refuse(t("refused.folder", { name: folder.name }));
    else take(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => { if (event.clipboardData.files.length) take(event.clipboardData.files); });
}

function record(take) {
  const button = byId("record"), note = byId("recording");
  let stop = null, ticking = 0;
  const draw = (name, key) => button.replaceChildren(icon(name), h("span", { "data-t": key }, t(key)));
  const say = (...content) => {
    note.replaceChildren(...content);
    note.hidden = false;
  };
  button.addEventListener("click", async () => {
    const { canRecord, startRecording } = await import("./record.js");
    if (stop) {
      clearInterval(ticking);
      const file = await stop();
      stop = null;
      draw("mic", "record.start");
      const url = URL.createObjectURL(file);
      say(t("record.kept"), " ", h("a", { href: url, download: file.name }, t("record.save")));
      take([file]);
    } else if (!canRecord()) say(t("record.insecure"));
    else {
      try {
        stop = await startRecording();
      } catch (error) {
        say(t("record.refused", { reason: error.message }));
        return;
      }
      const began = Date.now();
      draw("stop", "record.stop");
      const tick = () => say(t("record.running", { time: about((Date.now() - began) / 1000) }));
      tick();
      ticking = setInterval(tick, 1000);
    }
  });
}

/** Ask how the service is while nobody waits for an answer and somebody looks. */
function watchHealth(files) {
  const banner = byId("banner");
  async function ask() {
    if (document.hidden || files.jobs.some(isActive)) return;
    const state = await fetch("health").then((answer) => answer.json(), () => ({ status: "gone", reasons: [] })).catch(() => ({ status: "gone", reasons: [] }));
    banner.hidden = state.status === "healthy";
    if (!banner.hidden) banner.textContent = [t(`health.${state.status}`), ...(state.reasons ?? [])].join(" ");
  }
  setInterval(ask, HEALTH_MS);
  setTimeout(ask, 500);
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
