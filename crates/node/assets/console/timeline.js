// @ts-check
// The day of the vehicles side by side: drive, wait, service and break, what is done against what was planned; a stop is dragged to another vehicle.
// It reaches from the first shift and the first stop that are known to the last stop that is planned; of that, only what is scrolled to is in the page.
import { stopWord, t, w } from './language.js';
import { $, button, el } from './dom.js';
import { get } from './api.js';
import { dropped } from './drop.js';
import { pieces } from './pieces.js';
import { byName, choose, fleet, on, view } from './store.js';
import { apart, clock, time } from './time.js';

/** The timeline begins at least so long before now and ends at least so long after it, milliseconds. */
const [BEFORE, AFTER] = [90 * 60_000, 4 * 3_600_000];
/** Its ends are so round, milliseconds. */
const STEP = 30 * 60_000;
/** The engine tells what was done in so many milliseconds: nothing is shown that is older. */
const KNOWN = 24 * 3_600_000;
/** Pixels of an hour: a stop of five minutes can be hit. */
const HOUR = 254;
/** What a vehicle has done is asked for again at most so often, milliseconds. */
const DONE_EVERY = 15_000;

/** Ends of the timeline. */
let [from, to] = [0, 0];
/** What is drawn of it: what is in view, and as much on each side. */
let [drawnFrom, drawnTo] = [0, 0];
/** It was put to now when it was first seen; from when the operator has scrolled it himself it does not follow the clock any more. */
let [opened, byHand] = [false, false];
/** The vehicle whose stop is being dragged: its lane stays as it is meanwhile. */
let dragged = '';
/** @type {Map<string, {lane: HTMLElement, bars: HTMLElement, done: import('../engine.js').DoneStop[], rests: import('../engine.js').RestTaken[], pause: import('../engine.js').PlannedBreak | null, shift: [number, number] | null, as: string, asked: number, seen: boolean, stale: boolean}>} */ const lanes = new Map();
const x = (/** @type {number} */ at) => ((at - from) / 3_600_000) * HOUR;
const scrolls = $('timeline');
const inWindow = (/** @type {number} */ begins, /** @type {number} */ ends) => ends >= drawnFrom && begins <= drawnTo;

/** @param {number} begins @param {number} ends @param {string} kind @param {string} title @returns {HTMLElement | null} */
function bar(begins, ends, kind, title) {
  if (!inWindow(begins, ends)) return null;
  const element = el('div', { class: `bar ${kind}`, title });
  element.style.left = `${x(begins)}px`;
  element.style.width = `${Math.max(0, x(ends) - x(begins))}px`;
  return element;
}

