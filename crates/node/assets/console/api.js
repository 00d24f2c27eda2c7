// @ts-check
// Every request of the page. Events are posted here and nowhere else: as any other producer's, with the answer that the engine gives.
import { clock, iso } from './time.js';

/** By this the engine knows requests of its own page: a page of another site cannot send it. */
const ours = { 'Fleetfold-Request': 'page' };

/** @typedef {{type: string, data: Record<string, any>}} Fact */
/** @typedef {{ok: boolean, status: number, body: any}} Answer */

/** @param {string} path @param {RequestInit} [init] @returns {Promise<Answer>} */
async function ask(path, init) {
  try {
    const response = await fetch(path, init);
    const text = await response.text();
    let body = null;
    try { body = text ? JSON.parse(text) : null; } catch { body = { detail: text }; }
    return { ok: response.ok, status: response.status, body };
  } catch {
    return { ok: false, status: 0, body: { title: 'no connection to the engine', detail: 'try again when the status line says live' } };
  }
}
/** @param {string} path */
export const get = (path) => ask(path);
/** @param {string} path @param {any} body */
export const send = (path, body) => ask(path, { method: 'POST', headers: { 'content-type': 'application/json', ...ours }, body: JSON.stringify(body) });
/** What went wrong, in words. @param {Answer} answer */
export const wrong = (answer) => [answer.body?.title, answer.body?.detail].filter(Boolean).join(': ') || `status ${answer.status}`;

let sent = 0;
const session = Array.from(crypto.getRandomValues(new Uint32Array(3)), (part) => part.toString(16).padStart(8, '0')).join('');

/** The name under which this operator's events are shown. */
export function who() { try { return localStorage.getItem('fleetfold-operator') ?? ''; } catch { return ''; } }
/** @param {string} name */
export function rename(name) { try { localStorage.setItem('fleetfold-operator', name.trim().slice(0, 60)); } catch { /* the browser keeps nothing: the name is gone with the page */ } }

/** A fact as a CloudEvent of this page. @param {Fact} fact */
export function event({ type, data }) {
  sent += 1;
  const subject = ['attention.noted', 'alert.acknowledged'].includes(type) ? '_' : data.order_id ?? data.vehicle_id ?? data.change_id ?? '_';
  return { specversion: '1.0', id: `${session}-${sent}`, source: '/console', type: `fleet.${type}.v1`, subject, time: iso(clock() || Date.now()), data };
}

/** Posts facts, and comes back when each has its answer. @param {any[]} events CloudEvents @returns {Promise<Answer>} */
export const post = (events) => ask('v1/events?wait=answer', {
  method: 'POST',
  headers: { 'content-type': 'application/x-ndjson', ...ours },
  body: events.map((one) => JSON.stringify(one)).join('\n'),
});
