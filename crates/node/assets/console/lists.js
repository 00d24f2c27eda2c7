// @ts-check
// Key figures, vehicles, and orders without a place.
import { $, el, fill, shown } from './dom.js';
import { decimal } from './numbers.js';
import { t, w } from './language.js';
import { GLYPH } from './map.js';
import { pieces } from './pieces.js';
import { choose, fleet, on, view } from './store.js';
import { clock, heard, span } from './time.js';

/** @typedef {{element: HTMLElement, cells: HTMLElement[], told: string[], titles: string[], classes: Record<string, boolean>}} Row */
/** The rows, with what they tell: asking the page for it takes longer than to remember it. @type {Map<string, Row>} */ const rows = new Map();

/** A row of a list, whose button opens a card. @param {string} list @param {string} key @param {() => void} act @returns {Row} */
function row(list, key, act) {
  let known = rows.get(key);
  if (!known) {
    const cells = [el('span'), el('span'), el('small')];
    known = { element: el('li', { class: 'row' }, el('button', { type: 'button', class: 'go', onclick: act }, ...cells)), cells, told: ['', '', ''], titles: ['', '', ''], classes: {} };
    rows.set(key, known);
    $(list).append(known.element);
  }
  return known;
}
/** @param {Row} known @param {number} at @param {string} text @param {string} [title] */
function tell(known, at, text, title = known.titles[at]) {
  if (known.told[at] !== text) { known.told[at] = text; known.cells[at].textContent = shown(text); }
  if (known.titles[at] !== title) { known.titles[at] = title; known.cells[at].title = title; }
}
/** @param {Row} known @param {string} name @param {boolean} is */
function mark(known, name, is) {
  if ((known.classes[name] ?? false) === is) return;
  known.classes[name] = is;
  known.element.classList.toggle(name, is);
}
/** @param {HTMLElement} element @param {string} text */
const put = (element, text) => { const now = shown(text); if (element.textContent !== now) element.textContent = now; };

/** @param {import('./store.js').Vehicle} vehicle */
function listVehicle(vehicle) {
  const known = row('vehicles', `v ${vehicle.id}`, () => choose('vehicles', vehicle.id));
  mark(known, 'lost', vehicle.status === 'lost');
  const late = vehicle.visits.filter((visit) => visit.late).length;
  const pinned = vehicle.visits.filter((visit) => fleet.orders.get(visit.order)?.pinned).length;
  tell(known, 0, GLYPH[vehicle.status] ?? '?', t(vehicle.status));
  tell(known, 1, w`${vehicle.id} · ${vehicle.visits.length} stops${late ? w` · ${late} late` : ''}${pinned ? w` · ${pinned} pinned` : ''}`);
  ageOf(vehicle);
}

/** How long nothing was heard of it, if that is longer than the policy of the zone bears. @param {import('./store.js').Vehicle} vehicle */
export const silence = (vehicle) => (vehicle.seen && vehicle.seen > 0 && clock() && !['off', 'lost'].includes(vehicle.status) && fleet.silent && clock() - vehicle.seen >= fleet.silent ? clock() - vehicle.seen : null);

/** @param {import('./store.js').Vehicle} vehicle @returns {boolean} it is silent */
function ageOf(vehicle) {
  const known = rows.get(`v ${vehicle.id}`);
  if (!known) return false;
  tell(known, 2, vehicle.seen && vehicle.seen > 0 && clock() ? span(clock() - vehicle.seen) : '', t('age of the last position'));
  const silent = silence(vehicle) !== null;
  mark(known, 'silent', silent);
  return silent;
}

/** Orders without a place, in the order in which they came; the first of them have a row. @type {Set<string>} */ const waiting = new Set();
/** Rows of them at first, and by how many that grows. */
const ROWS = 100;
let most = ROWS;
/** Rows that there are. */
let listed = 0;
const moreWaiting = el('button', { type: 'button', onclick: () => { most += ROWS; listWaiting(); } });
const moreRow = el('li', { hidden: true }, moreWaiting);

