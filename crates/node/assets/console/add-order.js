// @ts-check
// A new order: a click on the map, a quote, and only then the order.
import { t, w } from './language.js';
import * as L from '../leaflet/leaflet-src.esm.js';
import { refuses } from './acting.js';
import { $, button, el, fill } from './dom.js';
import { get, send, unique, wrong } from './api.js';
import { COLOURS, latLng, pick, sketch, unpick } from './map.js';
import { closePreview, lacks, propose, showPanel, takePanel } from './preview.js';
import { choose, emit } from './store.js';
import { clock, iso, more, time } from './time.js';

const HOUR = 3_600_000;

/** @param {[number, number] | null} at */
async function form(at) {
  const current = takePanel();
  const near = at ? await get('v1/streets/near', { lon: at[0], lat: at[1] }) : null;
  if (!current()) return;
  const field = (/** @type {string} */ id, /** @type {string} */ label, /** @type {Record<string, unknown>} */ props) => [id, label, el('input', { id: `new-${id}`, autocomplete: 'off', ...props })];
  const fields = [
    field('id', 'order id', { value: unique(), maxlength: 64 }), field('reference', 'reference', { maxlength: 256 }), field('address', 'address', { value: near?.ok ? near.body.street ?? '' : '', maxlength: 256 }),
    field('lon', 'longitude', { value: at ? at[0].toFixed(6) : '', inputmode: 'decimal' }), field('lat', 'latitude', { value: at ? at[1].toFixed(6) : '', inputmode: 'decimal' }),
    ['way', 'goods are', el('select', { id: 'new-way' }, el('option', { value: 'pickup' }, t('collected there')), el('option', { value: 'delivery' }, t('delivered there, on board from the start')))], field('load', 'load', { value: '1' }), field('skills', 'skills, with commas', {}), field('service', 'minutes of service', { value: '5', inputmode: 'numeric' }), field('hours', 'within hours', { value: '2', inputmode: 'decimal' }),
  ];
  const value = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ ($(`new-${id}`)).value.trim();
  const order = () => ({
    order_id: value('id'), ...(value('reference') ? { reference: value('reference') } : {}),
    job: { direction: /** @type {'pickup' | 'delivery'} */ (value('way')), stop: { lon: Number(value('lon')), lat: Number(value('lat')), service_seconds: Number(value('service')) * 60, ...(value('address') ? { address: value('address') } : {}) } },
    load: value('load').split(/[\s;]+/).filter(Boolean).map(Number), skills: value('skills').split(',').map((skill) => skill.trim()).filter(Boolean),
  });
  const quote = async () => {
    const mine = takePanel();
    fill('quote', t('Asking for a quote…'));
    const from = clock();
    const slots = [1, 2].map((part) => ({ opens: iso(from + ((part - 1) * Number(value('hours')) * HOUR) / 2), closes: iso(from + (part * Number(value('hours')) * HOUR) / 2) }));
    slots.push({ opens: iso(from), closes: iso(from + Number(value('hours')) * HOUR) });
    const answer = await send('v1/quotes', { order: order(), slots });
    if (!mine()) return;
    if (!answer.ok) { fill('quote', el('p', { class: 'bad-text' }, wrong(answer))); return; }
    fill('quote', el('ul', {}, ...answer.body.slots.map((slot, index) => slotLine(slot, index === answer.body.cheapest, () => place(order(), slot)))));
    $('quote').querySelector('button')?.focus();
  };
  showPanel(el('h2', {}, t('Add an order')), el('form', { id: 'new-order', onsubmit: (/** @type {Event} */ submit) => { submit.preventDefault(); void quote(); } },
    el('fieldset', {}, ...fields.map(([, label, input]) => el('label', {}, t(/** @type {string} */ (label)), /** @type {Node} */ (input)))),
    el('div', { class: 'buttons' }, el('button', { type: 'submit', class: 'main' }, t('Quote')), button(t('On the map'), start), button(t('Cancel (Esc)'), closePreview))), el('div', { id: 'quote', role: 'status' }));
  if (at) { sketch.clearLayers(); L.circleMarker(latLng(at), { radius: 9, color: COLOURS.red, weight: 3, interactive: false }).addTo(sketch); void quote(); }
}

/** @param {import('../engine.js').SlotQuote} slot @param {boolean} cheapest @param {() => void} act */
function slotLine(slot, cheapest, act) {
  const best = slot.offers[0];
  const words = best?.cost ? w`${best.vehicle}: ${more(best.cost.drive_seconds)} of driving, ${best.cost.total.toFixed(2)}, arrives ${time(best.stops?.at(-1)?.arrival)}; ${best.delays?.length ? w`${best.delays.length} begin later` : t('nobody begins later')}` : w`nobody can: ${best ? lacks(best) : t('no vehicle')}`;
  return el('li', {}, el('button', { type: 'button', class: 'offer', 'data-accepted': slot.accepted ? 'yes' : 'no', onclick: act }, el('span', {}, `${time(slot.opens)}–${time(slot.closes)}${cheapest ? t(' · cheapest') : ''}`), el('span', {}, t('Preview')), el('small', {}, words)));
}

/** @typedef {Extract<import('./api.js').Fact, {type: 'order.created'}>['data']} NewOrder */
/** @param {NewOrder & {job: NonNullable<NewOrder['job']>}} order @param {import('../engine.js').SlotQuote} slot */
function place(order, slot) {
  const stop = { ...order.job.stop, windows: [{ opens: iso(slot.opens), closes: iso(slot.closes) }] };
  const data = { ...order, job: { ...order.job, stop } };
  void propose({
    title: w`Add order ${order.order_id}, ${time(slot.opens)}–${time(slot.closes)}`, facts: [{ type: 'order.created', data }],
    undo: [{ type: 'order.cancelled', data: { order_id: order.order_id } }], undoTitle: t('Undo: cancel it'), done: () => { sketch.clearLayers(); choose('orders', order.order_id, false); },
  });
}

export function start() {
  if (refuses()) return;
  emit('part', 'centre');
  pick(t('Click where the order is.'), (at) => { unpick(); void form(at); });
}
$('order-add').addEventListener('click', start);
/** By form, without the map. */
export const byForm = () => { if (refuses()) return; unpick(); void form(null); };
