// @ts-check
// The card of an order: where it is, when, how late and why; the chain from event to decision to now.
import { decimal } from './numbers.js';
import { stopWord, t, w } from './language.js';
import { $, button, el, fill } from './dom.js';
import { get, wrong } from './api.js';
import { orderActions } from './order-actions.js';
import { lacks } from './preview.js';
import { distance } from './preferences.js';
import { choose, noteOf } from './store.js';
import { clock, exact, lateMinutes, time } from './time.js';
import { noteButtons, noteText } from './notes.js';

const minutes = (/** @type {number} */ seconds) => Math.round(seconds / 60);

/** @param {import('../engine.js').OrderStop} stop */
function stopFacts(stop) {
  const place = [stop.address, stop.street && `${stop.street}${(stop.street_meters ?? 0) > 30 ? ` (${distance(stop.street_meters ?? 0)})` : ''}`].filter(Boolean).join(', ') || `${stop.at[1].toFixed(5)}, ${stop.at[0].toFixed(5)}`;
  const windows = stop.windows.map(([opens, closes]) => `${time(opens)}–${time(closes)}`).join(', ') || t('any time');
  const state = stop.completed ? w`done ${time(stop.completed)}` : stop.failed ? w`failed ${time(stop.failed)}` : stop.arrived ? w`there since ${time(stop.arrived)}` : stop.departed ? w`driven to since ${time(stop.departed)}` : '';
  const planned = stop.start ? `${stop.completed ? t('was planned for') : t('arrives')} ${time(stop.arrival ?? stop.start)}${stop.start !== stop.arrival && stop.arrival ? w`, begins ${time(stop.start)}` : ''}` : '';
  const late = stop.late_seconds >= 60 ? w`${lateMinutes(stop.late_seconds)} min late` : '';
  const came = stop.completed && stop.arrived ? w`came ${time(stop.arrived)}` : '';
  return [
    [stopWord(stop), place],
    [w`${stopWord(stop)}: window`, `${windows}${stop.due ? w`, promised by ${time(stop.due)}` : ''}${stop.release ? w`, not before ${time(stop.release)}` : ''}`],
    [w`${stopWord(stop)}: plan`, [planned, came, state, late, stop.service_seconds ? w`${minutes(stop.service_seconds) || 1} min of service` : ''].filter(Boolean).join(', ')],
  ];
}

/** What stands above all else. @param {import('../engine.js').OrderStory} order */
function headline(order) {
  const last = order.stops?.at(-1);
  // The stop that is the latest says what is late: its own arrival against its own promise.
  const worst = (order.stops ?? []).filter((stop) => !stop.completed).reduce((/** @type {import('../engine.js').OrderStop | null} */ most, stop) => (stop.late_seconds > (most?.late_seconds ?? 0) ? stop : most), null);
  const late = worst?.late_seconds ?? 0;
  if (order.status === 'unassigned') return w`Unassigned: ${order.reason}${order.due ? w`. Promised by ${time(order.due)}.` : ''}`;
  if (worst && late >= 60) {
    const arrives = worst.arrived ?? worst.arrival ?? order.arrival;
    const other = (order.stops ?? []).length > 1 ? w` (${stopWord(worst)})` : '';
    return w`${lateMinutes(late)} min late${other}: arrives ${time(arrives)}, promised by ${time(worst.due ?? order.due)}`;
  }
  const waits = last?.start && order.arrival && last.start - order.arrival >= 60_000 ? w`, begins ${time(last.start)}` : '';
  if (order.arrival) return w`Arrives ${time(order.arrival)}${waits}${order.due ? w`, promised by ${time(order.due)}: ${late > 0 ? t('less than a minute late') : t('on time')}` : ''}`;
  return order.done ? w`Served ${time(order.done)}` : t(order.status);
}

/** A fact that led to a decision, with a link to whom it is about. @param {import('../engine.js').Because} fact */
export function factLine(fact) {
  const text = w`${exact(fact.at)} ${fact.words} (entry ${fact.seq})`;
  const { order, vehicle } = fact;
  if (order) return button(text, () => choose('orders', order), { class: 'because' });
  return vehicle ? button(text, () => choose('vehicles', vehicle), { class: 'because' }) : el('span', { class: 'because' }, text);
}

/** The story: what happened and what was decided, and why. @param {(import('../engine.js').Told | import('../engine.js').Logged)[]} lines */
export function storyLines(lines) {
  return lines.map((/** @type {import('../engine.js').Told} */ line) => el('li', { class: line.decision ? 'decided' : '' },
    line.left_out ? el('div', { class: 'left-out' }, w`${line.left_out} lines are left out here`) : null, el('time', {}, exact(line.at)), line.words, line.decision ? w` — decision ${line.decision}` : '',
    line.because?.length ? el('div', {}, t('because '), ...line.because.map(factLine)) : null));
}

