// Find and replace. The browser's own search works too, since the whole transcript is on the page.

import { ui } from "./dom.js";
import { t } from "./i18n.js";
import { replaceAt } from "./transcript.js";

/** What is found is shown in the next pause of typing; a letter that is everywhere is counted, but not marked. */
const PAUSE_MS = 80, MOST_MARKED = 2000;

/** Return where `wanted` stands, whatever its case: [{index, from, to}]. */
export function findAll(segments, wanted) {
  if (!wanted.trim()) return [];
  const pattern = new RegExp(wanted.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "giu");
  return segments.flatMap(({ text }, index) => [...text.matchAll(pattern)].map((match) => ({ index, from: match.index, to: match.index + match[0].length })));
}

/** `actions`: work(), apply(work), list, hits(places). */
export function createSearch({ work, apply, list, hits }) {
  const { find: field, found, replaceOpen, replaceFields: fields, replacement, replaceOne, replaceAll, findNext, findPrevious } = ui;
  let places = [], at = -1, asked = 0;

  function look(keep = false) {
    clearTimeout(asked);
    asked = 0;
    places = findAll(work()?.segments ?? [], field.value).filter((place) => !list.isHidden(place));
    at = Math.min(keep ? Math.max(at, 0) : 0, places.length - 1);
    mark();
    if (!keep) go();
  }

  function mark() {
    const { length: n } = places;
    found.textContent = field.value.trim() && t(n ? "search.count" : "search.nothing", { at: at + 1, n });
    list.highlight("found", n > MOST_MARKED ? [] : places);
    list.highlight("hit", places.slice(at, at + 1));
    hits(places);
    for (const each of [replaceOne, replaceAll, findNext, findPrevious]) each.disabled = !n;
  }

  const go = () => places[at] && list.bring(places[at].index);

  /** Who presses on before the pause means what is written now. */
  const settle = () => asked && look();

  function step(by) {
    settle();
    if (!places.length) return;
    at = (at + by + places.length) % places.length;
    mark();
    go();
  }

  function replace(count, from = at) {
    settle();
    apply(replaceAt(work(), places.slice(from, from + count), replacement.value));
    go();
  }

  field.oninput = () => {
    clearTimeout(asked);
    asked = setTimeout(look, PAUSE_MS);
  };
  ui.search.onsubmit = () => false;
  field.onkeydown = ({ key, shiftKey }) => {
    if (key === "Enter") step(shiftKey ? -1 : 1);
    if (key === "Escape") clear();
  };
  findNext.onclick = () => step(1);
  findPrevious.onclick = () => step(-1);
  replaceOpen.onclick = () => {
    replaceOpen.ariaExpanded = fields.hidden;
    fields.hidden = !fields.hidden;
    if (!fields.hidden) (field.value ? replacement : field).focus();
  };
  replaceOne.onclick = () => replace(1);
  replaceAll.onclick = () => replace(Infinity, 0);

  function clear() {
    field.value = "";
    look();
  }
  return { clear, refresh: () => look(true), focus: () => field.select() };
}
