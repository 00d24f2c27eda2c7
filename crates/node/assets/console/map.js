// @ts-check
// The map: streets, vehicles with their routes, orders without a place, roads that are closed. What is looked at stands out.
import * as L from '../leaflet/leaflet-src.esm.js';
import { $, el, words } from './dom.js';
import { choose, emit, fleet, on, view } from './store.js';
import { streets } from './streets.js';

/** @typedef {import('./store.js').Vehicle} Vehicle */
/** @typedef {import('./store.js').Order} Order */

export const COLOURS = { blue: '#0072b2', orange: '#e69f00', red: '#d55e00', green: '#009e73', ink: '#1b1f24', grey: '#9aa3ad', violet: '#7a3b8f' };
export const GLYPH = /** @type {Record<string, string>} */ ({ driving: '▲', 'at stop': '■', waiting: '●', idle: '○', lost: '✕', off: '–' });
/** Further out than this zoom vehicles are counted by squares, and their stops are not drawn. */
const CLUSTERED = 11;
/** Further out than this zoom a stop is drawn only if it is late, or of the route that is looked at. */
const DETAILED = 14;
/** Side of such a square, pixels. */
const SQUARE = 56;

const canvas = L.canvas({ padding: 0.3 });
export const map = L.map('map', { renderer: canvas, zoomControl: true, attributionControl: false, preferCanvas: true, zoomAnimation: false, fadeAnimation: false, markerZoomAnimation: false, maxZoom: 19 });
map.setView([0, 0], 2);
L.control.attribution({ prefix: false }).addTo(map);
L.control.scale({ imperial: false }).addTo(map);
streets().addTo(map);
const roadsLayer = L.layerGroup().addTo(map);
const clusterLayer = L.layerGroup().addTo(map);
export const sketch = L.layerGroup().addTo(map);

/** @type {Map<string, {group: any, dot: any}>} */ const drawn = new Map();
/** @type {Map<string, any>} */ const orderDots = new Map();
let fitted = false;
const shown = { others: true, follow: false };

/** @param {[number, number]} place @returns {[number, number]} */
export const latLng = (place) => [place[1], place[0]];
const far = () => map.getZoom() <= CLUSTERED;
const detailed = () => map.getZoom() >= DETAILED;

/** The vehicle that is looked at, or that has the order that is looked at. */
function strongVehicle() {
  if (view.chosen?.kind === 'vehicles') return view.chosen.id;
  return view.chosen ? fleet.orders.get(view.chosen.id)?.vehicle ?? null : null;
}

/** @param {Vehicle} vehicle */
function drawVehicle(vehicle) {
  drawn.get(vehicle.id)?.group.remove();
  drawn.delete(vehicle.id);
  if (!vehicle.at) return;
  const strong = strongVehicle() === vehicle.id;
  const hidden = !strong && (!shown.others || far());
  const group = L.layerGroup();
  if (!hidden) {
    const faint = (view.chosen && !strong) || !detailed() ? 0.25 : 0.5;
    vehicle.lines.forEach((line, index) => {
      const frozen = vehicle.visits[index]?.frozen;
      L.polyline(line.map(latLng), { color: strong ? COLOURS.violet : COLOURS.blue, weight: strong ? (frozen ? 4.5 : 3.5) : !detailed() ? 1 : frozen ? 4 : 1.6, opacity: strong ? 0.95 : frozen ? 0.8 : faint, dashArray: frozen || (!detailed() && !strong) ? undefined : '5 5', interactive: false, smoothFactor: 1.5 }).addTo(group);
    });
    for (const [index, visit] of vehicle.visits.entries()) {
      if (!detailed() && !strong && !visit.late) continue;
      const looked = view.chosen?.kind === 'orders' && view.chosen.id === visit.order;
      const pinned = fleet.orders.get(visit.order)?.pinned;
      const dot = L.circleMarker(latLng(visit.at), { radius: looked ? 8 : strong ? 5 : 3.5, color: visit.late ? COLOURS.ink : strong ? COLOURS.violet : COLOURS.blue, weight: pinned ? 4 : looked ? 3 : 1.5, fillColor: visit.late ? COLOURS.orange : '#fff', fillOpacity: 1 })
        .on('click', (/** @type {any} */ click) => { L.DomEvent.stop(click); choose('orders', visit.order, false); }).addTo(group);
      if (strong) dot.bindTooltip(words(`${index + 1} · ${visit.order}${pinned ? ' · pinned' : ''}${visit.late ? ' · late' : ''}`));
    }
  }
  const lost = vehicle.status === 'lost';
  const dot = L.circleMarker(latLng(vehicle.at), { radius: strong ? 9 : detailed() ? 6 : 4.5, color: strong ? COLOURS.violet : '#fff', weight: strong ? 3 : 1.5, fillColor: lost ? COLOURS.red : vehicle.status === 'off' ? COLOURS.grey : COLOURS.ink, fillOpacity: 1 })
    .bindTooltip(words(`${vehicle.id} ${GLYPH[vehicle.status] ?? ''} ${vehicle.status}`), { direction: 'top' })
    .on('click', (/** @type {any} */ click) => { L.DomEvent.stop(click); choose('vehicles', vehicle.id, false); });
  if (!far() || strong) { dot.addTo(group); if (strong) dot.bringToFront(); }
  group.addTo(map);
  drawn.set(vehicle.id, { group, dot });
}

