// Renaming, merging, and giving lines to people: the questions and the menus.

import { byId, h, openMenu, showDialog } from "./dom.js";
import { t } from "./i18n.js";
import { addSpeaker, merge, nameOf, reassign, rename } from "./transcript.js";

const tidy = (text) => text.trim().replace(/\s+/gu, " ");

/** `actions` as for createSpeakers. */
export function createMenus(actions) {
  /** Give a speaker a name; one that another has already means the same person, if a human says so. */
  async function give(id, text) {
    const name = tidy(text);
    const work = actions.work();
    const other = work.speakers.find((each) => each.name === name && each.id !== id);
    if (!name || name === nameOf(work, id)) return;
    if (!other) actions.apply(rename(work, id, name));
    else if (await same(nameOf(work, id), name)) actions.apply(merge(actions.work(), id, other.id));
  }

  const same = async (from, into) => await showDialog(t("merge.title"), h("p", {}, t("merge.text", { from, into })), [["yes", t("merge.yes")], ["", t("merge.no")]]) === "yes";

  function menuOf(id, anchor) {
    const work = actions.work(), name = nameOf(work, id);
    const others = work.speakers.filter((each) => each.id !== id);
    openMenu(anchor, name, [
      { label: t("speaker.rename", { name }), run: () => askName(name).then((text) => give(id, text)) },
      { label: t("speaker.hear", { name }), run: () => actions.hearOnly(id) },
      { label: t("speaker.only", { name }), run: () => actions.showOnly(id) },
      ...others.map((other) => ({
        label: t("merge.into", { name: other.name }),
        run: async () => { if (await same(name, other.name)) actions.apply(merge(actions.work(), id, other.id)); },
      })),
    ]);
  }

  async function askName(value) {
    const field = h("input", { type: "text", value, maxLength: 80, "aria-label": t("speaker.name"), autocomplete: "off" });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      byId("dialog-buttons").firstElementChild.click();
    });
    const pressed = showDialog(t("speaker.name"), field, [["yes", t("ok")], ["", t("edit.cancel")]]);
    field.select();
    return await pressed === "yes" ? field.value : "";
  }

  /** The menu of one line: who said it, who said all from here on, who said all lines of this speaker. */
  function chooseFor(index, anchor) {
    const { speaker } = actions.work().segments[index], name = nameOf(actions.work(), speaker) || t("speaker.nobody");
    const further = (label, chosen) => ({ label, run: () => openMenu(anchor, label, people(chosen)) });
    openMenu(anchor, t("line.speaker"), [
      ...people((_, each) => each === index, speaker),
      further(t("line.onwards"), (_, each) => each >= index),
      further(t("line.all", { name }), (segment) => segment.speaker === speaker),
      ...(speaker ? [{ label: t("speaker.rename", { name }), run: () => askName(name).then((text) => give(speaker, text)) }] : []),
    ]);
  }

  function people(chosen, now) {
    const known = actions.work().speakers.map(({ id, name }) => ({ label: name, checked: id === now, run: () => actions.apply(reassign(actions.work(), chosen, id)) }));
    return [...known, { label: t("speaker.new"), run: () => askName("").then((text) => giveToNew(chosen, text)) }];
  }

  function giveToNew(chosen, text) {
    const name = tidy(text);
    if (!name) return;
    const work = actions.work();
    const known = work.speakers.find((each) => each.name === name || each.id === name);
    const [wider, id] = known ? [work, known.id] : addSpeaker(work, name);
    actions.apply(reassign(wider, chosen, id));
  }

  return { give, menuOf, chooseFor };
}
