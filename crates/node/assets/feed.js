// @ts-check
// The live feed: hello, a picture, then deltas in an unbroken chain. A gap asks for a fresh picture.

/** @typedef {{order: string, stop: string, at: [number, number], arrival: number | null, start: number | null, depart_at: number, departure: number | null, break_seconds?: number, unreachable?: boolean, frozen: boolean, late: boolean, due: number | null}} Visit */
/** @typedef {{id: string, status: string, at: [number, number] | null, seen: number | null, revision: number, visits: Visit[], lines: [number, number][][], on_board: number, stops_done: number}} Vehicle */
/** @typedef {{id: string, reference?: string, status: string, reason: string | null, vehicle: string | null, pickup: [number, number] | null, delivery: [number, number] | null, due: number | null, placed: number | null, priority?: number | null, pinned?: string, start?: number | null, late_seconds?: number, changes?: number}} Order */
/** @typedef {{seq: number, at: number, words: string, order?: string, vehicle?: string}} Because */
/** @typedef {{n: number, at: number, rev: number, order: string, vehicle: string | null, previous?: string, kind: string, words: string, because?: Because[]}} Decision */
/** @typedef {{order?: string, vehicle?: string, entry?: number, attention: string, at: number, seq: number, until?: number, by?: string, words?: string}} Noted */
/** @typedef {{seq: number, at: number, reason: string, detail: string, source?: string, id?: string, entity?: string}} Refusal */
/** @typedef {{alert: string, order?: string, vehicle?: string, since: number, seconds: number, detail: string, acknowledged?: {at: number, by: string | null, until: number | null}}} Alert */
/** @typedef {{id: string, closed: boolean, lines: [number, number][][], area: [number, number][]}} Road */
/** @typedef {{now: number, open: number, unassigned: number, late: number, served: number, orders: number, on_time: number, p50: number, p99: number, max: number, answers: number, events: number, changes_per_hour: number, searching: boolean}} Kpi */
/** @typedef {{vehicles: Vehicle[], orders: Order[], moved?: [string, number, number, number][], decisions: Decision[], refused: Refusal[], roads?: Road[], alerts?: Alert[], noted?: Noted[], failed?: Order[], kpi: Kpi, zone?: {timezone: string, rate: number}}} Body */

/** @typedef {{now: number, trouble?: string, owner?: number, overload: number, overload_words: string, applied: number, entry_age_seconds?: number}} Pulse */

/** An engine says something each second. A socket that was silent for so long (milliseconds) is dead, also where nothing has closed it: a phone that slept, a router that forgot it. */
const DEAD = 6_000;

/**
 * @param {{picture: (body: Body) => void, delta: (body: Body) => void, link: (up: boolean) => void, pulse: (pulse: Pulse) => void, restarted: () => void, zone: (name: string) => void}} screen
 */
export function connect(screen) {
  /** @type {number | null} */ let epoch = null;
  let seq = 0;
  let wait = 250;
  let timer = 0;
  /** @type {WebSocket | null} */ let live = null;
  // The computer's own clock goes on while it sleeps, which the page's need not.
  let heard = Date.now();
  // The first picture comes by HTTP: packed, and shared by all browsers. The feed goes on behind it; where it cannot, it sends a
  // picture itself.
  const first = async () => {
    try {
      const answer = await fetch('v1/picture');
      if (!answer.ok) return;
      const message = await answer.json();
      epoch = message.epoch;
      seq = message.seq;
      screen.picture(message.body);
    } catch { /* no connection: the feed says so */ }
  };
  const open = async () => {
    clearTimeout(timer);
    timer = 0;
    if (epoch === null) await first();
    if (live) return; // another one was quicker
    // Relative, as every address here: a node of several zones serves the page below the address of each.
    const address = new URL('ws', location.href);
    address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    address.hash = '';
    address.search = epoch === null ? '' : `?epoch=${epoch}&since=${seq}`;
    const socket = new WebSocket(address);
    live = socket;
    heard = Date.now();
    socket.onopen = () => { wait = 250; screen.link(true); };
    socket.onmessage = (event) => {
      heard = Date.now();
      const message = JSON.parse(event.data);
      if (message.type === 'hello') {
        if (epoch !== null && epoch !== message.epoch) screen.restarted();
        if (epoch !== message.epoch) seq = -1;
        epoch = message.epoch;
        screen.zone(message.zone);
      } else if (message.type === 'pulse') {
        screen.pulse(message);
      } else if (message.type === 'snapshot') {
        seq = message.seq;
        screen.picture(message.body);
      } else if (message.type === 'delta') {
        if (message.prev !== seq) { socket.send('resync'); return; }
        seq = message.seq;
        screen.delta(message.body);
      }
    };
    socket.onclose = (event) => {
      if (event.code === 4401) { screen.link(false); location.assign('login'); return; } // the session has ended
      gone();
    };
  };
  const gone = () => {
    live = null;
    screen.link(false);
    clearTimeout(timer);
    timer = window.setTimeout(() => void open(), wait);
    wait = Math.min(wait * 2, 4000);
  };
  /** Gives a dead socket up, and does not wait for its end. */
  const look = () => {
    if (!live || Date.now() - heard < DEAD) return;
    const dead = live;
    [dead.onopen, dead.onmessage, dead.onclose] = [null, null, null];
    dead.close();
    gone();
  };
  setInterval(look, 1_000);
  // Whoever wakes up, or has a network again, does not wait either.
  const wake = () => { wait = 250; look(); if (!live && timer) { clearTimeout(timer); timer = window.setTimeout(() => void open(), 0); } };
  for (const name of ['online', 'pageshow', 'focus']) window.addEventListener(name, wake);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) wake(); });
  void open();
  /** A fresh picture, for a screen that has shown something else. */
  return { again: () => { void first(); } };
}
