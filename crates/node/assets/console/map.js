// @ts-check
// The map: streets, vehicles with their routes, orders without a place, roads that are closed. What is looked at stands out.
import { t, w } from './language.js';
import * as L from '../leaflet/leaflet-src.esm.js';
import { $, el, words } from './dom.js';
import { chosen } from './preferences.js';
import { choose, emit, fleet, on, view } from './store.js';
import { pieces } from './pieces.js';
import { FleetCanvas, world, worldLine } from './fleet-canvas.js';
import { basemap, streets } from './streets.js';
import { time } from './time.js';

/** @typedef {import('./store.js').Vehicle} Vehicle */
/** @typedef {import('./store.js').Order} Order */

export const COLOURS = { blue: '#0072b2', orange: '#e69f00', red: '#d55e00', green: '#009e73', ink: '#1b1f24', grey: '#9aa3ad', violet: '#500060' };
export const GLYPH = /** @type {Record<string, string>} */ ({ driving: '▲', 'at stop': '■', loading: '■', 'on break': '‖', waiting: '●', idle: '○', lost: '✕', off: '–' });
/** Further out than this zoom vehicles are counted by squares, and their stops are not drawn. */
const CLUSTERED = 11;
/** Further out than this zoom a stop is drawn only if it is late, or of the route that is looked at. */
const DETAILED = 14;
/** In a fleet of at most so many vehicles each has its glyph and its name also further out than `DETAILED`. */
const FEW = 60;
/** Nearer than this the map does not go by itself. */
const CLOSE = 15;
/** Side of such a square, pixels. */
const SQUARE = 56;

const canvas = L.canvas({ padding: 0.3 });
export const map = L.map('map', { renderer: canvas, zoomControl: false, attributionControl: false, preferCanvas: true, zoomAnimation: false, fadeAnimation: false, markerZoomAnimation: false, maxZoom: 19 });
L.control.zoom({ zoomInTitle: t('Zoom in'), zoomOutTitle: t('Zoom out') }).addTo(map);
map.setView([0, 0], 2);
L.control.attribution({ prefix: false }).addTo(map);
L.control.scale({ imperial: chosen('distance') === 'miles', metric: chosen('distance') !== 'miles' }).addTo(map);
streets().addTo(map);
void basemap(map);
const roadsLayer = L.layerGroup().addTo(map);
export const sketch = L.layerGroup().addTo(map);

const canvases = new FleetCanvas(map, () => { pending.view = true; schedule(); });
/** For the browser test: how often the routes were drawn. */
Object.assign(window, { __drawings: () => canvases.drawn, __written: () => canvases.written });
/** The lines of a vehicle as places of the world: made once for each that the feed brings. @type {WeakMap<Vehicle, Float64Array[]>} */ const places = new WeakMap();
let fitted = false;
const shown = { others: true, follow: false };

/** @param {[number, number]} place @returns {L.LatLngTuple} */
export const latLng = (place) => [place[1], place[0]];
const far = () => map.getZoom() <= CLUSTERED;
const detailed = () => map.getZoom() >= DETAILED;

/** The vehicle that is looked at, or that has the order that is looked at. */
function strongVehicle() {
  if (view.chosen?.kind === 'vehicles') return view.chosen.id;
  return view.chosen ? fleet.orders.get(view.chosen.id)?.vehicle ?? null : null;
}

