// @ts-check
// What the status line says: whether what is on the page is true now, and if not, since when.

import { t, w } from './console/language.js';

/** Without a sign of life for so long (milliseconds) nothing on the page can be trusted. An engine gives one a second. */
const SILENT = 2_500;
/** A zone without an entry for so long (seconds) is quiet, which is no fault. */
const QUIET = 60;
/** A restart, and that another engine decides from now on, is mentioned for so long (milliseconds). */
const RESTART = 60_000;

/** A difference of the two clocks below that is a sleep, and not how they are rounded (milliseconds). */
const SLEEP = 500;
let [then, thenByTheWall, slept] = [performance.now(), Date.now(), 0];
/** Milliseconds since the page was loaded, those in which its computer slept among them: the page's own clock need not go on meanwhile. */
export function elapsed() {
  const [now, byTheWall] = [performance.now(), Date.now()];
  const jump = byTheWall - thenByTheWall - (now - then);
  if (jump > SLEEP) slept += jump;
  [then, thenByTheWall] = [now, byTheWall];
  return now + slept;
}

/** @param {number} seconds */
const span = (seconds) => (seconds < 90 ? `${Math.round(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`);

/**
 * `show` gets a look (`good`, `warn`, `bad`), words that change only when something changes, for those who have them read out, and a
 * span of time that ticks.
 * @param {(look: string, words: string, since: string) => void} show
 */
export function freshness(show) {
  /** @type {import('./feed.js').Pulse | null} */ let last = null;
  let heard = elapsed();
  let linked = false;
  let restarted = -Infinity;
  let changed = -Infinity;
  /** Since when what is shown lacks something (`performance.now()`). @type {number | null} */ let behind = null;
  /** Something was shown already: a gap that is closed at once is not worth a word. */
  let [past, whole] = [false, false];
  const tick = () => {
    const silence = elapsed() - heard;
    if (!last) {
      show('bad', linked ? t('connecting…') : t('no connection'), silence > SILENT ? w`for ${span(silence / 1000)}` : '');
    } else if (!linked) {
      show('bad', t('no connection to the engine: no news'), w`since ${span(silence / 1000)}`);
    } else if (silence > SILENT) {
      show('bad', t('no news'), w`since ${span(silence / 1000)}`);
    } else if (last.trouble) {
      const lasts = /(?:; so)? for (\d+) s$/.exec(last.trouble);
      const age = typeof last.entry_age_seconds !== 'number' ? '' : w`last entry ${span(last.entry_age_seconds)} ago`;
      show('bad', last.trouble.slice(0, lasts?.index), lasts ? w`for ${span(Number(lasts[1]))}` : age);
    } else if (past) {
      show('warn', t('the past: nothing here is live'), '');
    } else if (behind !== null && (!whole || performance.now() - behind > SILENT)) {
      show('bad', t('not live: waiting for a picture of the fleet'), w`for ${span((performance.now() - behind) / 1000)}`);
    } else if (last.overload > 0) {
      show('warn', w`busy, level ${last.overload} of 4: ${last.overload_words}`, '');
    } else {
      const age = last.entry_age_seconds ?? 0;
      const who = last.owner === undefined ? t('live, standby: another engine decides') : t('live');
      const again = performance.now() - restarted < RESTART ? t(', the engine was restarted') : '';
      const took = performance.now() - changed < RESTART ? (last.owner === undefined ? '' : t(', this engine has taken over')) : '';
      show('good', who + again + took + (age >= QUIET ? t(', quiet') : ''), age >= QUIET ? w`last entry ${span(age)} ago` : '');
    }
  };
  return {
    /** @param {boolean} up */
    link(up) { linked = up; tick(); },
    /** @param {import('./feed.js').Pulse} pulse */
    pulse(pulse) {
      if (last && last.owner !== pulse.owner) changed = performance.now();
      last = pulse;
      heard = elapsed();
      tick();
    },
    /** What is shown lacks what has happened since; null: it is whole. @param {number | null} since */
    behind(since) { behind = since; whole ||= since === null; tick(); },
    /** The page shows an instant of the past. @param {boolean} is */
    past(is) { past = is; if (!is) whole = true; tick(); },
    restarted() { restarted = performance.now(); tick(); },
    tick,
  };
}
