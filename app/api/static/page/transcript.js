// A transcript and what can be done to it. Every change returns a new value that shares what stayed the same: undo is the old one.

export const WORK_VERSION = 1;

/** Return the work for a document as output=json gives it, or as toDocument wrote it. Speakers keep their order and colour. */
export function fromDocument(document) {
  const { segments, text: _text, word_segments: _words, work, ...about } = document;
  const heard = segments.flatMap(({ speaker, words = [] }) => [speaker, ...words.map((word) => word.speaker)]);
  const names = work?.speakers ?? [...new Set(heard.filter(Boolean))];
  const speakers = names.map((name, colour) => ({ id: name, name, colour }));
  return { about, segments, speakers };
}

/** Return the document with the names that people gave; without speakers if `named` is false. */
export function toDocument({ about, segments, speakers }, { named = true } = {}) {
  const names = new Map(named ? speakers.map(({ id, name }) => [id, name]) : []);
  const written = segments.map((segment) => {
    const words = segment.words?.map((word) => withSpeaker(word, names.get(word.speaker)));
    return withSpeaker(words ? { ...segment, words } : segment, names.get(segment.speaker));
  });
  return { text: plainText(written), segments: written, word_segments: written.flatMap((each) => each.words ?? []), ...about };
}

function withSpeaker(said, speaker) {
  const { speaker: _, ...rest } = said;
  return speaker === undefined ? rest : { ...rest, speaker };
}

/** Return the text as lines, each turn begun by its speaker: what is copied. */
export function plainText(segments) {
  const lines = [];
  let last;
  for (const { speaker, text } of segments) {
    if (lines.length && speaker === last) lines[lines.length - 1] += ` ${text}`;
    else lines.push(speaker ? `[${speaker}]: ${text}` : text);
    last = speaker;
  }
  return lines.join("\n");
}

export const nameOf = (work, id) => work.speakers.find((speaker) => speaker.id === id)?.name ?? "";

export const rename = (work, id, name) => ({
  ...work, speakers: work.speakers.map((each) => (each.id === id ? { ...each, name } : each)),
});

/** Give everything that `from` said to `into`; `from` is gone then. */
export function merge(work, from, into) {
  const given = (said) => (said.speaker === from ? { ...said, speaker: into } : said);
  const concerned = ({ speaker, words = [] }) => speaker === from || words.some((word) => word.speaker === from);
  const give = (segment) => ({ ...given(segment), ...(segment.words && { words: segment.words.map(given) }) });
  const segments = work.segments.map((segment) => (concerned(segment) ? give(segment) : segment));
  return { ...work, segments, speakers: work.speakers.filter(({ id }) => id !== from) };
}

/** Give the segments that `chosen(segment, index)` names to the speaker `id`, who may be new. */
export function reassign(work, chosen, id) {
  const give = (segment) => ({ ...segment, speaker: id, ...(segment.words && { words: segment.words.map((word) => ({ ...word, speaker: id })) }) });
  const segments = work.segments.map((segment, index) => (chosen(segment, index) && segment.speaker !== id ? give(segment) : segment));
  return { ...work, segments };
}

/** Add a speaker and return [work, id]. */
export function addSpeaker(work, name) {
  const colour = 1 + Math.max(-1, ...work.speakers.map((speaker) => speaker.colour));
  return [{ ...work, speakers: [...work.speakers, { id: name, name, colour }] }, name];
}

/** Return [{id, name, colour, seconds, share, lines}], who spoke longest first; shares add up to 1. */
export function talkTimes({ segments, speakers }) {
  const rows = new Map(speakers.map((speaker) => [speaker.id, { ...speaker, seconds: 0, share: 0, lines: 0 }]));
  let total = 0;
  for (const { speaker, start, end } of segments) {
    const row = rows.get(speaker);
    if (!row) continue;
    row.seconds += end - start;
    row.lines += 1;
    total += end - start;
  }
  for (const row of rows.values()) row.share = total ? row.seconds / total : 0;
  return [...rows.values()].sort((a, b) => b.seconds - a.seconds);
}

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

/** Return where each timed word stands: [{from, to, start, end, score}], characters of the segment's text. */
export function wordSpans(segment) {
  if (!spans.has(segment)) spans.set(segment, findSpans(segment));
  return spans.get(segment);
}

function findSpans({ text, words = [] }) {
  const found = [];
  let cursor = 0;
  for (const { word, start, end, score } of words) {
    const from = text.indexOf(word, cursor);
    if (from < 0) continue;
    cursor = from + word.length;
    if (start !== undefined) found.push({ from, to: cursor, start, end: end ?? start, score });
  }
  return found;
}

/** Return the stack of changes to a work; `onChange(work)` hears of each. */
export function createHistory(first, onChange) {
  let past = [], present = first, future = [], saved = first;
  const become = (work) => {
    present = work;
    onChange(work);
  };
  return {
    get work() { return present; },
    get canUndo() { return past.length > 0; },
    get canRedo() { return future.length > 0; },
    get isDirty() { return present !== saved; },
    saved() { saved = present; },
    apply(work) {
      if (work === present) return;
      past = [...past.slice(-199), present];
      future = [];
      become(work);
    },
    undo() {
      if (!past.length) return;
      future.push(present);
      become(past.pop());
    },
    redo() {
      if (!future.length) return;
      past.push(present);
      become(future.pop());
    },
  };
}
