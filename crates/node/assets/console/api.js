// @ts-check
// Every request of the page. Events are posted here and nowhere else: as any other producer's, with the answer that the engine gives.
import { t, w } from './language.js';
import { clock, iso } from './time.js';

/** By this the engine knows requests of its own page: a page of another site cannot send it. */
const ours = { 'Fleetfold-Request': 'page' };

/** @typedef {import('../engine.js').Gets} Gets */
/** @typedef {import('../engine.js').Posts} Posts */
/** Every event that the engine takes, with its envelope. @typedef {Posts['v1/events']['takes']} CloudEvent */
/** What happened, without the envelope. @template {CloudEvent} [E=CloudEvent] @typedef {E extends {type: `fleet.${infer Name}.v1`, data: infer Data} ? {type: Name, data: Data} : never} FactOf */
/** @typedef {FactOf} Fact */
/** What stands in place of an answer: the engine's own words, or the page's where there are none. @typedef {Partial<import('../engine.js').Problem>} Trouble */
/** @template T @typedef {{ok: true, status: number, body: T} | {ok: false, status: number, body: Trouble}} Answer */

/** @template T @param {string} path @param {RequestInit} [init] @returns {Promise<Answer<T>>} */
async function ask(path, init) {
  try {
    const response = await fetch(path, init);
    const text = await response.text();
    try {
      return { ok: response.ok, status: response.status, body: JSON.parse(text) };
    } catch { return { ok: false, status: response.status, body: { detail: text.slice(0, 200) } }; } // a proxy has answered, and not the engine
  } catch {
    return { ok: false, status: 0, body: { title: t('no connection to the engine'), detail: t('try again when the status line says live') } };
  }
}
/**
 * Asks the engine. What `given` names in the path is put there, the rest is asked for in the query.
 * @template {keyof Gets} R @param {R} route @param {Record<string, string | number>} [given] @returns {Promise<Answer<Gets[R]>>}
 */
export function get(route, given = {}) {
  let path = String(route);
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(given)) {
    if (path.includes(`{${name}}`)) path = path.replace(`{${name}}`, () => encodeURIComponent(value)); else asked.set(name, String(value));
  }
  return ask(asked.size ? `${path}?${asked}` : path);
}
/** @template {keyof Posts} R @param {R} route @param {Posts[R]['takes']} body @returns {Promise<Answer<Posts[R]['answers']>>} */
export const send = (route, body) => ask(route, { method: 'POST', headers: { 'content-type': 'application/json', ...ours }, body: JSON.stringify(body) });
/** What went wrong, in words. @param {Answer<unknown>} answer */
export const wrong = (answer) => (answer.ok ? '' : [answer.body.title, answer.body.detail].filter(Boolean).join(': ')) || w`status ${answer.status}`;

let sent = 0;
const session = Array.from(crypto.getRandomValues(new Uint32Array(3)), (part) => part.toString(16).padStart(8, '0')).join('');

/** The name under which this operator's events are shown: that of his session, or, where nobody logs in, the one that he has typed. */
export function who() { const session = document.documentElement.dataset.operator; if (session !== undefined) return session; try { return localStorage.getItem('fleetfold-operator') ?? ''; } catch { return ''; } }
/** @param {string} name */
export function rename(name) { try { localStorage.setItem('fleetfold-operator', name.trim().slice(0, 60)); } catch { /* the browser keeps nothing: the name is gone with the page */ } }

/** A name that no other page has: of a change of roads, or an order that has none. */
export function unique() {
  named += 1;
  return `desk-${Math.round((clock() || Date.now()) / 1000).toString(36)}-${session.slice(0, 4)}${named > 1 ? named.toString(36) : ''}`;
}
let named = 0;

/** A fact as a CloudEvent of this page. @param {Fact} fact @returns {CloudEvent} */
export function event({ type, data }) {
  const about = /** @type {{order_id?: string, vehicle_id?: string, change_id?: string}} */ (data);
  const subject = ['attention.noted', 'alert.acknowledged'].includes(type) ? '_' : about.order_id ?? about.vehicle_id ?? about.change_id ?? '_';
  return /** @type {CloudEvent} */ ({ specversion: '1.0', id: eventId(), source: SOURCE, type: `fleet.${type}.v1`, subject, time: iso(clock() || Date.now()), ...signed(), data });
}
/** Who acts, where nobody has logged in: what he calls himself, as an extension attribute. Of those who have logged in the engine writes `authid`. */
export const signed = () => (who() && document.documentElement.dataset.operator === undefined ? { operator: who() } : {});
/** What the page calls itself in its events. */
export const SOURCE = '/console';
/** The id of the next event. */
export function eventId() { sent += 1; return `${session}-${sent}`; }

/** Posts facts, and comes back when each has its answer. @param {unknown[]} events CloudEvents @returns {Promise<Answer<Posts['v1/events']['answers']>>} */
export const post = (events) => ask('v1/events?wait=answer', {
  method: 'POST',
  headers: { 'content-type': 'application/x-ndjson', ...ours },
  body: events.map((one) => JSON.stringify(one)).join('\n'),
});
