// The keyboard: with Ctrl or as F keys also while typing, single letters only in the transcript.

import { ask, h, ui } from "./dom.js";
import { t } from "./i18n.js";

const KEYS = {
  anywhere: { "Ctrl+Space": "play", F8: "play", F2: "back", F4: "forward", F9: "nextDoubt" },
  outside: { "Ctrl+Z": "undo", "Ctrl+Shift+Z": "redo", "Ctrl+Y": "redo" },
  transcript: {
    Space: "play", K: "play", J: "back", L: "forward", R: "again", E: "edit", N: "nextDoubt", "/": "find", ",": "slower", ".": "faster",
    "+": "zoom-in", "=": "zoom-in", "-": "zoom-out", "?": "help", "↑": "line.before", "↓": "line.after",
  },
  editing: { "Ctrl+Enter": "save", Esc: "cancel" },
};

/** `run` maps actions to functions; what has none is done where it happens, and only told of here. */
export function createKeys(run) {
  addEventListener("keydown", (event) => {
    const act = run[actionOf(event)];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function actionOf({ key, ctrlKey, metaKey, shiftKey, altKey, target }) {
  const isHeld = ctrlKey || metaKey, plain = key === " " ? "Space" : key.length === 1 ? key.toUpperCase() : key;
  const name = `${isHeld ? "Ctrl+" : ""}${isHeld && shiftKey ? "Shift+" : ""}${plain}`;
  if (altKey) return undefined;
  return KEYS.anywhere[name] ?? (isTyping(target) ? undefined : (KEYS.outside[name] ?? inTranscript(name, target)));
}

const isTyping = (target) => ui.dialog.open || target.matches?.("textarea, select, input:not([type=range], [type=checkbox])");

/** Single keys belong to what has the focus; Space presses a button. */
function inTranscript(name, target) {
  const isElsewhere = !target.closest?.("#transcript, #seek, #timeline") || (name === "Space" && target.tagName === "BUTTON");
  return isElsewhere ? undefined : KEYS.transcript[name];
}

export function showKeys() {
  const row = ([action, entries]) => h("tr", {}, h("th", { scope: "row" }, entries.flatMap(([key]) => [h("kbd", {}, key), " "])), h("td", {}, t(action)));
  const table = ([place, keys]) => h("table.keys", {}, h("caption", {}, t(`keys.${place}`)),
    h("tbody", {}, Object.entries(Object.groupBy(Object.entries(keys), ([, action]) => action)).map(row)));
  return ask(t("help"), Object.entries(KEYS).map(table), [["", t("ok")]]);
}