/** What is drawn of a vehicle. @param {Vehicle} vehicle @returns {import('./fleet-canvas.js').Shape | null} */
function vehicleShape(vehicle) {
  if (!vehicle.at) return null;
  const strong = strongVehicle() === vehicle.id;
  const [far_, detailed_] = [far(), detailed()];
  /** @type {import('./fleet-canvas.js').Shape} */ const shape = { lines: [], dots: [], strong };
  if (strong || (shown.others && !far_)) {
    const faint = (view.chosen && !strong) || !detailed_ ? 0.25 : 0.5;
    let known = places.get(vehicle);
    if (!known) { known = vehicle.lines.map(worldLine); places.set(vehicle, known); }
    for (const [index, place] of known.entries()) {
      if (place.length < 4) continue;
      const frozen = vehicle.visits[index]?.frozen ?? false;
      shape.lines.push({ place, colour: strong ? COLOURS.violet : COLOURS.blue, width: strong ? (frozen ? 4.5 : 3.5) : !detailed_ ? 1 : frozen ? 4 : 1.6, opacity: strong ? 0.95 : frozen ? 0.8 : faint, dashed: !(frozen || (!detailed_ && !strong)), arrows: strong });
    }
    for (const { reload } of strong ? vehicle.visits : []) {
      if (!reload) continue;
      const [x, y] = worldOf(reload.at);
      shape.dots.push({ x, y, radius: 8, edge: COLOURS.violet, thick: 1.5, fill: '#fff', square: true, glyph: '⌂', words: `${reload.name ?? t('depot')} ${t('to be loaded')} ${time(reload.arrival)}–${time(reload.departure)}`, act: () => choose('vehicles', vehicle.id, false) });
    }
    for (const [index, visit] of vehicle.visits.entries()) {
      if (!detailed_ && !strong && !visit.late) continue;
      const looked = view.chosen?.kind === 'orders' && view.chosen.id === visit.order;
      const pinned = fleet.orders.get(visit.order)?.pinned;
      const [x, y] = worldOf(visit.at);
      shape.dots.push({ x, y, radius: looked ? 10 : strong ? 8 : 3.5, edge: visit.late ? COLOURS.ink : strong ? COLOURS.violet : COLOURS.blue, thick: pinned ? 4 : looked ? 3 : 1.5, fill: visit.late ? COLOURS.orange : '#fff', square: false, glyph: strong ? String(index + 1) : undefined, words: `${index + 1} · ${visit.order}${pinned ? t(' · pinned') : ''}${visit.late ? t(' · late') : ''}`, act: () => choose('orders', visit.order, false) });
    }
  }
  if (!far_ || strong) {
    const [x, y] = world(vehicle.at);
    const lost = vehicle.status === 'lost';
    const near = strong || detailed_ || fleet.vehicles.size <= FEW;
    shape.dots.push({ x, y, radius: strong ? 9 : near ? 7 : 4.5, glyph: near ? GLYPH[vehicle.status] : undefined, name: near ? vehicle.id : undefined, edge: strong ? COLOURS.violet : '#fff', thick: strong ? 3 : 1.5, fill: lost ? COLOURS.red : vehicle.status === 'off' ? COLOURS.grey : COLOURS.ink, square: false, words: `${vehicle.id} ${GLYPH[vehicle.status] ?? ''} ${t(vehicle.status)}`, act: () => choose('vehicles', vehicle.id, false) });
  }
  return shape;
}

/** Places of stops as parts of the world, each computed once. @type {WeakMap<[number, number], [number, number]>} */ const worlds = new WeakMap();
/** @param {[number, number]} place */
function worldOf(place) {
  let known = worlds.get(place);
  if (!known) { known = world(place); worlds.set(place, known); }
  return known;
}
/** Orders that wait and are not looked at look the same at every zoom. @type {WeakMap<Order, import('./fleet-canvas.js').Shape>} */ const orderShapes = new WeakMap();

/** What is drawn of an order that waits: a square of constant size. @param {Order} order @returns {import('./fleet-canvas.js').Shape | null} */
function orderShape(order) {
  const chosen_ = view.chosen?.kind === 'orders' && view.chosen.id === order.id;
  const waits = order.status === 'unassigned' || order.status === 'open' || (order.status === 'failed' && chosen_);
  const place = order.pickup && order.status !== 'on board' ? order.pickup : order.delivery;
  if (!waits || !place || far()) return null;
  const looked = chosen_;
  const known = looked ? undefined : orderShapes.get(order);
  if (known) return known;
  const [x, y] = worldOf(place);
  /** @type {import('./fleet-canvas.js').Shape} */ const shape = { lines: [], strong: looked, dots: [{ x, y, radius: looked ? 8 : 5, edge: COLOURS.ink, thick: looked ? 4 : 1, fill: COLOURS.red, square: true, words: () => w`order ${order.id}: ${order.reason ?? t(order.status)}`, act: () => choose('orders', order.id, false) }] };
  if (!looked) orderShapes.set(order, shape);
  return shape;
}

