// @ts-check
// All open orders as a table: sorted, filtered, and written as CSV as they are filtered and sorted.
import { t, w } from './language.js';
import { $, button, el, fill, shown } from './dom.js';
import { pieces, sorted as inOrder } from './pieces.js';
import { byName, choose, fleet, on } from './store.js';
import { clock, iso, lateMinutes, time } from './time.js';

/** @typedef {import('./store.js').Order} Order */
/** The rows in view are in the page, and twice so many above and below them. The others are room to scroll, so that ten thousand cost what these do. The window moves on when fewer than so many are left. */
const SPARE = 12;
/** @typedef {string | number | null} Value */
/** @typedef {{name: string, label: string, of: (order: Order) => Value, show: (value: Value) => string}} Column */
const text = (/** @type {Value} */ value) => String(value ?? '');
const positive = (/** @type {Value} */ value) => (value ? String(value) : '');
const instant = (/** @type {Value} */ value) => (typeof value === 'number' ? time(value) : '');
/** @type {Column[]} */
const COLUMNS = [
  { name: 'id', label: 'order', of: (order) => order.id, show: text }, { name: 'reference', label: 'reference', of: (order) => order.reference ?? '', show: text }, { name: 'status', label: 'status', of: (order) => order.status, show: (value) => t(text(value)) },
  { name: 'vehicle', label: 'vehicle', of: (order) => order.vehicle ?? '', show: text }, { name: 'due', label: 'promised by', of: (order) => order.due, show: instant }, { name: 'start', label: 'begins', of: (order) => order.start ?? null, show: instant },
  { name: 'late', label: 'minutes late', of: (order) => (order.late_seconds ? lateMinutes(order.late_seconds) : 0), show: positive }, { name: 'priority', label: 'priority', of: (order) => order.priority ?? 0, show: positive },
  { name: 'pinned', label: 'pinned to', of: (order) => order.pinned ?? '', show: text }, { name: 'changes', label: 'changes', of: (order) => order.changes ?? 0, show: positive }, { name: 'placed', label: 'placed', of: (order) => order.placed, show: instant }, { name: 'reason', label: 'why', of: (order) => order.reason ?? '', show: text },
];
let [sorted, down] = ['due', false];

/** What is looked through for the words of the filter, made once for each order that the feed brings. @type {WeakMap<Order, string>} */ const lines = new WeakMap();
/** @param {Order} order */
function line(order) {
  let told = lines.get(order);
  if (told === undefined) {
    told = `${order.id} ${order.reference ?? ''} ${order.vehicle ?? ''} ${order.status} ${order.pinned ? 'pinned' : ''} ${order.reason ?? ''}`.toLowerCase();
    lines.set(order, told);
  }
  return told;
}
/** All orders as they were last sorted: of those that have not changed the next sorting has little to do. @type {Order[]} */ let before = [];

/** The orders that the filter lets through, in the order of the table. @returns {Generator<void, Order[]>} */
function* filtered() {
  const words = /** @type {HTMLInputElement} */ ($('table-filter')).value.toLowerCase().split(/\s+/).filter(Boolean);
  const status = /** @type {HTMLSelectElement} */ ($('table-status')).value;
  const of = COLUMNS.find(({ name }) => name === sorted) ?? COLUMNS[0];
  /** @type {{order: Order, value: Value}[]} */ const all = [];
  const left = new Set(fleet.orders.keys());
  for (const { id } of before) {
    const order = fleet.orders.get(id);
    if (order && left.delete(id)) all.push({ order, value: of.of(order) });
    if (all.length % 500 === 0) yield;
  }
  for (const id of left) {
    const order = fleet.orders.get(id);
    if (order) all.push({ order, value: of.of(order) });
    if (all.length % 500 === 0) yield;
  }
  const sortedAll = yield* inOrder(all, ({ order: a, value: one }, { order: b, value: other }) => {
    // What has no value comes last, whichever way.
    if ((one === null || one === '') !== (other === null || other === '')) return one === null || one === '' ? 1 : -1;
    const by = typeof one === 'number' && typeof other === 'number' ? one - other : byName.compare(text(one), text(other));
    return (down ? -by : by) || byName.compare(a.id, b.id);
  });
  before = [];
  /** @type {Order[]} */ const kept = [];
  for (const { order } of sortedAll) {
    before.push(order);
    if ((!status || (status === 'late' ? (order.late_seconds ?? 0) > 0 : order.status === status)) && (!words.length || has(line(order), words))) kept.push(order);
    if (before.length % 500 === 0) yield;
  }
  return kept;
}
/** @param {string} line @param {string[]} words */
const has = (line, words) => words.every((word) => line.includes(word));

