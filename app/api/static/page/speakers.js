// Who spoke, for how long, and what they are called: the legend of the time line, and the menus that give lines to people.

import { byId, h, icon, openMenu, showDialog } from "./dom.js";
import { about, clock, percent, t } from "./i18n.js";
import { initial } from "./list.js";
import { addSpeaker, merge, nameOf, reassign, rename, talkTimes } from "./transcript.js";

/** `actions`: work(), apply(work), hearOnly(id or null), showOnly(id or null). */
export function createSpeakers(actions) {
  const body = byId("legend").tBodies[0];

  function show(work) {
    const rows = talkTimes(work);
    body.replaceChildren(...rows.map(legendRow));
    return rows;
  }

  function legendRow({ id, name, colour, seconds, share, lines }) {
    const label = t("speakers.lines", { n: lines });
    return h("tr", { "data-colour": colour % 8 },
      h("th", { scope: "row" }, h("button", { type: "button", class: "who", title: t("speaker.rename", { name }), "aria-label": t("speaker.rename", { name }), onclick: ({ currentTarget }) => renameHere(id, currentTarget) },
        h("span", { class: "avatar", "data-initial": initial(name) }), h("span", { class: "name" }, name))),
      h("td", { class: "time", title: label }, clock(seconds), h("span", { class: "unseen" }, ` (${about(seconds)}, ${label})`)),
      h("td", { class: "share" }, percent(share)),
      h("td", {}, h("button", { type: "button", class: "quiet", "aria-haspopup": "menu", "aria-label": t("speaker.menu", { name }), onclick: ({ currentTarget }) => menuOf(id, currentTarget) }, icon("more"))));
  }

  /** The name becomes a field in its place. Enter or leaving it saves, Escape restores. */
  function renameHere(id, button) {
    const old = nameOf(actions.work(), id);
    const field = h("input", { type: "text", value: old, maxLength: 80, "aria-label": t("speaker.name"), autocomplete: "off" });
    let open = true;
    const leave = (save) => {
      if (!open) return;
      open = false;
      field.replaceWith(button);
      if (save) give(id, field.value);
    };
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      leave(event.key === "Enter");
      focusName(id);
    });
    field.addEventListener("blur", () => leave(true));
    button.replaceWith(field);
    field.select();
  }

  function focusName(id) {
    const at = talkTimes(actions.work()).findIndex((row) => row.id === id);
    body.rows[at]?.querySelector("button")?.focus();
  }

  /** Give a speaker a name; one that another has already means the same person, if a human says so. */
  async function give(id, text) {
    const name = text.trim().replace(/\s+/gu, " ");
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
    const name = text.trim().replace(/\s+/gu, " ");
    if (!name) return;
    const work = actions.work();
    const known = work.speakers.find((each) => each.name === name || each.id === name);
    const [wider, id] = known ? [work, known.id] : addSpeaker(work, name);
    actions.apply(reassign(wider, chosen, id));
  }

  return { show, chooseFor };
}
