// The keyboard. With Ctrl or as F keys they work everywhere, also while typing; single letters only inside the transcript.

import { byId, h, showDialog } from "./dom.js";
import { has, t } from "./i18n.js";

/** `run` maps the names of actions to functions; the names are keys of the strings, below "keys.". */
export function createKeys(run) {
  addEventListener("keydown", (event) => {
    const action = anywhere(event) ?? (isTyping(event.target) ? null : (undoing(event) ?? inTranscript(event)));
    if (!action || !run[action]) return;
    event.preventDefault();
    run[action]();
  });
  byId("help").addEventListener("click", showKeys);
}

const ANYWHERE = { "Ctrl+Space": "play", F8: "play", F2: "back", F4: "forward", F9: "doubt" };
const TRANSCRIPT = { Space: "play", KeyK: "play", KeyJ: "back", KeyL: "forward", KeyR: "again", KeyE: "edit", KeyN: "doubt", Slash: "find", Comma: "slower", Period: "faster", Equal: "zoomIn", Minus: "zoomOut" };
const SHOWN = [
  ["Ctrl+Space, F8", "play"], ["F2", "back"], ["F4", "forward"], ["F9", "doubt"], ["Ctrl+Z", "undo"], ["Ctrl+Shift+Z", "redo"],
  null,
  ["Space, K", "play"], ["J", "back"], ["L", "forward"], ["R", "again"], ["E", "edit"], ["N", "doubt"], ["/", "find"], [", .", "speed"], ["+ −", "zoom"], ["↑ ↓", "rows"],
  null,
  ["Ctrl+Enter", "save"], ["Esc", "restore"],
];

function anywhere({ code, ctrlKey, altKey, shiftKey, metaKey }) {
  if (altKey || metaKey || shiftKey) return undefined;
  return ANYWHERE[`${ctrlKey ? "Ctrl+" : ""}${code}`];
}

function undoing({ key, ctrlKey, metaKey, shiftKey }) {
  if (!(ctrlKey || metaKey) || key.toLowerCase() !== "z") return undefined;
  return shiftKey ? "redo" : "undo";
}

/** Single keys belong to the transcript and the time line while one of these has the focus; Space presses a button there. */
function inTranscript({ code, key, ctrlKey, altKey, metaKey, target }) {
  const own = target.closest?.("#transcript, #seek, #timeline");
  if (!own || ctrlKey || altKey || metaKey) return undefined;
  if (code === "Space" && target.tagName === "BUTTON") return undefined;
  if (key === "+") return "zoomIn";
  return key === "?" ? "help" : TRANSCRIPT[code];
}

const isTyping = (target) => target.matches?.("textarea, select, input:not([type=range], [type=checkbox])") || target.isContentEditable || byId("dialog").open;

export function showKeys() {
  const headings = ["keys.anywhere", "keys.transcript", "keys.editing"];
  const groups = SHOWN.reduce((all, each) => (each ? all.at(-1).push(each) : all.push([])) && all, [[]]);
  const tables = groups.map((group, index) => h("table", { class: "keys" }, h("caption", {}, t(headings[index])),
    h("tbody", {}, group.map(([keys, action]) => h("tr", {}, h("th", { scope: "row" }, keys.split(/(, )/).map((part) => (part === ", " ? part : h("kbd", {}, part)))), h("td", {}, t(has(`keys.${action}`) ? `keys.${action}` : action)))))));
  return showDialog(t("keys.title"), tables, [["", t("ok")]]);
}
