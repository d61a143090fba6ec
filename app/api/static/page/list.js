// The transcript as a list, edited in its place: one text node per segment, only changed rows are made anew.

import { h, ui } from "./dom.js";
import { clock, t } from "./i18n.js";
import { colourOf, indexAt, initialOf, wordSpans } from "./transcript.js";

const DOUBTFUL = 0.5, KINDS = ["time", "who", "edit"];
const CHARACTER_PX = 8, LINE_PX = 24, ROW_PX = 14;

/** `actions`: play(time), edit(index, text), split(index, offset), join(index), chooseSpeaker(index, anchor), editing(), isPlaying(). */
export function createList(actions) {
  const { transcript: host, toPlayback: back } = ui;
  let work = null, looks = new Map(), rows = [], byElement = new Map(), active = -1, held = false, current = null, only = null;

  function show(next) {
    const focused = document.activeElement, at = byElement.get(focused?.closest("li"));
    const known = new Map(rows.map((row) => [row.segment, row]));
    work = next;
    const model = createModel(), width = Math.max(240, host.clientWidth - 260);
    rows = next.segments.map((segment) => known.get(segment) ?? createRow(segment, model, width));
    looks = new Map(next.speakers.map((each) => [each.id, { name: each.name, colour: colourOf(each), initial: initialOf(each) }]));
    rows.forEach(label);
    const kept = new Set(rows);
    for (const row of known.values()) if (!kept.has(row)) row.item.remove();
    let place = host.firstChild;
    for (const { item } of rows) {
      if (item === place) place = place.nextSibling;
      else host.insertBefore(item, place);
    }
    byElement = new Map(rows.map(({ item }, index) => [item, index]));
    host.lang = next.about.language === "und" ? "" : next.about.language;
    active = -1;
    if (!rows.includes(current)) setCurrent(rows[at] ?? rows[0]);
    if (at !== undefined && !focused.isConnected) focusIn(at, focused.className);
  }

  /** A row that was made anew keeps the focus. */
  const focusIn = (index, kind) => KINDS.includes(kind) && rows[Math.min(index, rows.length - 1)]?.item.querySelector(`.${kind}`).focus({ preventScroll: true });

  /** Rows are copies of one: the fastest way to thousands. */
  const createModel = () => h("li", {}, h("button.time", { tabIndex: -1 }),
    h("button.who", { tabIndex: -1, ariaHasPopup: "menu" }, h("span.avatar"), h("span.name")),
    h("p", { dir: "auto" }), h("button.edit", { tabIndex: -1, ariaLabel: t("edit"), title: t("edit") }, "✎"));

  function createRow(segment, model, width) {
    const item = model.cloneNode(true), [time, who, paragraph] = item.children;
    time.textContent = clock(segment.start);
    time.ariaLabel = t("line.play", { time: time.textContent });
    paragraph.textContent = segment.text;
    item.style.containIntrinsicBlockSize = `auto ${Math.ceil((segment.text.length * CHARACTER_PX) / width) * LINE_PX + ROW_PX}px`;
    return { segment, item, who, paragraph };
  }

  /** Names and turns are written anew only where they differ. */
  function label(row, index) {
    const { item, who, segment: { speaker } } = row;
    const { name, colour, initial } = looks.get(speaker) ?? { name: t("nobody"), colour: "", initial: "?" };
    const turn = index === 0 || rows[index - 1].segment.speaker !== speaker, written = `${name}|${colour}|${turn}`;
    item.hidden = only !== null && speaker !== only;
    if (row.written === written) return;
    row.written = written;
    item.classList.toggle("turn", turn);
    item.style.setProperty("--who", colour);
    who.hidden = !looks.size;
    who.firstChild.dataset.initial = initial;
    who.lastChild.textContent = name;
  }

  function setCurrent(row) {
    for (const [each, value] of [[current, -1], [row, 0]]) {
      for (const button of each?.item.querySelectorAll("button") ?? []) button.tabIndex = value;
    }
    current = row;
  }

  const indexOf = (element) => byElement.get(element.closest("li")) ?? -1;
  const inText = ({ target }) => target.tagName === "P";

  host.onclick = (event) => {
    const index = indexOf(event.target), button = event.target.closest("button"), segment = work.segments[index];
    const press = { time: () => actions.play(segment.start), who: () => actions.chooseSpeaker(index, button), edit: () => edit(index) };
    if (button) press[button.className]?.();
    else if (inText(event) && getSelection().isCollapsed) {
      const offset = caretAt(event);
      actions.play(wordSpans(segment).find(({ from, to }) => from <= offset && offset <= to)?.start ?? segment.start);
    }
  };
  host.ondblclick = (event) => inText(event) && edit(indexOf(event.target), caretAt(event));
  host.addEventListener("focusin", ({ target }) => setCurrent(rows[indexOf(target)]));
  host.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key], kind = event.target.className;
    if (["PageUp", "PageDown", "Home", "End"].includes(event.key)) letGo();
    if (!step || !KINDS.includes(kind)) return;
    event.preventDefault();
    let next = indexOf(event.target) + step;
    while (rows[next]?.item.hidden) next += step;
    rows[next]?.item.querySelector(`.${kind}`).focus();
  };

  /** Swap the text of a row for a field. Leaving it saves, Escape restores. */
  function edit(index, caret = 0) {
    const { item, paragraph, segment } = rows[index] ?? {};
    if (!item || item.querySelector("textarea")) return;
    actions.editing();
    const field = h("textarea", { value: segment.text, ariaLabel: t("line.text"), rows: Math.ceil(paragraph.clientHeight / LINE_PX) || 1, dir: "auto" });
    let open = true;
    const leave = (change) => {
      if (!open) return;
      open = false;
      const focused = box.contains(document.activeElement);
      box.replaceWith(paragraph);
      change?.();
      if (focused) focusIn(index, "edit");
    };
    const save = () => leave(() => actions.edit(index, field.value));
    const tool = (key, onclick) => h("button", { onmousedown: (event) => event.preventDefault(), onclick }, t(key));
    const box = h("div.editor", {}, field, h("div.row", {}, tool("save", save), tool("cancel", () => leave()),
      tool("line.split", () => leave(() => actions.split(index, field.selectionStart))), index > 0 && tool("line.join", () => leave(() => actions.join(index)))));
    box.onkeydown = (event) => {
      if (event.key === "Escape") leave();
      else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
      else return;
      event.preventDefault();
    };
    box.addEventListener("focusout", ({ relatedTarget }) => box.contains(relatedTarget) || save());
    paragraph.replaceWith(box);
    field.focus();
    field.setSelectionRange(caret, caret);
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
    const spans = index < 0 ? [] : wordSpans(work.segments[index]), span = spans[indexAt(spans, time)];
    highlight("playing", span ? [{ index, ...span }] : []);
  }

  /** Mark places, {index, from, to}, where the browser can. */
  function highlight(name, places) {
    const ranges = places.map(({ index, from, to }) => {
      const text = rows[index].paragraph.firstChild;
      return new StaticRange({ startContainer: text, startOffset: from, endContainer: text, endOffset: to });
    });
    globalThis.CSS?.highlights?.set(name, new Highlight(...ranges));
  }

  /** Bring a row into sight: at once, but softly where the next one is near. The page itself stays where it is. */
  function bring(index, always = false) {
    const item = rows[index]?.item;
    if (!item) return;
    const own = getComputedStyle(host).overflowY === "auto", scroller = own ? host : document.scrollingElement;
    const above = own ? host.getBoundingClientRect().top : 0, height = scroller.clientHeight;
    const { top, bottom } = item.getBoundingClientRect(), distance = top - above - height * 0.3;
    if (!always && top - above > height * 0.08 && bottom - above < height * 0.7) return;
    const near = Math.abs(distance) < height && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    scroller.scrollBy({ top: distance, behavior: near ? "smooth" : "instant" });
  }

  function letGo() {
    if (actions.isPlaying()) hold(true);
  }
  function hold(still) {
    held = still;
    back.hidden = !still;
  }
  for (const name of ["wheel", "touchmove"]) host.addEventListener(name, letGo, { passive: true });
  host.onpointerdown = ({ target }) => { if (target === host) letGo(); };
  back.onclick = () => {
    hold(false);
    bring(active, true);
  };

  function clear() {
    host.replaceChildren();
    rows = [];
  }

  return {
    show, mark, bring, edit, highlight, clear,
    relabel() {
      clear();
      show(work);
    },
    doubts: () => work.segments.flatMap((segment, index) => wordSpans(segment).filter(({ score }) => score < DOUBTFUL).map((span) => ({ index, ...span }))),
    showOnly(id) {
      only = id;
      rows.forEach(label);
    },
    isHidden: ({ index }) => rows[index].item.hidden,
    get current() { return rows.indexOf(current); },
  };
}

/** Return the offset of the character below the pointer. */
function caretAt({ clientX, clientY }) {
  const { offset } = document.caretPositionFromPoint?.(clientX, clientY) ?? {};
  return offset ?? document.caretRangeFromPoint?.(clientX, clientY)?.startOffset ?? 0;
}
