// Recording with the microphone. What was said is kept until its transcript is there, and can be saved.

const TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];

/** Browsers give the microphone to https and to the own machine only. */
export const canRecord = () => Boolean(globalThis.isSecureContext && navigator.mediaDevices?.getUserMedia && globalThis.MediaRecorder);

/** Begin; return stop(), which gives the recording as a file. Raises what the browser raises if it is not allowed. */
export async function startRecording() {
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
