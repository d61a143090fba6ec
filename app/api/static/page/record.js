// Recording with the microphone. What was said is kept until the page is left, and can be saved.

import { byId, h, icon } from "./dom.js";
import { about, t } from "./i18n.js";

const TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];

let stop = null, ticking = 0;

/** Begin, or end what was begun and give it to `take(files)`. Browsers give the microphone to https and the own machine only. */
export async function record(take) {
  if (stop) return end(take);
  if (!globalThis.isSecureContext || !navigator.mediaDevices?.getUserMedia || !globalThis.MediaRecorder) return say(t("record.insecure"));
  try {
    stop = await start();
  } catch (error) {
    return say(t("record.refused", { reason: error.message }));
  }
  const began = Date.now();
  const tick = () => say(t("record.running", { time: about((Date.now() - began) / 1000) }));
  tick();
  ticking = setInterval(tick, 1000);
  return draw("stop", "record.stop");
}

async function end(take) {
  clearInterval(ticking);
  const file = await stop();
  stop = null;
  draw("mic", "record.start");
  say(t("record.kept"), " ", h("a", { href: URL.createObjectURL(file), download: file.name }, t("record.save")));
  take([file]);
}

const draw = (name, key) => byId("record").replaceChildren(icon(name), h("span", { "data-t": key }, t(key)));

function say(...content) {
  byId("recording").replaceChildren(...content);
  byId("recording").hidden = false;
}

/** Return stop(), which gives the recording as a file. */
async function start() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const type = TYPES.find((each) => MediaRecorder.isTypeSupported(each));
  const recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
  const pieces = [];
  recorder.addEventListener("dataavailable", ({ data }) => data.size && pieces.push(data));
  recorder.start(1000);
  const light = await navigator.wakeLock?.request("screen").catch(() => null);
  return () => new Promise((resolve) => {
    recorder.addEventListener("stop", () => {
      stream.getTracks().forEach((track) => track.stop());
      light?.release();
      resolve(asFile(pieces, recorder.mimeType));
    }, { once: true });
    recorder.stop();
  });
}

function asFile(pieces, type) {
  const ending = /mp4/.test(type) ? "m4a" : /ogg/.test(type) ? "ogg" : "webm";
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
  return new File(pieces, `recording-${stamp}.${ending}`, { type });
}
