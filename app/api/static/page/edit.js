// Editing text without losing times: words that stayed keep theirs, new ones share the gap they were written into.

/** Return the work with another text of the segment `index`. */
export function editText(work, index, text) {
  const written = text.trim().replace(/\s+/gu, " ");
  const segment = work.segments[index];
  if (written === segment.text) return work;
  if (!written) return { ...work, segments: work.segments.toSpliced(index, 1) };
  return { ...work, segments: work.segments.with(index, retimed(segment, written)) };
}

/** Return the work with `places` replaced, the last of a segment first so that the others stay where they are. */
export function replaceAt(work, places, replacement) {
  return places.reduceRight((changed, { index, from, to }) => {
    const { text } = changed.segments[index];
    const written = text.slice(0, from) + replacement + text.slice(to);
    return written.trim() ? editText(changed, index, written) : changed;
  }, work);
}

/** Return the segment with another text; without words only the text changes. */
export function retimed(segment, text) {
  if (!segment.words) return { ...segment, text };
  const spaced = isSpaced(segment);
  const tokens = spaced ? text.split(/\s+/u) : [...text].filter((each) => each.trim());
  return { ...segment, text, words: withTimes(segment, tokens) };
}

/** Whether words stand between blanks: Chinese and Japanese ones are single characters. */
const isSpaced = ({ text, words }) => words.length < 2 || /\s/u.test(text) || words[0].word.length > 1;

function withTimes(segment, tokens) {
  const old = segment.words;
  const kept = keptWords(old.map(({ word }) => word), tokens);
  const words = [];
  for (let at = 0, oldAt = 0; at < tokens.length;) {
    if (kept.has(at)) {
      oldAt = kept.get(at) + 1;
      words.push(old[oldAt - 1]);
      at += 1;
      continue;
    }
    let until = at;
    while (until < tokens.length && !kept.has(until)) until += 1;
    const oldUntil = kept.get(until) ?? old.length;
    words.push(...inGap(tokens.slice(at, until), old.slice(oldAt, oldUntil), gapOf(segment, oldAt, oldUntil), segment.speaker));
    at = until;
  }
  return words;
}

/** The time between the neighbours that stayed. */
function gapOf({ words, start, end }, from, until) {
  const before = words.slice(0, from).findLast((word) => word.end !== undefined)?.end ?? start;
  const after = words.slice(until).find((word) => word.start !== undefined)?.start ?? end;
  return [before, Math.max(before, after)];
}

/** Words that take the place of others take their time; longer ones get more of it. */
function inGap(tokens, replaced, [before, after], by) {
  const timed = replaced.filter((word) => word.start !== undefined);
  const start = timed[0]?.start ?? before;
  const end = Math.max(start, timed.at(-1)?.end ?? after);
  const speaker = replaced[0]?.speaker ?? by;
  const letters = tokens.reduce((sum, token) => sum + token.length, 0);
  let passed = 0;
  return tokens.map((word) => {
    const from = start + ((end - start) * passed) / letters;
    passed += word.length;
    const to = start + ((end - start) * passed) / letters;
    return { word, start: milliseconds(from), end: milliseconds(to), ...(speaker && { speaker }) };
  });
}

const milliseconds = (seconds) => Math.round(seconds * 1000) / 1000;

/** Return which old word each unchanged new one is, as a Map of indices: the longest common subsequence. */
export function keptWords(before, after) {
  const kept = new Map();
  let head = 0, tail = 0;
  while (head < Math.min(before.length, after.length) && before[head] === after[head]) kept.set(head, head++);
  const room = Math.min(before.length, after.length) - head;
  while (tail < room && before.at(-1 - tail) === after.at(-1 - tail)) {
    tail += 1;
    kept.set(after.length - tail, before.length - tail);
  }
  const olds = before.slice(head, before.length - tail), news = after.slice(head, after.length - tail);
  for (const [o, n] of commonPairs(olds, news)) kept.set(head + n, head + o);
  return kept;
}

function commonPairs(olds, news) {
  const best = Array.from({ length: olds.length + 1 }, () => new Uint16Array(news.length + 1));
  for (let o = olds.length - 1; o >= 0; o--) {
    for (let n = news.length - 1; n >= 0; n--) {
      best[o][n] = olds[o] === news[n] ? best[o + 1][n + 1] + 1 : Math.max(best[o + 1][n], best[o][n + 1]);
    }
  }
  const pairs = [];
  for (let o = 0, n = 0; o < olds.length && n < news.length;) {
    if (olds[o] === news[n]) pairs.push([o++, n++]);
    else if (best[o + 1][n] >= best[o][n + 1]) o += 1;
    else n += 1;
  }
  return pairs;
}

/** Cut the segment `index` before the word at character `offset`; the work itself where there is nothing to cut. */
export function split(work, index, offset) {
  const segment = work.segments[index];
  const left = segment.text.slice(0, offset).trim(), right = segment.text.slice(offset).trim();
  if (!left || !right) return work;
  const count = wordsBefore(segment, left);
  const [first, second] = [segment.words?.slice(0, count), segment.words?.slice(count)];
  const guess = segment.start + ((segment.end - segment.start) * left.length) / segment.text.length;
  const end = first?.findLast((word) => word.end !== undefined)?.end ?? milliseconds(guess);
  const start = Math.max(end, second?.find((word) => word.start !== undefined)?.start ?? end);
  const halves = [
    { ...segment, text: left, end, ...(first && { words: first }) },
    { ...segment, text: right, start, ...(second && { words: second }) },
  ];
  return { ...work, segments: work.segments.toSpliced(index, 1, ...halves) };
}

function wordsBefore({ words = [] }, left) {
  let count = 0, cursor = 0;
  for (const { word } of words) {
    const at = left.indexOf(word, cursor);
    if (at < 0) break;
    cursor = at + word.length;
    count += 1;
  }
  return count;
}

/** Join the segment `index` to the one before it, whose speaker says it all then. */
export function join(work, index) {
  const [first, second] = [work.segments[index - 1], work.segments[index]];
  if (!first || !second) return work;
  const words = (first.words || second.words) && [...(first.words ?? []), ...(second.words ?? [])].map((word) => (
    first.speaker ? { ...word, speaker: first.speaker } : word));
  const glue = first.words?.length && !isSpaced(first) ? "" : " ";
  const joined = { ...first, end: Math.max(first.end, second.end), text: `${first.text}${glue}${second.text}`, ...(words && { words }) };
  return { ...work, segments: work.segments.toSpliced(index - 1, 2, joined) };
}
