// @ts-check
// What the page knows: the picture and the changes that the feed brought, and what the operator looks at.

/** @typedef {import('../feed.js').Vehicle} Vehicle */
/** @typedef {import('../feed.js').Order} Order */
/** @typedef {import('../feed.js').Body} Body */
/** @typedef {import('../feed.js').Decision} Decision */
/** @typedef {import('../feed.js').Noted} Noted */
/** @typedef {import('../feed.js').Alert} Alert */
/** @typedef {{kind: 'vehicles' | 'orders', id: string}} Chosen */

/** Decisions that are kept: as many as the engine keeps. */
export const DECISIONS_MAX = 2_000;
/** Refused facts that are kept: as many as the engine keeps. */
export const REFUSED_MAX = 100;
const OPEN = ['open', 'unassigned', 'assigned', 'on board'];

export const fleet = {
  /** @type {Map<string, Vehicle>} */ vehicles: new Map(),
  /** @type {Map<string, Order>} */ orders: new Map(),
  /** @type {Decision[]} */ decisions: [],
  /** @type {import('../feed.js').Refusal[]} */ refused: [],
  /** @type {import('../feed.js').Road[]} */ roads: [],
  /** Those that the engine raised and that stand. @type {Alert[]} */ alerts: [],
  /** What dispatchers say, by what it is about. @type {Map<string, Noted>} */ noted: new Map(),
  /** Orders of which a stop failed: they wait for a new appointment. @type {Map<string, Order>} */ failed: new Map(),
  /** A vehicle at work that was not heard of for so long is silent, milliseconds, as the policy says; 0: none is. */ silent: 600_000,
};
export const view = {
  /** @type {Chosen | null} */ chosen: null,
  /** The page shows a past instant, and not what is. */ replaying: false,
};

const target = new EventTarget();
/**
 * What the parts of the page tell each other, by name.
 * @typedef {{taken: {body: Body, over: Order[], touched: Set<string>}, chosen: {before: Chosen | null, now: Chosen | null, go: boolean}, cleared: undefined, picture: undefined, tick: undefined, midnight: undefined, moved: undefined, decisions: undefined,
 *   part: string, tab: string, view: string, previewed: boolean}} News
 */
/** @template {keyof News} N @param {N} name @param {(detail: News[N]) => void} act */
export function on(name, act) { target.addEventListener(name, (event) => act(/** @type {CustomEvent<News[N]>} */ (event).detail)); }
/** @template {keyof News} N @param {N} name @param {News[N]} [detail] */
export function emit(name, detail) { target.dispatchEvent(new CustomEvent(name, { detail })); }

export function clear() {
  fleet.vehicles.clear();
  fleet.orders.clear();
  fleet.failed.clear();
  fleet.noted.clear();
  [fleet.decisions, fleet.refused, fleet.roads, fleet.alerts] = [[], [], [], []];
}

/** Takes a picture or what changed since. @param {Body} body */
export function take(body) {
  for (const vehicle of body.vehicles) fleet.vehicles.set(vehicle.id, vehicle);
  for (const [id, lon, lat, seen] of body.moved ?? []) {
    const vehicle = fleet.vehicles.get(id);
    if (vehicle) [vehicle.at, vehicle.seen] = [[lon, lat], seen];
  }
  /** @type {Order[]} */ const over = [];
  /** Vehicles that look different because an order on their route was pinned or unpinned. @type {Set<string>} */ const touched = new Set();
  for (const order of body.orders) {
    if (order.vehicle && fleet.orders.get(order.id)?.pinned !== order.pinned) touched.add(order.vehicle);
    if (OPEN.includes(order.status)) {
      fleet.orders.set(order.id, order);
      fleet.failed.delete(order.id);
    } else {
      fleet.orders.delete(order.id);
      if (order.status === 'failed') fleet.failed.set(order.id, order); else fleet.failed.delete(order.id);
      over.push(order);
    }
  }
  if (typeof body.kpi.silent_seconds === 'number') fleet.silent = body.kpi.silent_seconds * 1000;
  known(body.decisions);
  if (body.refused.length) fleet.refused = [...new Map([...fleet.refused, ...body.refused].map((refusal) => [refusal.seq, refusal])).values()].sort((a, b) => a.seq - b.seq).slice(-REFUSED_MAX);
  if (body.roads) fleet.roads = body.roads;
  if (body.alerts) fleet.alerts = body.alerts;
  for (const note of body.noted ?? []) {
    const key = note.order ? `order ${note.order}` : note.vehicle ? `vehicle ${note.vehicle}` : `entry ${note.entry}`;
    if (note.attention === 'cleared') fleet.noted.delete(key); else fleet.noted.set(key, note);
  }
  for (const order of body.failed ?? []) fleet.failed.set(order.id, order);
  emit('taken', { body, over, touched });
}

