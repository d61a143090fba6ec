// The keyboard. With Ctrl or as F keys they work everywhere, also while typing; single letters only inside the transcript.

import { byId } from "./dom.js";

const ANYWHERE = { "Ctrl+ ": "play", F8: "play", F2: "back", F4: "forward", F9: "doubt" };
const OUTSIDE_FIELDS = { "Ctrl+z": "undo", "Ctrl+Z": "redo", "Ctrl+y": "redo" };
const TRANSCRIPT = {
  " ": "play", k: "play", j: "back", l: "forward", r: "again", e: "edit", n: "doubt", "/": "find", ",": "slower", ".": "faster",
  "+": "zoomIn", "=": "zoomIn", "-": "zoomOut", "?": "help",
};

/** `run` maps the names of actions to functions. */
export function createKeys(run) {
  addEventListener("keydown", (event) => {
    const action = actionOf(event);
    if (!action) return;
    event.preventDefault();
    run[action]();
  });
  byId("help").addEventListener("click", run.help);
}

function actionOf({ key, ctrlKey, metaKey, altKey, target }) {
  if (altKey) return undefined;
  const held = ctrlKey || metaKey ? `Ctrl+${key}` : key;
  return ANYWHERE[held] ?? (isTyping(target) ? undefined : (OUTSIDE_FIELDS[held] ?? inTranscript(held, target)));
}

/** Single keys belong to the transcript and the time line while one of these has the focus; Space presses a button there. */
function inTranscript(key, target) {
  if (!target.closest?.("#transcript, #seek, #timeline") || (key === " " && target.tagName === "BUTTON")) return undefined;
  return TRANSCRIPT[key];
}

const isTyping = (target) => byId("dialog").open || target.matches?.("textarea, select, input:not([type=range], [type=checkbox])");
