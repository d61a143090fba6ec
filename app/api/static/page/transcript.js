// A transcript and what can be done to it. Every change returns a new value: undo is the old one.

/** Return the work for a document of the API, or of toDocument. */
export function fromDocument({ segments, text: _text, word_segments: _words, work, ...about }) {
  const heard = segments.flatMap(({ speaker, words = [] }) => [speaker, ...words.map((word) => word.speaker)]);
  const names = work?.speakers ?? [...new Set(heard.filter(Boolean))];
  return { about, segments, speakers: names.map((name, colour) => ({ id: name, name, colour })) };
}

/** Return the document with the names that people gave, or without any. */
export function toDocument({ about, segments, speakers }, named = true) {
  const names = new Map(named ? speakers.map(({ id, name }) => [id, name]) : []);
  const written = segments.map((segment) => onAll(segment, ({ speaker, ...rest }) => ({ ...rest, ...(names.has(speaker) && { speaker: names.get(speaker) }) })));
  return { text: plainText(written), segments: written, word_segments: written.flatMap(({ words = [] }) => words), ...about };
}

const onAll = (segment, change) => ({ ...change(segment), ...(segment.words && { words: segment.words.map(change) }) });

/** Return the text, a line for each turn: what is copied. */
export function plainText(segments) {
  const lines = [];
  segments.forEach(({ speaker, text }, index) => {
    if (index && speaker === segments[index - 1].speaker) lines.push(`${lines.pop()} ${text}`);
    else lines.push(speaker ? `[${speaker}]: ${text}` : text);
  });
  return lines.join("\n");
}

const HUES = [262, 48, 155, 340, 208, 25, 292, 105];

export const nameOf = ({ speakers }, id) => speakers.find((speaker) => speaker.id === id)?.name ?? "";

/** Return a colour for a speaker, in which the ground and what is written on it can be told apart. */
export function colourOf({ colour }) {
  const hue = HUES[colour % HUES.length];
  return `light-dark(oklch(52% 0.16 ${hue}), oklch(78% 0.12 ${hue}))`;
}

export const initialOf = ({ name }) => (/^SPEAKER_0?(\d+)$/.exec(name)?.[1] ?? [...name][0] ?? "?").toUpperCase();

export const rename = (work, id, name) => ({ ...work, speakers: work.speakers.map((each) => (each.id === id ? { ...each, name } : each)) });

/** Give everything that `from` said to `into`; `from` is gone then. */
export function merge(work, from, into) {
  const give = (said) => (said.speaker === from ? { ...said, speaker: into } : said);
  const isConcerned = ({ speaker, words = [] }) => [speaker, ...words.map((word) => word.speaker)].includes(from);
  const segments = work.segments.map((segment) => (isConcerned(segment) ? onAll(segment, give) : segment));
  return { ...work, segments, speakers: work.speakers.filter(({ id }) => id !== from) };
}

/** Give the segments that are `chosen(segment, index)` to `speaker`. */
export function reassign(work, chosen, speaker) {
  const isGiven = (segment, index) => chosen(segment, index) && segment.speaker !== speaker;
  return { ...work, segments: work.segments.map((segment, index) => (isGiven(segment, index) ? onAll(segment, (said) => ({ ...said, speaker })) : segment)) };
}

export function addSpeaker(work, name) {
  const colour = 1 + Math.max(-1, ...work.speakers.map((speaker) => speaker.colour));
  return { ...work, speakers: [...work.speakers, { id: name, name, colour }] };
}

/** Return [{id, name, colour, seconds, share, lines}], who spoke longest first; shares add up to 1. */
export function talkTimes({ segments, speakers }) {
  const rows = speakers.map((speaker) => {
    const own = segments.filter((segment) => segment.speaker === speaker.id);
    return { ...speaker, seconds: sumOf(own, "end") - sumOf(own, "start"), lines: own.length };
  });
  const total = sumOf(rows, "seconds") || 1;
  return rows.map((row) => ({ ...row, share: row.seconds / total })).sort((a, b) => b.seconds - a.seconds);
}

export const sumOf = (rows, name) => rows.reduce((sum, row) => sum + row[name], 0);