/** One that the engine does not hold any more: what the log tells of it. @param {import('../engine.js').RetiredOrder} order */
export function showRetired(order) {
  fill('story-title', w`Order ${order.id}${order.reference ? ` · ${order.reference}` : ''}`);
  const late = (order.late_seconds ?? 0) >= 60;
  // Of several stops the one that came the latest says how late it was.
  const worst = order.stops.reduce((/** @type {import('../engine.js').OrderStop | null} */ most, stop) => (stop.late_seconds > (most?.late_seconds ?? 0) ? stop : most), null);
  const by = order.vehicle ? w` by ${order.vehicle}` : '';
  const ended = order.done ? w`Served ${time(order.done)}${by}` : `${t(order.status)}${by}`;
  fill('story-head', late && worst ? w`${ended}, ${lateMinutes(worst.late_seconds)} min late: promised by ${time(worst.due)}` : ended);
  $('story-head').classList.toggle('bad-text', late || order.status === 'failed');
  for (const id of ['story-actions', 'story-more']) fill(id);
  // What was decided last, and what that answered: there is no plan any more to ask.
  const decided = [...order.story].reverse().find((line) => line.decision);
  const came = worst ?? order.stops.at(-1);
  fill('story-why', decided ? el('h3', {}, late ? t('Why it was late') : t('Why it was there')) : null, decided ? el('ol', { id: 'chain' },
    decided.because?.length ? el('li', {}, ...decided.because.map(factLine)) : null,
    el('li', {}, w`decision ${decided.decision} ${exact(decided.at)}: ${decided.words}`),
    came?.start ? el('li', {}, w`it was to begin ${time(came.start)} then`) : null,
    el('li', {}, w`then: ${ended}`)) : null);
  const facts = [['status', `${t(order.status)}${by}`], ['reference', order.reference], ...order.stops.flatMap(stopFacts), ['placed', order.placed ? time(order.placed) : null]];
  fill('story-facts', ...facts.filter(([, value]) => value !== null && value !== undefined && value !== '').flatMap(([label, value]) => [el('dt', {}, t(String(label))), el('dd', {}, String(value))]));
  fill('story-lines', ...storyLines(order.story));
}

/** @param {import('../engine.js').OrderStory} order */
export function showOrder(order) {
  fill('story-title', w`Order ${order.id}${order.reference ? ` · ${order.reference}` : ''}`);
  const note = noteOf('order', order.id, clock());
  fill('story-head', headline(order), note ? el('div', {}, noteText(note)) : null);
  $('story-head').classList.toggle('bad-text', (order.late_seconds ?? 0) > 0 || order.status === 'unassigned');
  fill('story-actions', ...orderActions(order), ...noteButtons('order', order.id));
  const facts = [
    ['status', `${t(order.status)}${order.vehicle && order.status === 'on board' ? w` of ${order.vehicle}` : order.vehicle ? w` to ${order.vehicle}` : ''}${order.pinned ? w`, ${order.forced ? t('forced and ') : ''}pinned to ${order.pinned}` : ''}`],
    ['reference', order.reference], ...(order.stops ?? []).flatMap(stopFacts),
    ['rules broken', order.breaks], ['load', order.load?.join(' · ')], ['skills', order.skills?.join(', ')], ['priority', order.priority || null],
    ['on board of', order.on_board], ['refused by', order.rejected_by?.join(', ')], ['placed', time(order.placed)], ['vehicle changes', order.changes || null],
  ];
  fill('story-facts', ...facts.filter(([, value]) => value !== null && value !== undefined && value !== '').flatMap(([label, value]) => [el('dt', {}, t(String(label))), el('dd', {}, label === 'status' && order.vehicle ? el('span', {}, String(value), ' ', button(t('show vehicle'), () => choose('vehicles', order.vehicle ?? ''))) : String(value))]));
  fill('story-lines', ...storyLines(order.story));
}

/** Why an order is where it is and why it is late, told from the log. @param {import('../engine.js').OrderStory} order @param {() => boolean} current still looked at */
export async function explainOrder(order, current) {
  const late = (order.late_seconds ?? 0) > 0;
  fill('story-why', el('h3', {}, order.status === 'unassigned' ? t('Why it has no place') : late ? t('Why it is late') : t('Why it is there')), chainOf(order, null, null), el('p', { role: 'status' }, t('Reading the log…')));
  const [answer, vehicle] = await Promise.all([get('v1/explain/order/{id}', { id: order.id }), late && order.vehicle ? get('v1/vehicles/{id}', { id: order.vehicle }) : null]);
  if (!current()) return;
  if (!answer.ok) { fill('story-why', el('h3', {}, t('Why')), chainOf(order, null, null), el('p', {}, wrong(answer))); return; }
  const it = answer.body;
  if (order.status === 'unassigned') {
    fill('story-why', el('h3', {}, t('Why it has no place')), chainOf(order, it, null), el('p', {}, t('The nearest vehicles, and the least that would have to give on each:')),
      el('ul', { id: 'misses' }, ...(it.now ?? []).map((offer) => el('li', {}, button(offer.vehicle, () => choose('vehicles', offer.vehicle)), ' ', offer.cost ? w`could take it now, ${offer.makes_late ? t('and would make somebody late') : w`at ${decimal(offer.cost.total, 2)}`}` : lacks(offer)))),
      it.not_asked ? el('p', {}, w`${it.not_asked} vehicles further away were not asked.`) : null);
    return;
  }
  fill('story-why', el('h3', {}, late ? t('Why it is late') : t('Why it is there')), chainOf(order, it, vehicle?.ok ? vehicle.body : null));
}

