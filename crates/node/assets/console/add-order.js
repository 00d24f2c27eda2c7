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
import { decimal, parsed } from './numbers.js';
import { clock, iso, more, time } from './time.js';
import { addedSince } from './undo.js';

const HOUR = 3_600_000;
/** An order is not promised for later than that: a week. */
const HOURS_MAX = 168;

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
  /** The first field that cannot be read, and why. @returns {[string, string] | null} */
  const unreadable = () => {
    if (!value('id')) return ['id', t('give the order an id')];
    if (!value('lon') && !value('lat')) return ['lon', t('say where it is: longitude and latitude, or a click on the map')];
    for (const [id, most, why] of /** @type {[string, number, string][]} */ ([['lon', 180, t('longitude is degrees from −180 to 180')], ['lat', 90, t('latitude is degrees from −90 to 90')]])) if (!(Math.abs(parsed(value(id))) <= most)) return [id, why];
    if (!loads().every((load) => load >= 0)) return ['load', t('a load is a number of 0 or more; several dimensions are parted by spaces')];
    if (!(parsed(value('service')) >= 0)) return ['service', t('minutes of service are a number of 0 or more')];
    return parsed(value('hours')) > 0 && parsed(value('hours')) <= HOURS_MAX ? null : ['hours', w`hours are a number above 0, at most ${HOURS_MAX}`];
  };
  const loads = () => value('load').split(/[\s;]+/).filter(Boolean).map(parsed);
  const order = () => ({
    order_id: value('id'), ...(value('reference') ? { reference: value('reference') } : {}),
    job: { direction: /** @type {'pickup' | 'delivery'} */ (value('way')), stop: { lon: parsed(value('lon')), lat: parsed(value('lat')), service_seconds: Math.round(parsed(value('service')) * 60), ...(value('address') ? { address: value('address') } : {}) } },
    load: loads(), skills: value('skills').split(',').map((skill) => skill.trim()).filter(Boolean),
  });
  const quote = async () => {
    for (const [id] of fields) $(`new-${id}`).removeAttribute('aria-invalid');
    const wrongField = unreadable();
    if (wrongField) {
      fill('quote', el('p', { class: 'bad-text' }, wrongField[1]));
      $(`new-${wrongField[0]}`).setAttribute('aria-invalid', 'true');
      $(`new-${wrongField[0]}`).focus();
      return;
    }
    const mine = takePanel();
    const span = parsed(value('hours')) * HOUR;
    fill('quote', t('Asking for a quote…'));
    const from = clock();
    const slots = [1, 2].map((part) => ({ opens: iso(from + ((part - 1) * span) / 2), closes: iso(from + (part * span) / 2) }));
    slots.push({ opens: iso(from), closes: iso(from + span) });
    const answer = await send('v1/quotes', { order: order(), slots });
    if (!mine()) return;
    if (!answer.ok) { fill('quote', el('p', { class: 'bad-text' }, wrong(answer))); return; }
    fill('quote', el('ul', {}, ...answer.body.slots.map((slot, index) => slotLine(slot, index === answer.body.cheapest, () => place(order(), slot)))));
    $('quote').querySelector('button')?.focus();
  };
  showPanel(el('h2', {}, t('Add an order')), el('form', { id: 'new-order', onsubmit: (/** @type {Event} */ submit) => { submit.preventDefault(); void quote(); } },
    el('fieldset', {}, ...fields.map(([, label, input]) => el('label', {}, t(/** @type {string} */ (label)), /** @type {Node} */ (input)))),
    el('div', { class: 'buttons' }, el('button', { type: 'submit', class: 'main' }, t('Quote')), button(t('On the map'), start), button(t('Cancel (Esc)'), closePreview))), el('div', { id: 'quote', role: 'status' }));
  const first = /** @type {HTMLInputElement} */ ($('new-id'));
  first.focus();
  first.select();
  if (at) { sketch.clearLayers(); L.circleMarker(latLng(at), { radius: 9, color: COLOURS.red, weight: 3, interactive: false }).addTo(sketch); void quote(); }
}

/** @param {import('../engine.js').SlotQuote} slot @param {boolean} cheapest @param {() => void} act */
function slotLine(slot, cheapest, act) {
  const best = slot.offers[0];
  const words = best?.cost ? w`${best.vehicle}: ${more(best.cost.drive_seconds)} of driving, ${decimal(best.cost.total, 2)}, arrives ${time(best.stops?.at(-1)?.arrival)}; ${best.delays?.length ? w`${best.delays.length} begin later` : t('nobody begins later')}` : w`nobody can: ${best ? lacks(best) : t('no vehicle')}`;
  return el('li', {}, el('button', { type: 'button', class: 'offer', 'data-accepted': slot.accepted ? 'yes' : 'no', onclick: act }, el('span', {}, `${time(slot.opens)}–${time(slot.closes)}${cheapest ? t(' · cheapest') : ''}`), el('span', {}, t('Preview')), el('small', {}, words)));
}

/** @typedef {Extract<import('./api.js').Fact, {type: 'order.created'}>['data']} NewOrder */
/** @param {NewOrder & {job: NonNullable<NewOrder['job']>}} order @param {import('../engine.js').SlotQuote} slot */
function place(order, slot) {
  const stop = { ...order.job.stop, windows: [{ opens: iso(slot.opens), closes: iso(slot.closes) }] };
  const data = { ...order, job: { ...order.job, stop } };
  void propose({
    title: w`Add order ${order.order_id}, ${time(slot.opens)}–${time(slot.closes)}`, facts: [{ type: 'order.created', data }], stands: addedSince(order.order_id),
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
