// @ts-check
// Long work in pieces, so that ten thousand rows never keep the browser from drawing a frame or answering a key.

/** A piece takes at most so long, milliseconds: half of a frame at sixty a second. */
const SHARE = 8;
/** A page that nobody sees draws no frames, and its timers come once a second: there the work is done at once. */
const share = () => (document.hidden ? Infinity : SHARE);
/** Works that wait for their next piece, in turn. @type {Set<{step: () => boolean}>} */ const waiting = new Set();
let timer = 0;
function next() {
  timer = 0;
  const begun = performance.now();
  for (const work of waiting) {
    waiting.delete(work);
    if (work.step()) waiting.add(work);
    if (performance.now() - begun >= share()) break;
  }
  if (waiting.size && !timer) timer = window.setTimeout(next, 0);
}

/**
 * Work that is told as a generator: it yields wherever it may be interrupted. The first piece is done at once, so that little work is done when `start` returns. Started again while it is going on, it begins again
 * from the start.
 * @param {() => Generator<void>} begin
 */
export function pieces(begin) {
  /** @type {Generator<void> | null} */ let current = null;
  const work = {
    step() {
      const mine = current;
      const ends = performance.now() + share();
      while (mine && mine === current) {
        if (mine.next().done) { if (mine === current) current = null; return false; }
        if (performance.now() >= ends) return true;
      }
      return false;
    },
  };
  return {
    start() {
      current = begin();
      waiting.delete(work);
      if (work.step()) { waiting.add(work); if (!timer) timer = window.setTimeout(next, 0); }
    },
    /** It is not finished. */
    get goes() { return current !== null; },
  };
}

/** Values that are sorted at once are at most so many. */
const RUN = 512;
/** Sorts in pieces; equal ones stay in their order. @template T @param {T[]} values @param {(a: T, b: T) => number} compare @returns {Generator<void, T[]>} */
export function* sorted(values, compare) {
  /** @type {T[][]} */ let runs = [];
  for (let at = 0; at < values.length; at += RUN) { runs.push(values.slice(at, at + RUN).sort(compare)); yield; }
  while (runs.length > 1) {
    /** @type {T[][]} */ const merged = [];
    for (let at = 0; at < runs.length; at += 2) {
      const [one, other] = [runs[at], runs[at + 1]];
      if (!other || compare(one[one.length - 1], other[0]) <= 0) { merged.push(other ? one.concat(other) : one); yield; continue; }
      /** @type {T[]} */ const both = [];
      let [left, right] = [0, 0];
      while (left < one.length && right < other.length) {
        if (compare(one[left], other[right]) <= 0) { both.push(one[left]); left += 1; } else { both.push(other[right]); right += 1; }
        if (both.length % RUN === 0) yield;
      }
      while (left < one.length) { both.push(one[left]); left += 1; }
      while (right < other.length) { both.push(other[right]); right += 1; }
      merged.push(both);
      yield;
    }
    runs = merged;
  }
  return runs[0] ?? [];
}
