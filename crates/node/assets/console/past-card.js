// @ts-check
// The card while the page shows the past: what the picture of that instant has, and what had happened by then. Nothing on it acts.
import { t, w } from './language.js';
import { $, button, el, fill } from './dom.js';
import { get } from './api.js';
import { onTheWay, violated } from './hours.js';
import { storyLines } from './order-card.js';
import { choose, fleet } from './store.js';
import { clock, exact, lateMinutes, time } from './time.js';

/** @typedef {[string, string | Node | number | null | undefined][]} Facts */

/** @param {import('./store.js').Order} order @returns {[string, Facts]} */
function ofOrder(order) {
  const { late_seconds: late = 0, vehicle } = order;
  const head = order.status === 'unassigned' ? w`Unassigned: ${order.reason}` : (late ?? 0) >= 60 ? w`${lateMinutes(late ?? 0)} min late` : order.start ? w`Planned to begin ${time(order.start)}` : t(order.status);
  return [head, [
    ['status', t(order.status)], ['vehicle', vehicle ? button(vehicle, () => choose('vehicles', vehicle)) : null], ['reference', order.reference], ['begins', order.start ? time(order.start) : null], ['promised by', order.due ? time(order.due) : null],
    ['pinned to', order.pinned], ['priority', order.priority || null], ['placed', time(order.placed)],
  ]];
}
/** @param {import('./store.js').Vehicle} vehicle @returns {[string, Facts]} */
function ofVehicle(vehicle) {
  const stops = el('ol', {}, ...vehicle.visits.flatMap((visit) => [...onTheWay(visit), el('li', {}, button(visit.order, () => choose('orders', visit.order)), ` ${time(visit.start)}`, visit.late ? el('b', { class: 'bad-text' }, t(' late')) : '')]));
  return [w`${t(vehicle.status)}, ${vehicle.visits.length} stops to do`, [['status', t(vehicle.status)], ['position', vehicle.seen && vehicle.seen > 0 ? exact(vehicle.seen) : null], ['driving times', vehicle.hours ? violated(vehicle.hours) : null], ['stops done', vehicle.stops_done], ['its stops', vehicle.visits.length ? stops : null]]];
}

/** @param {import('./store.js').Chosen} chosen @param {() => boolean} current it is still looked at, and the past is */
export async function showPast(chosen, current) {
  const at = clock();
  const order = chosen.kind === 'orders' ? fleet.orders.get(chosen.id) ?? fleet.failed.get(chosen.id) : undefined;
  const vehicle = chosen.kind === 'vehicles' ? fleet.vehicles.get(chosen.id) : undefined;
  const [head, facts] = order ? ofOrder(order) : vehicle ? ofVehicle(vehicle) : [chosen.kind === 'orders' ? t('It was not open then.') : t('It was not there then.'), []];
  fill('story-title', `${chosen.kind === 'orders' ? t('Order') : t('Vehicle')} ${chosen.id}`);
  fill('story-head', w`At ${exact(at)}: ${head}`);
  $('story-head').classList.toggle('bad-text', order?.status === 'unassigned' || (order?.late_seconds ?? 0) > 0 || vehicle?.status === 'lost');
  for (const id of ['story-actions', 'story-more', 'story-why']) fill(id);
  fill('story-facts', ...facts.filter(([, value]) => value !== null && value !== undefined && value !== '').flatMap(([label, value]) => [el('dt', {}, t(label)), el('dd', {}, value)]));
  const answer = chosen.kind === 'orders' ? await get('v1/orders/{id}', { id: chosen.id }) : await get('v1/vehicles/{id}', { id: chosen.id });
  if (!current()) return;
  fill('story-lines', ...(answer.ok ? storyLines(answer.body.story.filter((line) => line.at <= at)) : []));
}
