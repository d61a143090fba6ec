// Who spoke, for how long, and what they are called: the legend, and the menus that give lines to people.

import { ask, h, icon, openMenu, ui } from "./dom.js";
import { clock, percent, spoken, t } from "./i18n.js";
import { addSpeaker, colourOf, initialOf, merge, nameOf, reassign, rename, sumOf, talkTimes } from "./transcript.js";

/** With more people than that, those who speak least share the last lane. */
const MOST_LANES = 8;

/** `actions`: work(), apply(work), hearOnly(id), showOnly(id). */
export function createSpeakers({ work, apply, hearOnly, showOnly }) {
  const [body] = ui.legend.tBodies;

  /** Show the talk times; return the rows that have a lane. */
  function show() {
    const focused = document.activeElement, id = focused?.closest("#legend tr")?.dataset.id;
    const rows = talkTimes(work()).map((row) => ({ ...row, ids: [row.id] }));
    const others = rows.length > MOST_LANES ? rows.slice(MOST_LANES - 1) : [];
    const lanes = others.length ? [...rows.slice(0, MOST_LANES - 1), together(others)] : rows;
    body.replaceChildren(...[...lanes, ...others].map(legendRow));
    if (id !== undefined) (body.querySelector(`[data-id="${CSS.escape(id)}"]`) ?? body).querySelector(`button.${focused.className}`)?.focus();
    return lanes;
  }

  function together(rows) {
    const [seconds, share, lines] = ["seconds", "share", "lines"].map((name) => sumOf(rows, name));
    return { ids: rows.map(({ id }) => id), name: t("speakers.others", { n: rows.length }), seconds, share, lines };
  }

  function legendRow(row) {
    const { id, name, seconds, share, lines } = row, label = t("speakers.lines", { n: lines });
    const tip = t("speaker.rename", { name });
    const item = h("tr", {},
      h("th", { scope: "row" }, id === undefined ? name : h("button.who", { title: tip, ariaLabel: tip, onclick: () => giveName(id) }, h("span.avatar"), h("span.name", {}, name))),
      h("td.time", { title: label }, clock(seconds), h("span.unseen", {}, ` (${spoken(seconds)}, ${label})`)),
      h("td.share", {}, percent(share)),
      h("td", {}, id !== undefined && h("button.quiet", { ariaHasPopup: "menu", ariaLabel: t("speaker.menu", { name }), onclick: ({ currentTarget }) => openMenuOf(id, currentTarget) }, icon("more"))));
    if (id !== undefined) {
      item.dataset.id = id;
      item.querySelector(".avatar").dataset.initial = initialOf(row);
    }
    item.style.setProperty("--who", row.colour === undefined ? "" : colourOf(row));
    return item;
  }

  function openMenuOf(id, anchor) {
    const name = nameOf(work(), id), others = work().speakers.filter((each) => each.id !== id);
    openMenu(anchor, name, [
      renaming(id, name),
      { label: t("speaker.hear", { name }), run: () => hearOnly(id) },
      { label: t("speaker.only", { name }), run: () => showOnly(id) },
      ...others.map((other) => ({ label: t("merge.into", { name: other.name }), run: () => mergeInto(id, other.id) })),
    ]);
  }

  const renaming = (id, name) => ({ label: t("speaker.rename", { name }), run: () => giveName(id) });

  /** Ask for a name; one that another has already means the same person, if a human says so. */
  async function giveName(id) {
    const now = nameOf(work(), id), name = await askName(now);
    const other = work().speakers.find((each) => each.name === name && each.id !== id);
    if (other) await mergeInto(id, other.id);
    else if (name && name !== now) apply(rename(work(), id, name));
  }

  async function mergeInto(id, into) {
    const question = t("merge.text", { from: nameOf(work(), id), into: nameOf(work(), into) });
    if (await ask(t("merge.title"), h("p", {}, question), [["yes", t("merge.yes")], ["", t("cancel")]])) apply(merge(work(), id, into));
  }

  async function askName(value) {
    const field = h("input", { value, maxLength: 80, ariaLabel: t("speaker.name"), autocomplete: "off" });
    const answer = ask(t("speaker.name"), field, [["yes", t("ok")], ["", t("cancel")]]);
    field.select();
    return await answer && field.value.trim().replace(/\s+/gu, " ");
  }

  function chooseFor(index, anchor) {
    const { speaker } = work().segments[index], name = nameOf(work(), speaker) || t("nobody");
    const further = (label, chosen) => ({ label, run: () => openMenu(anchor, label, people(chosen)) });
    openMenu(anchor, t("line.speaker"), [
      ...people((_, each) => each === index, speaker),
      further(t("line.onwards"), (_, each) => each >= index),
      further(t("line.all", { name }), (segment) => segment.speaker === speaker),
      ...(speaker ? [renaming(speaker, name)] : []),
    ]);
  }

  function people(chosen, now) {
    const known = work().speakers.map(({ id, name }) => ({ label: name, checked: id === now, run: () => apply(reassign(work(), chosen, id)) }));
    return [...known, { label: t("speaker.new"), run: () => giveToNew(chosen) }];
  }

  async function giveToNew(chosen) {
    const name = await askName("");
    const known = work().speakers.find((each) => each.name === name || each.id === name);
    if (name) apply(reassign(known ? work() : addSpeaker(work(), name), chosen, known?.id ?? name));
  }

  return { show, chooseFor };
}
