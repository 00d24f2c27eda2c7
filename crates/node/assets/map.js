// @ts-check
// The operator's screen: map, vehicles, key figures, decisions. It only shows; operator actions are events on the log.
import * as L from './leaflet/leaflet-src.esm.js';
import { connect } from './feed.js';
import { freshness } from './freshness.js';

/** @typedef {import('./feed.js').Vehicle} Vehicle */
/** @typedef {import('./feed.js').Order} Order */
/** @typedef {import('./feed.js').Body} Body */
/** @typedef {import('./feed.js').Kpi} Kpi */

/** @param {string} id @returns {HTMLElement} */
const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const COLOURS = { blue: '#0072b2', orange: '#e69f00', red: '#d55e00', green: '#009e73', ink: '#1b1f24', street: '#cfd6dc', arterial: '#b3bec8', bridge: '#8d9aa6' };
const GLYPH = /** @type {Record<string, string>} */ ({ driving: '▲', 'at stop': '■', waiting: '●', idle: '○', lost: '✕', off: '–' });

const canvas = L.canvas({ padding: 0.3 });
const map = L.map('map', { renderer: canvas, zoomControl: true, attributionControl: false, preferCanvas: true, zoomAnimation: false, fadeAnimation: false, markerZoomAnimation: false });
map.setView([0, 0], 2);
// Streets of an extract may be shown to others only with the name of those who made the map.
const ATTRIBUTION = 'Streets of extracts: &copy; <a href="https://www.openstreetmap.org/copyright">OpenStreetMap</a> contributors';
const streetsLayer = L.layerGroup().addTo(map);
const closedLayer = L.layerGroup().addTo(map);

/** @type {Map<string, Vehicle>} */ const vehicles = new Map();
/** @type {Map<string, Order>} */ const orders = new Map();
/** @type {Map<string, {group: any, dot: any, mark: any}>} */ const drawn = new Map();
/** @type {Map<string, any>} */ const orderDots = new Map();
/** @type {Map<string, HTMLElement>} */ const rows = new Map();
let timezone = 'UTC';
/** Zone time that the last figures are of, zone seconds in a second, and when that was on this page's clock. */
let now = 0;
let rate = 1;
let heardAt = 0;
/** Zone time now: it goes on whatever the feed does. */
const clock = () => (now ? now + (performance.now() - heardAt) * rate : 0);
/** A vehicle at work that has not said where it is for so long stands out. */
const SILENT = 600_000;
let fitted = false;
/** @type {{kind: 'vehicles' | 'orders', id: string} | null} */ let chosen = null;

/** @param {[number, number]} place @returns {[number, number]} */
const latLng = (place) => [place[1], place[0]];
/** @type {Intl.DateTimeFormat} */ let format;
function useTimezone(/** @type {string} */ name) {
  timezone = name;
  const options = /** @type {Intl.DateTimeFormatOptions} */ ({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
  try { format = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: name }); } catch { format = new Intl.DateTimeFormat('en-GB', options); }
}
useTimezone('UTC');
/** @param {number} at */
const time = (at) => format.format(new Date(at));
/** @param {number} millis */
const age = (millis) => { const s = Math.max(0, Math.round(millis / 1000)); return s < 90 ? `${s} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`; };

// ---- drawing ------------------------------------------------------------------------------------------------------

async function streets() {
  const list = await (await fetch('v1/streets')).json();
  const byClass = /** @type {[number, number][][][]} */ ([[], [], []]);
  for (const [lon1, lat1, lon2, lat2, kind] of list) {
    /** @type {[[number, number], [number, number]]} */ const line = [[lat1, lon1], [lat2, lon2]];
    byClass[Math.min(kind, 2)].push(line);
  }
  const looks = [{ color: COLOURS.bridge, weight: 5 }, { color: COLOURS.arterial, weight: 3 }, { color: COLOURS.street, weight: 1.5 }];
  // Under the routes that may be there already, the small ones lowest.
  for (const kind of [0, 1, 2]) {
    if (byClass[kind].length) L.polyline(byClass[kind], { ...looks[kind], interactive: false, smoothFactor: 0 }).addTo(streetsLayer).bringToBack();
  }
  if (list.length) L.control.attribution({ prefix: false }).addAttribution(ATTRIBUTION).addTo(map);
  if (list.length) fit(L.latLngBounds(list.map((/** @type {number[]} */ s) => [s[1], s[0]])));
}