/** @param {Order} order */
function drawOrder(order) {
  orderDots.get(order.id)?.remove();
  orderDots.delete(order.id);
  const waits = order.status === 'unassigned' || order.status === 'open';
  const place = order.pickup && order.status !== 'on board' ? order.pickup : order.delivery;
  if (!waits || !place || far()) return;
  const looked = view.chosen?.kind === 'orders' && view.chosen.id === order.id;
  const [lat, lon] = latLng(place);
  const d = 0.0006;
  const dot = L.rectangle([[lat - d, lon - d * 1.3], [lat + d, lon + d * 1.3]], { color: COLOURS.ink, weight: looked ? 4 : 1, fillColor: COLOURS.red, fillOpacity: 0.95 })
    .bindTooltip(words(`order ${order.id}: ${order.reason ?? order.status}`)).on('click', (/** @type {any} */ click) => { L.DomEvent.stop(click); choose('orders', order.id, false); }).addTo(map);
  orderDots.set(order.id, dot);
}

/** Far out: how many vehicles, late stops and orders without a place there are in each square of the screen. */
function drawClusters() {
  clusterLayer.clearLayers();
  if (!far()) return;
  /** @type {Map<string, {x: number, y: number, vehicles: number, late: number, waiting: number}>} */ const squares = new Map();
  /** @param {[number, number]} place @param {'vehicles' | 'late' | 'waiting'} what */
  const count = (place, what) => {
    const { x, y } = map.latLngToContainerPoint(latLng(place));
    const key = `${Math.floor(x / SQUARE)} ${Math.floor(y / SQUARE)}`;
    const square = squares.get(key) ?? { x: Math.floor(x / SQUARE), y: Math.floor(y / SQUARE), vehicles: 0, late: 0, waiting: 0 };
    square[what] += 1;
    squares.set(key, square);
  };
  for (const vehicle of fleet.vehicles.values()) {
    if (vehicle.at) count(vehicle.at, 'vehicles');
    for (const visit of vehicle.visits) if (visit.late) count(visit.at, 'late');
  }
  for (const order of fleet.orders.values()) if (order.status === 'unassigned' && (order.pickup ?? order.delivery)) count(/** @type {any} */ (order.pickup ?? order.delivery), 'waiting');
  for (const { x, y, vehicles, late, waiting } of squares.values()) {
    const at = map.containerPointToLatLng([(x + 0.5) * SQUARE, (y + 0.5) * SQUARE]);
    const text = [vehicles && `${vehicles} vehicles`, late && `${late} late`, waiting && `${waiting} unassigned`].filter(Boolean).join(', ');
    L.circleMarker(at, { radius: 9 + Math.min(14, Math.sqrt(vehicles + late + waiting) * 2), color: '#fff', weight: 2, fillColor: waiting ? COLOURS.red : late ? COLOURS.orange : COLOURS.ink, fillOpacity: 0.85 })
      .bindTooltip(words(String(vehicles || late + waiting)), { permanent: true, direction: 'center', className: 'count' }).bindPopup(words(text)).on('click', () => map.setView(at, CLUSTERED + 2)).addTo(clusterLayer);
  }
}

function drawRoads() {
  roadsLayer.clearLayers();
  for (const road of fleet.roads) {
    const lines = road.lines.map((line) => line.map(latLng));
    const look = { color: road.closed ? COLOURS.red : COLOURS.orange, weight: 7, opacity: 0.9 };
    if (lines.length) L.polyline(lines, look).bindTooltip(words(`${road.id}: ${road.closed ? 'closed' : 'slow'}`)).addTo(roadsLayer);
    if (road.area.length) L.polygon(road.area.map(latLng), { ...look, weight: 2, fillOpacity: 0.15 }).bindTooltip(words(road.id)).addTo(roadsLayer);
  }
}

