// @ts-check
// What dispatchers tell each other about something that needs attention: an event in the log, so that every screen has it.
import { button } from './dom.js';
import { event, post, who, wrong } from './api.js';
import { clock, iso, time } from './time.js';
import { say } from './dom.js';
import { noteOf } from './store.js';

/** A snooze lasts so long, milliseconds. */
const SNOOZE = 15 * 60_000;
const FIELD = /** @type {Record<string, string>} */ ({ order: 'order_id', vehicle: 'vehicle_id', entry: 'entry_seq' });

/** @param {'order' | 'vehicle' | 'entry'} what @param {string | number} id @param {'acknowledged' | 'snoozed' | 'cleared'} attention */
export async function note(what, id, attention) {
  const data = { [FIELD[what]]: id, attention, ...(who() ? { by: who() } : {}), ...(attention === 'snoozed' ? { until_time: iso(clock() + SNOOZE) } : {}) };
  const answer = await post([event({ type: 'attention.noted', data })]);
  say(answer.ok ? `${id}: ${attention}` : wrong(answer));
  return answer.ok;
}

/** @param {import('./store.js').Noted} noted */
export const noteText = (noted) => `${noted.attention === 'snoozed' ? 'Snoozed' : 'Acknowledged'}${noted.by ? ` by ${noted.by}` : ''} ${time(noted.at)}${noted.until ? `, until ${time(noted.until)}` : ''}${noted.words ? `: ${noted.words}` : ''}`;

/** @param {'order' | 'vehicle' | 'entry'} what @param {string | number} id */
export function noteButtons(what, id) {
  if (noteOf(what, id, clock())) return [button('Clear the note', () => void note(what, id, 'cleared'), { 'data-note': 'cleared' })];
  return [button('Acknowledge', () => void note(what, id, 'acknowledged'), { 'data-note': 'acknowledged' }), button('Snooze 15 min', () => void note(what, id, 'snoozed'), { 'data-note': 'snoozed' })];
}
