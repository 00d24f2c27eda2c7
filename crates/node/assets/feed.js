// @ts-check
// The live feed: hello, a picture, then deltas in an unbroken chain. A gap asks for a fresh picture.

// What is sent, as the program itself has it (`fleetfold schema types`).
/** @typedef {import('./engine.js').Visit} Visit */
/** @typedef {import('./engine.js').ShownVehicle} Vehicle */
/** @typedef {import('./engine.js').Order} Order */
/** @typedef {import('./engine.js').Because} Because */
/** @typedef {import('./engine.js').Decision} Decision */
/** @typedef {import('./engine.js').NotedLine} Noted */
/** @typedef {import('./engine.js').Refusal} Refusal */
/** @typedef {import('./engine.js').Alert} Alert */
/** @typedef {import('./engine.js').Road} Road */
/** @typedef {import('./engine.js').Kpi} Kpi */
/** @typedef {import('./engine.js').Pulse} Pulse */
/** What a picture and a delta have in common; a picture says more, and has no `moved`. @typedef {Omit<import('./engine.js').Changes, 'moved'> & Partial<Pick<import('./engine.js').Changes, 'moved'>> & Partial<Pick<import('./engine.js').State, 'zone' | 'failed'>>} Body */

/** A picture that was not had is asked for again after so long at first, and then after twice as long each time, milliseconds; and is waited for so long. */
const [AGAIN, AGAIN_MAX, PATIENCE] = [500, 4_000, 20_000];
/** An engine says something each second. A socket that was silent for so long (milliseconds) is dead, also where nothing has closed it: a phone that slept, a router that forgot it. */
const DEAD = 6_000;

/** Reading goes on for so long at a time, milliseconds. */
const SHARE = 8;
/** The signs that matter in a text of JSON, and elsewhere. */
const [INSIDE, OUTSIDE] = [/["\\]/g, /["{}[\]]/g];
/** What stands in the frame for a part that was read by itself. */
const PART = '\u0001part';
/**
 * Reads JSON as it comes, a vehicle or an order at a time: a picture of a large fleet has megabytes, and to read those at once keeps the page from all else for a tenth of a second and more.
 * What is deeper than the lists of the body is read by itself; the rest, the frame around it, at the end.
 * @param {Response} answer @returns {Promise<unknown>}
 */
export async function readInPieces(answer) {
  const reader = answer.body?.getReader();
  if (!reader) return answer.json();
  const decoder = new TextDecoder();
  /** @type {unknown[]} */ const parts = [];
  let [frame, rest, at, kept, depth, quoted, begun] = ['', '', 0, 0, 0, false, performance.now()];
  for (let last = false; !last;) {
    const { done, value } = await reader.read();
    last = done;
    rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
    for (; at < rest.length; at += 1) {
      // To the next sign that matters.
      const signs = quoted ? INSIDE : OUTSIDE;
      signs.lastIndex = at;
      at = signs.test(rest) ? signs.lastIndex - 1 : rest.length;
      if (at === rest.length) break;
      const sign = rest.charCodeAt(at);
      if (quoted) { if (sign === 92) at += 1; else quoted = false; continue; } // a backslash hides what follows it
      if (sign === 34) { quoted = true; continue; }
      if (sign === 123 || sign === 91) {
        depth += 1;
        if (depth === 4) { frame += rest.slice(kept, at); kept = at; }
      } else if (sign === 125 || sign === 93) {
        depth -= 1;
        if (depth === 3) {
          frame += `{"${PART.replace('\u0001', '\\u0001')}":${parts.length}}`;
          parts.push(JSON.parse(rest.slice(kept, at + 1)));
          kept = at + 1;
          if (!document.hidden && performance.now() - begun > SHARE) { await new Promise((go) => { setTimeout(go, 0); }); begun = performance.now(); }
        }
      }
    }
    // What was read is let go.
    const from = depth < 4 ? Math.min(at, rest.length) : kept;
    if (depth < 4) frame += rest.slice(kept, at);
    [rest, at] = [rest.slice(from), at - from];
    kept = 0;
  }
  const whole = JSON.parse(frame);
  for (const body of Object.values(whole)) {
    if (typeof body !== 'object' || body === null) continue;
    for (const list of Object.values(body)) {
      if (typeof list !== 'object' || list === null) continue;
      for (const [key, part] of Object.entries(list)) if (typeof part === 'object' && part !== null && PART in part) /** @type {Record<string, unknown>} */ (list)[key] = parts[/** @type {Record<string, number>} */ (part)[PART]];
    }
  }
  return whole;
}