/** @param {import('./store.js').Vehicle} vehicle */
function drawLane(vehicle) {
  const known = lanes.get(vehicle.id);
  if (!known || dragged === vehicle.id) return;
  known.stale = false;
  const shift = known.shift && bar(known.shift[0], known.shift[1], 'shift', w`shift ${time(known.shift[0])}–${time(known.shift[1])}`);
  /** @type {(HTMLElement | null)[]} */ const parts = [shift];
  for (const stop of known.done) {
    const at = stop.arrived ?? stop.done;
    const late = stop.due && at > stop.due;
    if (stop.planned) parts.push(bar(stop.planned, stop.planned + 240_000, 'ghost', w`${stop.order}: was planned for ${time(stop.planned)}`));
    const done = bar(stop.arrived ?? stop.done - 60_000, stop.done, `done${late ? ' late' : ''}`, w`${stop.order} ${stopWord(stop)}: done ${time(stop.done)}${stop.planned ? w`, planned ${time(stop.planned)}` : ''}`);
    done?.addEventListener('click', () => choose('orders', stop.order));
    parts.push(done);
  }
  for (const visit of vehicle.visits) {
    if (visit.start === null || visit.arrival === null || visit.departure === null) continue;
    const frozen = visit.frozen ? ' frozen' : '';
    // When the next thing on the way begins: a drive, which breaks may part, or the time at a depot.
    let on = Math.max(Math.min(visit.depart_at, visit.breaks?.[0]?.starts ?? visit.depart_at), visit.frozen ? from : 0);
    /** The drive up to then, with the breaks on it. @param {number} until @param {string} kind @param {string} words */
    const drive = (until, kind, words) => {
      for (const pause of visit.breaks ?? []) {
        if (pause.ends <= on || pause.starts >= until) continue;
        if (pause.starts > on) parts.push(bar(on, pause.starts, kind, w`${words}: ${time(on)}–${time(pause.starts)}`));
        parts.push(bar(pause.starts, pause.ends, 'pause', w`break of ${Math.round((pause.ends - pause.starts) / 60_000)} min`));
        on = pause.ends;
      }
      if (until > on) parts.push(bar(on, until, kind, w`${words}: ${time(on)}–${time(until)}`));
      on = until;
    };
    if (visit.reload && visit.reload.arrival !== null && visit.reload.departure !== null) {
      // The drive to the depot, the time there, and then the drive from it.
      const depot = visit.reload.name ?? t('depot');
      drive(visit.reload.arrival, 'drive', w`drive to ${depot}`);
      parts.push(bar(visit.reload.arrival, visit.reload.departure, 'depot', w`at ${depot}: ${time(visit.reload.arrival)}–${time(visit.reload.departure)}`));
      on = visit.reload.departure;
    }
    drive(visit.arrival, `drive${frozen}`, w`drive to ${visit.order}`);
    if (visit.start > visit.arrival) parts.push(bar(visit.arrival, visit.start, 'wait', w`waits for ${visit.order} until ${time(visit.start)}`));
    if (!inWindow(visit.start, visit.departure)) continue;
    const looked = view.chosen?.kind === 'orders' && view.chosen.id === visit.order ? ' looked' : '';
    const pinned = fleet.orders.get(visit.order)?.pinned ? ' pinned' : '';
    const service = el('button', { type: 'button', class: `bar service${frozen}${visit.late ? ' late' : ''}${looked}${pinned}`, 'data-order': visit.order, tabindex: '-1', draggable: 'false', 'aria-label': `${visit.order} ${stopWord(visit)} ${time(visit.start)}${visit.late ? t(', late') : ''}`, title: `${visit.order} ${stopWord(visit)} ${time(visit.start)}–${time(visit.departure)}${visit.late ? t(', late') : ''}${visit.frozen ? t(', under way') : t(', drag it to another place')}` });
    service.style.left = `${x(visit.start)}px`;
    service.style.width = `${Math.max(4, x(visit.departure) - x(visit.start))}px`;
    service.addEventListener('pointerdown', (/** @type {PointerEvent} */ event) => drag(event, service, visit.order, vehicle.id, visit.frozen));
    parts.push(service);
  }
  for (const rest of known.rests) parts.push(bar(rest.starts, rest.ends, rest.what === 'break' ? 'pause' : 'depot', `${rest.what === 'break' ? t('break') : t('depot')} ${time(rest.starts)}–${time(rest.ends)}`));
  const pause = known.pause?.status === 'taken' ? known.pause : known.pause && apart({ visits: vehicle.visits, break: known.pause });
  if (pause) parts.push(bar(pause.starts, pause.ends, 'pause', `${t('break')} ${time(pause.starts)}–${time(pause.ends)}`));
  known.bars.replaceChildren(...parts.filter((part) => part !== null), ...nowLine());
}

function nowLine() {
  const line = el('div', { class: 'nowline' });
  line.style.left = `${x(clock())}px`;
  return [line];
}

