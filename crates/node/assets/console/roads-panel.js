// @ts-check
// Closing and slowing streets for a time, and opening them again.
import { t, w } from './language.js';
import { $, button, el, fill } from './dom.js';
import { get, send, unique, wrong } from './api.js';
import * as L from '../leaflet/leaflet-src.esm.js';
import { COLOURS, go, latLng, pick, sketch, unpick } from './map.js';
import { propose, takePanel } from './preview.js';
import { emit, fleet, on } from './store.js';
import { clock, iso, time } from './time.js';

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
  if (!streets) { fill('road-found', el('li', { class: 'bad-text' }, t('No street is meant: draw it nearer to one.'))); return; }
  const until = hours() ? clock() + hours() * 3_600_000 : null;
  const [slow, called, ends] = [percent(), name || names[0] || t('streets'), until ? w` until ${time(until)}` : ''];
  const data = { change_id: change, ...which, ...(until ? { until_time: iso(until) } : {}) };
  void propose({
    title: slow ? w`${called} takes ${slow / 100} times as long${ends}` : w`Close ${called}${ends}`,
    facts: [slow ? { type: 'road.slowed', data: { ...data, time_percent: slow } } : { type: 'road.closed', data }],
    says: [el('span', { id: 'road-matched' }, w`${streets} stretches of street: ${names.slice(0, 6).join(', ') || t('without a name')}${names.length > 6 ? w` and ${names.length - 6} more` : ''}.`)],
    undo: [{ type: 'road.reopened', data: { change_id: change } }], undoTitle: slow ? t('Undo: as fast as before') : t('Undo: reopen'),
    done: () => sketch.clearLayers(),
  });
}

/** @type {[number, number][]} */ let places = [];
/** @param {'line' | 'area'} shape */
function drawShape(shape) {
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
    void close({ [shape]: data }, shape === 'line' ? t('along a line') : t('in an area'));
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
    if (!answer.ok || answer.body.road === null) { fill('road-found', el('li', { class: 'bad-text' }, answer.ok ? answer.body.off_street ?? t('No street is meant: draw it nearer to one.') : wrong(answer))); return; }
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

/** @param {import('../engine.js').Road} road */
function reopen(road) {
  void propose({ title: w`Reopen ${road.id}`, facts: [{ type: 'road.reopened', data: { change_id: road.id } }], says: [w`${road.lines.length} stretches of street are open again.`] });
}
on('taken', ({ body }) => {
  if (!body.roads) return;
  $('roads-count').textContent = String(fleet.roads.length);
  fill('roads', ...fleet.roads.map((road) => el('li', { class: 'row' }, el('button', { type: 'button', class: 'go', onclick: () => { const at = road.lines[0]?.[0] ?? road.area[0]; if (at) go(at); } }, el('span', {}, road.closed ? '✕' : '~'), el('span', {}, w`${road.id}: ${road.closed ? t('closed') : t('slowed')}, ${road.lines.length} stretches`), el('small')), button(t('Reopen'), () => reopen(road), { 'aria-label': w`reopen ${road.id}`, 'data-acts': true }))), fleet.roads.length ? null : el('li', {}, t('No road is closed or slowed.')));
});