/** @param {string} key @param {import('./fleet-canvas.js').Shape | null | undefined} shape */
function put(key, shape) { if (shape) canvases.shapes.set(key, shape); else canvases.shapes.delete(key); }
/** @param {string} id */
function shapeVehicle(id) { const vehicle = fleet.vehicles.get(id); put(`v ${id}`, vehicle && vehicleShape(vehicle)); }
/** @param {string} id */
function shapeOrder(id) { const order = fleet.orders.get(id) ?? fleet.failed.get(id); put(`o ${id}`, order && orderShape(order)); }

/** Far out: how many vehicles, late stops and orders without a place there are in each square of the screen. Dots as the others are: a layer of the map with a label of its own for each would be laid out one by one. */
function drawClusters() {
  for (const key of canvases.shapes.keys()) if (key.startsWith('c ')) canvases.shapes.delete(key);
  if (!far()) return;
  const scale = 256 * 2 ** map.getZoom();
  /** @type {Map<number, {x: number, y: number, vehicles: number, late: number, waiting: number}>} */ const squares = new Map();
  /** @param {[number, number]} place @param {'vehicles' | 'late' | 'waiting'} what */
  const count = (place, what) => {
    const [east, south] = worldOf(place);
    const [x, y] = [Math.floor((east * scale) / SQUARE), Math.floor((south * scale) / SQUARE)];
    const key = x * 2 ** 24 + y;
    const square = squares.get(key) ?? { x, y, vehicles: 0, late: 0, waiting: 0 };
    square[what] += 1;
    squares.set(key, square);
  };
  for (const vehicle of fleet.vehicles.values()) {
    if (vehicle.at) count(vehicle.at, 'vehicles');
    for (const visit of vehicle.visits) if (visit.late) count(visit.at, 'late');
  }
  for (const order of fleet.orders.values()) {
    const place = order.pickup ?? order.delivery;
    if (order.status === 'unassigned' && place) count(place, 'waiting');
  }
  for (const [key, { x, y, vehicles, late, waiting }] of squares) {
    const middle = { x: ((x + 0.5) * SQUARE) / scale, y: ((y + 0.5) * SQUARE) / scale };
    const said = [vehicles && w`${vehicles} vehicles`, late && w`${late} late`, waiting && w`${waiting} unassigned`].filter(Boolean).join(', ');
    const act = () => map.setView(map.unproject([middle.x * scale, middle.y * scale], map.getZoom()), CLUSTERED + 2);
    canvases.shapes.set(`c ${key}`, { lines: [], strong: false, dots: [{ ...middle, radius: 9 + Math.min(14, Math.sqrt(vehicles + late + waiting) * 2), edge: '#fff', thick: 2, fill: waiting ? COLOURS.red : late ? COLOURS.orange : COLOURS.ink, square: false, label: String(vehicles || late + waiting), words: said, act }] });
  }
}

function drawRoads() {
  roadsLayer.clearLayers();
  for (const road of fleet.roads) {
    const lines = road.lines.map((line) => line.map(latLng));
    const look = { color: road.closed ? COLOURS.red : COLOURS.orange, weight: 7, opacity: 0.9 };
    if (lines.length) L.polyline(lines, look).bindTooltip(words(`${road.id}: ${road.closed ? t('closed') : t('slow')}`)).addTo(roadsLayer);
    if (road.area.length) L.polygon(road.area.map(latLng), { ...look, weight: 2, fillOpacity: 0.15 }).bindTooltip(words(road.id)).addTo(roadsLayer);
  }
}