/** A stop is dragged to another place, or clicked. @param {PointerEvent} event @param {HTMLElement} element @param {string} order @param {string} vehicle @param {boolean} frozen */
function drag(event, element, order, vehicle, frozen) {
  const [beginX, beginY] = [event.clientX, event.clientY];
  let moved = false;
  dragged = vehicle;
  /** @type {HTMLElement | null} */ let over = null;
  const laneAt = (/** @type {PointerEvent} */ at) => /** @type {HTMLElement | null} */ (document.elementsFromPoint(at.clientX, at.clientY).map((found) => found.closest('.lane')).find(Boolean) ?? null);
  const move = (/** @type {PointerEvent} */ at) => {
    moved = moved || Math.hypot(at.clientX - beginX, at.clientY - beginY) > 5;
    if (!moved || frozen) return;
    element.style.transform = `translate(${at.clientX - beginX}px, ${at.clientY - beginY}px)`;
    over?.classList.remove('target');
    over = laneAt(at);
    over?.classList.add('target');
  };
  const up = (/** @type {PointerEvent} */ at) => {
    window.removeEventListener('pointermove', move);
    window.removeEventListener('pointerup', up);
    window.removeEventListener('pointercancel', up);
    const lane = laneAt(at);
    element.style.transform = '';
    dragged = '';
    pending.add(vehicle);
    schedule();
    over?.classList.remove('target');
    // A touch that became a scroll of the page drops nothing.
    if (at.type !== 'pointerup') return;
    if (!moved) { choose('orders', order); return; }
    const left = lane?.querySelector('.bars')?.getBoundingClientRect().left ?? 0;
    // Where the stop's beginning is dropped, and not the finger that holds it somewhere in its middle.
    const begins = at.clientX - (beginX - x0);
    void dropped({ order, from: vehicle, frozen, lane: lane?.dataset.vehicle ?? null, at: from + ((begins - left) / HOUR) * 3_600_000 });
  };
  const x0 = element.getBoundingClientRect().left;
  window.addEventListener('pointermove', move);
  window.addEventListener('pointerup', up);
  // A touch that became a scroll, a gesture of the system.
  window.addEventListener('pointercancel', up);
  event.preventDefault();
}

/** How high a lane is, pixels, and how far beyond the view lanes are drawn. */
const [HEIGHT, BEYOND] = [26, 60];
/** Lanes that are in view are drawn; the others when they come into view. All are of one height, so that where the view is says which: to have the browser watch a thousand takes it longer than all else of a frame. */
function look() {
  looking = 0;
  const { scrollTop, clientHeight } = $('timeline');
  let index = 0;
  for (const [id, known] of inOrder) {
    const top = index * HEIGHT;
    index += 1;
    const was = known.seen;
    known.seen = !$('timeline').hidden && top + HEIGHT > scrollTop - BEYOND && top < scrollTop + clientHeight + BEYOND;
    const vehicle = known.seen && (!was || known.stale) ? fleet.vehicles.get(id) : undefined;
    if (!vehicle) continue;
    if (known.stale) drawLane(vehicle);
    if (!was) void askDone(id);
  }
}
let looking = 0;
function lookSoon() { if (!looking) looking = requestAnimationFrame(look); }
$('timeline').addEventListener('scroll', lookSoon);
// It is opened, made larger, shown on a narrow screen.
new ResizeObserver(lookSoon).observe($('timeline'));

/** What its driver has done is asked for again when this changes: a break and a call at a depot begin and end without a stop that is done. @param {import('./store.js').Vehicle} vehicle */
const asOf = (vehicle) => `${vehicle.stops_done} ${vehicle.status}`;

/** @param {string} id */
async function askDone(id) {
  const known = lanes.get(id);
  const seen = fleet.vehicles.get(id);
  const as = seen ? asOf(seen) : '';
  if (!known || view.replaying || (known.as === as && performance.now() - known.asked < DONE_EVERY) || performance.now() - known.asked < 1_000) return;
  [known.asked, known.as] = [performance.now(), as];
  const answer = await get('v1/vehicles/{id}', { id });
  const vehicle = fleet.vehicles.get(id);
  if (!answer.ok || !vehicle) return;
  known.rests = answer.body.rests ?? [];
  known.pause = answer.body.break ?? null;
  known.done = answer.body.done ?? [];
  known.shift = answer.body.shift ?? null;
  // What was learned of it may begin before the timeline, or end after it.
  if (scale()) redraw(); else drawLane(vehicle);
}

