// The page: puts the parts together, and keeps the works that are on it.

import { announce, h, say, ui } from "./dom.js";
import { copyText, copyTranscript, downloadAll, openDownloads, readWork, saveWork } from "./download.js";
import { createFiles } from "./files.js";
import { about, bytes, KEPT, LANGUAGES, preferredLanguage, t, translate, useLanguage } from "./i18n.js";
import { createIntake, isJson, problemOf, refuse } from "./intake.js";
import { isActive } from "./job.js";
import { createKeys, showKeys } from "./keys.js";
import { createOptions } from "./options.js";
import { createResult } from "./result.js";

const THEME = "page.theme", THEMES = ["auto", "light", "dark"], HEALTH_MS = 15_000;
const service = JSON.parse(ui.service.textContent), NAME = document.title;

async function start() {
  await speak(preferredLanguage());
  const works = new Map(), options = createOptions(service), chooseOne = createIntake(take);
  const result = createResult((receiver) => chooseOne(([file]) => file && receiver(file)));
  const files = createFiles({ options: options.values, copy: copyText, onDone: arrived, onFailed: askHealth, onShow: show, onChange: summarize });

  /** Works are opened, recordings sent, and one that belongs to a work is played with it. */
  async function take(list) {
    refuse("");
    const media = list.filter((file) => !isJson(file));
    for (const file of list.filter(isJson)) {
      const found = await readWork(file);
      if (found) open(found, media);
      else refuse(t("refused.json", { name: file.name }));
    }
    const recordings = media.filter((file) => !belongs(file)), problem = (file) => problemOf(file, service.max_upload_bytes);
    const bad = recordings.find(problem), good = recordings.filter((file) => !problem(file));
    if (bad) refuse(problem(bad));
    if (good.length) files.add(good);
  }

  function arrived({ id, name, file, answer, startedAt, endedAt }) {
    works.set(id, result.adopt({ id, name, file, document: answer.document, seconds: (endedAt - startedAt) / 1000 }));
    answer.document = null;
    if (!result.shown || !document.activeElement?.closest("#result")) show(id);
  }

  function open({ document: transcript, name, size }, media) {
    const own = media.find((each) => each.name === name && (size ?? each.size) === each.size), id = `work ${name}`;
    works.set(id, result.adopt({ id, name, file: own ?? (media.length === 1 ? media[0] : null), document: transcript }));
    show(id);
  }

  function show(id) {
    const work = works.get(id);
    result.show(work);
    files.markShown(id);
    summarize(files.jobs);
    document.title = `✓ ${work.name}`;
    ui.title.focus();
  }

  function belongs(file) {
    const { shown } = result;
    if (shown && !shown.file && shown.name === file.name) result.attach(file);
    return shown?.file === file;
  }

  function summarize(jobs) {
    for (const [id, work] of works) {
      if (typeof id === "string" || jobs.some((job) => job.id === id)) continue;
      if (result.shown === work) result.hide();
      works.delete(id);
    }
    document.body.classList.toggle("slim", jobs.length + works.size > 0);
    ui.downloadAll.hidden = works.size < 2;
    const active = jobs.find(isActive);
    if (active) document.title = `${active.state === "uploading" ? "↑" : "…"} ${active.name}`;
    else if (!result.shown) document.title = NAME;
  }

  const { player, list, lanes } = result;
  createKeys({
    ...result, play: player.toggle, back: () => player.skip(-5), forward: () => player.skip(5), edit: () => list.edit(list.current),
    find: result.search.focus, slower: () => player.faster(-1), faster: () => player.faster(1),
    "zoom-in": () => lanes.zoom(1), "zoom-out": () => lanes.zoom(-1), help: showKeys,
  });
  ui.help.onclick = showKeys;
  ui.sample.hidden = !service.sample;
  ui.sample.onclick = async () => take([new File([await fetch(service.sample).then((answer) => answer.blob())], service.sample)]);
  ui.copy.onclick = () => copyTranscript(result.shown);
  ui.saveWork.onclick = () => saveWork(result.shown);
  ui.download.onclick = ({ currentTarget }) => openDownloads(currentTarget, service.outputs, result.shown);
  ui.downloadAll.onclick = () => downloadAll([...works.values()], service.outputs);
  ui.theme.onclick = () => {
    localStorage.setItem(THEME, THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
    applyTheme();
    announce(ui.theme.title);
    lanes.draw();
  };
  ui.language.onchange = async ({ target }) => {
    localStorage.setItem(KEPT, target.value);
    await speak(target.value);
    options.fill();
    files.redraw();
    result.retranslate();
  };
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
  translate();
  ui.language.replaceChildren(...Object.entries(LANGUAGES).map(([value, name]) => h("option", { value, lang: value }, name)));
  ui.language.value = code;
  const { max_upload_bytes: size, max_audio_seconds: length } = service;
  if (size && length) ui.limits.textContent = t("limits", { size: bytes(size), length: about(length) });
  applyTheme();
}

const theme = () => localStorage.getItem(THEME) ?? "auto";

function applyTheme() {
  document.documentElement.dataset.theme = theme();
  ui.theme.title = ui.theme.ariaLabel = t(`theme.${theme()}`);
}

/** Ask how the service is, while somebody looks. */
async function askHealth() {
  if (document.hidden) return;
  const { status, reasons = [] } = await fetch("health").then((answer) => answer.json()).catch(() => ({ status: "gone" }));
  say(ui.banner, status === "healthy" ? "" : [t(`health.${status}`), ...reasons].join(" "));
}

// From an address with a key, http://user:KEY@host/, a browser refuses every request. It keeps the key: the bare one opens too.
const address = new URL(document.URL);
if (address.username || address.password) {
  address.username = address.password = "";
  location.replace(address);
} else start();
