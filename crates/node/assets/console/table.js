// @ts-check
// Orders as a table: the open ones, those of which a stop failed, and those that were served or cancelled if they are asked for. Sorted, filtered, and written as CSV as they are filtered and sorted.
import { t, w } from './language.js';
import { $, button, el, fill, shown } from './dom.js';
import { pieces, sorted as inOrder } from './pieces.js';
import { get } from './api.js';
import { chosen, keep } from './preferences.js';
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
  { name: 'pinned', label: 'pinned to', of: (order) => order.pinned ?? '', show: text }, { name: 'changes', label: 'changes', of: (order) => order.changes ?? 0, show: positive }, { name: 'placed', label: 'placed', of: (order) => order.placed, show: instant }, { name: 'reason', label: 'why', of: (order) => order.reason ?? '', show: text }, { name: 'done', label: 'served at', of: (order) => order.done, show: instant },
];
/** Those that are not shown until somebody wants them. */
const HIDDEN = ['done'];
/** Those that somebody has chosen not to see, as this browser remembers it. */
const hidden = new Set(chosen('columns') ? chosen('columns').split(',') : HIDDEN);
let columns = COLUMNS.filter(({ name }) => !hidden.has(name));
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
/** Of orders that are over the engine tells so many at a time; and they, and what its search found, are asked for again after so many milliseconds. */
const [OVER_MAX, AGAIN] = [10_000, 15_000];
/** It searches for at most so many. */
const FOUND_MAX = 1_000;
/** Orders that are over, by id: those of the status that is chosen. @type {{status: string, asked: number, orders: Map<string, Order>, more: boolean}} */ let over = { status: '', asked: 0, orders: new Map(), more: false };
/** What the engine has found for a word: it also knows skills, addresses and streets. @type {Map<string, {asked: number, ids: Set<string>, more: boolean}>} */ const found = new Map();
const wordsNow = () => /** @type {HTMLInputElement} */ ($('table-filter')).value.toLowerCase().split(/\s+/).filter(Boolean);
const statusNow = () => /** @type {HTMLSelectElement} */ ($('table-status')).value;

/** Asks the engine for what the feed does not bring, and draws again if something came. */
async function ask() {
  const status = statusNow();
  const asking = [];
  if (['served', 'cancelled'].includes(status) && (over.status !== status || performance.now() - over.asked > AGAIN)) {
    over = { status, asked: performance.now(), orders: over.status === status ? over.orders : new Map(), more: false };
    asking.push(get('v1/state', { part: 'orders', status, limit: OVER_MAX }).then((answer) => {
      if (over.status !== status || !answer.ok) return;
      const orders = (answer.body.orders ?? []).filter((order) => order.status === status);
      over = { ...over, orders: new Map(orders.map((order) => [order.id, order])), more: 'next' in answer.body && Boolean(answer.body.next) };
    }));
  }
  for (const word of wordsNow().slice(0, 4)) {
    const known = found.get(word);
    if (word.length < 2 || (known && performance.now() - known.asked < AGAIN)) continue;
    if (found.size > 200) found.clear();
    found.set(word, { asked: performance.now(), ids: known?.ids ?? new Set(), more: false });
    asking.push(get('v1/search', { q: word, limit: FOUND_MAX }).then((answer) => { if (answer.ok) found.set(word, { asked: performance.now(), ids: new Set(answer.body.orders.map((order) => order.id)), more: answer.body.count > answer.body.orders.length + answer.body.vehicles.length }); }));
  }
  if (!asking.length) return;
  await Promise.all(asking);
  if (!$('table').hidden) drawing.start();
}
let typed = 0;
/** Not for each letter. */
function askSoon() { clearTimeout(typed); typed = window.setTimeout(() => void ask(), 250); }