/** Shows the whole fleet, once, as soon as there are a fleet and a map to be seen. */
function fit() {
  if (fitted || map.getSize().x < 50 || map.getSize().y < 50) return;
  const stops = [...fleet.vehicles.values()].flatMap((vehicle) => vehicle.visits.map((visit) => latLng(visit.at)));
  const vehicles = [...fleet.vehicles.values()].flatMap((vehicle) => (vehicle.at ? [latLng(vehicle.at)] : [])).concat(stops);
  // A zone that has orders and no vehicle yet is where its orders are.
  const places = vehicles.length ? vehicles : [...fleet.orders.values()].flatMap((order) => [order.pickup, order.delivery].flatMap((place) => (place ? [latLng(place)] : [])));
  if (!places.length) return;
  // The first vehicle of a zone that opens is no fleet: the map goes on with those that follow.
  fitted = places.length > 1;
  map.fitBounds(L.latLngBounds(places).pad(0.1), { padding: [10, 10], maxZoom: CLOSE });
}
// Whoever has moved the map wants it where it is.
for (const by of ['pointerdown', 'wheel', 'keydown']) $('map').addEventListener(by, () => { fitted = true; }, { passive: true });
/** The map has another size, or is seen for the first time. */
export function resized() { map.invalidateSize(); fit(); }

/** Shows a place. @param {[number, number]} place @param {number} [zoom] */
export function go(place, zoom = CLOSE) { fitted = true; map.setView(latLng(place), Math.max(map.getZoom(), zoom)); }

function goToChosen() {
  if (!view.chosen) return;
  if (view.chosen.kind === 'vehicles') {
    const at = fleet.vehicles.get(view.chosen.id)?.at;
    if (at) go(at);
  } else {
    const order = fleet.orders.get(view.chosen.id) ?? fleet.failed.get(view.chosen.id);
    const place = order && (order.status === 'on board' ? order.delivery : order.pickup ?? order.delivery);
    if (place) go(place);
  }
}

/** What changed since the last frame; drawn once per frame however many deltas came. */
const pending = { vehicles: new Set(), orders: new Set(), moved: new Set(), all: false, roads: false, view: false };
let frame = 0;
let frames = 0;
function schedule() { if (!frame) frame = requestAnimationFrame(draw); }
/** Every shape was made anew and is not drawn yet. */
let reshaped = false;
const shaping = pieces(function* () {
  let made = 0;
  for (const id of fleet.vehicles.keys()) { shapeVehicle(id); made += 1; if (made % 8 === 0) yield; }
  for (const id of fleet.orders.keys()) { shapeOrder(id); made += 1; if (made % 200 === 0) yield; }
  for (const key of canvases.shapes.keys()) if (!(key.startsWith('v ') ? fleet.vehicles : fleet.orders).has(key.slice(2)) && !key.startsWith('c ')) canvases.shapes.delete(key);
  reshaped = true;
  schedule();
});
function draw() {
  if (!canvases.origin) canvases.place();
  // In pieces; the view is drawn at the end of it. What has changed since is not told twice.
  if (pending.all) { pending.all = false; shaping.start(); } else {
    for (const id of pending.vehicles) shapeVehicle(id);
    for (const id of pending.orders) shapeOrder(id);
    // Of the others nothing but the vehicle's own dot has moved, which is the last one.
    for (const id of pending.moved) {
      const at = fleet.vehicles.get(id)?.at;
      const dot = canvases.shapes.get(`v ${id}`)?.dots.at(-1);
      if (at && dot && !pending.vehicles.has(id) && (!far() || canvases.shapes.get(`v ${id}`)?.strong)) [dot.x, dot.y] = world(at);
    }
  }
  frame = 0;
  if (shaping.goes) return;
  const routes = reshaped || pending.view || pending.vehicles.size > 0;
  if (far() || reshaped) drawClusters();
  reshaped = false;
  if (routes) canvases.lines();
  if (routes || pending.moved.size || pending.orders.size) canvases.dots();
  if (pending.roads) drawRoads();
  pending.vehicles.clear(); pending.orders.clear(); pending.moved.clear();
  [pending.roads, pending.view] = [false, false];
  if (shown.follow) {
    const at = strongVehicle() && fleet.vehicles.get(/** @type {string} */ (strongVehicle()))?.at;
    if (at) map.panTo(latLng(at), { animate: false });
  }
  frames += 1;
  Object.assign(window, { __frames: frames, __drawn: performance.now() });
}

