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
  let shown = null, restricted = null;
  const work = () => shown?.history.work;
  const apply = (next) => shown.history.apply(next);
  /** What editing needs is fetched when somebody begins to edit. */
  const edits = () => import("./edit.js");
  const edit = (how) => edits().then((module) => apply(how(module, work())));
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
    edit: (index, text) => edit(({ editText }, now) => editText(now, index, text)),
    split: (index, offset) => edit(({ split }, now) => split(now, index, offset)),
    join: (index) => edit(({ join }, now) => join(now, index)),
    chooseSpeaker: (index, anchor) => speakers.chooseFor(index, anchor),
    editing: () => {
      player.pause();
      edits();
    },
    isPlaying: () => player.isPlaying,
  });
  const speakers = createSpeakers({
    work, apply, hearOnly: (id) => restrictTo({ id, hears: true }), showOnly: (id) => restrictTo({ id, hears: false }),
  });
  const search = createSearch({
    work, list, change: edit, prepare: edits,
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
    restricted = null;
    refresh();
    player.load(entry.file, work().about.duration);
    search.clear();
    showHead();
    byId("hint").hidden = localStorage.getItem(HINT) !== null;
  }

  function refresh() {
    list.show(work());
    lanes.show(work(), speakers.show(work()));
    restrict(restricted);
    player.tellAgain();
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

  /** Play or show one speaker only, or everybody again. What is left out stays named, with the way back beside it. */
  function restrict(next) {
    restricted = next && work().speakers.some(({ id }) => id === next.id) ? next : null;
    const { id = null, hears } = restricted ?? {};
    const own = hears ? work().segments.filter((each) => each.speaker === id) : null;
    player.hearOnly(own && own.map(({ start, end }) => [start, end]));
    list.showOnly(hears ? null : id);
    byId("only").hidden = !restricted;
    byId("only").replaceChildren(restricted ? t(hears ? "speaker.hearing" : "speaker.showing", { name: nameOf(work(), id) }) : "",
      h("button", { class: "quiet", "aria-label": t("speaker.everybody"), onclick: () => restrictTo(null) }, icon("close")));
  }

  function restrictTo(next) {
    restrict(next);
    search.refresh();
    if (next?.hears) player.play();
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