/** @param {import('./store.js').Vehicle} vehicle */
function lane(vehicle) {
  const bars = el('div', { class: 'bars' });
  const element = el('div', { class: 'lane', 'data-vehicle': vehicle.id }, button(vehicle.id, () => choose('vehicles', vehicle.id)), bars);
  lanes.set(vehicle.id, { lane: element, bars, done: [], rests: [], pause: null, shift: null, as: '', asked: -DONE_EVERY, seen: false, stale: true });
  unsorted = true;
  $('timeline-rows').append(element);
}

/** A lane was added behind the others. */
let unsorted = false;
/** Lanes by the names of their vehicles. */
/** @type {[string, NonNullable<ReturnType<typeof lanes.get>>][]} */ let inOrder = [];
function sort() {
  unsorted = false;
  inOrder = [...lanes.entries()].sort(([a], [b]) => byName.compare(a, b));
  $('timeline-rows').replaceChildren(...inOrder.map(([, known]) => known.lane));
  lookSoon();
}

/** From when to when there is something to see. */
function reach() {
  const now = clock();
  let [first, last] = [now - BEFORE, now + AFTER];
  for (const vehicle of fleet.vehicles.values()) for (const visit of vehicle.visits) if (visit.departure !== null && visit.departure > last) last = visit.departure;
  for (const { shift, done } of lanes.values()) {
    const begun = done[0] && (done[0].arrived ?? done[0].done);
    for (const at of [shift?.[0], begun]) if (at && at < first) first = at;
    if (shift && shift[1] > last) last = shift[1];
  }
  return [Math.floor(Math.max(first, now - KNOWN) / STEP) * STEP, Math.ceil(last / STEP) * STEP];
}

/** Begins and ends the timeline where it has to. What is in view stays there. @returns {boolean} it begins or ends elsewhere than before */
function scale() {
  if (!clock()) return false;
  const [first, last] = reach();
  if (first === from && last === to) return false;
  const moves = from ? x(first) : 0;
  [from, to] = [first, last];
  for (const id of ['timeline-scale', 'timeline-rows']) $(id).style.setProperty('--day', `${x(to)}px`);
  if (opened && moves) scrolls.scrollLeft -= moves;
  goToNow();
  seeWindow(true);
  return true;
}

/** Now is in view, with a little of what was before it: when the timeline is first seen, and as long as nobody has scrolled it. @param {boolean} [asked] the operator wants it */
function goToNow(asked = false) {
  if (asked) byHand = false;
  const room = scrolls.clientWidth;
  if (!from || !room || byHand) return;
  const place = x(clock()) - scrolls.scrollLeft;
  if (!opened || asked || place > room * 0.6 || place < 0) scrolls.scrollLeft = Math.max(0, x(clock()) - room / 4);
  opened = true;
}

/** Draws what was scrolled to. @param {boolean} [anew] also if it is drawn already @returns {boolean} it was drawn */
function seeWindow(anew = false) {
  const room = (scrolls.clientWidth / HOUR) * 3_600_000;
  const seen = from + (scrolls.scrollLeft / HOUR) * 3_600_000;
  if (!anew && (seen >= drawnFrom || drawnFrom <= from) && (seen + room <= drawnTo || drawnTo >= to)) return false;
  [drawnFrom, drawnTo] = [Math.max(from, seen - room), Math.min(to, seen + 2 * room)];
  const marks = [];
  for (let at = Math.ceil(drawnFrom / STEP) * STEP; at < drawnTo; at += STEP) {
    const mark = el('span', {}, time(at));
    mark.style.left = `${x(at)}px`;
    marks.push(mark);
  }
  $('timeline-scale').replaceChildren(...marks);
  return true;
}