/** Shows the whole fleet, once, as soon as there are a fleet and a map to be seen. */
function fit() {
  if (fitted || map.getSize().x < 50 || map.getSize().y < 50) return;
  const stops = [...fleet.vehicles.values()].flatMap((vehicle) => vehicle.visits.map((visit) => latLng(visit.at)));
  const places = [...fleet.vehicles.values()].flatMap((vehicle) => (vehicle.at ? [latLng(vehicle.at)] : [])).concat(stops);
  if (places.length < 2) return;
  fitted = true;
  map.fitBounds(L.latLngBounds(places).pad(0.1), { padding: [10, 10] });
}
/** The map has another size, or is seen for the first time. */
export function resized() { map.invalidateSize(); fit(); }

/** Shows a place. @param {[number, number]} place @param {number} [zoom] */
export function go(place, zoom = 15) { fitted = true; map.setView(latLng(place), Math.max(map.getZoom(), zoom)); }

function goToChosen() {
  if (!view.chosen) return;
  if (view.chosen.kind === 'vehicles') {
    const at = fleet.vehicles.get(view.chosen.id)?.at;
    if (at) go(at);
  } else {
    const order = fleet.orders.get(view.chosen.id);
    const place = order && (order.status === 'on board' ? order.delivery : order.pickup ?? order.delivery);
    if (place) go(place);
  }
}

/** What changed since the last frame; drawn once per frame however many deltas came. */
const pending = { vehicles: new Set(), orders: new Set(), moved: new Set(), all: false, roads: false };
let frame = 0;
function schedule() { if (!frame) frame = requestAnimationFrame(draw); }
function draw() {
  frame = 0;
  if (pending.all) {
    for (const id of [...drawn.keys()]) { drawn.get(id)?.group.remove(); drawn.delete(id); }
    for (const dot of orderDots.values()) dot.remove();
    orderDots.clear();
    for (const vehicle of fleet.vehicles.values()) drawVehicle(vehicle);
    for (const order of fleet.orders.values()) drawOrder(order);
  } else {
    for (const id of pending.vehicles) { const vehicle = fleet.vehicles.get(id); if (vehicle) drawVehicle(vehicle); }
    for (const id of pending.moved) {
      const vehicle = fleet.vehicles.get(id);
      const shape = drawn.get(id);
      if (vehicle?.at && shape && !pending.vehicles.has(id)) shape.dot.setLatLng(latLng(vehicle.at));
    }
    for (const id of pending.orders) {
      const order = fleet.orders.get(id);
      if (order) drawOrder(order); else { orderDots.get(id)?.remove(); orderDots.delete(id); }
    }
  }
  if (pending.roads) drawRoads();
  if (far() || pending.all) drawClusters();
  if (shown.follow) {
    const at = strongVehicle() && fleet.vehicles.get(/** @type {string} */ (strongVehicle()))?.at;
    if (at) map.panTo(latLng(at), { animate: false });
  }
  pending.vehicles.clear(); pending.orders.clear(); pending.moved.clear();
  [pending.all, pending.roads] = [false, false];
  /** @type {any} */ (window).__frames = (/** @type {any} */ (window).__frames ?? 0) + 1;
  /** @type {any} */ (window).__drawn = performance.now();
}

on('taken', ({ body, touched }) => {
  for (const id of touched) pending.vehicles.add(id);
  for (const vehicle of body.vehicles) pending.vehicles.add(vehicle.id);
  for (const order of body.orders) pending.orders.add(order.id);
  for (const [id] of body.moved ?? []) pending.moved.add(id);
  if (body.roads) pending.roads = true;
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
$('map-fit').addEventListener('click', () => { fitted = false; fit(); });

/** A click of the operator on the map is asked for: what comes of it, and what ends the asking. @type {((at: [number, number], last: boolean) => void) | null} */
let picking = null;
map.on('click', (/** @type {any} */ click) => picking?.([click.latlng.lng, click.latlng.lat], false));
map.on('dblclick', (/** @type {any} */ click) => picking?.([click.latlng.lng, click.latlng.lat], true));
/** Asks for places on the map; `hint` is shown above it. @param {string} hint @param {(at: [number, number], last: boolean) => void} act */
export function pick(hint, act) {
  picking = act;
  map.doubleClickZoom.disable();
  $('map').classList.add('picking');
  $('map-hint').replaceChildren(hint, ' ', el('button', { type: 'button', onclick: unpick }, 'Stop (Esc)'));
  $('map-hint').hidden = false;
}
export function unpick() {
  picking = null;
  map.doubleClickZoom.enable();
  $('map').classList.remove('picking');
  $('map-hint').hidden = true;
}
export const isPicking = () => picking !== null;