/** Every order that the table may show, by id. @returns {Map<string, Order>[]} */
const sources = () => (over.status && over.status === statusNow() ? [fleet.orders, fleet.failed, over.orders] : [fleet.orders, fleet.failed]);
/** @param {string} id */
const orderOf = (id) => { for (const orders of sources()) { const order = orders.get(id); if (order) return order; } return undefined; };

/** All orders as they were last sorted: of those that have not changed the next sorting has little to do. @type {Order[]} */ let before = [];

/** The orders that the filter lets through, in the order of the table. @returns {Generator<void, Order[]>} */
function* filtered() {
  const [words, status] = [wordsNow(), statusNow()];
  const of = COLUMNS.find(({ name }) => name === sorted) ?? COLUMNS[0];
  /** @type {{order: Order, value: Value}[]} */ const all = [];
  const left = new Set(sources().flatMap((orders) => [...orders.keys()]));
  for (const { id } of before) {
    const order = orderOf(id);
    if (order && left.delete(id)) all.push({ order, value: of.of(order) });
    if (all.length % 500 === 0) yield;
  }
  for (const id of left) {
    const order = orderOf(id);
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
    if ((!status || (status === 'late' ? (order.late_seconds ?? 0) > 0 : order.status === status)) && (!words.length || has(order, words))) kept.push(order);
    if (before.length % 500 === 0) yield;
  }
  return kept;
}
/** @param {Order} order @param {string[]} words */
const has = (order, words) => words.every((word) => line(order).includes(word) || found.get(word)?.ids.has(order.id));

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
  const instants = ['due', 'start', 'placed', 'done'];
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
  const all = sources().reduce((sum, orders) => sum + orders.size, 0);
  const part = over.more && over.status === statusNow() ? w`; only the first ${OVER_MAX} that are over` : wordsNow().some((word) => found.get(word)?.more) ? t('; more may have these words: type more of them') : '';
  const said = w`${rows.length} of ${all} orders${part}`;
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
  fill('table-rows', ...rows.slice(first, last).map((order, index) => el('tr', { class: (order.late_seconds ?? 0) > 0 ? 'late' : '', 'aria-rowindex': first + index + 2 }, ...columns.map((column) => cell(column, order)))));
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
  fill('table-head', ...columns.map(({ name, label }) => el('th', { scope: 'col', 'aria-sort': name === sorted ? (down ? 'descending' : 'ascending') : 'none' }, button(`${t(label)}${name === sorted ? (down ? ' ▾' : ' ▴') : ''}`, () => { [sorted, down] = [name, name === sorted ? !down : false]; head(); draw(); }))));
}
head();
// The order itself is always there: it is what opens the card.
fill('table-columns', ...COLUMNS.slice(1).map(({ name, label }) => el('label', { class: 'line' }, el('input', { type: 'checkbox', 'data-column': name, checked: !hidden.has(name), onchange: () => {
  if (hidden.has(name)) hidden.delete(name); else hidden.add(name);
  // Something has to be kept also where nothing is hidden.
  keep('columns', [...hidden].join(',') || '-');
  columns = COLUMNS.filter((column) => !hidden.has(column.name));
  head();
  draw();
} }), ' ', t(label))));
for (const id of ['table-filter', 'table-status']) $(id).addEventListener('input', () => { draw(); askSoon(); });
setInterval(() => { if (!$('table').hidden) void ask(); }, AGAIN);
$('table-csv').addEventListener('click', () => {
  const link = el('a', { href: URL.createObjectURL(new Blob([csv()], { type: 'text/csv;charset=utf-8' })), download: `orders-${iso(clock() || Date.now()).slice(0, 16).replace(':', '')}.csv` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
});
on('taken', () => { if (!due && !$('table').hidden) due = window.setTimeout(() => { if (drawing.goes) { due = window.setTimeout(draw, 500); return; } draw(); }, Math.max(30, 1500 - (performance.now() - drawnAt))); });
on('midnight', () => { if (!$('table').hidden) draw(); });
on('view', (name) => { if (name === 'table') draw(); });
