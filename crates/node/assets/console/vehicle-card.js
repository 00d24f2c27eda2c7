// @ts-check
// The card of a vehicle: what it does, and its day, planned against done.
import { stopWord, t, w } from './language.js';
import { $, button, el, fill } from './dom.js';
import { choose, fleet, noteOf, on, view } from './store.js';
import { apart, clock, more, span, time } from './time.js';
import { onTheWay, violated } from './hours.js';
import { storyLines } from './order-card.js';
import { vehicleActions } from './vehicle-actions.js';
import { noteButtons, noteText } from './notes.js';

/** How old a position is. @param {number | null | undefined} seen */
const age = (seen) => (seen && seen > 0 ? w`${span(clock() - seen)} old` : t('unknown'));
// It grows older while nothing else of the card changes, and becomes younger with each report.
on('tick', () => {
  const [shown, vehicle] = [document.getElementById('card-age'), view.chosen?.kind === 'vehicles' ? fleet.vehicles.get(view.chosen.id) : undefined];
  if (shown && vehicle && shown.textContent !== age(vehicle.seen)) shown.textContent = age(vehicle.seen);
});

/** @param {import('../engine.js').VehicleStory} vehicle */
export function showVehicle(vehicle) {
  fill('story-title', w`Vehicle ${vehicle.id}`);
  const late = vehicle.visits.filter((visit) => visit.late).length;
  const note = noteOf('vehicle', vehicle.id, clock());
  fill('story-head', w`${t(vehicle.status)}, ${vehicle.visits.length} stops to do${late ? w`, ${late} late` : ''}`, note ? el('div', {}, noteText(note)) : null);
  $('story-head').classList.toggle('bad-text', late > 0 || vehicle.status === 'lost');
  fill('story-actions', ...vehicleActions(vehicle), ...noteButtons('vehicle', vehicle.id));
  const waiting = vehicle.visits.reduce((sum, visit) => sum + Math.max(0, (visit.start ?? 0) - (visit.arrival ?? 0)), 0);
  const facts = [
    ['position', age(vehicle.seen)],
    ['shift', vehicle.shift ? `${time(vehicle.shift[0])}–${time(vehicle.shift[1])}` : t('not known')],
    ['breaks', vehicle.breaks?.map((pause, index) => w`${Math.round(pause.seconds / 60)} min between ${time(pause.opens)} and ${time(pause.closes)}${index < (vehicle.breaks_taken ?? 0) ? t(' (taken)') : ''}`).join(', ')],
    ['driven', vehicle.driving_time ? w`${Math.floor(vehicle.driving_time.since_break_seconds / 60)} min since the last break, ${Math.floor(vehicle.driving_time.left_seconds / 60)} min left; ${Math.floor(vehicle.driving_time.in_shift_seconds / 60)} min in this shift` : ''],
    ['driving times', vehicle.driving_time?.violations.map(violated).join('; ')],
    ['depots', vehicle.reload ? depots(vehicle.reload) : ''],
    ['waiting ahead', waiting >= 60_000 ? `${Math.round(waiting / 60_000)} min` : ''],
    ['stops done', vehicle.stops_done], ['on board', vehicle.on_board || null], ['skills', vehicle.skills?.join(', ')],
    ['capacity', vehicle.capacity?.filter((value) => value > 0 && value < 500_000).join(' · ')],
  ];
  fill('story-facts', ...facts.filter(([, value]) => value !== null && value !== undefined && value !== '').flatMap(([label, value]) => [el('dt', {}, t(String(label))), el('dd', { id: label === 'position' ? 'card-age' : null }, String(value))]));
  fill('story-why', el('h3', {}, t('Its day')), el('ol', { id: 'day' }, ...overLines(vehicle), ...nowLines(vehicle), ...vehicle.visits.flatMap((visit) => [...onTheWay(visit), visitLine(visit)]), ...breakLine(vehicle)));
  fill('story-lines', ...storyLines(vehicle.story));
}

/** @param {import('../engine.js').DoneStop} stop */
function doneLine(stop) {
  const at = stop.arrived ?? stop.done;
  const against = stop.planned ? w`, planned ${time(stop.planned)} (${more((at - stop.planned) / 1000)})` : '';
  return el('li', { class: 'past' }, '✓ ', button(`${stop.order} ${stopWord(stop)}`, () => choose('orders', stop.order)), ` ${stop.failed ? t('failed') : t('done')} ${time(stop.done)}${against}`);
}

/** What it has done, in the order of time: stops, breaks, calls at depots. @param {import('../engine.js').VehicleStory} vehicle */
function overLines(vehicle) {
  const stops = (vehicle.done ?? []).map((stop) => ({ at: stop.done, line: doneLine(stop) }));
  const rests = (vehicle.rests ?? []).map((rest) => ({ at: rest.starts, line: el('li', { class: `past ${rest.what}` }, `✓ ${rest.what === 'break' ? t('break') : t('depot')} ${time(rest.starts)}–${time(rest.ends)}`) }));
  return [...stops, ...rests].sort((a, b) => a.at - b.at).map(({ line }) => line);
}

/** What its driver does now beside driving and serving. @param {import('../engine.js').VehicleStory} vehicle */
function nowLines(vehicle) {
  const lines = [];
  if (vehicle.break?.status === 'taken') lines.push(el('li', { class: 'break' }, `▶ ${t('break')} ${time(vehicle.break.starts)}–${time(vehicle.break.ends)}`));
  if (vehicle.reload?.since) lines.push(el('li', { class: 'depot' }, w`▶ at a depot, being loaded since ${time(vehicle.reload.since)}`));
  return lines;
}

/** The break that is before no stop: it comes when the driver has nothing more to do. @param {import('../engine.js').VehicleStory} vehicle */
function breakLine(vehicle) {
  const pause = apart(vehicle);
  return pause ? [el('li', { class: 'break' }, `○ ${t('break')} ${time(pause.starts)}–${time(pause.ends)}`)] : [];
}

/** Where a vehicle may be loaded again, and how often it was. @param {import('../engine.js').Reloading} reload */
function depots(reload) {
  const named = reload.depots.map((depot) => depot.name ?? `${depot.at[1].toFixed(5)}, ${depot.at[0].toFixed(5)}`).join(', ');
  const counted = w`${named}, loaded ${reload.times} times`;
  return reload.since ? w`${counted} (being loaded since ${time(reload.since)})` : counted;
}

/** @param {import('../engine.js').Visit} visit */
function visitLine(visit) {
  const wait = (visit.start ?? 0) - (visit.arrival ?? 0);
  return el('li', {}, visit.frozen ? '▶ ' : '○ ', button(`${visit.order} ${stopWord(visit)}`, () => choose('orders', visit.order)),
    visit.unreachable ? t(' no way there') : ` ${time(visit.start)}`, wait >= 60_000 ? w`, waits ${Math.round(wait / 60_000)} min` : '', visit.late ? el('b', { class: 'bad-text' }, t(' late')) : '');
}
