// The time line: one lane per speaker, drawn from the segments. For the ear and the keyboard there are the legend and the range.

import { byId } from "./dom.js";

export const LANE_PX = 30;
const OVERVIEW_PX = 18, LEVELS = [600, 120, 30];

/** Return [from, until] of a window of `length` seconds around `time`, inside the recording. */
export function windowAround(time, length, duration) {
  if (length >= duration) return [0, duration];
  const from = Math.min(Math.max(0, time - length / 2), duration - length);
  return [from, from + length];
}

/** Return the stretches of `speaker` inside the window: [x, width] in pixels, those that touch joined. */
export function blocks(segments, speaker, [from, until], width) {
  const scale = width / (until - from || 1), found = [];
  for (const { speaker: who, start, end } of segments) {
    if (who !== speaker || end < from || start > until) continue;
    const x = Math.max(0, (start - from) * scale), right = Math.min(width, (end - from) * scale);
    const last = found.at(-1);
    if (last && x - (last[0] + last[1]) < 1) last[1] = Math.max(last[1], right - last[0]);
    else found.push([x, Math.max(1.5, right - x)]);
  }
  return found;
}

/** Return the lengths that can be shown, longest first: all, then those that are shorter. */
export const levelsOf = (duration) => [duration, ...LEVELS.filter((length) => length < duration)];

/** `seek(time)` is called for a click. */
export function createLanes(seek) {
  const lanes = byId("lanes"), overview = byId("overview"), head = byId("playhead"), host = lanes.parentElement;
  let segments = [], order = [], duration = 1, level = 0, shown = [0, 1], hits = [], time = 0, width = 0, asked = 0;

  const isForced = () => matchMedia("(forced-colors: active)").matches;

  /** Return a colour of the style sheet as the canvas needs it. */
  function colour(name) {
    head.style.color = `var(${name})`;
    const found = getComputedStyle(head).color;
    head.style.color = "";
    return found;
  }

  function prepared(canvas, height) {
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = `${height}px`;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    return pen;
  }

  /** Draw with the next frame, once, whatever asks for it: only then is the width known without more work. */
  function draw() {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(drawNow);
  }

  function drawNow() {
    width = host.clientWidth;
    if (!width || !order.length) return;
    drawLanes();
    drawOverview();
    moveHead();
  }

  function drawLanes() {
    const pen = prepared(lanes, order.length * LANE_PX);
    order.forEach(({ id, colour: number }, index) => {
      pen.fillStyle = colour("--lane");
      pen.fillRect(0, index * LANE_PX + LANE_PX / 2 - 0.5, width, 1);
      pen.fillStyle = isForced() ? "CanvasText" : colour(`--s${number % 8}`);
      for (const [x, length] of blocks(segments, id, shown, width)) bar(pen, x, index * LANE_PX + 6, length, LANE_PX - 12, 4);
    });
  }

  function drawOverview() {
    const pen = prepared(overview, OVERVIEW_PX);
    const all = [0, duration], scale = width / duration;
    for (const { id, colour: number } of order) {
      pen.fillStyle = isForced() ? "CanvasText" : colour(`--s${number % 8}`);
      for (const [x, length] of blocks(segments, id, all, width)) pen.fillRect(x, 6, length, OVERVIEW_PX - 10);
    }
    pen.fillStyle = pen.strokeStyle = isForced() ? "Highlight" : colour("--accent");
    for (const x of new Set(hits.map((hit) => Math.round(hit * scale)))) pen.fillRect(x, 0, 1.5, 4);
    if (level > 0) {
      pen.lineWidth = 2;
      pen.strokeRect(shown[0] * scale + 1, 4, Math.max(4, (shown[1] - shown[0]) * scale - 2), OVERVIEW_PX - 5);
    }
  }

  function bar(pen, x, y, width, height, radius) {
    pen.beginPath();
    pen.roundRect(x, y, width, height, Math.min(radius, width / 2));
    pen.fill();
  }

  /** The playhead is an element of its own: moving it draws nothing anew. */
  function moveHead() {
    const [from, until] = shown;
    head.hidden = time < from || time > until;
    head.style.transform = `translateX(${((time - from) / (until - from || 1)) * width}px)`;
  }

  function zoom(step) {
    const levels = levelsOf(duration);
    level = Math.min(Math.max(0, level + step), levels.length - 1);
    shown = windowAround(time, levels[level], duration);
    byId("zoom-in").disabled = level === levels.length - 1;
    byId("zoom-out").disabled = level === 0;
    draw();
  }

  const timeAt = (canvas, [from, until], event) => {
    const box = canvas.getBoundingClientRect();
    return from + ((event.clientX - box.left) / box.width) * (until - from);
  };
  lanes.addEventListener("click", (event) => seek(timeAt(lanes, shown, event)));
  overview.addEventListener("click", (event) => seek(timeAt(overview, [0, duration], event)));
  byId("zoom-in").addEventListener("click", () => zoom(1));
  byId("zoom-out").addEventListener("click", () => zoom(-1));
  new ResizeObserver(draw).observe(host);
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) matchMedia(query).addEventListener("change", draw);

  return {
    zoom, draw,
    /** Show the work; `rows` are the speakers as the legend orders them. */
    show(work, rows) {
      if (work.about.duration !== duration) level = 0;
      ({ segments } = work);
      order = rows;
      duration = work.about.duration || 1;
      byId("timeline").hidden = !rows.length;
      zoom(0);
    },
    setTime(next) {
      time = next;
      const [from, until] = shown;
      if (level > 0 && (time < from || time > until)) {
        shown = windowAround(time + (until - from) * 0.4, until - from, duration);
        draw();
      } else moveHead();
    },
    setHits(times) {
      hits = times;
      if (order.length && width) drawOverview();
    },
  };
}
