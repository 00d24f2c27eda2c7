// @ts-check
// What dispatchers tell each other about something that needs attention: an event in the log, so that every screen has it.
import { t, w } from './language.js';
import { button } from './dom.js';
import { event, post, who, wrong } from './api.js';
import { clock, iso, time } from './time.js';
import { say } from './dom.js';
import { alertsOf, noteOf } from './store.js';

/** A snooze lasts so long, milliseconds. */
const SNOOZE = 15 * 60_000;
const FIELD = /** @type {Record<string, string>} */ ({ order: 'order_id', vehicle: 'vehicle_id', entry: 'entry_seq' });

/** The fact that an alert was seen, or is to be seen again. @param {import('./store.js').Alert} alert @param {'acknowledged' | 'snoozed' | 'cleared'} attention */
function seen(alert, attention) {
  const until = attention === 'snoozed' ? clock() + SNOOZE : attention === 'cleared' ? clock() : null;
  const about = alert.order ? { order_id: alert.order } : alert.vehicle ? { vehicle_id: alert.vehicle } : {};
  return event({ type: 'alert.acknowledged', data: { alert: alert.alert, ...about, ...(who() ? { by: who() } : {}), ...(until ? { until_time: iso(until) } : {}) } });
}

/** @param {string} what @param {import('./api.js').CloudEvent[]} events @param {string} done */
async function tell(what, events, done) {
  const answer = await post(events);
  say(answer.ok ? `${what}: ${done}` : wrong(answer));
  return answer.ok;
}

/**
 * One button for the dispatcher, two facts behind it: a note tells the other dispatchers, whatever is wrong with the order or the vehicle; and each alert of the engine
 * that stands about it is acknowledged, so that whoever else listens to alerts (a pager) is told, too.
 * @param {'order' | 'vehicle' | 'entry'} what @param {string | number} id @param {'acknowledged' | 'snoozed' | 'cleared'} attention
 */
export async function note(what, id, attention) {
  const data = { [FIELD[what]]: id, attention, ...(who() ? { by: who() } : {}), ...(attention === 'snoozed' ? { until_time: iso(clock() + SNOOZE) } : {}) };
  return tell(String(id), [event({ type: 'attention.noted', data }), ...alertsOf(what, id).map((alert) => seen(alert, attention))], attention);
}
/** The same of an alert that is about the whole zone. @param {import('./store.js').Alert} alert @param {'acknowledged' | 'snoozed' | 'cleared'} attention */
export const noteAlert = (alert, attention) => tell(alert.alert, [seen(alert, attention)], attention);

/** @param {import('./store.js').Noted} noted */
export const noteText = (noted) => `${noted.attention === 'snoozed' ? t('Snoozed') : t('Acknowledged')}${noted.by ? w` by ${noted.by}` : ''} ${time(noted.at)}${noted.until ? w`, until ${time(noted.until)}` : ''}${noted.words ? `: ${noted.words}` : ''}`;

/** @param {'order' | 'vehicle' | 'entry'} what @param {string | number} id */
export function noteButtons(what, id) {
  if (noteOf(what, id, clock())) return [button(t('Clear the note'), () => void note(what, id, 'cleared'), { 'data-note': 'cleared' })];
  return [button(t('Acknowledge'), () => void note(what, id, 'acknowledged'), { 'data-note': 'acknowledged' }), button(t('Snooze 15 min'), () => void note(what, id, 'snoozed'), { 'data-note': 'snoozed' })];
}
