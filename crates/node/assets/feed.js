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
      const message = await answer.json();
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
