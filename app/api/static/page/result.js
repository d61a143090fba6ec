// The result on the page: the views of one work, and what happens between them.

import { announce, h, say, toast, ui } from "./dom.js";
import { clock, languageName, t } from "./i18n.js";
import { createLanes } from "./lanes.js";
import { createList } from "./list.js";
import { createPlayer } from "./player.js";
import { createSearch } from "./search.js";
import { createSpeakers } from "./speakers.js";
import { createHistory, editText, fromDocument, indexAt, join, nameOf, split } from "./transcript.js";

const HINT = "page.hint";

/** `chooseFile(take)` asks the person for the recording of a work that was opened without it. */
export function createResult(chooseFile) {
  let shown = null, restricted = null;
  const work = () => shown?.history.work;
  const apply = (next) => shown.history.apply(next);
  const change = (how) => (...given) => apply(how(work(), ...given));
  const playAt = (time) => {
    player.seek(time);
    player.play();
  };

  const player = createPlayer({
    onTime(time, following) {
      if (!shown) return;
      lanes.setTime(time);
      list.mark(time, following);
    },
    nameAt(time) {
      const segment = work()?.segments[indexAt(work().segments, time)];
      return segment && time <= segment.end ? nameOf(work(), segment.speaker) : "";
    },
    chooseFile: () => chooseFile(attach),
  });
  const lanes = createLanes(playAt);
  const list = createList({
    play: playAt,
    edit: change(editText), split: change(split), join: change(join),
    chooseSpeaker: (index, anchor) => speakers.chooseFor(index, anchor),
    editing: player.pause,
    isPlaying: () => player.isPlaying,
  });
  const speakers = createSpeakers({ work, apply, hearOnly: (id) => restrictTo({ id, hears: true }), showOnly: (id) => restrictTo({ id, hears: false }) });
  const search = createSearch({ work, apply, list, hits: (places) => lanes.setHits(places.map(({ index }) => work().segments[index].start)) });

  /** Return {id, name, file, seconds, history} for a document. */
  function adopt({ document: transcript, ...about }) {
    const entry = { ...about, history: createHistory(fromDocument(transcript), () => shown === entry && refresh()) };
    return entry;
  }

  function show(entry) {
    shown = entry;
    ui.result.hidden = false;
    document.body.classList.add("has-result");
    list.clear();
    restricted = null;
    refresh();
    player.load(entry.file, work().about.duration);
    search.clear();
    showHead();
    ui.hint.hidden = localStorage.getItem(HINT) !== null;
  }

  function refresh() {
    list.show(work());
    lanes.show(work(), speakers.show());
    restrict(restricted);
    player.tellAgain();
    search.refresh();
    markDoubts();
    ui.undo.disabled = !shown.history.canUndo;
    ui.nothing.hidden = work().segments.length > 0;
  }

  function showHead() {
    const { duration, language, model, warnings = [] } = work().about, { length: n } = work().speakers;
    ui.title.textContent = shown.name;
    ui.about.textContent = [clock(duration), languageName(language), model, n && t("speakers.n", { n }), shown.seconds && t("job.done", { time: clock(shown.seconds) })].filter(Boolean).join(" · ");
    say(ui.warnings, ...warnings.map((each) => h("li", { lang: "en" }, each)));
  }

  function attach(file) {
    shown.file = file;
    player.load(file, work().about.duration);
  }

  /** Play or show one speaker only, or everybody again. */
  function restrict(next) {
    restricted = next && work().speakers.some(({ id }) => id === next.id) ? next : null;
    const { id = null, hears } = restricted ?? {};
    player.hearOnly(hears ? work().segments.filter(({ speaker }) => speaker === id) : null);
    list.showOnly(hears ? null : id);
    say(ui.only, ...(restricted ? [t(hears ? "speaker.hearing" : "speaker.showing", { name: nameOf(work(), id) }),
      h("button.quiet", { ariaLabel: t("speaker.everybody"), onclick: () => restrictTo(null) })] : []));
  }

  function restrictTo(next) {
    restrict(next);
    search.refresh();
    if (next?.hears) player.play();
  }

  function markDoubts() {
    const places = ui.doubt.checked ? list.doubts() : [];
    list.highlight("doubt", places);
    return places;
  }

  function nextDoubt() {
    if (!shown) return;
    ui.doubt.checked = true;
    const places = markDoubts(), next = places.find(({ start }) => start > player.time + 0.01) ?? places[0];
    if (!next) return;
    announce(t("search.count", { at: places.indexOf(next) + 1, n: places.length }));
    player.seek(next.start);
    list.bring(next.index, true);
  }

  function undo() {
    if (!shown?.history.canUndo) return;
    shown.history.undo();
    toast(t("undone"), t("redo"), redo);
  }
  const redo = () => shown?.history.redo();

  ui.doubt.onchange = markDoubts;
  ui.undo.onclick = undo;
  ui.hintClose.onclick = () => {
    localStorage.setItem(HINT, "seen");
    ui.hint.hidden = true;
  };

  return {
    adopt, show, undo, redo, nextDoubt, player, list, lanes, search, attach,
    get shown() { return shown; },
    again: () => player.seek(work()?.segments[list.current]?.start ?? 0),
    hide() {
      shown = null;
      player.load(null, 0);
      ui.result.hidden = true;
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
