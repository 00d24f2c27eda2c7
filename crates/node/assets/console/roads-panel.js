// @ts-check
// Closing and slowing streets for a time, and opening them again.
import { t, w } from './language.js';
import { $, button, el, fill } from './dom.js';
import { get, send, unique, wrong } from './api.js';
import * as L from '../leaflet/leaflet-src.esm.js';
import { COLOURS, go, latLng, pick, sketch, unpick } from './map.js';
import { propose, takePanel } from './preview.js';
import { emit, fleet, on } from './store.js';
import { decimal, parsed } from './numbers.js';
import { clock, iso, time } from './time.js';
import { roadSince } from './undo.js';

/** The engine takes no wider line, metres. */
const WIDTH_MAX = 5_000;
/** The engine names at most so many streets of a change. */
const ROAD_NAMES = 6;
const hours = () => Number(/** @type {HTMLSelectElement} */ ($('road-hours')).value);

/** How long it takes to drive there, per cent of what is usual; 0: nobody may. */
const percent = () => Number(/** @type {HTMLSelectElement} */ ($('road-what')).value);

/** Shows which streets are meant, and what closing or slowing them would change. @param {Omit<Extract<import('./api.js').Fact, {type: 'road.closed'}>['data'], 'change_id'>} which @param {string} name */
async function close(which, name) {
  unpick();
  emit('part', 'right');
  const change = unique();
  const current = takePanel();
  const answer = await send('v1/streets/matched', which);
  if (!current()) return;
  if (!answer.ok) { fill('road-found', el('li', { class: 'bad-text' }, wrong(answer))); return; }
  const { streets, names, lines } = answer.body;
  sketch.clearLayers();
  if (lines.length) L.polyline(lines.map((line) => line.map(latLng)), { color: COLOURS.red, weight: 8, opacity: 0.6, interactive: false }).addTo(sketch);
  // A zone without streets drives in straight lines: an area slows or closes those that cross it, and nothing names one.
  const streetless = !streets && await withoutStreets(which.area?.[0] ?? which.line?.[0]);
  if (!current()) return;
  if (streetless && !which.area) { fill('road-found', el('li', { class: 'bad-text' }, t('This zone has no map of streets: draw an area.'))); return; }
  if (!streets && !streetless) { fill('road-found', el('li', { class: 'bad-text' }, t('No street is meant: draw it nearer to one.'))); return; }
  const until = hours() ? clock() + hours() * 3_600_000 : null;
  const [slow, called, ends] = [percent(), name || names[0] || t('streets'), until ? w` until ${time(until)}` : ''];
  const data = { change_id: change, ...which, ...(until ? { until_time: iso(until) } : {}) };
  void propose({
    title: slow ? w`${called} takes ${decimal(slow / 100, slow % 100 ? 1 : 0)} times as long${ends}` : w`Close ${called}${ends}`,
    facts: [slow ? { type: 'road.slowed', data: { ...data, time_percent: slow } } : { type: 'road.closed', data }],
    says: [el('span', { id: 'road-matched' }, streetless ? t('This zone has no map of streets: the area holds for every way through it.') : w`${streets} stretches of street: ${names.slice(0, 6).join(', ') || t('without a name')}${names.length > 6 ? w` and ${names.length - 6} more` : ''}.`)],
    stands: roadSince(change), undo: [{ type: 'road.reopened', data: { change_id: change } }], undoTitle: slow ? t('Undo: as fast as before') : t('Undo: reopen'),
    done: () => sketch.clearLayers(),
  });
}

/** True where the zone has no streets: a place of it is near none, and not too far from one either. @param {{lon?: number | null, lat?: number | null} | undefined} place */
async function withoutStreets(place) {
  if (!place) return false;
  const near = await get('v1/streets/near', { lon: place.lon ?? 0, lat: place.lat ?? 0 });
  return near.ok && near.body.road === null && !near.body.off_street;
}

