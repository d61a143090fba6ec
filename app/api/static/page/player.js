// The player: the recording as the person's own file, never sent back, heard by the browser itself.

import { byId, h, icon } from "./dom.js";
import { clock, number, spoken, t } from "./i18n.js";

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3];
const KEPT = "page.speed", STEP_SECONDS = 5, PAGE_SECONDS = 30;

/** `onTime(seconds, following)` is called each frame while playing and after each jump; `nameAt(seconds)` tells who speaks. */
export function createPlayer({ onTime, nameAt, chooseFile }) {
  const audio = byId("audio"), seekBar = byId("seek"), speed = byId("speed"), offset = byId("offset"), follow = byId("follow");
  let url = null, duration = 0, stretches = null, playable = false, wanted = null;

  const shift = () => Number(offset.value) || 0;
  const time = () => (wanted ?? audio.currentTime - shift());

  function load(file, seconds) {
    pause();
    if (url) URL.revokeObjectURL(url);
    url = file ? URL.createObjectURL(file) : null;
    duration = seconds;
    stretches = null;
    wanted = null;
    offset.value = 0;
    byId("offset-label").hidden = true;
    seekBar.max = Math.ceil(seconds);
    setPlayable(Boolean(file));
    if (url) audio.src = url;
    else audio.removeAttribute("src");
    note(file ? [] : [t("player.none"), " ", h("button", { onclick: chooseFile }, t("player.choose"))]);
    tell();
  }

  function setPlayable(can) {
    playable = can;
    for (const id of ["play", "back", "forward", "speed", "follow"]) byId(id).disabled = !can;
  }

  function note(content) {
    byId("player-note").replaceChildren(...content);
    byId("player-note").hidden = !content.length;
  }

  audio.addEventListener("error", () => {
    if (!url) return;
    setPlayable(false);
    showPlaying(false);
    note([t("player.unplayable")]);
  });

  /** The browser may count the time of an MP3 otherwise than the service: say so, and let it be moved. */
  audio.addEventListener("loadedmetadata", () => {
    audio.playbackRate = Number(speed.value);
    if (wanted !== null) seek(wanted);
    const differs = Number.isFinite(audio.duration) && duration && Math.abs(audio.duration - duration) / duration > 0.005;
    if (!differs) return;
    byId("offset-label").hidden = false;
    note([t("player.differs", { browser: clock(audio.duration), service: clock(duration) })]);
  });

  function seek(seconds) {
    const target = Math.min(Math.max(0, seconds), duration);
    const ready = audio.readyState > 0;
    wanted = ready ? null : target;
    if (ready) audio.currentTime = Math.max(0, target + shift());
    tell(target);
  }

  const play = () => playable && audio.play().catch(() => {});
  const pause = () => audio.pause();
  const toggle = () => (audio.paused ? play() : pause());

  /** Tell where the player is; the list follows where it `moved`, not where only words were changed. */
  function tell(seconds = time(), moved = true) {
    seekBar.value = seconds;
    seekBar.setAttribute("aria-valuetext", [spoken(seconds), nameAt(seconds)].filter(Boolean).join(", "));
    byId("time").textContent = `${clock(seconds)} / ${clock(duration)}`;
    onTime(seconds, moved && follow.checked);
  }

  /** One loop while playing: `timeupdate` alone is too coarse for words. */
  function frame() {
    if (audio.paused) return;
    skipOthers();
    tell();
    requestAnimationFrame(frame);
  }

  /** With only one speaker to be heard, jump over what the others say. */
  function skipOthers() {
    if (!stretches) return;
    const now = time();
    const next = stretches.find(([, end]) => end > now);
    if (!next) pause();
    else if (now < next[0] - 0.05) seek(next[0]);
  }

  audio.addEventListener("play", () => {
    showPlaying(true);
    requestAnimationFrame(frame);
  });
  audio.addEventListener("pause", () => showPlaying(false));
  audio.addEventListener("seeked", () => audio.paused && tell());

  function showPlaying(playing) {
    byId("play").replaceChildren(icon(playing ? "pause" : "play"));
    byId("play").setAttribute("aria-label", t(playing ? "player.pause" : "player.play"));
  }

  byId("play").addEventListener("click", toggle);
  byId("back").addEventListener("click", () => seek(time() - STEP_SECONDS));
  byId("forward").addEventListener("click", () => seek(time() + STEP_SECONDS));
  seekBar.addEventListener("input", () => seek(Number(seekBar.value)));
  seekBar.addEventListener("keydown", (event) => {
    const step = { PageUp: PAGE_SECONDS, PageDown: -PAGE_SECONDS }[event.key];
    if (!step) return;
    event.preventDefault();
    seek(time() + step);
  });
  offset.addEventListener("change", () => seek(time()));
  speed.addEventListener("change", () => setSpeed(speed.value));

  function setSpeed(value) {
    speed.value = value;
    audio.playbackRate = Number(value);
    localStorage.setItem(KEPT, value);
  }

  function fill() {
    const kept = speed.value || localStorage.getItem(KEPT) || "1";
    speed.replaceChildren(...SPEEDS.map((rate) => h("option", { value: String(rate) }, `${number(rate)}×`)));
    speed.value = SPEEDS.includes(Number(kept)) ? kept : "1";
    showPlaying(!audio.paused);
  }
  fill();
  audio.preservesPitch = true;

  return {
    load, play, pause, toggle, seek, fill,
    tellAgain: () => tell(time(), false),
    skip: (seconds) => seek(time() + seconds),
    faster: (steps) => setSpeed(String(SPEEDS[Math.min(Math.max(0, SPEEDS.indexOf(Number(speed.value)) + steps), SPEEDS.length - 1)])),
    hearOnly(next) { stretches = next; },
    get time() { return time(); },
    get isPlaying() { return !audio.paused; },
    get hasFile() { return Boolean(url); },
  };
}