/** Text for a tooltip, which would read a string as HTML. @param {string} text */
function words(text) {
  const element = document.createElement('span');
  element.textContent = text;
  return element;
}

/** @param {any} bounds */
function fit(bounds) {
  if (!fitted && bounds.isValid()) { fitted = true; map.fitBounds(bounds, { padding: [10, 10] }); }
}

/** @param {Vehicle} vehicle */
function drawVehicle(vehicle) {
  const old = drawn.get(vehicle.id);
  if (old) old.group.remove();
  if (!vehicle.at) { drawn.delete(vehicle.id); return; }
  const group = L.layerGroup();
  const strong = chosen?.kind === 'vehicles' && chosen.id === vehicle.id;
  vehicle.lines.forEach((line, index) => {
    const frozen = vehicle.visits[index]?.frozen;
    L.polyline(line.map(latLng), { color: strong ? COLOURS.green : COLOURS.blue, weight: frozen ? 3.5 : strong ? 3 : 1.6, opacity: frozen || strong ? 0.9 : 0.45, dashArray: frozen ? undefined : '4 4', interactive: false, smoothFactor: 1.5 }).addTo(group);
  });
  for (const visit of vehicle.visits) {
    L.circleMarker(latLng(visit.at), { radius: 3.5, color: visit.late ? COLOURS.ink : COLOURS.blue, weight: 1.5, fillColor: visit.late ? COLOURS.orange : '#fff', fillOpacity: 1 })
      .on('click', () => choose('orders', visit.order)).addTo(group);
  }
  const lost = vehicle.status === 'lost';
  const dot = L.circleMarker(latLng(vehicle.at), { radius: strong ? 8 : 6, color: '#fff', weight: 1.5, fillColor: lost ? COLOURS.red : vehicle.status === 'off' ? '#9aa3ad' : COLOURS.ink, fillOpacity: 1 })
    .bindTooltip(words(`${vehicle.id} ${GLYPH[vehicle.status] ?? ''} ${vehicle.status}`), { direction: 'top' })
    .on('click', () => choose('vehicles', vehicle.id)).addTo(group);
  group.addTo(map);
  drawn.set(vehicle.id, { group, dot, mark: null });
}

/** @param {Order} order */
function drawOrder(order) {
  orderDots.get(order.id)?.remove();
  orderDots.delete(order.id);
  const waiting = order.status === 'unassigned' || order.status === 'open';
  const place = order.pickup && order.status !== 'on board' ? order.pickup : order.delivery;
  if (!waiting || !place) return;
  const [lat, lon] = latLng(place);
  const d = 0.0006;
  const dot = L.rectangle([[lat - d, lon - d * 1.3], [lat + d, lon + d * 1.3]], { color: COLOURS.ink, weight: 1, fillColor: COLOURS.red, fillOpacity: 0.95 })
    .bindTooltip(words(`order ${order.id}: ${order.reason ?? order.status}`)).on('click', () => choose('orders', order.id)).addTo(map);
  orderDots.set(order.id, dot);
}

/** @param {import('./feed.js').Road[]} roads */
function drawRoads(roads) {
  closedLayer.clearLayers();
  for (const road of roads) {
    const lines = road.lines.map((line) => line.map(latLng));
    const look = { color: road.closed ? COLOURS.red : COLOURS.orange, weight: 7, opacity: 0.9 };
    if (lines.length) L.polyline(lines, look).bindTooltip(words(`${road.id}: ${road.closed ? 'closed' : 'slow'}`)).addTo(closedLayer);
    if (road.area.length) L.polygon(road.area.map(latLng), { ...look, weight: 2, fillOpacity: 0.15 }).bindTooltip(words(road.id)).addTo(closedLayer);
  }
}

// ---- lists --------------------------------------------------------------------------------------------------------

