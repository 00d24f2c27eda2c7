// @ts-check
// All open orders as a table: sorted, filtered, and written as CSV as they are filtered and sorted.
import { t, w } from './language.js';
import { $, button, el, fill } from './dom.js';
import { choose, fleet, on } from './store.js';
import { clock, iso, lateMinutes, time } from './time.js';

/** @typedef {import('./store.js').Order} Order */
/** Rows in the page; the file has all. */
const ROWS = 250;
/** @type {[string, string, (order: Order) => any, (value: any) => string][]} */
const COLUMNS = [
  ['id', 'order', (order) => order.id, String], ['reference', 'reference', (order) => order.reference ?? '', String], ['status', 'status', (order) => order.status, (value) => t(value)],
  ['vehicle', 'vehicle', (order) => order.vehicle ?? '', String], ['due', 'promised by', (order) => order.due, time], ['start', 'begins', (order) => order.start ?? null, time],
  ['late', 'minutes late', (order) => (order.late_seconds ? lateMinutes(order.late_seconds) : 0), (value) => (value ? String(value) : '')], ['priority', 'priority', (order) => order.priority ?? 0, (value) => (value ? String(value) : '')],
  ['pinned', 'pinned to', (order) => order.pinned ?? '', String], ['changes', 'changes', (order) => order.changes ?? 0, (value) => (value ? String(value) : '')], ['placed', 'placed', (order) => order.placed, time], ['reason', 'why', (order) => order.reason ?? '', String],
];
let [sorted, down] = ['due', false];

/** The orders that the filter lets through, in the order of the table. @returns {Order[]} */
export function filtered() {
  const words = /** @type {HTMLInputElement} */ ($('table-filter')).value.toLowerCase().split(/\s+/).filter(Boolean);
  const status = /** @type {HTMLSelectElement} */ ($('table-status')).value;
  const of = COLUMNS.find(([name]) => name === sorted) ?? COLUMNS[0];
  const text = (/** @type {Order} */ order) => `${order.id} ${order.reference ?? ''} ${order.vehicle ?? ''} ${order.status} ${order.pinned ? 'pinned' : ''} ${order.reason ?? ''}`.toLowerCase();
  const kept = [...fleet.orders.values()].filter((order) => (!status || (status === 'late' ? (order.late_seconds ?? 0) > 0 : order.status === status)) && words.every((word) => text(order).includes(word)));
  const value = of[2];
  return kept.sort((a, b) => {
    const [one, other] = [value(a), value(b)];
    // What has no value comes last, whichever way.
    if ((one === null || one === '') !== (other === null || other === '')) return one === null || one === '' ? 1 : -1;
    const by = typeof one === 'number' && typeof other === 'number' ? one - other : String(one).localeCompare(String(other), undefined, { numeric: true });
    return (down ? -by : by) || a.id.localeCompare(b.id);
  });
}

/** A field of the file. What a program for tables would take for a formula is told as text. @param {any} value */
function field(value) {
  let text = value === null || value === undefined ? '' : String(value);
  if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** What is filtered, as CSV (RFC 4180), instants as ISO 8601. */
export function csv() {
  const instants = ['due', 'start', 'placed'];
  const rows = filtered().map((order) => COLUMNS.map(([name, , value]) => { const it = value(order); return field(instants.includes(name) && it ? iso(it) : it); }).join(','));
  return [COLUMNS.map(([name]) => name).join(','), ...rows].join('\r\n') + '\r\n';
}

let [drawnAt, due] = [0, 0];
export function draw() {
  due = 0;
  drawnAt = performance.now();
  const rows = filtered();
  const text = w`${rows.length} of ${fleet.orders.size} orders${rows.length > ROWS ? w`, the first ${ROWS} are shown` : ''}`;
  if ($('table-count').textContent !== text) $('table-count').textContent = text;
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.order : undefined;
  fill('table-rows', ...rows.slice(0, ROWS).map((order) => el('tr', { class: (order.late_seconds ?? 0) > 0 ? 'late' : '' }, ...COLUMNS.map(([name, , value, show]) => el('td', {}, name === 'id' ? button(order.id, () => choose('orders', order.id), { 'data-order': order.id }) : name === 'vehicle' && order.vehicle ? button(order.vehicle, () => choose('vehicles', /** @type {string} */ (order.vehicle))) : show(value(order)))))));
  if (focused) /** @type {HTMLElement | null} */ ($('table-rows').querySelector(`[data-order="${CSS.escape(focused)}"]`))?.focus();
}
function head() {
  fill('table-head', ...COLUMNS.map(([name, label]) => el('th', { scope: 'col', 'aria-sort': name === sorted ? (down ? 'descending' : 'ascending') : 'none' }, button(`${t(label)}${name === sorted ? (down ? ' ▾' : ' ▴') : ''}`, () => { [sorted, down] = [name, name === sorted ? !down : false]; head(); draw(); }))));
}
head();
for (const id of ['table-filter', 'table-status']) $(id).addEventListener('input', draw);
$('table-csv').addEventListener('click', () => {
  const link = el('a', { href: URL.createObjectURL(new Blob([csv()], { type: 'text/csv;charset=utf-8' })), download: `orders-${iso(clock() || Date.now()).slice(0, 16).replace(':', '')}.csv` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
});
on('taken', () => { if (!due && !$('table').hidden) due = window.setTimeout(draw, Math.max(30, 1500 - (performance.now() - drawnAt))); });
on('view', (name) => { if (name === 'table') draw(); });
