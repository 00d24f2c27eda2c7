// @ts-check
// The day of the vehicles side by side: drive, wait, service and break, what is done against what was planned; a stop is dragged to another vehicle.
import { stopWord, t, w } from './language.js';
import { $, button, el } from './dom.js';
import { get } from './api.js';
import { moveById } from './order-actions.js';
import { byName, choose, fleet, on, view } from './store.js';
import { apart, clock, time } from './time.js';

/** The timeline begins so long before now and ends so long after it, milliseconds. */
const [BEFORE, AFTER] = [90 * 60_000, 4 * 3_600_000];
/** The scale moves on when now has come so far, milliseconds. */
const STEP = 10 * 60_000;
const WIDTH = 1400;
/** What a vehicle has done is asked for again at most so often, milliseconds. */
const DONE_EVERY = 15_000;

let from = 0;
let scaled = false;
/** The vehicle whose stop is being dragged: its lane stays as it is meanwhile. */
let dragged = '';
/** @type {Map<string, {lane: HTMLElement, bars: HTMLElement, done: import('../engine.js').DoneStop[], breaks: import('../engine.js').Pause[], pause: import('../engine.js').PlannedBreak | null, count: number, asked: number, seen: boolean, stale: boolean}>} */ const lanes = new Map();
const x = (/** @type {number} */ at) => ((at - from) / (BEFORE + AFTER)) * WIDTH;

/** @param {number} begins @param {number} ends @param {string} kind @param {string} title */
function bar(begins, ends, kind, title) {
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
  const parts = [];
  for (const stop of known.done) {
    const at = stop.arrived ?? stop.done;
    const late = stop.due && at > stop.due;
    if (stop.planned) parts.push(bar(stop.planned, stop.planned + 240_000, 'ghost', w`${stop.order}: was planned for ${time(stop.planned)}`));
    const done = bar(stop.arrived ?? stop.done - 60_000, stop.done, `done${late ? ' late' : ''}`, w`${stop.order} ${stopWord(stop)}: done ${time(stop.done)}${stop.planned ? w`, planned ${time(stop.planned)}` : ''}`);
    done.addEventListener('click', () => choose('orders', stop.order));
    parts.push(done);
  }
  for (const visit of vehicle.visits) {
    if (visit.start === null || visit.arrival === null || visit.departure === null) continue;
    const frozen = visit.frozen ? ' frozen' : '';
    let drives = Math.max(visit.depart_at, visit.frozen ? from : 0);
    if (visit.break_seconds) {
      // The break begins as soon as the stop before is done and its window is open; the drive follows it.
      const [free, lasts] = [visit.depart_at - visit.break_seconds * 1000, visit.break_seconds * 1000];
      const window = known.breaks.find((pause) => pause.seconds === visit.break_seconds && pause.closes >= free);
      const begins = Math.min(Math.max(free, window?.opens ?? free), visit.arrival - lasts);
      if (begins > free) parts.push(bar(free, begins, 'wait', w`waits for its break until ${time(begins)}`));
      parts.push(bar(begins, begins + lasts, 'pause', w`break of ${Math.round(visit.break_seconds / 60)} min`));
      drives = begins + lasts;
    }
    parts.push(bar(drives, visit.arrival, `drive${frozen}`, w`drive to ${visit.order}: ${time(drives)}–${time(visit.arrival)}`));
    if (visit.start > visit.arrival) parts.push(bar(visit.arrival, visit.start, 'wait', w`waits for ${visit.order} until ${time(visit.start)}`));
    const looked = view.chosen?.kind === 'orders' && view.chosen.id === visit.order ? ' looked' : '';
    const pinned = fleet.orders.get(visit.order)?.pinned ? ' pinned' : '';
    const service = el('button', { type: 'button', class: `bar service${frozen}${visit.late ? ' late' : ''}${looked}${pinned}`, 'data-order': visit.order, tabindex: '-1', draggable: 'false', 'aria-label': `${visit.order} ${stopWord(visit)} ${time(visit.start)}${visit.late ? t(', late') : ''}`, title: `${visit.order} ${stopWord(visit)} ${time(visit.start)}–${time(visit.departure)}${visit.late ? t(', late') : ''}${visit.frozen ? t(', under way') : t(', drag it to another vehicle')}` });
    service.style.left = `${x(visit.start)}px`;
    service.style.width = `${Math.max(4, x(visit.departure) - x(visit.start))}px`;
    service.addEventListener('pointerdown', (/** @type {PointerEvent} */ event) => drag(event, service, visit.order, vehicle.id, visit.frozen));
    parts.push(service);
  }
  const pause = known.pause && apart({ visits: vehicle.visits, break: known.pause });
  if (pause) parts.push(bar(pause.starts, pause.ends, 'pause', `${t('break')} ${time(pause.starts)}–${time(pause.ends)}`));
  known.bars.replaceChildren(...parts, ...nowLine());
}

function nowLine() {
  const line = el('div', { class: 'nowline' });
  line.style.left = `${x(clock())}px`;
  return [line];
}

