// @ts-check
// Finds orders, vehicles and streets by a part of what they are called. A miss is said.
import { t, w } from './language.js';
import { $, button, el, fill } from './dom.js';
import { get, wrong } from './api.js';
import { choose, unchoose } from './store.js';
import { go } from './map.js';

const input = /** @type {HTMLInputElement} */ (document.getElementById('search'));
let asked = 0;
let wait = 0;

/** @param {string} wanted @param {boolean} last the operator is done typing */
async function find(wanted, last) {
  asked += 1;
  const mine = asked;
  const [answer, streets] = await Promise.all([get('v1/search', { limit: 30, q: wanted }), get('v1/streets/named', { q: wanted })]);
  if (mine !== asked) return;
  const body = answer.ok ? answer.body : { orders: [], vehicles: [], count: 0 };
  const named = streets.ok ? streets.body.streets : [];
  /** @type {['orders' | 'vehicles', {id: string}][]} */ const exact = [...body.orders.map((one) => /** @type {['orders', typeof one]} */ (['orders', one])), ...body.vehicles.map((one) => /** @type {['vehicles', typeof one]} */ (['vehicles', one]))];
  const only = exact.find(([, one]) => one.id.toLowerCase() === wanted.toLowerCase()) ?? (exact.length === 1 ? exact[0] : null);
  $('missing').textContent = !answer.ok ? wrong(answer) : exact.length + named.length ? '' : w`nothing is called ${wanted}`;
  if (last && !exact.length && !named.length) {
    unchoose();
    // One that is long over: the log may still tell of it.
    const old = await get('v1/orders/{id}', { id: wanted });
    if (mine !== asked) return;
    if (old.ok) { $('missing').textContent = ''; fill('found'); choose('orders', old.body.id, false); return; }
  }
  if (last && only) { fill('found'); choose(only[0], only[1].id); return; }
  fill('found',
    ...body.orders.map((order) => line('■', `${order.id}${order.what ? ` · ${order.what}` : ''}`, `${t(order.status)}${order.vehicle ? ` · ${order.vehicle}` : ''}`, () => choose('orders', order.id))),
    ...body.vehicles.map((vehicle) => line('▲', `${vehicle.id}${vehicle.what ? ` · ${vehicle.what}` : ''}`, t(vehicle.status), () => choose('vehicles', vehicle.id))),
    ...named.slice(0, 5).map((street) => line('═', street.name, t('street'), () => go(street.at, 16))),
    body.count > body.orders.length + body.vehicles.length ? el('li', {}, w`${body.count} in all: type more of it`) : null);
  // One Enter opens the list, the next one what is first in it.
  if (last) $('found').querySelector('button')?.focus();
}

/** @param {string} glyph @param {string} name @param {string} state @param {() => void} act */
const line = (glyph, name, state, act) => el('li', { class: 'row' }, el('button', { type: 'button', class: 'go', onclick: () => { act(); } }, el('span', {}, glyph), el('span', {}, name), el('small', {}, state)));

input.addEventListener('input', () => {
  clearTimeout(wait);
  const wanted = input.value.trim();
  if (!wanted) { asked += 1; fill('found'); $('missing').textContent = ''; return; }
  wait = window.setTimeout(() => void find(wanted, false), 180);
});
$('search-form').addEventListener('submit', (event) => {
  event.preventDefault();
  clearTimeout(wait);
  if (input.value.trim()) void find(input.value.trim(), true);
});
export function closeSearch() { input.value = ''; asked += 1; fill('found'); $('missing').textContent = ''; }
