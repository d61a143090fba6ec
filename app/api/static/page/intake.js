// What people give to the page: files that they choose, drop, paste or record.

import { dress, bytes, spoken, t } from "./i18n.js";
import { h, say, ui } from "./dom.js";

export const isJson = ({ name }) => /\.json$/i.test(name);
export const refuse = (text) => say(ui.refused, text);

/** Return why `file` cannot be sent, or "". */
export function problemOf({ name, size }, limit) {
  if (!navigator.onLine) return t("refused.offline");
  if (size === 0) return t("refused.empty", { name });
  return limit && size > limit ? t("refused.large", { name, size: bytes(size), limit: bytes(limit) }) : "";
}

/** Call `take(files)` for what comes in; return choose(receiver), which asks for one file for another purpose. */
export function createIntake(take) {
  const { file: input, dropping } = ui;
  let taken = take;

  /** No `accept`: its wildcards grey out recordings on iOS. The service judges by content. */
  function choose(receiver, several) {
    taken = receiver;
    input.multiple = several;
    input.click();
  }
  ui.choose.onclick = () => choose(take, true);
  input.onchange = () => {
    taken([...input.files]);
    input.value = "";
  };
  const onFiles = (name, run) => addEventListener(name, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    run(event.dataTransfer);
  });
  onFiles("dragover", () => { dropping.hidden = false; });
  onFiles("drop", ({ items, files }) => {
    dropping.hidden = true;
    const folder = [...items].map((item) => item.webkitGetAsEntry?.()).find((entry) => entry?.isDirectory);
    if (folder) refuse(t("refused.folder", { name: folder.name }));
    else take([...files]);
  });
  addEventListener("dragleave", ({ relatedTarget }) => { if (!relatedTarget) dropping.hidden = true; });
  addEventListener("paste", ({ clipboardData: { files } }) => { if (files.length) take([...files]); });
  ui.record.onclick = () => record(take);
  return (receiver) => choose(receiver, false);
}

const TYPES = { webm: "audio/webm;codecs=opus", m4a: "audio/mp4", ogg: "audio/ogg;codecs=opus" };
let recording = null;

/** Begin, or end what was begun and give it to `take(files)`. */
async function record(take) {
  const note = (...content) => say(ui.recording, ...content);
  if (recording) {
    const file = await recording();
    recording = null;
    drawRecord("record");
    note(t("record.kept"), " ", h("a", { href: URL.createObjectURL(file), download: file.name }, t("record.save")));
    return take([file]);
  }
  if (!globalThis.isSecureContext || !globalThis.MediaRecorder) return note(t("record.insecure"));
  try {
    recording = await startRecording((seconds) => note(t("record.running", { time: spoken(seconds) })));
    return drawRecord("stop");
  } catch ({ message: reason }) {
    return note(t("record.refused", { reason }));
  }
}

function drawRecord(action) {
  ui.record.dataset.icon = ui.record.dataset.t = action;
  dress(ui.record);
}

/** Return stop(), which gives the recording as a file; `tick(seconds)` is called meanwhile. */
async function startRecording(tick) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const [ending, mimeType] = Object.entries(TYPES).find(([, type]) => MediaRecorder.isTypeSupported(type)) ?? ["webm"];
  const recorder = new MediaRecorder(stream, { mimeType }), pieces = [], began = new Date();
  recorder.ondataavailable = ({ data }) => {
    pieces.push(data);
    tick((Date.now() - began) / 1000);
  };
  recorder.start(1000);
  const light = await navigator.wakeLock?.request("screen").catch(() => null);
  return () => new Promise((resolve) => {
    recorder.onstop = () => {
      stream.getTracks().forEach((track) => track.stop());
      light?.release();
      resolve(new File(pieces, `recording-${began.toISOString().slice(0, 19).replaceAll(":", "-")}.${ending}`, { type: recorder.mimeType }));
    };
    recorder.stop();
  });
}
