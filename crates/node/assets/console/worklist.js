// @ts-check
// What somebody should look at, the most urgent first: late, soon late, without a place, silent, refused, moved.
import { $, button, el, fill } from './dom.js';
import { get } from './api.js';
import { t, w } from './language.js';
import { silence } from './lists.js';
import { KIND_WORDS, covers, kindsBy, note, noteAlert, noteText } from './notes.js';
import { chosen, keep } from './preferences.js';
import { pieces, sorted } from './pieces.js';
import { showConflict, showRefusal } from './refused.js';
import { choose, fleet, noteOf, on, seenOf, view } from './store.js';
import { clock, lateMinutes, span, time } from './time.js';
import { violated } from './hours.js';

/** @typedef {{kind: string, key: string, of: 'order' | 'vehicle' | 'entry' | 'zone', id: string | number, alert?: import('./store.js').Alert, left: number, words: () => string, when: () => string, act: () => void}} Item */

const HOUR = 3_600_000;
/** A stop that begins later by so much than the first plan said, milliseconds. */
const MOVED = 600_000;
/** Rows that are shown at first, and by how many that grows. */
const ROWS = 150;
let most = ROWS;
/** Time between two looks at what was taken although it contradicts the plan. */
const WARNINGS_EVERY = 20_000;
const KINDS = [['late', 'late now'], ['hour', 'late within 60 min'], ['later', 'late after that'], ['unassigned', 'unassigned'], ['failed', 'failed'], ['silent', 'silent'], ['hours', 'driving times'], ['refused', 'refused'], ['conflict', 'conflicting'], ['moved', 'moved 10 min'], ['alert', 'alerts']];
/** The kinds of rows that say the same as an alert of the engine. */
const SAYS = /** @type {Record<string, string[]>} */ ({ predicted_late: ['late', 'hour', 'later'], unassigned: ['unassigned'], silent: ['silent'] });
const ALERTS = /** @type {Record<string, string>} */ ({ predicted_late: t('will be late'), unassigned: t('on no route'), silent: t('silent'), sla_burn: t('too many are late'), log_lag: t('the engine is behind'), degraded: t('overload'), clock_skew: t('a clock is wrong') });
/** @type {Set<string>} */ const hidden = new Set();
/** @type {import('./store.js').News['taken']['body']['refused']} */ let conflicts = [];

/** Between two pieces of the work so many orders are looked at. */
const PIECE = 400;

