// @ts-check
// What follows when a stop was dragged to another place of the timeline. Events name a vehicle and no place in its route: the engine chooses that, and the preview says which.
import { button, el } from './dom.js';
import { t, w } from './language.js';
import { moveById } from './order-actions.js';
import { closePreview, showPanel, takePanel } from './preview.js';
import { choose, fleet } from './store.js';
import { time } from './time.js';

/** `lane`: the vehicle on whose row it was dropped, none if on no row; `at`: the instant under its beginning. @typedef {{order: string, from: string, frozen: boolean, lane: string | null, at: number}} Drop */
/** Stops before and after a place in a route; none: the route begins or ends there. @typedef {{after: string | null, before: string | null}} Between */

/** @param {{order: string, start: number | null}[]} stops in their order @param {number} at @returns {Between} */
function between(stops, at) {
  const known = stops.filter((stop) => stop.start !== null);
  const next = known.findIndex((stop) => Number(stop.start) > at);
  const [last, first] = next === -1 ? [known.at(-1), undefined] : [known[next - 1], known[next]];
  return { after: last?.order ?? null, before: first?.order ?? null };
}
/** @param {Between} place */
function words({ after, before }) {
  if (after && before) return w`after ${after} and before ${before}`;
  return after ? w`after ${after}, as the last` : before ? w`before ${before}, as the first` : t('as the only one');
}
/** The stops of a vehicle without those of one order. @param {string} vehicle @param {string} order */
const others = (vehicle, order) => (fleet.vehicles.get(vehicle)?.visits ?? []).filter((visit) => visit.order !== order);

/** The place that the trial gives an order in the route of a vehicle; none if it is not on it. @param {import('../engine.js').WhatIf} trial @param {string} order @param {string} vehicle */
function chosen(trial, order, vehicle) {
  const now = fleet.vehicles.get(vehicle)?.visits ?? [];
  const mine = trial.orders.find((one) => one.order === order);
  const start = mine ? (mine.after.vehicle === vehicle ? mine.after.start : null) : now.filter((visit) => visit.order === order).at(-1)?.start ?? null;
  if (start === null) return null;
  const changed = new Map(trial.orders.map((one) => [one.order, one.after]));
  const stops = others(vehicle, order).filter((visit) => !changed.has(visit.order)).map(({ order: id, start: begins }) => ({ order: id, start: begins }));
  for (const [id, after] of changed) if (id !== order && after.vehicle === vehicle) stops.push({ order: id, start: after.start });
  stops.sort((a, b) => Number(a.start) - Number(b.start));
  return { place: between(stops, start), start };
}

/** Says why nothing comes of it. @param {string} order @param {string} why */
function nothing(order, why) {
  takePanel();
  showPanel(el('h2', {}, w`${order} stays where it is`), el('p', { id: 'drop-said', role: 'status' }, why), el('div', { class: 'buttons' }, button(t('Close (Esc)'), closePreview)));
}

/** @param {Drop} drop */
export async function dropped({ order, from, frozen, lane, at }) {
  choose('orders', order, false);
  if (frozen) { nothing(order, w`${from} is on its way to it, or there: that is not changed any more.`); return; }
  if (!lane) { nothing(order, t('It was dropped on no row: drop it on the row of a vehicle.')); return; }
  const wanted = between(others(lane, order), at);
  const visits = fleet.vehicles.get(from)?.visits ?? [];
  const index = visits.findIndex((visit) => visit.order === order);
  const here = { after: visits[index - 1]?.order ?? null, before: visits[index + 1]?.order ?? null };
  if (lane === from && here.after === wanted.after && here.before === wanted.before) { nothing(order, w`It was dropped where it is: ${words(here)}.`); return; }
  await moveById(order, lane, [w`You dropped it ${words(wanted)}. An event names the vehicle and not the place in its route: the engine chooses the place.`], (trial) => {
    const found = chosen(trial, order, lane);
    if (!found) return [w`The engine finds no place for it on ${lane}.`];
    const same = found.place.after === wanted.after && found.place.before === wanted.before;
    return [same ? w`The engine chooses that place: ${words(found.place)}, ${time(found.start)}.` : w`The engine chooses another place than where you dropped it: ${words(found.place)}, ${time(found.start)}.`];
  });
}
