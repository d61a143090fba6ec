// The list of keys that the page knows, for whoever asks.

import { h, showDialog } from "./dom.js";
import { has, t } from "./i18n.js";

const GROUPS = {
  "keys.anywhere": [[["Ctrl+Space", "F8"], "play"], [["F2"], "back"], [["F4"], "forward"], [["F9"], "doubt"], [["Ctrl+Z"], "undo"], [["Ctrl+Shift+Z"], "redo"]],
  "keys.transcript": [
    [["Space", "K"], "play"], [["J"], "back"], [["L"], "forward"], [["R"], "again"], [["E"], "edit"], [["N"], "doubt"], [["/"], "find"],
    [[",", "."], "speed"], [["+", "−"], "zoom"], [["↑", "↓"], "rows"],
  ],
  "keys.editing": [[["Ctrl+Enter"], "save"], [["Esc"], "restore"]],
};

const row = ([keys, action]) => h("tr", {}, h("th", { scope: "row" }, keys.flatMap((key) => [h("kbd", {}, key), " "])), h("td", {}, t(has(`keys.${action}`) ? `keys.${action}` : action)));

export function showShortcuts() {
  const tables = Object.entries(GROUPS).map(([heading, rows]) => h("table", { class: "keys" }, h("caption", {}, t(heading)), h("tbody", {}, rows.map(row))));
  return showDialog(t("keys.title"), tables, [["", t("ok")]]);
}
