// @ts-check
// The route of a vehicle on paper: what its driver needs where there is no phone. Printed by the browser; nothing else of the page is.
import { stopWord, t, w } from './language.js';
import { $, el, fill, say } from './dom.js';
import { get, wrong } from './api.js';
import { apart, clock, date, time } from './time.js';

/** Orders that are asked for at a time. */
const AT_ONCE = 8;

/** A break, of which its driver may write down when it began. @param {{starts: number, ends: number}} pause */
const pauseRow = (pause) => el('tr', {}, el('td'), el('td', {}, time(pause.starts)), el('td', { colspan: '5' }, t('break')), el('td', { class: 'tick' }, w`until ${time(pause.ends)}`));

/** @param {string} id */
export async function printSheet(id) {
  const answer = await get('v1/vehicles/{id}', { id });
  if (!answer.ok) { say(wrong(answer)); return; }
  const vehicle = answer.body;
  /** @type {Map<string, import('../engine.js').OrderStory>} */ const orders = new Map();
  const wanted = [...new Set(vehicle.visits.map((visit) => visit.order))];
  for (let from = 0; from < wanted.length; from += AT_ONCE) {
    const some = await Promise.all(wanted.slice(from, from + AT_ONCE).map((order) => get('v1/orders/{id}', { id: order })));
    for (const one of some) if (one.ok && !('retired' in one.body)) orders.set(one.body.id, one.body);
  }
  const rows = vehicle.visits.flatMap((visit, index) => {
    const order = orders.get(visit.order);
    const stop = order?.stops?.find((one) => one.stop === visit.stop);
    const windows = (stop?.windows ?? []).map(([opens, closes]) => `${time(opens)}–${time(closes)}`).join(', ');
    const pauses = (visit.breaks ?? []).map(pauseRow);
    const depot = visit.reload ? [el('tr', {}, el('td'), el('td', {}, time(visit.reload.arrival)), el('td', { colspan: '5' }, `${visit.reload.name ?? t('depot')} ${t('to be loaded')}`), el('td', { class: 'tick' }, w`until ${time(visit.reload.departure)}`))] : [];
    return [...pauses, ...depot, el('tr', {}, el('td', {}, String(index + 1)), el('td', {}, time(visit.start)), el('td', {}, stopWord(visit)), el('td', {}, visit.order, order?.reference ? el('div', {}, order.reference) : null), el('td', {}, stop?.address ?? stop?.street ?? `${visit.at[1].toFixed(5)}, ${visit.at[0].toFixed(5)}`), el('td', {}, windows || (visit.due ? w`by ${time(visit.due)}` : '')), el('td', {}, (order?.load ?? []).filter(Boolean).join(' ')), el('td', { class: 'tick' }))];
  });
  const pause = apart(vehicle);
  if (pause) rows.push(pauseRow(pause));
  const shift = vehicle.shift ? w`, shift ${time(vehicle.shift[0])}–${time(vehicle.shift[1])}` : '';
  fill('sheet', el('h2', {}, w`Route of ${id}`), el('p', {}, w`${date(clock())}${shift}, revision ${vehicle.revision}, printed ${time(clock())}`),
    el('table', {}, el('thead', {}, el('tr', {}, ...['', 'begins', 'stop', 'order', 'where', 'window', 'load', 'notes'].map((name) => el('th', { scope: 'col' }, t(name))))), el('tbody', {}, ...rows)));
  $('sheet').hidden = false;
  window.print();
}
window.addEventListener('afterprint', () => { $('sheet').hidden = true; fill('sheet'); });