/** Return the index of the last item that starts at or before `time`, -1 if none does. */
export function indexAt(items, time) {
  let low = 0, high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((items[middle].start ?? Infinity) <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const spans = new WeakMap();

/** Return where each timed word stands in the text: [{from, to, start, end, score}]. */
export function wordSpans(segment) {
  if (!spans.has(segment)) spans.set(segment, findSpans(segment));
  return spans.get(segment);
}

function findSpans({ text, words = [] }) {
  let cursor = 0;
  const placed = words.map(({ word, start, end = start, score }) => {
    const from = text.indexOf(word, cursor);
    if (from >= 0) cursor = from + word.length;
    return { from, to: cursor, start, end, score };
  });
  return placed.filter(({ from, start }) => from >= 0 && start !== undefined);
}

/** Return the work with another text of a segment: words that stay keep their times, new ones share the gap. */
export function editText(work, index, text) {
  const written = text.trim().replace(/\s+/gu, " "), segment = work.segments[index];
  if (written === segment.text) return work;
  return { ...work, segments: work.segments.toSpliced(index, 1, ...(written ? [retimed(segment, written)] : [])) };
}

/** Return the work with `places` replaced, the last first so that the others stay where they are. */
export function replaceAt(work, places, replacement) {
  return places.reduceRight((changed, { index, from, to }) => {
    const { text } = changed.segments[index], written = text.slice(0, from) + replacement + text.slice(to);
    return written.trim() ? editText(changed, index, written) : changed;
  }, work);
}

export function retimed(segment, text) {
  if (!segment.words) return { ...segment, text };
  const tokens = isSpaced(segment) ? text.split(/\s+/u) : [...text].filter((each) => each.trim());
  return { ...segment, text, words: withTimes(segment, tokens) };
}

/** Whether words stand between blanks: Chinese and Japanese ones are single characters. */
const isSpaced = ({ text, words }) => words.length < 2 || /\s/u.test(text) || words[0].word.length > 1;

/** Return the words for `tokens`; each run of new ones takes the place of the old ones between those that stayed. */
function withTimes(segment, tokens) {
  const { words: old } = segment, pairs = [...keptWords(old.map(({ word }) => word), tokens), [old.length, tokens.length]];
  let o = 0, n = 0;
  return pairs.flatMap(([oldAt, newAt]) => {
    const run = inGap(segment, o, oldAt, tokens.slice(n, newAt));
    [o, n] = [oldAt + 1, newAt + 1];
    return [...run, ...old.slice(oldAt, oldAt + 1)];
  });
}

/** Return new words in the time of the old ones, or between the neighbours; longer ones get more of it. */
function inGap({ words, start, end, speaker: by }, from, until, tokens) {
  const replaced = words.slice(from, until), timed = replaced.filter((word) => word.start !== undefined);
  const before = words.slice(0, from).findLast((word) => word.end !== undefined)?.end ?? start;
  const after = words.slice(until).find((word) => word.start !== undefined)?.start ?? end;
  const first = timed[0]?.start ?? before, length = Math.max(first, timed.at(-1)?.end ?? after) - first;
  const speaker = replaced[0]?.speaker ?? by, letters = tokens.join("").length;
  let passed = 0;
  return tokens.map((word) => {
    const [from, to] = [passed, passed += word.length].map((each) => milliseconds(first + (length * each) / letters));
    return { word, start: from, end: to, ...(speaker && { speaker }) };
  });
}

const milliseconds = (seconds) => Math.round(seconds * 1000) / 1000;

/** Return [old index, new index] of the words that are the same: the longest common subsequence. */
export function keptWords(olds, news) {
  const best = Array.from({ length: olds.length + 1 }, () => new Uint16Array(news.length + 1)), pairs = [];
  for (let o = olds.length - 1; o >= 0; o--) {
    for (let n = news.length - 1; n >= 0; n--) {
      best[o][n] = olds[o] === news[n] ? best[o + 1][n + 1] + 1 : Math.max(best[o + 1][n], best[o][n + 1]);
    }
  }
  for (let o = 0, n = 0; o < olds.length && n < news.length;) {
    if (olds[o] === news[n]) pairs.push([o++, n++]);
    else if (best[o + 1][n] >= best[o][n + 1]) o += 1;
    else n += 1;
  }
  return pairs;
}

/** Cut a segment before the word at character `offset`. */
export function split(work, index, offset) {
  const segment = work.segments[index], { words, start, end } = segment;
  const texts = [segment.text.slice(0, offset).trim(), segment.text.slice(offset).trim()], [left] = texts;
  if (!texts.every(Boolean)) return work;
  const count = wordSpans({ text: left, words: words?.map((word) => ({ ...word, start: 0 })) }).length;
  const cut = words?.slice(0, count).findLast((word) => word.end !== undefined)?.end ?? milliseconds(start + ((end - start) * left.length) / segment.text.length);
  const next = Math.max(cut, words?.slice(count).find((word) => word.start !== undefined)?.start ?? cut);
  const half = (text, start, end, ...part) => ({ ...segment, text, start, end, ...(words && { words: words.slice(...part) }) });
  return { ...work, segments: work.segments.toSpliced(index, 1, half(texts[0], start, cut, 0, count), half(texts[1], next, end, count)) };
}

/** Join a segment to the one before it, whose speaker says it all then. */
export function join(work, index) {
  const [first, second] = work.segments.slice(index - 1, index + 1), { speaker } = first;
  const words = [...(first.words ?? []), ...(second.words ?? [])].map((word) => (speaker ? { ...word, speaker } : word));
  const glue = first.words?.length && !isSpaced(first) ? "" : " ";
  const joined = { ...first, end: Math.max(first.end, second.end), text: `${first.text}${glue}${second.text}`, ...((first.words || second.words) && { words }) };
  return { ...work, segments: work.segments.toSpliced(index - 1, 2, joined) };
}

/** Return the stack of changes to a work; `onChange()` hears of each. */
export function createHistory(first, onChange) {
  let states = [first], at = 0, saved = first;
  const go = (to) => {
    if (!states[to]) return;
    at = to;
    onChange();
  };
  return {
    get work() { return states[at]; },
    get canUndo() { return at > 0; },
    get isDirty() { return states[at] !== saved; },
    saved() { saved = states[at]; },
    apply(work) {
      if (work === states[at]) return;
      states = [...states.slice(0, at + 1), work].slice(-200);
      go(states.length - 1);
    },
    undo: () => go(at - 1),
    redo: () => go(at + 1),
  };
}