/** @param {HTMLElement} list @param {string} key @param {() => void} act @returns {HTMLElement} */
function row(list, key, act) {
  let element = rows.get(key);
  if (!element) {
    element = document.createElement('li');
    element.className = 'row';
    element.tabIndex = 0;
    element.append(document.createElement('span'), document.createElement('span'), document.createElement('small'));
    element.addEventListener('click', act);
    element.addEventListener('keydown', (event) => { if (event.key === 'Enter') act(); });
    rows.set(key, element);
    list.append(element);
  }
  return element;
}

/** @param {Vehicle} vehicle */
function listVehicle(vehicle) {
  const element = row($('vehicles'), `v ${vehicle.id}`, () => choose('vehicles', vehicle.id));
  element.classList.toggle('lost', vehicle.status === 'lost');
  const late = vehicle.visits.filter((visit) => visit.late).length;
  const [glyph, name, note] = /** @type {HTMLElement[]} */ ([...element.children]);
  glyph.textContent = GLYPH[vehicle.status] ?? '?';
  glyph.title = vehicle.status;
  name.textContent = `${vehicle.id} · ${vehicle.visits.length} stops${late ? ` · ${late} late` : ''}`;
  note.title = 'age of the last position';
  ageOf(vehicle);
}

/** @param {Vehicle} vehicle @returns {boolean} it is silent */
function ageOf(vehicle) {
  const element = rows.get(`v ${vehicle.id}`);
  if (!element) return false;
  const old = vehicle.seen !== null && vehicle.seen > 0 && now ? clock() - vehicle.seen : null;
  const text = old === null ? '' : age(old);
  const note = /** @type {HTMLElement} */ (element.lastElementChild);
  if (note.textContent !== text) note.textContent = text;
  const silent = old !== null && old >= SILENT && !['off', 'lost'].includes(vehicle.status);
  element.classList.toggle('silent', silent);
  return silent;
}

/** @param {Order} order */
function listOrder(order) {
  const key = `o ${order.id}`;
  if (order.status === 'unassigned' || order.status === 'open') {
    const element = row($('unassigned'), key, () => choose('orders', order.id));
    const [glyph, name, note] = /** @type {HTMLElement[]} */ ([...element.children]);
    glyph.textContent = '■';
    name.textContent = order.id;
    note.textContent = order.reason ?? 'waiting for its answer';
  } else {
    rows.get(key)?.remove();
    rows.delete(key);
  }
}

/** @param {Kpi} kpi */
function showKpi(kpi) {
  [now, heardAt] = [kpi.now, performance.now()];
  const cells = [
    [`${(kpi.on_time * 100).toFixed(1)} %`, 'on time'], [kpi.late, 'late'], [kpi.unassigned, 'unassigned'], [kpi.open, 'open'], [kpi.served, 'served'],
    [`${kpi.p50} / ${kpi.p99} ms`, 'event → plan p50 / p99 of 10,000'], [kpi.events.toFixed(1), 'events/s'], [kpi.changes_per_hour.toFixed(1), 'changes/h'],
  ];
  $('kpi').replaceChildren(...cells.map(([value, label]) => {
    const cell = document.createElement('span');
    const bold = document.createElement('b');
    bold.textContent = String(value);
    cell.append(bold, String(label));
    return cell;
  }));
}

/** @param {string} list @param {{at: number, words: string, kind?: string, order?: string}} line @param {number} most */
function addLine(list, line, most) {
  const element = document.createElement('li');
  const stamp = document.createElement('time');
  stamp.textContent = time(line.at);
  element.append(stamp, line.words);
  if (line.kind) element.className = line.kind;
  const order = line.order;
  if (order) {
    element.tabIndex = 0;
    element.addEventListener('click', () => choose('orders', order));
    element.addEventListener('keydown', (event) => { if (event.key === 'Enter') choose('orders', order); });
  }
  $(list).prepend(element);
  while ($(list).children.length > most) $(list).lastElementChild?.remove();
}

// ---- stories ------------------------------------------------------------------------------------------------------