/** Streets that are so near to a drawn line are meant, metres. @returns {number | null} none: it cannot be read */
function width() {
  const typed = parsed(/** @type {HTMLInputElement} */ ($('road-width')).value);
  return typed >= 1 && typed <= WIDTH_MAX ? Math.round(typed) : null;
}
/** @type {[number, number][]} */ let places = [];
/** @param {'line' | 'area'} shape */
function drawShape(shape) {
  if (shape === 'line' && !width()) { fill('road-found', el('li', { class: 'bad-text' }, w`The width of a line is 1 to ${WIDTH_MAX} metres.`)); $('road-width').focus(); return; }
  fill('road-found');
  places = [];
  sketch.clearLayers();
  const least = shape === 'line' ? 2 : 3;
  const hint = shape === 'line' ? t('Click along the streets; a double click ends the line.') : t('Click around the streets; a double click ends the area.');
  emit('part', 'centre');
  pick(hint, (at, last) => {
    const before = places.at(-1);
    if (!before || before[0] !== at[0] || before[1] !== at[1]) places.push(at);
    sketch.clearLayers();
    const look = { color: COLOURS.red, weight: 4, dashArray: '6 4', interactive: false };
    sketch.addLayer(shape === 'line' ? L.polyline(places.map(latLng), look) : L.polygon(places.map(latLng), look));
    if (!last) return;
    // A double click clicks twice.
    const kept = places.filter((place, index) => index === 0 || Math.abs(place[0] - places[index - 1][0]) + Math.abs(place[1] - places[index - 1][1]) > 1e-7);
    if (kept.length < least) return;
    const data = kept.map(([lon, lat]) => ({ lon, lat }));
    void close(shape === 'line' ? { line: data, within_meters: width() } : { area: data }, shape === 'line' ? t('along a line') : t('in an area'));
  });
}

$('road-line').addEventListener('click', () => drawShape('line'));
$('road-area').addEventListener('click', () => drawShape('area'));
$('road-pick').addEventListener('click', () => {
  emit('part', 'centre');
  pick(t('Click on the street.'), async ([lon, lat]) => {
    const current = takePanel();
    const answer = await get('v1/streets/near', { lon, lat });
    if (!current()) return;
    if (!answer.ok || answer.body.road === null) { fill('road-found', el('li', { class: 'bad-text' }, answer.ok ? answer.body.off_street ?? t('This zone has no map of streets: draw an area.') : wrong(answer))); return; }
    await close({ roads: [answer.body.road] }, answer.body.street ?? w`way ${answer.body.road}`);
  });
});
let asked = 0;
$('road-name').addEventListener('input', async () => {
  const wanted = /** @type {HTMLInputElement} */ ($('road-name')).value.trim();
  asked += 1;
  const mine = asked;
  if (!wanted) { fill('road-found'); return; }
  const answer = await get('v1/streets/named', { q: wanted });
  if (mine !== asked) return;
  const found = answer.ok ? answer.body.streets : [];
  fill('road-found', ...found.slice(0, 12).map((street) => el('li', {}, button(percent() ? w`Slow ${street.name}` : w`Close ${street.name}`, () => { go(street.at); void close({ roads: [...street.roads] }, street.name); }))), found.length ? null : el('li', {}, w`no street is called ${wanted}`));
});
$('road-what').addEventListener('change', () => $('road-name').dispatchEvent(new Event('input')));
$('road-name').addEventListener('keydown', (event) => { if (event.key === 'Enter') { event.preventDefault(); $('road-found').querySelector('button')?.click(); } });

/** What a change is about: the names of its streets; where it names none, what it was called. @param {import('../engine.js').Road} road */
function called({ id, names, lines }) {
  if (!names.length) return lines.length ? w`${lines.length} stretches of street (${id})` : w`an area (${id})`;
  return names.length < ROAD_NAMES ? names.join(', ') : w`${names.join(', ')} and more`;
}
/** @param {import('../engine.js').Road} road */
function reopen(road) {
  // Under a name of its own: one that has ended does not begin again.
  const again = /** @type {Extract<import('./api.js').Fact, {type: 'road.closed'}>['data']} */ ({ .../** @type {object} */ (road.change), change_id: unique() });
  const over = road.until !== null && road.until <= clock();
  void propose({
    title: w`Reopen ${called(road)}`, facts: [{ type: 'road.reopened', data: { change_id: road.id } }], says: [w`${road.lines.length} stretches of street are open again.`],
    undo: over ? undefined : [{ type: road.closed ? 'road.closed' : 'road.slowed', data: again }], undoTitle: road.closed ? t('Undo: close it again') : t('Undo: slow it again'),
  });
}
/** @param {import('../engine.js').Road} road */
function line(road) {
  const ends = road.until === null ? t('until it is reopened') : w`until ${time(road.until)}`;
  const show = () => { const at = road.lines[0]?.[0] ?? road.area[0]; if (at) go(at); };
  return el('li', { class: 'row' }, el('button', { type: 'button', class: 'go', onclick: show }, el('span', {}, road.closed ? '✕' : '~'), el('span', {}, called(road)), el('small'), el('small', { class: 'under' }, w`${road.closed ? t('closed') : t('slowed')}, ${road.lines.length} stretches, ${ends}`)), button(t('Reopen'), () => reopen(road), { 'aria-label': w`reopen ${called(road)}` }));
}
on('taken', ({ body }) => {
  if (!body.roads) return;
  $('roads-count').textContent = String(fleet.roads.length);
  fill('roads', ...fleet.roads.map(line), fleet.roads.length ? null : el('li', {}, t('No road is closed or slowed.')));
});