/** Decisions, wherever they came from: each once, the oldest first. @param {Decision[]} decisions */
export function known(decisions) {
  if (!decisions.length) return;
  const last = fleet.decisions.at(-1)?.n ?? 0;
  if (decisions[0].n > last) { fleet.decisions.push(...decisions); } else {
    const all = new Map([...fleet.decisions, ...decisions].map((decision) => [decision.n, decision]));
    fleet.decisions = [...all.values()].sort((a, b) => a.n - b.n);
  }
  if (fleet.decisions.length > DECISIONS_MAX) fleet.decisions = fleet.decisions.slice(-DECISIONS_MAX);
}

/** The address of what is looked at. @param {Chosen | null} chosen */
const address = (chosen) => (chosen ? `#${chosen.kind === 'vehicles' ? 'v' : 'o'}=${encodeURIComponent(chosen.id)}` : '');
/** @param {Chosen | null} chosen @param {boolean} go */
function look(chosen, go) {
  const before = view.chosen;
  view.chosen = chosen;
  // The button that goes back goes to what was looked at before, and not away from the page.
  if (location.hash !== address(chosen)) history.pushState(null, '', `${location.pathname}${address(chosen)}`);
  emit('chosen', { before, now: chosen, go });
}
/** Looks at an order or a vehicle; `go`: the map goes there. @param {'vehicles' | 'orders'} kind @param {string} id @param {boolean} [go] */
export const choose = (kind, id, go = true) => look({ kind, id }, go);
export const unchoose = () => look(null, false);
/** Looks at what the address says. */
export function chooseAddressed() {
  const [kind, id] = location.hash.slice(1).split('=');
  let name = id;
  try { name = decodeURIComponent(id ?? ''); } catch { /* a link that somebody has cut */ }
  if (name) look({ kind: kind === 'v' ? 'vehicles' : 'orders', id: name }, true); else if (view.chosen) look(null, false);
}
window.addEventListener('popstate', chooseAddressed);

/** Names as people sort them: v2 before v10. Made once: a comparison that makes its own is fifty times slower. */
export const byName = new Intl.Collator(undefined, { numeric: true });

/** Alerts that stand about something. @param {'order' | 'vehicle' | 'entry'} what @param {string | number} id */
export const alertsOf = (what, id) => fleet.alerts.filter((alert) => what !== 'entry' && alert[what] === id);
/** That somebody has seen an alert, if it still holds, as a note. @param {Alert} alert @param {number} now @returns {Noted | undefined} */
export function seenOf(alert, now) {
  const seen = alert.acknowledged;
  if (!seen || (seen.until !== null && seen.until <= now)) return undefined;
  return { attention: seen.until === null ? 'acknowledged' : 'snoozed', at: seen.at, seq: 0, by: seen.by ?? undefined, until: seen.until ?? undefined };
}
/** What dispatchers say of something, if it still holds. @param {'order' | 'vehicle' | 'entry'} what @param {string | number} id @param {number} now */
export const noteOf = (what, id, now) => {
  const note = fleet.noted.get(`${what} ${id}`);
  return note && (note.until ?? Infinity) > now ? note : undefined;
};