/** @param {'vehicles' | 'orders'} kind @param {string} id */
async function choose(kind, id) {
  const before = chosen;
  chosen = { kind, id };
  location.hash = `${kind === 'vehicles' ? 'v' : 'o'}=${encodeURIComponent(id)}`;
  for (const element of rows.values()) element.classList.remove('selected');
  rows.get(`${kind === 'vehicles' ? 'v' : 'o'} ${id}`)?.classList.add('selected');
  for (const touched of [before, chosen]) {
    const vehicle = touched?.kind === 'vehicles' ? vehicles.get(touched.id) : undefined;
    if (vehicle) drawVehicle(vehicle);
  }
  await tell();
}

async function tell() {
  if (!chosen) return;
  const answer = await fetch(`v1/${chosen.kind}/${encodeURIComponent(chosen.id)}`);
  if (!answer.ok) return;
  const it = await answer.json();
  const facts = chosen.kind === 'orders'
    ? [['status', it.status], ['why', it.reason], ['vehicle', it.vehicle], ['placed', it.placed && time(it.placed)], ['due', it.due && time(it.due)], ['arrival', it.arrival && time(it.arrival)], ['late', it.late_seconds && `${Math.round(it.late_seconds / 60)} min`], ['picked up', it.picked && time(it.picked)], ['done', it.done && time(it.done)], ['vehicle changes', it.changes]]
    : [['status', it.status], ['position', it.seen > 0 ? `${age(clock() - it.seen)} old` : 'unknown'], ['stops done', it.stops_done], ['on board', it.on_board], ['next', it.visits.slice(0, 5).map((/** @type {any} */ v) => `${v.order} ${v.stop} ${v.unreachable ? 'no way there' : time(v.start)}${v.late ? ' late' : ''}`).join(', ')]];
  $('story-title').textContent = `${chosen.kind === 'orders' ? 'Order' : 'Vehicle'} ${it.id}`;
  $('story-facts').replaceChildren(...facts.filter(([, value]) => value !== null && value !== undefined && value !== '').flatMap(([label, value]) => {
    const dt = document.createElement('dt'); dt.textContent = String(label);
    const dd = document.createElement('dd'); dd.textContent = String(value);
    return [dt, dd];
  }));
  $('story-lines').replaceChildren(...it.story.map((/** @type {{at: number, words: string}} */ line) => {
    const element = document.createElement('li');
    const stamp = document.createElement('time'); stamp.textContent = time(line.at);
    element.append(stamp, line.words);
    return element;
  }));
  $('story').hidden = false;
}
/** An order by its id, or that there is none. @param {string} id */
async function find(id) {
  const answer = await fetch(`v1/orders/${encodeURIComponent(id)}`);
  if (answer.ok) return choose('orders', id);
  $('story-close').click();
  $('missing').textContent = answer.status === 404 ? `nothing is called ${id}` : `not found: ${answer.status}`;
}
$('story-close').addEventListener('click', () => { $('story').hidden = true; chosen = null; location.hash = ''; });
/** @type {HTMLInputElement} */ (document.getElementById('search')).addEventListener('change', (event) => {
  const id = /** @type {HTMLInputElement} */ (event.target).value.trim();
  $('missing').textContent = '';
  if (vehicles.has(id)) { choose('vehicles', id); const at = vehicles.get(id)?.at; if (at) map.setView(latLng(at), 15); }
  else if (id) void find(id);
});
document.addEventListener('keydown', (event) => {
  const typing = event.target instanceof HTMLInputElement;
  if (event.key === '/' && !typing) { event.preventDefault(); $('search').focus(); }
  if (event.key === 'Escape') $('story-close').click();
  if ((event.key === 'j' || event.key === 'k') && !typing) {
    const list = [...$('vehicles').children].filter((element) => element instanceof HTMLElement);
    const at = list.indexOf(/** @type {any} */ (document.activeElement));
    const next = /** @type {HTMLElement | undefined} */ (list[Math.max(0, at + (event.key === 'j' ? 1 : -1))]);
    next?.focus();
  }
});

// ---- the feed -----------------------------------------------------------------------------------------------------

