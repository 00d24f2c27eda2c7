// @ts-check
// Breaks, calls at depots and driving times in words: on the card of now, on that of the past, in the work list.
import { el } from './dom.js';
import { t, w } from './language.js';
import { time } from './time.js';

/** How a driver breaks the rule of his vehicle. @param {import('../engine.js').DrivingViolation} broken */
export function violated({ what, by_seconds, planned }) {
  const by = Math.ceil(by_seconds / 60);
  const over = { driving: w`${by} min too long without a break`, shift_driving: w`${by} min too much driving in the shift`, duty: w`${by} min too long at work`, break: w`a break of ${by} min is missing` }[what] ?? what;
  return planned ? w`${over} on its route as planned` : over;
}

/** What comes before a stop and on the way there, in the order of time. @param {import('../engine.js').Visit} visit */
export function onTheWay(visit) {
  const pauses = (visit.breaks ?? []).map((pause) => ({ at: pause.starts, line: el('li', { class: 'break' }, `○ ${t('break')} ${time(pause.starts)}–${time(pause.ends)}`) }));
  const calls = visit.reload ? [{ at: visit.reload.arrival ?? Infinity, line: el('li', { class: 'depot' }, `○ ${visit.reload.name ?? t('depot')} ${t('to be loaded')} ${time(visit.reload.arrival)}–${time(visit.reload.departure)}`) }] : [];
  return [...pauses, ...calls].sort((a, b) => a.at - b.at).map(({ line }) => line);
}
