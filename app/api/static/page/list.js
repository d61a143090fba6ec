// The transcript as a list: one text node per segment, marks by the Custom Highlight API, only changed rows are made anew.

import { byId, h } from "./dom.js";
import { clock, t } from "./i18n.js";
import { indexAt, wordSpans } from "./transcript.js";

const DOUBTFUL = 0.5, KINDS = ["time", "who", "edit"];
const CHARACTER_PX = 8, LINE_PX = 24, ROW_PX = 14;

/** `actions`: play(time), edit(index, text), split(index, offset), join(index), chooseSpeaker(index, anchor), editing(). */
export function createList(actions) {
  const host = byId("transcript"), back = byId("to-playback");
  let work = null, looks = new Map(), rows = [], byElement = new Map(), active = -1, held = false, current = null, only = null;

  function show(next) {
    const focused = document.activeElement, at = byElement.get(focused?.closest("li"));
    const known = new Map(rows.map((row) => [row.segment, row]));
    work = next;
    const model = createModel(), width = Math.max(240, host.clientWidth - 260);
    rows = next.segments.map((segment) => known.get(segment) ?? createRow(segment, model, width));
    looks = new Map(next.speakers.map(({ id, name, colour }) => [id, { name, colour: colour % 8, initial: initial(name) }]));
    rows.forEach(label);
    const kept = new Set(rows);
    for (const row of known.values()) if (!kept.has(row)) row.item.remove();
    let place = host.firstChild;
    for (const row of rows) {
      if (row.item === place) place = place.nextSibling;
      else host.insertBefore(row.item, place);
    }
    byElement = new Map(rows.map((row, index) => [row.item, index]));
    host.lang = next.about.language === "und" ? "" : next.about.language;
    active = -1;
    if (!rows.includes(current)) setCurrent(rows[at] ?? rows[0]);
    if (at !== undefined && !focused.isConnected) focusIn(at, focused.className);
  }

  /** A row that was made anew keeps the focus of the one in its place. */
  const focusIn = (index, kind) => KINDS.includes(kind) && rows[Math.min(index, rows.length - 1)]?.item.querySelector(`.${kind}`).focus({ preventScroll: true });

  /** Rows are copies of one, which is the fastest way to thousands of them. */
  const createModel = () => h("li", {}, h("button", { class: "time", tabIndex: -1 }),
    h("button", { class: "who", tabIndex: -1, "aria-haspopup": "menu" }, h("span", { class: "avatar" }), h("span", { class: "name" })),
    h("p", { dir: "auto" }), h("button", { class: "edit", tabIndex: -1, "aria-label": t("line.edit"), title: t("line.edit") }, "✎"));

  function createRow(segment, model, width) {
    const item = model.cloneNode(true);
    const [time, who, paragraph] = item.children;
    time.textContent = clock(segment.start);
    time.setAttribute("aria-label", t("line.play", { time: time.textContent }));
    paragraph.textContent = segment.text;
    item.style.containIntrinsicBlockSize = `auto ${Math.ceil((segment.text.length * CHARACTER_PX) / width) * LINE_PX + ROW_PX}px`;
    return { segment, item, who, paragraph };
  }

  /** Names and turns hang on the neighbours and on what people rename: written anew only where they differ. */
  function label(row, index) {
    const { speaker } = row.segment;
    const { name, colour, initial: letter } = looks.get(speaker) ?? { name: t("speaker.nobody"), colour: "none", initial: "?" };
    const turn = index === 0 || rows[index - 1].segment.speaker !== speaker;
    row.item.hidden = only !== null && speaker !== only;
    const state = `${name}|${colour}|${turn}`;
    if (row.labelled === state) return;
    row.labelled = state;
    row.item.classList.toggle("turn", turn);
    row.item.dataset.colour = colour;
    row.who.hidden = !looks.size;
    row.who.firstChild.dataset.initial = letter;
    row.who.lastChild.textContent = name;
  }

  function setCurrent(row) {
    for (const [each, value] of [[current, -1], [row, 0]]) {
      for (const button of each?.item.querySelectorAll("button") ?? []) button.tabIndex = value;
    }
    current = row ?? null;
  }

  const indexOf = (element) => byElement.get(element.closest("li")) ?? -1;

  host.addEventListener("click", (event) => {
    const index = event.target.closest("li") ? indexOf(event.target) : -1;
    if (index < 0) return;
    const button = event.target.closest("button");
    if (button?.className === "time") actions.play(work.segments[index].start);
    else if (button?.className === "who") actions.chooseSpeaker(index, button);
    else if (button?.className === "edit") edit(index);
    else if (event.target.tagName === "P" && getSelection().isCollapsed) playWord(index, event);
  });
  host.addEventListener("dblclick", (event) => event.target.tagName === "P" && edit(indexOf(event.target), caretAt(event)));
  host.addEventListener("focusin", (event) => setCurrent(rows[indexOf(event.target)]));
  host.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !KINDS.includes(event.target.className)) return;
    event.preventDefault();
    let next = indexOf(event.target) + step;
    while (rows[next]?.item.hidden) next += step;
    rows[next]?.item.querySelector(`.${event.target.className}`)?.focus();
  });

  function playWord(index, event) {
    const offset = caretAt(event);
    const span = wordSpans(work.segments[index]).find(({ from, to }) => from <= offset && offset <= to);
    actions.play(span?.start ?? work.segments[index].start);
  }

  /** What a line is edited with is fetched when somebody begins to edit. */
  async function edit(index, caret = 0) {
    actions.editing();
    const { openEditor } = await import("./editor.js");
    const row = rows[index];
    if (row) openEditor(row, index, caret, actions, () => focusIn(index, "edit"));
  }

  /** Mark what is said at `time`, and keep it in sight while `following`. */
  function mark(time, following) {
    const index = indexAt(work.segments, time);
    if (index !== active) {
      rows[active]?.item.classList.remove("playing");
      rows[index]?.item.classList.add("playing");
      active = index;
      if (following && !held) bring(index);
    }
    const segment = work.segments[index];
    const spans = segment ? wordSpans(segment) : [];
    const span = spans[indexAt(spans, time)];
    highlight("playing", span ? [rangeOf(index, span)] : []);
  }

  const rangeOf = (index, { from, to }) => {
    const text = rows[index].paragraph.firstChild;
    const range = new Range();
    range.setStart(text, from);
    range.setEnd(text, to);
    return range;
  };

  /** Bring a row into sight: at once, but softly where the next one is near. The page itself stays where it is. */
  function bring(index, always = false) {
    const item = rows[index]?.item;
    if (!item) return;
    const own = getComputedStyle(host).overflowY === "auto";
    const scroller = own ? host : document.scrollingElement;
    const top = own ? host.getBoundingClientRect().top : 0, height = own ? host.clientHeight : innerHeight;
    const box = item.getBoundingClientRect(), from = box.top - top, distance = from - height * 0.3;
    if (!always && from > height * 0.08 && box.bottom - top < height * 0.7) return;
    const near = Math.abs(distance) < height && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    scroller.scrollBy({ top: distance, behavior: near ? "smooth" : "instant" });
  }

  const letGo = () => {
    if (held || !actions.isPlaying()) return;
    held = true;
    back.hidden = false;
  };
  for (const name of ["wheel", "touchmove"]) host.addEventListener(name, letGo, { passive: true });
  host.addEventListener("pointerdown", (event) => event.target === host && letGo());
  host.addEventListener("keydown", (event) => ["PageUp", "PageDown", "Home", "End"].includes(event.key) && letGo());

  function resume() {
    held = false;
    back.hidden = true;
    bring(active, true);
  }
  back.addEventListener("click", resume);

  const doubts = () => rows.flatMap(({ segment }, index) => wordSpans(segment).filter(({ score }) => score < DOUBTFUL).map((span) => ({ index, ...span })));

  return {
    show, mark, bring, edit, resume, doubts,
    clear: () => { rows.forEach(({ item }) => item.remove()); rows = []; },
    relabel: () => { rows.forEach(({ item }) => item.remove()); rows = []; show(work); },
    showOnly(id) { only = id; rows.forEach(label); },
    isHidden: (index) => rows[index].item.hidden,
    highlight: (name, places) => highlight(name, places.filter(({ index }) => rows[index].paragraph.isConnected).map((each) => rangeOf(each.index, each))),
    get current() { return rows.indexOf(current); },
  };
}

/** Browsers without the Custom Highlight API show no moving mark, and lose nothing else. */
function highlight(name, ranges) {
  if (globalThis.CSS?.highlights) CSS.highlights.set(name, new Highlight(...ranges));
}

/** The initial of a speaker, which is drawn and no text, so that it is neither read out nor copied. */
export const initial = (name) => (/^SPEAKER_(\d+)$/.exec(name)?.[1].replace(/^0(?=\d)/, "") ?? [...name][0] ?? "?").toUpperCase();

/** Return the character below the pointer, as an offset into the text. */
function caretAt({ clientX, clientY }) {
  if (document.caretPositionFromPoint) return document.caretPositionFromPoint(clientX, clientY)?.offset ?? 0;
  return document.caretRangeFromPoint(clientX, clientY)?.startOffset ?? 0;
}
