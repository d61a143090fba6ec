// Find and replace. The browser's own search works too, since the whole transcript is on the page.

import { byId } from "./dom.js";
import { t } from "./i18n.js";

/** Typing comes first: what is found is shown in the next pause. */
const PAUSE_MS = 80;
/** A letter that is everywhere is counted, but not marked everywhere. */
const MOST_MARKED = 2000;

/** Return where `wanted` stands, whatever its case: [{index, from, to}]. */
export function findAll(segments, wanted) {
  if (!wanted.trim()) return [];
  const pattern = new RegExp(wanted.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "giu");
  return segments.flatMap(({ text }, index) => [...text.matchAll(pattern)].map((match) => ({ index, from: match.index, to: match.index + match[0].length })));
}

/** `actions`: work(), prepare(), change(how), list, hits(places), go(place). */
export function createSearch(actions) {
  const field = byId("find"), fields = byId("replace-fields");
  let places = [], at = -1, asked = 0;

  function look(keep = false) {
    clearTimeout(asked);
    asked = 0;
    const work = actions.work();
    places = work ? findAll(work.segments, field.value).filter(({ index }) => !actions.list.isHidden(index)) : [];
    at = Math.min(keep ? Math.max(at, 0) : 0, places.length - 1);
    mark();
    if (!keep && places.length) actions.go(places[at]);
  }

  function mark() {
    byId("found").textContent = field.value.trim() ? (places.length ? t("search.count", { at: at + 1, n: places.length }) : t("search.nothing")) : "";
    actions.list.highlight("found", places.length > MOST_MARKED ? [] : places);
    actions.list.highlight("hit", places.slice(at, at + 1));
    actions.hits(places);
    for (const id of ["replace-one", "replace-all", "find-next", "find-previous"]) byId(id).disabled = !places.length;
  }

  /** Who presses on before the pause means what is written now. */
  function settle() {
    if (asked) look();
  }

  function step(by) {
    settle();
    if (!places.length) return;
    at = (at + by + places.length) % places.length;
    mark();
    actions.go(places[at]);
  }

  async function replace(choose) {
    settle();
    const chosen = choose();
    await actions.change(({ replaceAt }, work) => replaceAt(work, chosen, byId("replacement").value));
    if (places.length) actions.go(places[Math.max(0, at)]);
  }

  field.addEventListener("input", () => {
    clearTimeout(asked);
    asked = setTimeout(() => look(), PAUSE_MS);
  });
  byId("search").addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") {
      field.value = "";
      look();
    }
  });
  byId("find-next").addEventListener("click", () => step(1));
  byId("find-previous").addEventListener("click", () => step(-1));
  byId("replace-open").addEventListener("click", () => {
    actions.prepare();
    fields.hidden = !fields.hidden;
    byId("replace-open").setAttribute("aria-expanded", String(!fields.hidden));
    if (!fields.hidden) (field.value ? byId("replacement") : field).focus();
  });
  byId("replace-one").addEventListener("click", () => replace(() => places.slice(at, at + 1)));
  byId("replace-all").addEventListener("click", () => replace(() => places));

  return {
    refresh: () => look(true),
    clear() {
      field.value = "";
      look();
    },
    focus: () => field.select(),
  };
}