/** A stop is dragged onto the lane of another vehicle, or clicked. @param {PointerEvent} event @param {HTMLElement} element @param {string} order @param {string} vehicle @param {boolean} frozen */
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
    element.style.transform = '';
    dragged = '';
    pending.add(vehicle);
    schedule();
    const to = moved && at.type === 'pointerup' ? laneAt(at)?.dataset.vehicle : undefined;
    over?.classList.remove('target');
    if (!moved) { if (at.type === 'pointerup') choose('orders', order); return; }
    if (to && to !== vehicle && !frozen) { choose('orders', order, false); void moveById(order, to); }
  };
  window.addEventListener('pointermove', move);
  window.addEventListener('pointerup', up);
  // A touch that became a scroll, a gesture of the system.
  window.addEventListener('pointercancel', up);
  event.preventDefault();
}

/** Lanes that are in view are drawn; the others when they come into view. */
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const id = /** @type {HTMLElement} */ (entry.target).dataset.vehicle ?? '';
    const known = lanes.get(id);
    const vehicle = fleet.vehicles.get(id);
    if (!known || !vehicle) continue;
    known.seen = entry.isIntersecting;
    if (known.seen) { if (known.stale) drawLane(vehicle); void askDone(id); }
  }
}, { root: $('timeline'), rootMargin: '60px' });

/** @param {string} id */
async function askDone(id) {
  const known = lanes.get(id);
  const count = fleet.vehicles.get(id)?.stops_done ?? 0;
  if (!known || view.replaying || (known.count === count && performance.now() - known.asked < DONE_EVERY) || performance.now() - known.asked < 1_000) return;
  [known.asked, known.count] = [performance.now(), count];
  const answer = await get('v1/vehicles/{id}', { id });
  const vehicle = fleet.vehicles.get(id);
  if (!answer.ok || !vehicle) return;
  known.breaks = answer.body.breaks ?? [];
  known.pause = answer.body.break ?? null;
  known.done = (answer.body.done ?? []).filter((stop) => stop.done > from);
  drawLane(vehicle);
}

/** @param {import('./store.js').Vehicle} vehicle */
function lane(vehicle) {
  const bars = el('div', { class: 'bars' });
  bars.style.width = `${WIDTH}px`;
  const element = el('div', { class: 'lane', 'data-vehicle': vehicle.id }, button(vehicle.id, () => choose('vehicles', vehicle.id)), bars);
  lanes.set(vehicle.id, { lane: element, bars, done: [], breaks: [], pause: null, count: -1, asked: -DONE_EVERY, seen: false, stale: true });
  $('timeline-rows').append(element);
  watcher.observe(element);
}

/** Lanes by the names of their vehicles. */
function sort() {
  const sorted = [...lanes.entries()].sort(([a], [b]) => byName.compare(a, b)).map(([, known]) => known.lane);
  $('timeline-rows').replaceChildren(...sorted);
}

function scale() {
  if (!clock()) return false;
  const wanted = Math.floor((clock() - BEFORE) / STEP) * STEP;
  if (from === wanted) return false;
  const first = !scaled;
  scaled = true;
  from = wanted;
  const marks = [];
  for (let at = Math.ceil(from / 1_800_000) * 1_800_000; at < from + BEFORE + AFTER; at += 1_800_000) {
    const mark = el('span', {}, time(at));
    mark.style.left = `${x(at)}px`;
    marks.push(mark);
  }
  $('timeline-scale').style.width = `${WIDTH}px`;
  $('timeline-scale').replaceChildren(...marks);
  // Now is in view, with a little of what was before it.
  if (first) requestAnimationFrame(() => { $('timeline').scrollLeft = Math.max(0, x(clock()) - $('timeline').clientWidth / 4); });
  return true;
}

let frame = 0;
/** @type {Set<string>} */ const pending = new Set();
function schedule() {
  if (!frame) frame = window.setTimeout(() => {
    frame = 0;
    const moved = scale();
    const before = lanes.size;
    for (const id of moved ? fleet.vehicles.keys() : pending) {
      const vehicle = fleet.vehicles.get(id);
      if (!vehicle) continue;
      if (!lanes.has(id)) lane(vehicle);
      const known = lanes.get(id);
      if (known) { known.stale = true; if (known.seen && !$('timeline').hidden) { drawLane(vehicle); if (known.count !== vehicle.stops_done) void askDone(id); } }
    }
    pending.clear();
    if (lanes.size !== before) sort();
  }, 250);
}
on('cleared', () => { watcher.disconnect(); lanes.clear(); $('timeline-rows').replaceChildren(); from = 0; });
on('taken', ({ body, touched }) => { for (const vehicle of body.vehicles) pending.add(vehicle.id); for (const id of touched) pending.add(id); schedule(); });
on('chosen', ({ before, go }) => {
  for (const [id, known] of lanes) known.lane.classList.toggle('selected', view.chosen?.kind === 'vehicles' && view.chosen.id === id);
  for (const looked of [before, view.chosen]) {
    const id = looked?.kind === 'vehicles' ? looked.id : looked ? fleet.orders.get(looked.id)?.vehicle : null;
    if (id) pending.add(id);
    if (id && looked === view.chosen) { if (go) lanes.get(id)?.lane.scrollIntoView({ block: 'nearest' }); void askDone(id); }
  }
  schedule();
});
on('midnight', () => { for (const id of fleet.vehicles.keys()) pending.add(id); from = 0; schedule(); });
on('tick', () => {
  for (const known of lanes.values()) if (known.seen) { const line = /** @type {HTMLElement | null} */ (known.bars.querySelector('.nowline')); if (line) line.style.left = `${x(clock())}px`; }
  if (clock() - from > BEFORE + STEP) schedule();
});
