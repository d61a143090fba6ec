// The player: the recording as the person's own file, never sent back, heard by the browser itself.

import { h, say, ui } from "./dom.js";
import { clock, dress, number, spoken, t } from "./i18n.js";

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3];
const KEPT = "page.speed", STEP_SECONDS = 5, PAGE_SECONDS = 30;

/** `onTime(seconds, following)` is called each frame while playing and after each jump. */
export function createPlayer({ onTime, nameAt, chooseFile }) {
  const { audio, seek: bar, speed, offset, follow, play: button } = ui;
  let url = null, duration = 0, stretches = null, wanted = null;

  const shift = () => Number(offset.value) || 0;
  const time = () => wanted ?? audio.currentTime - shift();
  const note = (...content) => say(ui.playerNote, ...content);

  function load(file, seconds) {
    audio.pause();
    URL.revokeObjectURL(url);
    url = file && URL.createObjectURL(file);
    duration = seconds;
    stretches = wanted = null;
    offset.value = 0;
    ui.offsetLabel.hidden = true;
    bar.max = Math.ceil(seconds);
    setPlayable(file);
    if (url) audio.src = url;
    else audio.removeAttribute("src");
    if (file) note();
    else note(t("player.none"), " ", h("button", { onclick: chooseFile }, t("player.choose")));
    tell();
  }

  function setPlayable(can) {
    for (const each of [button, ui.back, ui.forward, speed, follow]) each.disabled = !can;
  }

  audio.onerror = () => {
    if (!url) return;
    setPlayable(false);
    showPlaying();
    note(t("player.unplayable"));
  };

  /** Browsers may count the time of an MP3 otherwise than the service: say so, and let it be moved. */
  audio.onloadedmetadata = () => {
    audio.playbackRate = speed.value;
    if (wanted !== null) seek(wanted);
    if (!Number.isFinite(audio.duration) || Math.abs(audio.duration - duration) <= duration * 0.005) return;
    ui.offsetLabel.hidden = false;
    note(t("player.differs", { browser: clock(audio.duration), service: clock(duration) }));
  };

  function seek(seconds) {
    const target = Math.min(Math.max(0, seconds), duration), isReady = audio.readyState > 0;
    wanted = isReady ? null : target;
    if (isReady) audio.currentTime = Math.max(0, target + shift());
    tell(target);
  }
  const skip = (seconds) => seek(time() + seconds);
  const play = () => button.disabled || audio.play().catch(() => {});
  const toggle = () => (audio.paused ? play() : audio.pause());

  /** Tell where the player is; the list follows where it `moved`, not where only words were changed. */
  function tell(seconds = time(), moved = true) {
    bar.value = seconds;
    bar.ariaValueText = [spoken(seconds), nameAt(seconds)].filter(Boolean).join(", ");
    ui.time.textContent = `${clock(seconds)} / ${clock(duration)}`;
    onTime(seconds, moved && follow.checked);
  }

  /** One loop while playing: `timeupdate` alone is too coarse for words. */
  function frame() {
    if (audio.paused) return;
    skipOthers();
    tell();
    requestAnimationFrame(frame);
  }

  /** With one speaker to be heard, jump over what the others say. */
  function skipOthers() {
    const now = time(), next = stretches?.find(({ end }) => end > now);
    if (stretches && !next) audio.pause();
    else if (now < next?.start - 0.05) seek(next.start);
  }

  audio.onplay = () => {
    showPlaying();
    requestAnimationFrame(frame);
  };
  audio.onpause = showPlaying;
  audio.onseeked = () => audio.paused && tell();

  function showPlaying() {
    button.dataset.icon = button.dataset.label = audio.paused || audio.error ? "play" : "pause";
    dress(button);
  }

  button.onclick = toggle;
  ui.back.onclick = () => skip(-STEP_SECONDS);
  ui.forward.onclick = () => skip(STEP_SECONDS);
  bar.oninput = () => seek(Number(bar.value));
  bar.onkeydown = (event) => {
    const step = { PageUp: PAGE_SECONDS, PageDown: -PAGE_SECONDS }[event.key];
    if (!step) return;
    event.preventDefault();
    skip(step);
  };
  offset.onchange = () => skip(0);
  speed.onchange = () => setSpeed(speed.value);

  function setSpeed(value) {
    speed.value = audio.playbackRate = value;
    localStorage.setItem(KEPT, value);
  }

  function fill() {
    const kept = Number(speed.value || localStorage.getItem(KEPT));
    speed.replaceChildren(...SPEEDS.map((value) => h("option", { value }, `${number(value)}×`)));
    speed.value = SPEEDS.includes(kept) ? kept : 1;
  }
  fill();

  return {
    load, play, toggle, seek, skip, fill,
    pause: () => audio.pause(),
    tellAgain: () => tell(time(), false),
    faster: (steps) => setSpeed(SPEEDS[Math.min(Math.max(0, speed.selectedIndex + steps), SPEEDS.length - 1)]),
    hearOnly(next) { stretches = next; },
    get time() { return time(); },
    get isPlaying() { return !audio.paused; },
  };
}