/** Draws the lanes that are in view; the others when they come into it. */
function redraw() {
  for (const [id, known] of lanes) {
    known.stale = true;
    const vehicle = fleet.vehicles.get(id);
    if (vehicle && known.seen && !scrolls.hidden) drawLane(vehicle);
  }
}
let scrolled = 0;
scrolls.addEventListener('scroll', () => { if (!scrolled) scrolled = requestAnimationFrame(() => { scrolled = 0; if (from && seeWindow()) redraw(); }); });
for (const by of ['wheel', 'pointerdown', 'keydown']) scrolls.addEventListener(by, () => { byHand = true; }, { passive: true });
$('timeline-now').addEventListener('click', () => goToNow(true));
// It has another width, or is seen for the first time: on a phone long after it was made.
new ResizeObserver(() => { if (from && scrolls.clientWidth) { goToNow(); if (seeWindow(true)) redraw(); } }).observe(scrolls);

/** The lane of a vehicle, and the stop of the order that is looked at, come into view. @param {string} vehicle */
function goToStop(vehicle) {
  const { scrollLeft } = scrolls;
  lanes.get(vehicle)?.lane.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  scrolls.scrollLeft = scrollLeft;
  const stop = view.chosen?.kind === 'orders' && fleet.vehicles.get(vehicle)?.visits.find((visit) => visit.order === view.chosen?.id);
  if (!stop || stop.start === null || !from) return;
  const place = x(stop.start) - scrollLeft;
  const room = scrolls.clientWidth - 92;
  if (place >= 0 && place < room - 20) return;
  byHand = true;
  scrolls.scrollLeft = x(stop.start) - room / 2;
}

let frame = 0;
/** @type {Set<string>} */ const pending = new Set();
/** Lanes are made and drawn in pieces; one that goes on takes what comes meanwhile. */
const drawing = pieces(function* () {
  if (scale()) redraw();
  for (const id of pending) {
    pending.delete(id);
    const vehicle = fleet.vehicles.get(id);
    if (!vehicle) continue;
    if (!lanes.has(id)) lane(vehicle);
    const known = lanes.get(id);
    if (known) { known.stale = true; if (known.seen && !$('timeline').hidden) { drawLane(vehicle); if (known.as !== asOf(vehicle)) void askDone(id); } }
    yield;
  }
  if (unsorted) sort();
});
function schedule() {
  if (!frame) frame = window.setTimeout(() => { frame = 0; if (drawing.goes) schedule(); else drawing.start(); }, 250);
}
on('cleared', () => { lanes.clear(); inOrder = []; $('timeline-rows').replaceChildren(); });
on('taken', ({ body, touched }) => { for (const vehicle of body.vehicles) pending.add(vehicle.id); for (const id of touched) pending.add(id); schedule(); });
on('chosen', ({ before, go }) => {
  for (const [id, known] of lanes) known.lane.classList.toggle('selected', view.chosen?.kind === 'vehicles' && view.chosen.id === id);
  for (const looked of [before, view.chosen]) {
    const id = looked?.kind === 'vehicles' ? looked.id : looked ? fleet.orders.get(looked.id)?.vehicle : null;
    if (id) pending.add(id);
    if (id && looked === view.chosen) { if (go) goToStop(id); void askDone(id); }
  }
  schedule();
});
on('midnight', () => { for (const id of fleet.vehicles.keys()) pending.add(id); if (from && seeWindow(true)) redraw(); schedule(); });
on('tick', () => {
  for (const known of lanes.values()) if (known.seen) { const line = /** @type {HTMLElement | null} */ (known.bars.querySelector('.nowline')); if (line) line.style.left = `${x(clock())}px`; }
  if (from) { goToNow(); if (to - clock() < AFTER - STEP) schedule(); }
});