on('taken', ({ body, touched }) => {
  for (const id of touched) pending.vehicles.add(id);
  for (const vehicle of body.vehicles) pending.vehicles.add(vehicle.id);
  for (const order of body.orders) pending.orders.add(order.id);
  for (const [id] of body.moved ?? []) pending.moved.add(id);
  if (body.roads) pending.roads = true;
  if (!fitted) fit();
  schedule();
});
on('picture', () => {
  [pending.all, pending.roads] = [true, true];
  fit();
  schedule();
});
on('chosen', ({ before, go: goes }) => {
  if (goes) goToChosen();
  // The others become fainter, or stronger again.
  if (!before !== !view.chosen) pending.all = true;
  for (const looked of [before, view.chosen]) {
    const id = looked?.kind === 'vehicles' ? looked.id : looked ? fleet.orders.get(looked.id)?.vehicle : null;
    if (id) pending.vehicles.add(id);
    if (looked?.kind === 'orders') pending.orders.add(looked.id);
  }
  schedule();
});
// What was drawn for a preview goes with it.
on('previewed', (shown) => { if (!shown) sketch.clearLayers(); });
let near = `${far()} ${detailed()}`;
map.on('zoomend', () => {
  const now = `${far()} ${detailed()}`;
  if (now !== near || far()) { near = now; pending.all = true; schedule(); }
});
map.on('moveend', () => { if (far()) schedule(); emit('moved'); });

/** @param {string} id @param {'others' | 'follow'} what */
function toggle(id, what) {
  $(id).addEventListener('click', () => {
    shown[what] = !shown[what];
    $(id).setAttribute('aria-pressed', String(shown[what]));
    pending.all = true;
    schedule();
  });
}
toggle('map-others', 'others');
toggle('map-follow', 'follow');
/** Says what is followed, or why nothing is. */
function sayFollowed() {
  if (picking) return;
  const vehicle = shown.follow ? strongVehicle() : null;
  const hint = !shown.follow ? '' : vehicle ? w`The map follows ${vehicle}.` : t('Nothing is followed: choose a vehicle, or an order that has one.');
  $('map-hint').hidden = !hint;
  $('map-hint').replaceChildren(hint);
}
$('map-follow').addEventListener('click', sayFollowed);
on('chosen', sayFollowed);
$('map-fit').addEventListener('click', () => { fitted = false; fit(); });

map.on('click', () => { if (!picking) canvases.clicked?.act(); });
/** A click of the operator on the map is asked for: what comes of it, and what ends the asking. @type {((at: [number, number], last: boolean) => void) | null} */
let picking = null;
map.on('click', (click) => picking?.([click.latlng.lng, click.latlng.lat], false));
map.on('dblclick', (click) => picking?.([click.latlng.lng, click.latlng.lat], true));
/** Asks for places on the map; `hint` is shown above it. @param {string} hint @param {(at: [number, number], last: boolean) => void} act */
export function pick(hint, act) {
  picking = act;
  map.doubleClickZoom.disable();
  $('map').classList.add('picking');
  $('map-hint').replaceChildren(hint, ' ', el('button', { type: 'button', onclick: unpick }, t('Stop (Esc)')));
  $('map-hint').hidden = false;
}
export function unpick() {
  picking = null;
  map.doubleClickZoom.enable();
  $('map').classList.remove('picking');
  sayFollowed();
}
export const isPicking = () => picking !== null;