/** @returns {Generator<void, Item[]>} */
function* items() {
  const now = clock();
  /** @type {Item[]} */ const found = [];
  let looked = 0;
  for (const order of fleet.orders.values()) {
    looked += 1;
    if (looked % PIECE === 0) yield;
    // Nearly all are on their way and in time.
    const first = order.first_start;
    const moved = first && order.start && order.start - first >= MOVED && order.start - now < HOUR;
    if (!moved && order.status !== 'unassigned' && !((order.late_seconds ?? 0) > 0)) continue;
    const open = () => choose('orders', order.id);
    const name = () => `${order.id}${order.reference ? ` · ${order.reference}` : ''}`;
    // Of an order that is late at one of its stops, what was promised of that stop.
    const due = (order.late_seconds ?? 0) > 0 ? order.late_due ?? order.due : order.due;
    const left = due ? due - now : Infinity;
    if (order.status === 'unassigned') found.push({ kind: 'unassigned', key: `unassigned ${order.id}`, of: 'order', id: order.id, left, words: () => `${name()}: ${order.reason}`, when: () => (order.due ? w`by ${time(order.due)}` : t('no deadline')), act: open });
    else if ((order.late_seconds ?? 0) > 0) {
      const kind = left < 0 ? 'late' : left <= HOUR ? 'hour' : 'later';
      found.push({ kind, key: `late ${order.id}`, of: 'order', id: order.id, left, words: () => w`${name()}: ${lateMinutes(order.late_seconds ?? 0)} min late${order.vehicle ? w` on ${order.vehicle}` : ''}${order.pinned ? t(', pinned') : ''}`, when: () => (left < 0 ? w`since ${span(-left)}` : w`in ${span(left)}`), act: open });
    }
    if (moved && order.start) found.push({ kind: 'moved', key: `moved ${order.id}`, of: 'order', id: order.id, left: order.start - now, words: () => w`${name()}: begins ${time(order.start)} and not ${time(first)}`, when: () => `+${Math.round((Number(order.start) - first) / 60_000)} min`, act: open });
  }
  for (const order of fleet.failed.values()) found.push({ kind: 'failed', key: `failed ${order.id}`, of: 'order', id: order.id, left: HOUR + (order.due ? order.due - now : 0), words: () => w`${order.id}${order.reference ? ` · ${order.reference}` : ''}: a stop failed; it waits for a new appointment`, when: () => (order.due ? w`by ${time(order.due)}` : ''), act: () => choose('orders', order.id) });
  for (const vehicle of fleet.vehicles.values()) {
    const over = vehicle.hours;
    if (over) found.push({ kind: 'hours', key: `hours ${vehicle.id}`, of: 'vehicle', id: vehicle.id, left: over.planned ? 2 * HOUR : HOUR, words: () => `${vehicle.id}: ${violated(over)}`, when: () => '', act: () => choose('vehicles', vehicle.id) });
    const quiet = silence(vehicle);
    if (quiet !== null) found.push({ kind: 'silent', key: `silent ${vehicle.id}`, of: 'vehicle', id: vehicle.id, left: HOUR - quiet, words: () => w`${vehicle.id}: no position for ${span(quiet)}`, when: () => span(quiet), act: () => choose('vehicles', vehicle.id) });
  }
  for (const refusal of fleet.refused) found.push({ kind: 'refused', key: `refused ${refusal.seq}`, of: 'entry', id: refusal.seq, left: 2 * HOUR + (refusal.at - now), words: () => `${refusal.entity ?? refusal.source ?? t('event')}: ${refusal.reason}`, when: () => time(refusal.at), act: () => void showRefusal(refusal) });
  // Those are of now, and what is shown may be the past.
  for (const conflict of view.replaying ? [] : conflicts) found.push({ kind: 'conflict', key: `conflict ${conflict.seq}`, of: 'entry', id: conflict.seq, left: 3 * HOUR, words: () => `${conflict.id}: ${conflict.detail}`, when: () => '', act: () => void showConflict(conflict) });
  // What the engine raised and no row says yet. There may be ten thousand of both.
  /** @type {Map<string | number, Item[]>} */ const about = new Map();
  if (fleet.alerts.length) for (const [at, item] of found.entries()) { if (at % PIECE === 0) yield; const others = about.get(item.id); if (others) others.push(item); else about.set(item.id, [item]); }
  for (const [at, alert] of fleet.alerts.entries()) {
    if (at % PIECE === 0) yield;
    const id = alert.order ?? alert.vehicle ?? alert.alert;
    const row = about.get(id)?.find((item) => SAYS[alert.alert]?.includes(item.kind));
    if (row) { row.alert = alert; continue; }
    const of = alert.order ? 'order' : alert.vehicle ? 'vehicle' : 'zone';
    found.push({ kind: 'alert', key: `alert ${alert.alert} ${id}`, of, id, alert, left: alert.since - now, words: () => `${of === 'zone' ? '' : `${id}: `}${ALERTS[alert.alert] ?? alert.alert}: ${alert.detail}`, when: () => w`since ${span(now - alert.since)}`, act: () => { if (alert.order) choose('orders', alert.order); else if (alert.vehicle) choose('vehicles', alert.vehicle); } });
  }
  return yield* sorted(found, (a, b) => a.left - b.left || (a.key < b.key ? -1 : 1));
}

/** What was in the list when it was last drawn with sound; null: it was not. @type {Set<string> | null} */ let before = null;
/** Two sounds are so far apart at least, milliseconds. */
const QUIET = 5_000;
let soundedAt = -QUIET;
/** @type {AudioContext | null} */ let audio = null;

/** A short tone when something is new in the list, if the operator wants that. @param {Item[]} waiting */
function sound(waiting) {
  if (view.replaying || !/** @type {HTMLInputElement} */ ($('work-sound')).checked) { before = null; return; }
  const keys = waiting.filter((item) => !hidden.has(item.kind)).map((item) => item.key);
  const isNew = before !== null && keys.some((key) => !before?.has(key));
  before = new Set(keys);
  if (!isNew || performance.now() - soundedAt < QUIET) return;
  soundedAt = performance.now();
  $('work').dataset.sounded = String(Number($('work').dataset.sounded ?? 0) + 1);
  try {
    audio ??= new AudioContext();
    const [tone, volume] = [audio.createOscillator(), audio.createGain()];
    tone.frequency.value = 660;
    volume.gain.setValueAtTime(0.15, audio.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.35);
    tone.connect(volume).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.4);
  } catch { /* a browser without sound */ }
}