/** What changed since the last frame; drawn once per frame however many deltas came. */
const pending = { vehicles: new Set(), orders: new Set(), moved: new Set() };
let frame = 0;
function schedule() { if (!frame) frame = requestAnimationFrame(draw); }
function draw() {
  frame = 0;
  for (const id of pending.vehicles) { const vehicle = vehicles.get(id); if (vehicle) { drawVehicle(vehicle); listVehicle(vehicle); } }
  for (const id of pending.moved) {
    const vehicle = vehicles.get(id);
    const shape = drawn.get(id);
    if (vehicle?.at && shape && !pending.vehicles.has(id)) { shape.dot.setLatLng(latLng(vehicle.at)); listVehicle(vehicle); }
  }
  for (const id of pending.orders) { const order = orders.get(id); if (order) { drawOrder(order); listOrder(order); if (!['open', 'unassigned', 'assigned', 'on board'].includes(order.status)) orders.delete(id); } }
  pending.vehicles.clear(); pending.orders.clear(); pending.moved.clear();
  $('vehicle-count').textContent = String(vehicles.size);
  $('unassigned-count').textContent = String($('unassigned').children.length);
  /** @type {any} */ (window).__frames = (/** @type {any} */ (window).__frames ?? 0) + 1;
  /** @type {any} */ (window).__drawn = performance.now();
}

/** @param {Body} body */
function take(body) {
  showKpi(body.kpi);
  for (const vehicle of body.vehicles) { vehicles.set(vehicle.id, vehicle); pending.vehicles.add(vehicle.id); }
  for (const order of body.orders) { orders.set(order.id, order); pending.orders.add(order.id); }
  for (const [id, lon, lat, seen] of body.moved ?? []) {
    const vehicle = vehicles.get(id);
    if (vehicle) { vehicle.at = [lon, lat]; vehicle.seen = seen; pending.moved.add(id); }
  }
  for (const decision of body.decisions) addLine('decisions', decision, 120);
  for (const refusal of body.refused) addLine('refused', { at: refusal.at, words: `${refusal.reason}: ${refusal.detail}` }, 20);
  $('refused-count').textContent = String($('refused').children.length);
  if (body.roads) drawRoads(body.roads);
  if (chosen && (body.vehicles.some((v) => v.id === chosen?.id) || body.orders.some((o) => o.id === chosen?.id))) void tell();
  schedule();
}

const fresh = freshness((look, words, since) => {
  $('link').className = look;
  if ($('link').textContent !== words) $('link').textContent = words;
  $('since').textContent = since;
});
/** Everything that goes on although nothing comes. */
function tick() {
  fresh.tick();
  if (now) $('clock').textContent = `${time(clock())} ${timezone}`;
  let silent = 0;
  for (const vehicle of vehicles.values()) silent += Number(ageOf(vehicle));
  $('silent-count').textContent = silent ? `${silent} silent` : '';
}
setInterval(tick, 500);

connect({
  picture(body) {
    for (const shape of drawn.values()) shape.group.remove();
    for (const dot of orderDots.values()) dot.remove();
    for (const list of ['vehicles', 'unassigned', 'decisions', 'refused']) $(list).replaceChildren();
    vehicles.clear(); orders.clear(); drawn.clear(); orderDots.clear(); rows.clear();
    if (body.zone) { useTimezone(body.zone.timezone); rate = body.zone.rate; }
    take(body);
    tick();
    // Where the fleet is and goes; the streets of a whole region only while there is none.
    const stops = body.vehicles.flatMap((vehicle) => vehicle.visits.map((visit) => latLng(visit.at)));
    const places = body.vehicles.flatMap((vehicle) => (vehicle.at ? [latLng(vehicle.at)] : [])).concat(stops);
    if (places.length > 1) fit(L.latLngBounds(places).pad(0.1));
    /** @type {any} */ (window).__ready = true;
  },
  delta: take,
  link(up) { fresh.link(up); },
  pulse(pulse) { [now, heardAt] = [pulse.now, performance.now()]; fresh.pulse(pulse); },
  restarted() { fresh.restarted(); },
  zone(name) { $('zone').textContent = name; },
});
/** For the browser test: one delta, as the feed would bring it. */
/** @type {any} */ (window).__take = take;
await streets();
const [kind, id] = location.hash.slice(1).split('=');
if (id) void choose(kind === 'v' ? 'vehicles' : 'orders', decodeURIComponent(id));
