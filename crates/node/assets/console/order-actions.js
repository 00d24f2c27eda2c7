// @ts-check
// What an operator can do with an order: each is one or two ordinary events, previewed first.
import { $, button, el, fill } from './dom.js';
import { t, w } from './language.js';
import { get, wrong } from './api.js';
import { lacks, propose } from './preview.js';
import { decimal } from './numbers.js';
import { fleet } from './store.js';
import { clock, iso, lateMinutes, more, time } from './time.js';
import { pinSince, prioritySince, unpinSince } from './undo.js';

/** Vehicles that are asked who could take an order. */
const ASKED = 12;
/** A new appointment lasts so long, in milliseconds. */
const APPOINTMENT = 2 * 3_600_000;

/** @typedef {import('../engine.js').OrderStory} OrderStory */
/** What is needed to move an order. @typedef {Pick<OrderStory, 'id' | 'vehicle' | 'pinned'>} Placed */

/** @param {OrderStory} order @returns {HTMLButtonElement[]} */
export function orderActions(order) {
  const open = ['open', 'unassigned', 'assigned', 'on board'].includes(order.status);
  if (order.status === 'failed') return [button(t('New appointment'), () => retry(order), { id: 'act-retry', 'data-acts': true })];
  if (!open) return [];
  const buttons = [
    button(t('Move to…'), () => void offers(order), { id: 'act-move', accesskey: 'm', 'data-acts': true }),
    order.pinned ? button(w`Unpin from ${order.pinned}`, () => unpin(order.id, order.pinned ?? ''), { id: 'act-unpin', 'data-acts': true }) : order.vehicle ? button(w`Pin to ${order.vehicle}`, () => pin(order.id, order.vehicle ?? ''), { id: 'act-pin', 'data-acts': true }) : null,
    button(t('Priority…'), () => priorityForm(order), { id: 'act-priority', 'data-acts': true }),
    button(t('Cancel order'), () => cancel(order), { id: 'act-cancel', 'data-acts': true }),
  ];
  return buttons.filter((one) => one !== null);
}

/** Who could take it: ranked, with minutes more and who becomes later; or what rules each out. @param {OrderStory} order */
export async function offers(order) {
  const waiting = el('p', { role: 'status' }, w`Asking the ${ASKED} nearest vehicles…`);
  fill('story-more', waiting);
  const answer = await get('v1/offers/{order}', { order: order.id, vehicles: ASKED });
  if (!waiting.isConnected) return; // something else is looked at by now
  if (!answer.ok) { fill('story-more', el('p', { class: 'bad-text' }, wrong(answer))); return; }
  const { offers: found, holder, not_asked: others } = answer.body;
  if (!found.length && !order.vehicle) { fill('story-more', el('p', { id: 'offers-none', role: 'status' }, fleet.vehicles.size ? t('No vehicle can be asked: none is signed on.') : t('No vehicle can be asked: the zone has none yet.'))); return; }
  const holds = holder?.cost ? w`Now on ${holder.vehicle}, where it takes ${more(holder.cost.drive_seconds)} of driving, ${holder.delays?.length ?? 0} others begin later because of it.` : order.vehicle ? w`Now on ${order.vehicle}.` : t('Now on no vehicle.');
  fill('story-more', el('h3', {}, t('Who could take it')), el('p', {}, holds), el('ol', { id: 'offers', 'aria-label': t('vehicles, the cheapest first') }, ...found.map((offer) => offerLine(order, offer))), others > 0 ? el('p', {}, w`${others} vehicles further away were not asked.`) : null, others > 0 ? another(order) : null);
  $('offers').querySelector('button')?.focus();
}

/** A vehicle that was not asked, by its id. @param {OrderStory} order */
function another(order) {
  const input = el('input', { id: 'offer-other', list: 'offer-others', autocomplete: 'off', 'aria-label': t('id of another vehicle') });
  const said = el('p', { id: 'offer-unknown', role: 'status' });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const vehicle = input.value.trim();
    if (fleet.vehicles.has(vehicle)) move(order, vehicle);
    else said.textContent = w`no vehicle is called ${vehicle}`;
  };
  const ids = [...fleet.vehicles.keys()].filter((id) => id !== order.vehicle).sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  return el('form', { class: 'buttons', onsubmit: submit }, t('Another vehicle'), input, el('datalist', { id: 'offer-others' }, ...ids.map((id) => el('option', { value: id }))), el('button', { type: 'submit', id: 'offer-other-go' }, t('Preview')), said);
}

/** @param {OrderStory} order @param {import('../engine.js').Offer} offer */
function offerLine(order, offer) {
  const last = offer.stops?.at(-1);
  const later = (offer.delays ?? []).filter((delay) => delay.late_seconds > delay.late_seconds_before);
  const head = offer.cost ? w`${offer.vehicle}: ${more(offer.cost.drive_seconds)} of driving, begins ${time(last?.start)}${last && last.late_seconds >= 60 ? w`, ${lateMinutes(last.late_seconds)} min late` : ''}` : offer.vehicle;
  const under = offer.cost
    ? [typeof offer.dearer_by !== 'number' ? '' : w`${offer.dearer_by >= 0 ? '+' : '−'}${decimal(Math.abs(offer.dearer_by), 2)} beside now`, offer.delays?.length ? w`${offer.delays.length} begin later: ${offer.delays.slice(0, 4).map((delay) => `${delay.order} ${more(delay.later_seconds)}${delay.late_seconds > delay.late_seconds_before ? t(' late') : ''}`).join(', ')}` : t('nobody begins later'), later.length ? w`${later.length} become late` : ''].filter(Boolean).join('; ')
    : w`ruled out: ${lacks(offer)}`;
  return el('li', {}, el('button', { type: 'button', class: 'offer', 'data-vehicle': offer.vehicle, 'data-possible': offer.cost ? 'yes' : 'no', onclick: () => move(order, offer.vehicle) }, el('span', {}, head), el('span', {}, t('Preview')), el('small', {}, under)));
}

