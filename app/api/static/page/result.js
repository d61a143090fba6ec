// The result on the page: the views of one work, and what happens between them.

import { announce, byId, h, icon, toast } from "./dom.js";
import { clock, languageName, t } from "./i18n.js";
import { createLanes } from "./lanes.js";
import { createList } from "./list.js";
import { createPlayer } from "./player.js";
import { createSearch } from "./search.js";
import { createSpeakers } from "./speakers.js";
import { createHistory, fromDocument, indexAt, nameOf } from "./transcript.js";

const HINT = "page.hint";

/** `chooseFile(take)` asks the person for the recording of a work that was opened without it. */
export function createResult({ chooseFile }) {
  let shown = null;
  const work = () => shown?.history.work;
  const apply = (next) => shown.history.apply(next);
  /** What editing needs is fetched when somebody begins to edit. */
  const edits = () => import("./edit.js");
  const change = (how) => edits().then((module) => apply(how(module, work())));
  const seek = (time) => {
    player.seek(time);
    player.play();
  };

  const player = createPlayer({
    onTime: (time, following) => {
      if (!shown) return;
      lanes.setTime(time);
      list.mark(time, following);
    },
    nameAt: (time) => {
      const segment = work()?.segments[indexAt(work().segments, time)];
      return segment && time <= segment.end ? nameOf(work(), segment.speaker) : "";
    },
    chooseFile: () => chooseFile((file) => attach(file)),
  });
  const lanes = createLanes(seek);
  const list = createList({
    play: seek,
    edit: (index, text) => change(({ editText }, now) => editText(now, index, text)),
    split: (index, offset) => change(({ split }, now) => split(now, index, offset)),
    join: (index) => change(({ join }, now) => join(now, index)),
    chooseSpeaker: (index, anchor) => speakers.chooseFor(index, anchor),
    editing: () => {
      player.pause();
      edits();
    },
    isPlaying: () => player.isPlaying,
  });
  const speakers = createSpeakers({ work, apply, hearOnly, showOnly });
  const search = createSearch({
    work, list, change, prepare: edits,
    hits: (places) => lanes.setHits(places.map(({ index }) => work().segments[index].start)),
    go: ({ index }) => list.bring(index),
  });

  /** Return {id, name, file, seconds, history} for a document: its changes are kept for as long as it is on the page. */
  function adopt({ document: transcript, ...about }) {
    const entry = { ...about, history: createHistory(fromDocument(transcript), () => shown === entry && refresh()) };
    return entry;
  }

  function show(entry) {
    shown = entry;
    byId("result").hidden = false;
    document.body.classList.add("has-result");
    list.clear();
    showOnly(null);
    refresh();
    player.load(entry.file, work().about.duration);
    hearOnly(null);
    search.clear();
    showHead();
    byId("hint").hidden = localStorage.getItem(HINT) !== null;
  }

  function refresh() {
    list.show(work());
    lanes.show(work(), speakers.show(work()));
    player.tell();
    search.refresh();
    markDoubts();
    byId("undo").disabled = !shown.history.canUndo;
    byId("nothing").hidden = work().segments.length > 0;
  }

  function showHead() {
    const { duration, language, model, warnings = [] } = work().about;
    const people = work().speakers.length;
    byId("title").textContent = shown.name;
    byId("about").textContent = [clock(duration), languageName(language), model, people ? t("speakers.n", { n: people }) : "",
      shown.seconds ? t("job.done", { time: clock(shown.seconds) }) : ""].filter(Boolean).join(" · ");
    byId("warnings").replaceChildren(...warnings.map((each) => h("li", { lang: "en" }, each)));
    byId("warnings").hidden = !warnings.length;
  }

  function attach(file) {
    shown.file = file;
    player.load(file, work().about.duration);
  }

  function hearOnly(id) {
    const { segments } = work();
    player.hearOnly(id === null ? null : segments.filter((each) => each.speaker === id).map(({ start, end }) => [start, end]));
    if (id !== null) player.play();
    chip(id, "speaker.hearing", () => hearOnly(null));
  }

  function showOnly(id) {
    list.showOnly(id);
    search.refresh();
    chip(id, "speaker.showing", () => showOnly(null));
  }

  /** What is left out stays named, with the way back beside it. */
  function chip(id, key, back) {
    byId("only").hidden = id === null;
    if (id !== null) byId("only").replaceChildren(t(key, { name: nameOf(work(), id) }), h("button", { class: "quiet", "aria-label": t("speaker.everybody"), onclick: back }, icon("close")));
  }

  function markDoubts() {
    const places = byId("doubt").checked ? list.doubts() : [];
    list.highlight("doubt", places);
    return places;
  }

  function nextDoubt() {
    if (!shown) return;
    byId("doubt").checked = true;
    const places = markDoubts();
    const next = places.find(({ start }) => start > player.time + 0.01) ?? places[0];
    if (!next) return;
    player.seek(next.start);
    list.bring(next.index, true);
    announce(t("doubt.next", { n: places.length }));
  }

  function undo() {
    if (!shown?.history.canUndo) return;
    shown.history.undo();
    toast(t("undone"), { label: t("redo"), run: redo });
  }
  const redo = () => shown?.history.redo();
  const again = () => player.seek(work()?.segments[list.current]?.start ?? 0);

  byId("doubt").addEventListener("change", markDoubts);
  byId("undo").addEventListener("click", undo);
  byId("hint-close").addEventListener("click", () => {
    localStorage.setItem(HINT, "seen");
    byId("hint").hidden = true;
  });

  return {
    adopt, show, undo, redo, again, nextDoubt, player, list, lanes, search, attach,
    get shown() { return shown; },
    get work() { return work(); },
    hide() {
      shown = null;
      player.load(null, 0);
      byId("result").hidden = true;
      document.body.classList.remove("has-result");
    },
    retranslate() {
      player.fill();
      if (!shown) return;
      list.relabel();
      refresh();
      showHead();
    },
  };
}
