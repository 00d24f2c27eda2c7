// @ts-check
// Whether what this page has sent is still as it left it: only then it is taken back. What somebody else did since is never overwritten.
import { get } from './api.js';
import { t, w } from './language.js';
import { fleet } from './store.js';

/** @typedef {import('../engine.js').OrderStory} OrderStory */

/** What is otherwise now; '' if nothing is. @param {string} id @param {(order: OrderStory) => string} differs @returns {() => Promise<string>} */
const orderIs = (id, differs) => async () => {
  const answer = await get('v1/orders/{id}', { id });
  if (!answer.ok) return '';
  const order = answer.body;
  if ('retired' in order || !['open', 'unassigned', 'assigned', 'on board'].includes(order.status)) return w`order ${id} is ${t(order.status)} now`;
  return differs(order);
};
/** @param {string} id @param {number} value */
export const prioritySince = (id, value) => orderIs(id, (order) => ((order.priority ?? 0) === value ? '' : w`the priority of ${id} is ${order.priority ?? 0} now`));
/** @param {string} id @param {string} vehicle */
export const pinSince = (id, vehicle) => orderIs(id, (order) => (order.pinned === vehicle ? '' : order.pinned ? w`${id} is pinned to ${order.pinned} now` : w`${id} is not pinned any more`));
/** @param {string} id */
export const unpinSince = (id) => orderIs(id, (order) => (order.pinned ? w`${id} is pinned to ${order.pinned} now` : ''));
/** One that was added: somebody else may have put it somewhere, or taken its goods. @param {string} id */
export const addedSince = (id) => orderIs(id, (order) => (order.on_board ? w`its goods are in ${order.on_board}` : order.pinned ? w`${id} is pinned to ${order.pinned} now` : ''));
/** @param {string} id @param {(status: string) => boolean} holds */
export const vehicleSince = (id, holds) => async () => {
  // The engine is asked: the feed may be a moment behind the answer that the operator has just seen.
  const answer = await get('v1/vehicles/{id}', { id });
  return !answer.ok || holds(answer.body.status) ? '' : w`${id} is ${t(answer.body.status)} now`;
};
/** @param {string} change */
export const roadSince = (change) => async () => {
  const answer = await get('v1/state', { part: 'roads' });
  return !answer.ok || answer.body.roads?.some((road) => road.id === change) ? '' : t('it was reopened already');
};

/** What others took over from a vehicle does not come back by itself when it does: says which orders stay with them. @param {string} vehicle @returns {(trial: import('../engine.js').WhatIf) => string[]} */
export function staysElsewhere(vehicle) {
  const had = [...new Set((fleet.vehicles.get(vehicle)?.visits ?? []).map((visit) => visit.order))];
  return (trial) => {
    const after = new Map(trial.orders.map((order) => [order.order, order.after]));
    const left = had.flatMap((id) => {
      const order = fleet.orders.get(id);
      if (!order) return [];
      const place = after.get(id)?.vehicle ?? (after.has(id) ? null : order.vehicle);
      return place === vehicle ? [] : [`${id} (${place ?? t('unassigned')})`];
    });
    if (!had.length) return [];
    return [left.length ? w`This does not bring back ${left.length} of its ${had.length} orders: ${left.slice(0, 12).join(', ')}. A search may move them later; move those that have to be on ${vehicle}.` : w`This brings back all of its ${had.length} orders.`];
  };
}