/** `says` and `tells`: what its preview says beyond that. @param {Placed} order @param {string} vehicle @param {string[]} [says] @param {import('./preview.js').Plan['tells']} [tells] */
export function move(order, vehicle, says = [], tells = undefined) {
  const { id } = order;
  /** @type {import('./api.js').Fact} */ const free = { type: 'stop.unpinned', data: { order_id: id } };
  /** @type {import('./api.js').Fact[]} */ const undo = order.vehicle
    ? [{ type: 'assignment.forced', data: { order_id: id, vehicle_id: order.vehicle } }, ...(order.pinned ? [] : [free])]
    : [free];
  void propose({
    title: order.vehicle === vehicle ? w`Keep ${id} on ${vehicle}` : w`Move ${id} ${order.vehicle ? w`from ${order.vehicle} ` : ''}to ${vehicle}`,
    facts: [{ type: 'assignment.forced', data: { order_id: id, vehicle_id: vehicle } }],
    says: [w`It goes to ${vehicle} whatever it costs, and stays pinned there until you unpin it.`, ...says], tells,
    stands: pinSince(id, vehicle), undo, undoTitle: order.vehicle ? w`Undo: back to ${order.vehicle}` : t('Undo: unpin'),
  });
}

/** @param {string} id @param {string} vehicle */
function pin(id, vehicle) {
  const data = { order_id: id };
  void propose({ title: w`Pin ${id} to ${vehicle}`, facts: [{ type: 'stop.pinned', data: { ...data, vehicle_id: vehicle } }], says: [t('No search moves it from there.')], stands: pinSince(id, vehicle), undo: [{ type: 'stop.unpinned', data }], undoTitle: t('Undo: unpin') });
}

/** @param {string} id @param {string} vehicle */
function unpin(id, vehicle) {
  const data = { order_id: id };
  void propose({ title: w`Unpin ${id}`, facts: [{ type: 'stop.unpinned', data }], says: [t('It may move to another vehicle again.')], stands: unpinSince(id), undo: [{ type: 'stop.pinned', data: { ...data, vehicle_id: vehicle } }], undoTitle: w`Undo: pin to ${vehicle}` });
}

/** @param {OrderStory} order */
function priorityForm(order) {
  const input = el('input', { type: 'number', min: 0, max: 100, value: Math.min(100, (order.priority ?? 0) + 10), id: 'priority-value', 'aria-label': t('priority, 0 to 100') });
  fill('story-more', el('form', { class: 'buttons', onsubmit: (/** @type {Event} */ submit) => { submit.preventDefault(); priority(order, Number(input.value)); } }, w`Priority (now ${order.priority ?? 0}, 0 ordinary to 100)`, input, el('button', { type: 'submit' }, t('Preview'))));
  input.focus();
  input.select();
}

/** @param {OrderStory} order @param {number} value */
function priority(order, value) {
  void propose({
    title: w`Priority of ${order.id}: ${order.priority ?? 0} → ${value}`,
    facts: [{ type: 'priority.raised', data: { order_id: order.id, priority: value } }],
    says: [t('Orders that are less urgent give way where there is no room for all: they are listed below.')],
    stands: prioritySince(order.id, value), undo: [{ type: 'priority.raised', data: { order_id: order.id, priority: order.priority ?? 0 } }], undoTitle: w`Undo: ${order.priority ?? 0}`,
  });
}

/** @param {OrderStory} order */
function cancel(order) {
  const goods = order.on_board
    ? w`Its goods are on board of ${order.on_board}. By the policy of the zone they go back where they were taken on, or stay on board: the stop that the trial shows for ${order.id} is their return.`
    : t('Its goods are on no vehicle: nothing has to go back.');
  void propose({ title: w`Cancel ${order.id}`, facts: [{ type: 'order.cancelled', data: { order_id: order.id } }], says: [el('span', { id: 'cancel-goods' }, goods), t('A cancelled order cannot be opened again: it would have to be placed anew.')] });
}

/** @param {OrderStory} order */
function retry(order) {
  const promised = iso(clock() + APPOINTMENT);
  void propose({ title: w`New appointment for ${order.id}: by ${time(clock() + APPOINTMENT)}`, facts: [{ type: 'order.updated', data: { order_id: order.id, promised_time: promised } }], says: [t('The order is open again, and promised within two hours.'), t('This cannot be undone: an order that is open fails only when a driver says so. If it is not to be served, cancel it.')] });
}

/** The vehicle that an order is dragged onto. @param {string} id @param {string} vehicle @param {string[]} says @param {import('./preview.js').Plan['tells']} tells */
export async function moveById(id, vehicle, says, tells) {
  const known = fleet.orders.get(id);
  const answer = await get('v1/orders/{id}', { id });
  const order = answer.ok && !('retired' in answer.body) ? answer.body : known;
  if (order) move(order, vehicle, says, tells);
}