/** Gives those a row that have come so far forward. */
function listWaiting() {
  let left = listed < Math.min(most, waiting.size) ? most : 0;
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
  const known = rows.get(`o ${id}`);
  if (!known) return;
  known.element.remove();
  listed -= 1;
  rows.delete(`o ${id}`);
}

/** @param {import('./store.js').Order} order */
function listOrder(order) {
  const key = `o ${order.id}`;
  if (order.status !== 'unassigned' && order.status !== 'open') { gone(order.id); return; }
  waiting.add(order.id);
  // Those further behind get theirs when they have come forward.
  if (!rows.has(key)) { if (listed >= most) return; listed += 1; }
  const known = row('unassigned', key, () => choose('orders', order.id));
  tell(known, 0, '■');
  tell(known, 1, order.id);
  if (known.cells[2].className !== 'under') known.cells[2].className = 'under';
  tell(known, 2, order.reason ?? t('waiting for its answer'));
}

/** @param {import('../feed.js').Kpi} kpi */
function showKpi(kpi) {
  heard(kpi.now);
  const none = (/** @type {boolean} */ there, /** @type {string} */ text) => (there ? text : '–');
  const figures = [
    [none(kpi.served > 0, `${decimal(kpi.on_time * 100, 1)} %`), 'on time'], [kpi.late, 'late'], [kpi.unassigned, 'unassigned'], [kpi.open, 'open'], [kpi.served, 'served'],
    [none(kpi.answers > 0, `${kpi.p50} / ${kpi.p99} ms`), 'event → plan p50 / p99'], [decimal(kpi.events, 1), 'events/s'], [none(kpi.changes_per_hour > 0 || kpi.served > 0, decimal(kpi.changes_per_hour, 1)), 'changes/h'],
  ];
  fill('kpi', ...figures.map(([value, label]) => el('span', {}, el('b', {}, String(value)), t(String(label)))));
}

on('cleared', () => { for (const list of ['vehicles', 'unassigned']) $(list).replaceChildren(); rows.clear(); waiting.clear(); listed = 0; looked = undefined; });
/** @type {{vehicles: Set<string>, orders: Set<string>}} */ const pending = { vehicles: new Set(), orders: new Set() };
let frame = 0;
/** What has changed is listed in pieces. */
const listing = pieces(function* () {
  let done = 0;
  // What comes between two pieces is listed, too.
  do {
    for (const id of pending.vehicles) { pending.vehicles.delete(id); const vehicle = fleet.vehicles.get(id); if (vehicle) listVehicle(vehicle); done += 1; if (done % 16 === 0) yield; }
    for (const id of pending.orders) { pending.orders.delete(id); const order = fleet.orders.get(id); if (order) listOrder(order); done += 1; if (done % 16 === 0) yield; }
  } while (pending.vehicles.size || pending.orders.size);
  $('vehicle-count').textContent = String(fleet.vehicles.size);
  listWaiting();
});
on('taken', ({ body, over, touched }) => {
  for (const id of touched) pending.vehicles.add(id);
  showKpi(body.kpi);
  for (const vehicle of body.vehicles) pending.vehicles.add(vehicle.id);
  for (const [id] of body.moved ?? []) pending.vehicles.add(id);
  for (const order of body.orders) pending.orders.add(order.id);
  for (const order of over) gone(order.id);
  if (!frame) frame = requestAnimationFrame(() => {
    frame = 0;
    // One that goes on takes what came meanwhile.
    if (!listing.goes) listing.start();
  });
});
on('chosen', () => {
  if (looked) mark(looked, 'selected', false);
  looked = view.chosen ? rows.get(`${view.chosen.kind === 'vehicles' ? 'v' : 'o'} ${view.chosen.id}`) : undefined;
  if (looked) mark(looked, 'selected', true);
});
/** The row of what is looked at. @type {Row | undefined} */ let looked;
on('tick', () => {
  let silent = 0;
  for (const vehicle of fleet.vehicles.values()) silent += Number(ageOf(vehicle));
  put($('silent-count'), silent ? w`${silent} silent` : '');
});