let drawnAt = 0;
let due = 0;
const drawing = pieces(function* () {
  drawnAt = performance.now();
  const now = clock();
  const all = yield* items();
  const withNotes = /** @type {HTMLInputElement} */ ($('work-noted')).checked;
  const placed = lastPlaced();
  /** @type {Map<Item, import('./store.js').Noted>} */ const noteFor = new Map();
  const [open, shown, unnoted] = [/** @type {Item[]} */ ([]), /** @type {Item[]} */ ([]), /** @type {Item[]} */ ([])];
  for (const [at, item] of all.entries()) {
    if (at % PIECE === 0) yield;
    const noted = notedOf(item, now, placed);
    if (noted) noteFor.set(item, noted); else unnoted.push(item);
    if (noted && !withNotes) continue;
    open.push(item);
    if (!hidden.has(item.kind)) shown.push(item);
  }
  yield;
  const waiting = unnoted.length;
  sound(unnoted);
  $('work-count').textContent = String(waiting);
  const title = waiting ? `(${waiting}) Fleetfold` : 'Fleetfold';
  if (document.title !== title) document.title = title;
  /** @type {Map<string, number>} */ const counts = new Map();
  for (const item of open) counts.set(item.kind, (counts.get(item.kind) ?? 0) + 1);
  for (const [kind] of KINDS) {
    const chip = $(`kind-${kind}`);
    const count = counts.get(kind) ?? 0;
    chip.setAttribute('aria-pressed', String(!hidden.has(kind)));
    const last = /** @type {HTMLElement} */ (chip.lastElementChild);
    if (last.textContent !== String(count)) last.textContent = String(count);
  }
  yield;
  yield* list(shown, noteFor, shown.length ? [] : nothing(open.length, all.length - open.length));
  drawnAt = performance.now();
});
function draw() { due = 0; drawing.start(); }

/** The rows that are in the list, by what they are about. @type {Map<string, {element: HTMLElement, says: string, item: Item, when: HTMLElement}>} */ let rows = new Map();
/** What is below them. @type {HTMLElement[]} */ let below = [];

/** Puts rows in their order: those that say what they said stay as they are. @param {Item[]} shown @param {Map<Item, import('./store.js').Noted>} noteFor @param {HTMLElement[]} none what stands in place of rows @returns {Generator<void>} */
function* list(shown, noteFor, none) {
  const wanted = shown.slice(0, most);
  const keys = new Set(wanted.map((item) => item.key));
  for (const element of below) element.remove();
  for (const [key, known] of rows) if (!keys.has(key)) { known.element.remove(); rows.delete(key); }
  /** @type {ChildNode | null} */ let at = $('work').firstChild;
  for (const [index, item] of wanted.entries()) {
    if (index % 8 === 7) yield;
    const noted = noteFor.get(item);
    const [says, when] = [`${item.kind}\n${item.words()}\n${noted ? noteText(noted) : ''}\n${item.alert ? time(item.alert.since) : ''}`, item.when()];
    const known = rows.get(item.key);
    if (known && known.says === says) {
      known.item = item;
      if (known.when.textContent !== when) known.when.textContent = when;
      if (known.element === at) at = at.nextSibling; else keepFocus(() => $('work').insertBefore(known.element, at));
      continue;
    }
    const element = row(item, noted);
    const made = { element, says, item, when: /** @type {HTMLElement} */ (element.querySelector('.when')) };
    if (known && known.element === at) at = at.nextSibling;
    keepFocus(() => { known?.element.remove(); $('work').insertBefore(element, at); });
    rows.set(item.key, made);
  }
  below = shown.length > most ? [el('li', {}, button(w`and ${shown.length - most} more`, () => { most += ROWS; draw(); }, { id: 'work-more' }))] : none;
  $('work').append(...below);
}

/** The focus stays on the row that it is on, wherever that goes. @param {() => void} act */
function keepFocus(act) {
  const focused = document.activeElement?.closest('#work li') ? [document.activeElement.closest('li')?.getAttribute('data-key'), document.activeElement.getAttribute('data-act')] : null;
  act();
  if (focused) /** @type {HTMLElement | null} */ ($('work').querySelector(`li[data-key="${CSS.escape(String(focused[0]))}"] [data-act="${focused[1]}"]`))?.focus();
}

/** What stands in place of rows: whether nothing waits, or nothing of what is shown. @param {number} others rows of kinds that are not shown @param {number} noted rows that are not shown because somebody takes care of them */
function nothing(others, noted) {
  if (!others) return [el('li', { id: 'work-none' }, noted ? w`Nothing waits for you: ${noted} acknowledged or snoozed.` : t('Nothing waits for you.'))];
  return [el('li', { id: 'work-none' }, w`Nothing of the kinds that are shown. ${others} of other kinds. `, button(t('Show all kinds'), () => { hidden.clear(); draw(); }, { id: 'work-all' }))];
}