/** A field of the file. What a program for tables would take for a formula is told as text. @param {Value} value */
function field(value) {
  const told = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : text(value);
  return /[",\n\r]/.test(told) ? `"${told.replaceAll('"', '""')}"` : told;
}

/** What is filtered, as CSV (RFC 4180), instants as ISO 8601. */
function csv() {
  const told = filtered();
  let step = told.next();
  while (!step.done) step = told.next();
  const instants = ['due', 'start', 'placed'];
  const rows = step.value.map((order) => COLUMNS.map(({ name, of }) => { const it = of(order); return field(instants.includes(name) && typeof it === 'number' ? iso(it) : it); }).join(','));
  return [COLUMNS.map(({ name }) => name).join(','), ...rows].join('\r\n') + '\r\n';
}

let [drawnAt, due] = [0, 0];
/** What the filter lets through, in the order of the table. @type {Order[]} */ let rows = [];
/** The first row that is in the page, and how high each is, pixels. */
let [first, height] = [0, 27];
const scrolls = /** @type {HTMLElement} */ (document.querySelector('#table .scrolls'));

const drawing = pieces(function* () {
  rows = yield* filtered();
  drawnAt = performance.now();
  const said = w`${rows.length} of ${fleet.orders.size} orders`;
  if ($('table-count').textContent !== said) $('table-count').textContent = said;
  $('table-all').setAttribute('aria-rowcount', String(rows.length + 1));
  first = wanted();
  show();
});
function draw() { due = 0; drawing.start(); }

/** How many rows are in the page. */
const many = () => Math.ceil(scrolls.clientHeight / height) + 4 * SPARE;
/** The first row of the window around what is seen. */
const wanted = () => Math.max(0, Math.min(rows.length - many(), Math.floor(scrolls.scrollTop / height) - 2 * SPARE));

/** A cell whose text is cut where it does not fit: all of it stands in its title. @param {Column} column @param {Order} order */
function cell({ name, of, show: words }, order) {
  const told = words(of(order));
  const go = name === 'id' ? button(told, () => choose('orders', order.id), { 'data-order': order.id }) : name === 'vehicle' && order.vehicle ? button(told, () => choose('vehicles', order.vehicle ?? '')) : told;
  return el('td', { title: told.length > 12 ? shown(told) : null }, go);
}

/** Puts the window of rows into the page. */
function show() {
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.order : undefined;
  const last = first + many();
  fill('table-rows', ...rows.slice(first, last).map((order, index) => el('tr', { class: (order.late_seconds ?? 0) > 0 ? 'late' : '', 'aria-rowindex': first + index + 2 }, ...COLUMNS.map((column) => cell(column, order)))));
  const row = /** @type {HTMLElement | null} */ ($('table-rows').firstElementChild);
  if (row?.offsetHeight) height = row.offsetHeight;
  $('table-above').style.height = `${first * height}px`;
  $('table-below').style.height = `${Math.max(0, rows.length - last) * height}px`;
  if (focused) /** @type {HTMLElement | null} */ ($('table-rows').querySelector(`[data-order="${CSS.escape(focused)}"]`))?.focus({ preventScroll: true });
}

scrolls.addEventListener('scroll', () => {
  const seen = scrolls.scrollTop / height;
  const last = seen + scrolls.clientHeight / height;
  if ((first > 0 && seen - first < SPARE) || (first + many() < rows.length && first + many() - last < SPARE)) { first = wanted(); show(); }
});
function head() {
  fill('table-head', ...COLUMNS.map(({ name, label }) => el('th', { scope: 'col', 'aria-sort': name === sorted ? (down ? 'descending' : 'ascending') : 'none' }, button(`${t(label)}${name === sorted ? (down ? ' ▾' : ' ▴') : ''}`, () => { [sorted, down] = [name, name === sorted ? !down : false]; head(); draw(); }))));
}
head();
for (const id of ['table-filter', 'table-status']) $(id).addEventListener('input', draw);
$('table-csv').addEventListener('click', () => {
  const link = el('a', { href: URL.createObjectURL(new Blob([csv()], { type: 'text/csv;charset=utf-8' })), download: `orders-${iso(clock() || Date.now()).slice(0, 16).replace(':', '')}.csv` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
});
on('taken', () => { if (!due && !$('table').hidden) due = window.setTimeout(() => { if (drawing.goes) { due = window.setTimeout(draw, 500); return; } draw(); }, Math.max(30, 1500 - (performance.now() - drawnAt))); });
on('midnight', () => { if (!$('table').hidden) draw(); });
on('view', (name) => { if (name === 'table') draw(); });
