// The time line: lanes drawn from the segments. For the ear and the keyboard there are the legend and the range.

import { ui } from "./dom.js";
import { colourOf } from "./transcript.js";

const LANE_PX = 30, OVERVIEW_PX = 18, LEVELS = [600, 120, 30];

/** Return [from, until] of a window of `length` seconds around `time`, inside the recording. */
export function windowAround(time, length, duration) {
  const from = Math.max(0, Math.min(time - length / 2, duration - length));
  return [from, Math.min(from + length, duration)];
}

/** Return where the speakers `ids` speak inside the window: [x, width] in pixels, what touches is joined. */
export function blocks(segments, ids, [from, until], width) {
  const scale = width / (until - from || 1), found = [];
  for (const { speaker, start, end } of segments) {
    if (end < from || start > until || !ids.includes(speaker)) continue;
    const x = Math.max(0, (start - from) * scale), right = Math.min(width, (end - from) * scale), last = found.at(-1);
    if (last && x - (last[0] + last[1]) < 1) last[1] = Math.max(last[1], right - last[0]);
    else found.push([x, Math.max(1.5, right - x)]);
  }
  return found;
}

export function createLanes(seek) {
  const { lanes, overview, playhead, zoomIn, zoomOut } = ui, host = lanes.parentElement;
  let segments = [], order = [], duration = 1, levels = [1], level = 0, shown = [0, 1], hits = [], time = 0, width = 0, asked = 0;

  /** Return a colour of the style sheet as the canvas needs it, or the system's where that is wanted. */
  function colour(name, forced) {
    if (matchMedia("(forced-colors: active)").matches) return forced;
    playhead.style.color = name;
    return getComputedStyle(playhead).color;
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

  /** Draw once, with the next frame: only then is the width known without more work. */
  function draw() {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(() => {
      width = host.clientWidth;
      if (!width || !order.length) return;
      drawLanes();
      drawOverview();
      moveHead();
    });
  }

  function drawLanes() {
    const pen = prepared(lanes, order.length * LANE_PX);
    order.forEach(({ ids, paint }, index) => {
      const y = index * LANE_PX;
      pen.fillStyle = colour("var(--line)", "GrayText");
      pen.fillRect(0, y + LANE_PX / 2 - 0.5, width, 1);
      pen.fillStyle = colour(paint, "CanvasText");
      for (const [x, length] of blocks(segments, ids, shown, width)) {
        pen.beginPath();
        pen.roundRect(x, y + 6, length, LANE_PX - 12, Math.min(4, length / 2));
        pen.fill();
      }
    });
  }

  function drawOverview() {
    const pen = prepared(overview, OVERVIEW_PX), scale = width / duration, [from, until] = shown;
    for (const { ids, paint } of order) {
      pen.fillStyle = colour(paint, "CanvasText");
      for (const [x, length] of blocks(segments, ids, [0, duration], width)) pen.fillRect(x, 6, length, OVERVIEW_PX - 10);
    }
    pen.fillStyle = pen.strokeStyle = colour("var(--accent)", "Highlight");
    for (const x of new Set(hits.map((hit) => Math.round(hit * scale)))) pen.fillRect(x, 0, 1.5, 4);
    pen.lineWidth = 2;
    if (level > 0) pen.strokeRect(from * scale + 1, 4, Math.max(4, (until - from) * scale - 2), OVERVIEW_PX - 5);
  }

  function moveHead() {
    const [from, until] = shown;
    playhead.hidden = time < from || time > until;
    playhead.style.transform = `translateX(${((time - from) / (until - from || 1)) * width}px)`;
  }

  function zoom(step) {
    level = Math.min(Math.max(0, level + step), levels.length - 1);
    shown = windowAround(time, levels[level], duration);
    zoomIn.disabled = level === levels.length - 1;
    zoomOut.disabled = level === 0;
    draw();
  }

  const seekOn = (canvas, window) => {
    canvas.onclick = ({ offsetX }) => {
      const [from, until] = window();
      seek(from + (offsetX / canvas.clientWidth) * (until - from));
    };
  };
  seekOn(lanes, () => shown);
  seekOn(overview, () => [0, duration]);
  zoomIn.onclick = () => zoom(1);
  zoomOut.onclick = () => zoom(-1);
  new ResizeObserver(draw).observe(host);
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) matchMedia(query).addEventListener("change", draw);

  return {
    zoom, draw,
    /** Show the work; `rows` are {ids, colour} in the order of the legend. */
    show({ segments: said, about }, rows) {
      if (about.duration !== duration) level = 0;
      segments = said;
      order = rows.map(({ ids, colour }) => ({ ids, paint: colour === undefined ? "var(--quiet)" : colourOf({ colour }) }));
      duration = about.duration || 1;
      levels = [duration, ...LEVELS.filter((length) => length < duration)];
      ui.timeline.hidden = !rows.length;
      zoom(0);
    },
    setTime(next) {
      time = next;
      const [from, until] = shown, length = until - from;
      if (level > 0 && (time < from || time > until)) {
        shown = windowAround(time + length * 0.4, length, duration);
        draw();
      } else moveHead();
    },
    setHits(times) {
      hits = times;
      draw();
    },
  };
}