/** That somebody takes care of it: as a note on what is wrong with it now, or because its alert was acknowledged elsewhere. @param {Item} item @param {number} now @param {Map<string, number>} placed */
function notedOf(item, now, placed) {
  const noted = item.of === 'zone' ? undefined : noteOf(item.of, item.id, now);
  return (noted && covers(noted, item.kind, began(item, placed)) ? noted : undefined) ?? (item.alert ? seenOf(item.alert, now) : undefined);
}
/** When what a row says began, as far as that is known; 0: it is not. @param {Item} item @param {Map<string, number>} placed when each order was last given to a vehicle */
function began(item, placed) {
  if (item.kind === 'unassigned') return placed.get(String(item.id)) ?? 0;
  if (item.kind === 'silent') return fleet.vehicles.get(String(item.id))?.seen ?? 0;
  return item.kind === 'alert' ? item.alert?.since ?? 0 : 0;
}
/** When orders were last given to a vehicle. */
const lastPlaced = () => new Map(fleet.noted.size ? fleet.decisions.flatMap((decision) => (decision.vehicle ? [/** @type {const} */ ([decision.order, decision.at])] : [])) : []);
/** What is wrong with the same order or vehicle now goes into the note, so that it says nothing of what comes later. @param {Item} item @param {'acknowledged' | 'snoozed' | 'cleared'} attention */
const take = (item, attention) => void (item.of === 'zone' ? item.alert && noteAlert(item.alert, attention) : note(item.of, item.id, attention));
/** All of it at once: for what a click asks. */
function itemsNow() {
  const told = items();
  let step = told.next();
  while (!step.done) step = told.next();
  return step.value;
}
kindsBy((what, id) => itemsNow().filter((item) => item.of === what && item.id === id).map((item) => KIND_WORDS[item.kind]));

/** @param {Item} item @param {import('./store.js').Noted | undefined} noted */
function row(item, noted) {
  return el('li', { class: `row ${item.kind}${noted ? ' noted' : ''}`, 'data-key': item.key, 'data-kind': item.kind, 'data-id': item.id },
    el('button', { type: 'button', class: 'go', 'data-act': 'open', onclick: item.act }, el('span', {}, { late: '!', hour: '◔', later: '○', unassigned: '■', failed: '↩', silent: '?', hours: '◷', refused: '✕', conflict: '≠', moved: '»', alert: '▲' }[item.kind]), el('span', {}, item.words()), el('small', { class: 'when' }, item.when()), noted ? el('span', { class: 'under' }, noteText(noted)) : item.alert && item.kind !== 'alert' ? el('span', { class: 'under alerted' }, w`▲ alert since ${time(item.alert.since)}`) : null),
    noted ? button(t('Clear'), () => take(item, 'cleared'), { 'data-act': 'clear', 'data-acts': true, 'aria-label': w`${t('Clear')}: the note on ${item.id}` }) : button(t('Ack'), () => take(item, 'acknowledged'), { 'data-act': 'ack', 'data-acts': true, 'aria-label': w`${t('Ack')}: acknowledge ${item.id}`, title: t('acknowledge: you take care of it') }),
    noted ? null : button('15′', () => take(item, 'snoozed'), { 'data-act': 'snooze', 'data-acts': true, 'aria-label': w`15′: snooze ${item.id} for 15 minutes`, title: t('snooze for 15 minutes') }));
}

fill('work-kinds', ...KINDS.map(([kind, label]) => el('button', { type: 'button', id: `kind-${kind}`, 'aria-pressed': 'true', onclick: () => { if (hidden.has(kind)) hidden.delete(kind); else hidden.add(kind); draw(); } }, `${t(label)} `, el('span', {}, '0'))));
$('work-noted').addEventListener('change', draw);
/** @type {HTMLInputElement} */ ($('work-sound')).checked = chosen('sound') === 'yes';
$('work-sound').addEventListener('change', (change) => { keep('sound', /** @type {HTMLInputElement} */ (change.target).checked ? 'yes' : ''); draw(); });
/** One that goes on is not begun anew: what came meanwhile is drawn after it. */
const unlessBusy = () => { due = 0; if (drawing.goes) soon(); else draw(); };
const soon = () => { if (!due) due = window.setTimeout(unlessBusy, drawnAt ? Math.max(50, 1000 - (performance.now() - drawnAt)) : 0); };
on('taken', soon);
on('midnight', soon);
on('tick', () => { if (performance.now() - drawnAt > 5_000) soon(); });
/** Of the warnings, those that somebody has to look at: what contradicts the plan, and what was said of things that nobody knows. */
const TO_LOOK_AT = ['conflict', 'unknown_order', 'unknown_vehicle'];
async function look() {
  const answer = await get('v1/warnings');
  if (answer.ok) conflicts = answer.body.warnings.flatMap(({ id, seq, at, code, detail, source, withdrawn_seq }) => (seq && detail && !withdrawn_seq && TO_LOOK_AT.includes(code) ? [{ id, seq, at: Date.parse(at), reason: code, detail, source }] : []));
  const passed = answer.ok ? answer.body.positions_passed_over : 0;
  if (answer.ok) { $('work-passed').hidden = passed === 0; $('work-passed').textContent = passed > 0 ? w`${passed} positions were passed over since the start: no vehicle comes so far so fast, or a phone had no fix.` : ''; }
}
void look();
setInterval(() => void look(), WARNINGS_EVERY);