/** Event, decision, now. @param {import('../engine.js').OrderStory} order @param {import('../engine.js').ExplainedOrder | null} explained @param {import('../engine.js').VehicleStory | null} vehicle its vehicle, where it is late */
function chainOf(order, explained, vehicle) {
  const done = vehicle?.done ?? [];
  const told = [...order.story].reverse().find((line) => line.decision);
  const plan = explained?.decision;
  const group = plan?.groups.find((one) => one.orders.some((moved) => moved.order === order.id));
  const moved = group?.orders.find((one) => one.order === order.id);
  // What a search began with are mostly plans: they are no cause that says anything to a dispatcher.
  const entries = (group?.trigger.entries ?? []).filter((cause) => cause.type !== 'fleet.plan.proposed.v1');
  const causes = told?.because?.length ? told.because.map(factLine) : entries.map((cause) => el('span', { class: 'because' }, w`${time(cause.logged_at)} ${cause.type.replace(/^fleet\.|\.v1$/g, '')} ${cause.subject ?? ''} (entry ${cause.seq})`));
  const items = [];
  const promised = order.late_due ?? order.due;
  if ((order.late_seconds ?? 0) > 0 && promised && order.placed && order.placed > promised) items.push(el('li', {}, w`ordered ${time(order.placed)}, when ${time(promised)} had passed`));
  // A search moves what events have brought: the last decision about it that answered one comes first.
  const before = causes.length ? undefined : [...order.story].reverse().find((line) => line.decision && line.because?.length);
  if (before) items.push(el('li', {}, ...(before.because ?? []).map(factLine)), el('li', {}, w`decision ${before.decision} ${exact(before.at)}: ${before.words}`));
  if (causes.length) items.push(el('li', {}, ...causes));
  else if (group?.trigger.kind === 'search') items.push(el('li', {}, t('a search found something better')));
  else if (group?.trigger.kind === 'watch') items.push(el('li', {}, t('no event: a promise was about to break, or times had moved')));
  if (told || plan) items.push(el('li', {}, w`decision ${told?.decision ?? plan?.decision} ${exact(told?.at ?? plan?.at ?? 0)}: ${told?.words ?? (moved ? `${moved.from ? w`moved ${moved.from} → ` : '→ '}${moved.vehicle ?? t('unassigned')}` : '')}`));
  const then = moved?.stops?.at(-1);
  if (then) items.push(el('li', {}, then.late_seconds >= 60 && moved ? w`it was ${lateMinutes(then.late_seconds)} min late then: ${others(moved)}` : w`it was to begin ${time(then.start)} then, on time`));
  const behind = (/** @type {import('../engine.js').DoneStop} */ stop) => (stop.planned ? (stop.arrived ?? stop.done) - stop.planned : 0);
  const slow = done.filter((stop) => behind(stop) > 60_000 && stop.done > (plan?.at ?? 0));
  if (slow.length) items.push(el('li', {}, w`since then ${order.vehicle} was later than planned: ${slow.slice(-4).map((stop) => `${stop.order} ${minutes(behind(stop) / 1000)} min`).join(', ')}`));
  const pauses = vehicle ? breaksBefore(vehicle, order.id) : [];
  if (pauses.length) items.push(el('li', { class: 'break' }, w`before it the driver of ${order.vehicle} has a break: ${pauses.map((pause) => `${time(pause.starts)}–${time(pause.ends)}`).join(', ')}`));
  const last = order.stops?.at(-1);
  items.push(el('li', {}, w`now: ${headline(order)}${last?.street ? `, ${last.street}` : ''}`));
  return el('ol', { id: 'chain' }, ...items);
}

/** The break that a driver takes, and those that are planned before he is at an order. @param {import('../engine.js').VehicleStory} vehicle @param {string} order */
function breaksBefore(vehicle, order) {
  const last = vehicle.visits.map((visit) => visit.order).lastIndexOf(order);
  const taken = vehicle.break?.status === 'taken' ? [vehicle.break] : [];
  return [...taken, ...vehicle.visits.slice(0, last + 1).flatMap((visit) => visit.breaks ?? [])];
}

/** @param {import('../engine.js').OrderReason} moved */
function others(moved) {
  const next = moved.alternatives[0];
  if (!next) return t('no other vehicle was asked');
  const late = next.stops?.at(-1)?.late_seconds ?? 0;
  return next.cost ? w`the next best was ${next.vehicle}, ${late >= 60 ? w`${lateMinutes(late)} min late` : w`${decimal(next.dearer_by ?? 0, 2)} dearer`}` : w`${next.vehicle} was ruled out: ${lacks(next)}`;
}
