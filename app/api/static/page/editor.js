// The field in which one line of the transcript is edited, in its place.

import { h } from "./dom.js";
import { t } from "./i18n.js";

const LINE_PX = 26;

/** Swap the text of a row for a field. Leaving it saves, Escape restores; `refocus` brings the focus back to the row. */
export function openEditor({ item, paragraph, segment }, index, caret, actions, refocus) {
  if (item.querySelector("textarea")) return;
  const field = h("textarea", { value: segment.text, "aria-label": t("line.text"), rows: Math.ceil(paragraph.clientHeight / LINE_PX) || 1, dir: "auto" });
  let open = true;

  async function leave(change) {
    if (!open) return;
    open = false;
    const focused = box.contains(document.activeElement);
    box.replaceWith(paragraph);
    await change?.();
    if (focused) refocus();
  }

  const save = () => leave(() => actions.edit(index, field.value));
  const tool = (key, run) => h("button", { onmousedown: (event) => event.preventDefault(), onclick: run }, t(key));
  const box = h("div", { class: "editor" }, field, h("div", { class: "row" },
    tool("edit.save", save), tool("edit.cancel", () => leave()), tool("edit.split", () => leave(() => actions.split(index, field.selectionStart))),
    index > 0 ? tool("edit.join", () => leave(() => actions.join(index))) : null));
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") leave();
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
    else return;
    event.preventDefault();
  });
  box.addEventListener("focusout", (event) => box.contains(event.relatedTarget) || save());
  paragraph.replaceWith(box);
  field.focus();
  field.setSelectionRange(caret, caret);
}
