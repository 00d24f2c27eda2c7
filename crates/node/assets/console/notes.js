// @ts-check
// What dispatchers tell each other about something that needs attention: an event in the log, so that every screen has it.
import { t, w } from './language.js';
import { button, say } from './dom.js';
import { notice, refuses, unnotice } from './acting.js';
import { event, post, who, wrong } from './api.js';
import { clock, iso, time } from './time.js';
import { alertsOf, noteOf } from './store.js';

/** A snooze lasts so long, milliseconds. */
const SNOOZE = 15 * 60_000;
const FIELD = /** @type {Record<string, string>} */ ({ order: 'order_id', vehicle: 'vehicle_id', entry: 'entry_seq' });

/** What is wrong in each kind of row, as a note says it. An order that is late now and one that will be are the same trouble. @type {Record<string, string>} */
export const KIND_WORDS = { late: 'late', hour: 'late', later: 'late', unassigned: 'unassigned', failed: 'failed', silent: 'silent', hours: 'driving times', refused: 'refused', conflict: 'conflicting', moved: 'moved', alert: 'alert' };
const KNOWN = new Set(Object.values(KIND_WORDS));
/** What a note of this page says is wrong; null: it was written elsewhere, and is about whatever is. @param {string | null | undefined} words */
function kindsOf(words) {
  const kinds = words?.split(', ') ?? [];
  return kinds.length && kinds.every((kind) => KNOWN.has(kind)) ? kinds : null;
}
/** A note is about what was wrong when it was written: not about another trouble of the same order or vehicle, and not about one that ended and came again. @param {import('./store.js').Noted} noted @param {string} kind of the row @param {number} began when what the row says began; 0: unknown */
export function covers(noted, kind, began) {
  const kinds = kindsOf(noted.words);
  return !kinds || (kinds.includes(KIND_WORDS[kind]) && began <= noted.at);
}
/** @type {(what: string, id: string | number) => string[]} */ let wrongWith = () => [];
/** How is known what is wrong with something now: the work list has it. @param {(what: string, id: string | number) => string[]} kinds */
export function kindsBy(kinds) { wrongWith = kinds; }

/** The fact that an alert was seen, or is to be seen again. @param {import('./store.js').Alert} alert @param {'acknowledged' | 'snoozed' | 'cleared'} attention */
function seen(alert, attention) {
  const until = attention === 'snoozed' ? clock() + SNOOZE : attention === 'cleared' ? clock() : null;
  const about = alert.order ? { order_id: alert.order } : alert.vehicle ? { vehicle_id: alert.vehicle } : {};
  return event({ type: 'alert.acknowledged', data: { alert: alert.alert, ...about, ...(who() ? { by: who() } : {}), ...(until ? { until_time: iso(until) } : {}) } });
}

/** @param {string} what @param {import('./api.js').CloudEvent[]} events @param {string} done */
async function tell(what, events, done) {
  if (refuses()) return false;
  const answer = await post(events);
  const one = answer.ok ? answer.body.answers?.find(({ state }) => state === 'refused') : undefined;
  const bad = answer.ok ? one?.reason ?? answer.body.rejected[0]?.detail : wrong(answer);
  if (bad) notice(w`${what}: not ${t(done)}: ${bad}`); else { unnotice(); say(`${what}: ${t(done)}`); }
  return !bad;
}

/**
 * One button for the dispatcher, two facts behind it: a note tells the other dispatchers, whatever is wrong with the order or the vehicle; and each alert of the engine
 * that stands about it is acknowledged, so that whoever else listens to alerts (a pager) is told, too.
 * @param {'order' | 'vehicle' | 'entry'} what @param {string | number} id @param {'acknowledged' | 'snoozed' | 'cleared'} attention
 */
export async function note(what, id, attention) {
  const kinds = attention === 'cleared' ? [] : [...new Set(wrongWith(what, id))];
  const data = { [FIELD[what]]: id, attention, ...(who() ? { by: who() } : {}), ...(kinds.length ? { words: kinds.join(', ') } : {}), ...(attention === 'snoozed' ? { until_time: iso(clock() + SNOOZE) } : {}) };
  return tell(String(id), [event({ type: 'attention.noted', data }), ...alertsOf(what, id).map((alert) => seen(alert, attention))], attention);
}
/** The same of an alert that is about the whole zone. @param {import('./store.js').Alert} alert @param {'acknowledged' | 'snoozed' | 'cleared'} attention */
export const noteAlert = (alert, attention) => tell(alert.alert, [seen(alert, attention)], attention);

/** @param {import('./store.js').Noted} noted */
export const noteText = (noted) => `${noted.attention === 'snoozed' ? t('Snoozed') : t('Acknowledged')}${noted.by ? w` by ${noted.by}` : ''} ${time(noted.at)}${noted.until ? w`, until ${time(noted.until)}` : ''}${noted.words ? `: ${kindsOf(noted.words)?.map((kind) => t(kind)).join(', ') ?? noted.words}` : ''}`;

/** @param {'order' | 'vehicle' | 'entry'} what @param {string | number} id */
export function noteButtons(what, id) {
  const noted = noteOf(what, id, clock());
  const kinds = noted && kindsOf(noted.words);
  const clear = noted ? [button(t('Clear the note'), () => void note(what, id, 'cleared'), { 'data-note': 'cleared', 'data-acts': true })] : [];
  // Something else may be wrong by now.
  if (noted && !(kinds && wrongWith(what, id).some((kind) => !kinds.includes(kind)))) return clear;
  return [...clear, button(t('Acknowledge'), () => void note(what, id, 'acknowledged'), { 'data-note': 'acknowledged', 'data-acts': true }), button(t('Snooze 15 min'), () => void note(what, id, 'snoozed'), { 'data-note': 'snoozed', 'data-acts': true })];
}
