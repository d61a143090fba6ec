// Who spoke, for how long, and what they are called: the legend of the time line.

import { byId, h, icon } from "./dom.js";
import { about, clock, percent, t } from "./i18n.js";
import { initial } from "./list.js";
import { nameOf, talkTimes } from "./transcript.js";

/** `actions`: work(), apply(work), hearOnly(id), showOnly(id). */
export function createSpeakers(actions) {
  const body = byId("legend").tBodies[0];

  function show(work) {
    const rows = talkTimes(work);
    const focused = document.activeElement, id = focused?.closest("#legend tr")?.dataset.id;
    body.replaceChildren(...rows.map(legendRow));
    if (id !== undefined) (body.querySelector(`[data-id="${CSS.escape(id)}"]`) ?? body).querySelector(`button.${focused.className}`)?.focus();
    return rows;
  }

  function legendRow({ id, name, colour, seconds, share, lines }) {
    const label = t("speakers.lines", { n: lines });
    return h("tr", { "data-id": id, "data-colour": colour % 8 },
      h("th", { scope: "row" }, h("button", { class: "who", title: t("speaker.rename", { name }), "aria-label": t("speaker.rename", { name }), onclick: ({ currentTarget }) => renameHere(id, currentTarget) },
        h("span", { class: "avatar", "data-initial": initial(name) }), h("span", { class: "name" }, name))),
      h("td", { class: "time", title: label }, clock(seconds), h("span", { class: "unseen" }, ` (${about(seconds)}, ${label})`)),
      h("td", { class: "share" }, percent(share)),
      h("td", {}, h("button", { class: "quiet", "aria-haspopup": "menu", "aria-label": t("speaker.menu", { name }), onclick: ({ currentTarget }) => menus().then(({ menuOf }) => menuOf(id, currentTarget)) }, icon("more"))));
  }

  /** The name becomes a field in its place. Enter or leaving it saves, Escape restores. */
  function renameHere(id, button) {
    menus();
    const old = nameOf(actions.work(), id);
    const field = h("input", { type: "text", value: old, maxLength: 80, "aria-label": t("speaker.name"), autocomplete: "off" });
    let open = true;
    const leave = async (save, refocus) => {
      if (!open) return;
      open = false;
      field.replaceWith(button);
      if (save) await (await menus()).give(id, field.value);
      if (refocus && !body.querySelector("input")) focusName(id);
    };
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      leave(event.key === "Enter", true);
    });
    field.addEventListener("blur", () => leave(true));
    button.replaceWith(field);
    field.select();
  }

  function focusName(id) {
    const at = talkTimes(actions.work()).findIndex((row) => row.id === id);
    body.rows[at]?.querySelector("button")?.focus();
  }

  /** Questions and menus are fetched when the first of them is needed. */
  const menus = () => import("./speaker_menus.js").then(({ createMenus }) => createMenus(actions));

  return { show, chooseFor: (index, anchor) => menus().then(({ chooseFor }) => chooseFor(index, anchor)) };
}
