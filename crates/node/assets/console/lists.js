// @ts-check
// Key figures, vehicles, and orders without a place.
import { $, el, fill, shown } from './dom.js';
import { t, w } from './language.js';
import { GLYPH } from './map.js';
import { choose, fleet, on, view } from './store.js';
import { clock, heard, span } from './time.js';

/** @type {Map<string, HTMLElement>} */ const rows = new Map();

/** A row of a list, whose button opens a card. @param {string} list @param {string} key @param {() => void} act @returns {HTMLElement} */
function row(list, key, act) {
  let element = rows.get(key);
  if (!element) {
    element = /** @type {HTMLElement} */ (el('li', { class: 'row' }, el('button', { type: 'button', class: 'go', onclick: act }, el('span'), el('span'), el('small'))));
    rows.set(key, element);
    $(list).append(element);
  }
  return element;
}
/** @param {HTMLElement} element @returns {HTMLElement[]} */
const cells = (element) => /** @type {HTMLElement[]} */ ([...(element.firstElementChild?.children ?? [])]);
/** @param {HTMLElement} element @param {string} text */
const put = (element, text) => { const now = shown(text); if (element.textContent !== now) element.textContent = now; };

/** @param {import('./store.js').Vehicle} vehicle */
function listVehicle(vehicle) {
  const element = row('vehicles', `v ${vehicle.id}`, () => choose('vehicles', vehicle.id));
  element.classList.toggle('lost', vehicle.status === 'lost');
  const late = vehicle.visits.filter((visit) => visit.late).length;
  const pinned = vehicle.visits.filter((visit) => fleet.orders.get(visit.order)?.pinned).length;
  const [glyph, name] = cells(element);
  put(glyph, GLYPH[vehicle.status] ?? '?');
  glyph.title = t(vehicle.status);
  put(name, w`${vehicle.id} · ${vehicle.visits.length} stops${late ? w` · ${late} late` : ''}${pinned ? w` · ${pinned} pinned` : ''}`);
  ageOf(vehicle);
}

/** How long nothing was heard of it, if that is longer than the policy of the zone bears. @param {import('./store.js').Vehicle} vehicle */
export const silence = (vehicle) => (vehicle.seen && vehicle.seen > 0 && clock() && !['off', 'lost'].includes(vehicle.status) && fleet.silent && clock() - vehicle.seen >= fleet.silent ? clock() - vehicle.seen : null);

/** @param {import('./store.js').Vehicle} vehicle @returns {boolean} it is silent */
function ageOf(vehicle) {
  const element = rows.get(`v ${vehicle.id}`);
  if (!element) return false;
  const note = cells(element)[2];
  put(note, vehicle.seen && vehicle.seen > 0 && clock() ? span(clock() - vehicle.seen) : '');
  note.title = t('age of the last position');
  const silent = silence(vehicle) !== null;
  element.classList.toggle('silent', silent);
  return silent;
}

/** Orders without a place, in the order in which they came; the first of them have a row. @type {Set<string>} */ const waiting = new Set();
/** Rows of them at first, and by how many that grows. */
const ROWS = 100;
let most = ROWS;
const moreWaiting = el('button', { type: 'button', onclick: () => { most += ROWS; listWaiting(); } });
const moreRow = el('li', { hidden: true }, moreWaiting);

/** Gives those a row that have come so far forward. */
function listWaiting() {
  let left = most;
  for (const id of waiting) {
    if (left === 0) break;
    left -= 1;
    const order = fleet.orders.get(id);
    if (order && !rows.has(`o ${id}`)) listOrder(order);
  }
  moreRow.hidden = waiting.size <= most;
  put(moreWaiting, w`and ${Math.max(0, waiting.size - most)} more`);
  if (!moreRow.hidden) $('unassigned').append(moreRow); else moreRow.remove();
  $('unassigned-count').textContent = String(waiting.size);
}

/** @param {string} id */
function gone(id) {
  waiting.delete(id);
  rows.get(`o ${id}`)?.remove();
  rows.delete(`o ${id}`);
}

/** @param {import('./store.js').Order} order */
function listOrder(order) {
  const key = `o ${order.id}`;
  if (order.status !== 'unassigned' && order.status !== 'open') { gone(order.id); return; }
  waiting.add(order.id);
  // Those further behind get theirs when they have come forward.
  if (!rows.has(key) && $('unassigned').childElementCount - Number(moreRow.isConnected) >= most) return;
  const element = row('unassigned', key, () => choose('orders', order.id));
  const [glyph, name, note] = cells(element);
  put(glyph, '■');
  put(name, order.id);
  note.className = 'under';
  put(note, order.reason ?? t('waiting for its answer'));
}

/** @param {import('../feed.js').Kpi} kpi */
function showKpi(kpi) {
  heard(kpi.now);
  const none = (/** @type {boolean} */ there, /** @type {string} */ text) => (there ? text : '–');
  const figures = [
    [none(kpi.served > 0, `${(kpi.on_time * 100).toFixed(1)} %`), 'on time'], [kpi.late, 'late'], [kpi.unassigned, 'unassigned'], [kpi.open, 'open'], [kpi.served, 'served'],
    [none(kpi.answers > 0, `${kpi.p50} / ${kpi.p99} ms`), 'event → plan p50 / p99'], [kpi.events.toFixed(1), 'events/s'], [none(kpi.changes_per_hour > 0 || kpi.served > 0, kpi.changes_per_hour.toFixed(1)), 'changes/h'],
  ];
  fill('kpi', ...figures.map(([value, label]) => el('span', {}, el('b', {}, String(value)), t(String(label)))));
}

on('cleared', () => { for (const list of ['vehicles', 'unassigned']) $(list).replaceChildren(); rows.clear(); waiting.clear(); });
/** @type {{vehicles: Set<string>, orders: Set<string>}} */ const pending = { vehicles: new Set(), orders: new Set() };
let frame = 0;
on('taken', ({ body, over, touched }) => {
  for (const id of touched) pending.vehicles.add(id);
  showKpi(body.kpi);
  for (const vehicle of body.vehicles) pending.vehicles.add(vehicle.id);
  for (const [id] of body.moved ?? []) pending.vehicles.add(id);
  for (const order of body.orders) pending.orders.add(order.id);
  for (const order of over) gone(order.id);
  if (!frame) frame = requestAnimationFrame(() => {
    frame = 0;
    for (const id of pending.vehicles) { const vehicle = fleet.vehicles.get(id); if (vehicle) listVehicle(vehicle); }
    for (const id of pending.orders) { const order = fleet.orders.get(id); if (order) listOrder(order); }
    pending.vehicles.clear(); pending.orders.clear();
    $('vehicle-count').textContent = String(fleet.vehicles.size);
    listWaiting();
  });
});
on('chosen', () => {
  for (const element of rows.values()) element.classList.remove('selected');
  const chosen = view.chosen;
  if (chosen) rows.get(`${chosen.kind === 'vehicles' ? 'v' : 'o'} ${chosen.id}`)?.classList.add('selected');
});
on('tick', () => {
  let silent = 0;
  for (const vehicle of fleet.vehicles.values()) silent += Number(ageOf(vehicle));
  put($('silent-count'), silent ? w`${silent} silent` : '');
});