/**
 * @param {{picture: (body: Body) => void, delta: (body: Body) => void, link: (up: boolean) => void, pulse: (pulse: Pulse) => void, restarted: () => void, zone: (name: string) => void, behind: (since: number | null) => void}} screen `behind`: what is shown lacks something that has happened since then (`performance.now()`); null: it does not
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
  /** Asks for a picture by HTTP. @returns {Promise<boolean>} it came and is shown */
  const first = async () => {
    try {
      const answer = await fetch('v1/picture', { signal: AbortSignal.timeout(PATIENCE) });
      if (!answer.ok) return false;
      const message = /** @type {import('./engine.js').Snapshot} */ (await readInPieces(answer));
      // Changes that came while it was on its way are not in it, and were laid over something else.
      const missed = epoch === message.epoch && message.seq < seq;
      epoch = message.epoch;
      seq = message.seq;
      show(message.body);
      if (missed) resync();
      return true;
    } catch { return false; /* no connection: the feed says so */ }
  };
  /** Since when a picture is waited for; null: what is shown is whole. @type {number | null} */ let behind = null;
  /** It is because changes are missing, which may come after all: over another socket. */
  let gap = false;
  /** @param {boolean} is */
  const lags = (is) => {
    if (!is) gap = false;
    if (is === (behind !== null)) return;
    behind = is ? performance.now() : null;
    screen.behind(behind);
  };
  /** @param {Body} body */
  const show = (body) => { screen.picture(body); lags(false); };
  /** Changes were missed: the engine sends a picture over the socket. */
  const resync = () => { gap ||= behind === null; lags(true); if (live?.readyState === WebSocket.OPEN) live.send('resync'); };
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
      /** @type {(import('./engine.js').Hello & {type: 'hello'}) | (Pulse & {type: 'pulse'}) | (import('./engine.js').Snapshot & {type: 'snapshot'}) | (import('./engine.js').Delta & {type: 'delta'})} */ const message = JSON.parse(event.data);
      if (message.type === 'hello') {
        if (epoch !== null && epoch !== message.epoch) screen.restarted();
        if (epoch !== message.epoch) { seq = -1; lags(true); }
        epoch = message.epoch;
        screen.zone(message.zone);
      } else if (message.type === 'pulse') {
        screen.pulse(message);
      } else if (message.type === 'snapshot') {
        seq = message.seq;
        show(message.body);
      } else if (message.type === 'delta') {
        if (message.seq <= seq) return; // it is in the picture
        if (message.prev !== seq) { resync(); return; }
        seq = message.seq;
        screen.delta(message.body);
        if (gap) lags(false);
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
  lags(true);
  void open();
  let asked = 0;
  return {
    /** A fresh picture, for a screen that has shown something else: asked for until one has come, from here or by the socket, or nobody wants it any more. @param {() => void} failed what to do when it has not come */
    async again(failed) {
      asked += 1;
      const mine = asked;
      lags(true);
      for (let pause = AGAIN; mine === asked && behind !== null; pause = Math.min(pause * 2, AGAIN_MAX)) {
        if (await first() || mine !== asked) return;
        failed();
        await new Promise((resolve) => { setTimeout(resolve, pause); });
      }
    },
    /** What is shown is the past on purpose: no picture is waited for. */
    rest() { asked += 1; lags(false); },
  };
}
