// How quick the page is with a large fleet on a real town: `node large.bench.mjs GRAPH [VEHICLES] [ORDERS] [SECONDS]`. Prints figures and passes no judgement.
// PROGRAM names the engine (an optimised build), CHROMIUM the browser. WITHOUT_PLACE=1: every order needs a skill that no vehicle has, so that all of them wait. ENGINE=http://…: one that has such a fleet already
// (KEEP=1 leaves the one that was started running, and says where). PROFILE=1 also prints where the time of each action goes.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from './chromium.mjs';

const [graph, vehicles = '300', orders = '3000', seconds = '30'] = process.argv.slice(2);
const [count, many, lasts] = [vehicles, orders, seconds].map(Number);
if (!graph) throw new Error('usage: node large.bench.mjs GRAPH [VEHICLES] [ORDERS] [SECONDS]');
const program = process.env.PROGRAM ?? fileURLToPath(new URL('../../../target/release/fleetfold', import.meta.url));
const nowhere = Boolean(process.env.WITHOUT_PLACE);
const port = await new Promise((done) => { const s = createServer(); s.listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => done(port)); }); });
const base = process.env.ENGINE ?? `http://127.0.0.1:${port}`;
const folder = mkdtempSync(join(tmpdir(), 'fleetfold-large-'));
const engine = process.env.ENGINE ? null : spawn(program, ['serve', '--log', `embedded:${join(folder, 'log.redb')}`, '--tenant', 'acme', '--zone', 'large', '--network', resolve(graph), '--listen', `127.0.0.1:${port}`, '--data', join(folder, 'data')], { stdio: 'ignore', detached: Boolean(process.env.KEEP) });
const sleep = (millis) => new Promise((done) => { setTimeout(done, millis); });
const at = (after) => new Date(Date.now() + after * 60_000).toISOString();
let number = 0;
const event = (type, data) => { number += 1; return { specversion: '1.0', id: `bench-${process.pid}-${number}`, source: '/bench', type: `fleet.${type}.v1`, time: new Date().toISOString(), data }; };
const post = async (events) => {
  for (let from = 0; from < events.length; from += 500) {
    const answer = await fetch(`${base}/v1/events`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body: events.slice(from, from + 500).map((one) => JSON.stringify(one)).join('\n') });
    if (answer.status === 429) { await sleep(2_000); from -= 500; } else if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  }
};
let seed = 7;
const random = () => { seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648; return seed / 2_147_483_648; };
const quantile = (values, part) => { const sorted = [...values].sort((a, b) => a - b); return sorted.length ? Math.round(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] * 10) / 10 : null; };

/** In the page, before its own scripts: from a message of the feed to the end of the frame that shows it, the distances of frames, and the bytes of the feed. */
function watch() {
  const told = { waits: [], frames: [], tasks: [], bytes: 0, watching: false };
  window.__told = told;
  new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) told.tasks.push(duration); }).observe({ type: 'longtask', buffered: true });
  const after = (act) => { const { port1, port2 } = new MessageChannel(); port1.onmessage = act; port2.postMessage(0); };
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...given) {
      super(...given);
      this.addEventListener('message', ({ data }) => {
        told.bytes += data.length;
        if (!data.startsWith('{"type":"delta"')) return;
        const begun = performance.now();
        requestAnimationFrame(() => after(() => told.waits.push(performance.now() - begun)));
      });
    }
  };
  let last = 0;
  const frame = (now) => { if (told.watching && last) told.frames.push(now - last); last = now; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}

/** Prints what the longest tasks of a trace consist of: each kind of work without what is nested in it, scripts by the function that the browser called. */
function spent({ traceEvents }) {
  const main = traceEvents.filter(({ name, ph }) => name === 'RunTask' && ph === 'X');
  const tasks = main.filter((task) => task.dur > 50_000 && traceEvents.some((one) => one.tid === task.tid && one.pid === task.pid && /^(FunctionCall|UpdateLayoutTree|Layout|PrePaint|Paint|Commit)$/.test(one.name))).sort((a, b) => b.dur - a.dur).slice(0, 5);
  for (const task of tasks) {
    const inside = traceEvents.filter((one) => one.ph === 'X' && one.pid === task.pid && one.tid === task.tid && one !== task && one.ts >= task.ts && one.ts + one.dur <= task.ts + task.dur).sort((a, b) => a.ts - b.ts || b.dur - a.dur);
    const own = new Map();
    const stack = [];
    const name = (one) => (one.name === 'FunctionCall' ? `${one.args.data?.functionName || '(anonymous)'} ${(one.args.data?.url ?? '').split('/').pop()}:${(one.args.data?.lineNumber ?? 0)}` : one.name);
    const add = (one, micros) => own.set(name(one), (own.get(name(one)) ?? 0) + micros / 1e3);
    for (const one of inside) {
      while (stack.length && stack.at(-1).ts + stack.at(-1).dur <= one.ts) stack.pop();
      if (stack.length) add(stack.at(-1), -one.dur);
      add(one, one.dur);
      stack.push(one);
    }
    console.log(`  ${Math.round(task.dur / 1e3)} ms: ${[...own].sort((a, b) => b[1] - a[1]).filter(([, millis]) => millis >= 2).slice(0, 12).map(([what, millis]) => `${what} ${millis.toFixed(0)}`).join(', ')}`);
  }
}

let browser;
try {
  for (let tries = 0; tries < 600; tries += 1) {
    try { if ((await fetch(`${base}/readyz`)).ok) break; } catch { /* not yet */ }
    await sleep(200);
  }
  const rows = await (await fetch(`${base}/v1/streets`)).json();
  const place = () => { const row = rows[Math.floor(random() * rows.length)]; return { lon: row[0], lat: row[1] }; };
  const shift = { starts: at(-60), ends: at(720) };
  const vans = Array.from({ length: count }, (_, index) => ({ vehicle_id: `van-${index + 1}`, position: place() }));
  if (!process.env.ENGINE) await post(vans.flatMap(({ vehicle_id, position }) => [event('vehicle.registered', { vehicle_id, start: position, capacity: [60], shift }), event('shift.started', { vehicle_id, position }), event('position', { vehicle_id, position })]));
  if (!process.env.ENGINE) await post(Array.from({ length: many }, (_, index) => { const opens = Math.floor(random() * 420); return event('order.created', { order_id: `ord-${index + 1}`, load: [1], ...(nowhere ? { skills: ['crane'] } : {}), job: { direction: 'pickup', stop: { ...place(), service_seconds: 180, windows: [{ opens: at(opens), closes: at(opens + 180) }] } } }); }));
  for (let tries = 0; tries < 600 && !process.env.ENGINE; tries += 1) {
    const { kpi } = await (await fetch(`${base}/v1/state?part=kpi`)).json();
    if (kpi.orders >= many && !(await (await fetch(`${base}/metrics`)).text()).match(/^fleetfold_unanswered [1-9]/m)) break;
    await sleep(1_000);
  }
  browser = await launch('--enable-precise-memory-info', '--js-flags=--expose-gc');
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  if (process.env.ASSETS) await page.route('**/*', (await import(process.env.ASSETS)).serve);
  await page.addInitScript(watch);
  /** The longest task of each action, milliseconds; a browser tells only of those of 50 and more. @type {Map<string, number[]>} */ const longest = new Map();
  /** Does something, waits until the page has drawn it, and remembers the longest task meanwhile. */
  const during = async (what, act, lasts = 1_500) => {
    await page.evaluate(() => { if (window.__told) window.__told.tasks = []; });
    if (process.env.PROFILE) await browser.startTracing(page, { categories: ['toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline', 'blink', 'v8'] });
    await act();
    await sleep(lasts);
    const most = await page.evaluate(() => Math.max(0, ...window.__told.tasks));
    longest.set(what, [...(longest.get(what) ?? []), most]);
    if (!process.env.PROFILE) return;
    const trace = await browser.stopTracing();
    console.log(`${what}: longest task ${most} ms`);
    if (most >= 50) spent(JSON.parse(trace.toString()));
  };
  const loads = [];
  for (let tries = 0; tries < 3; tries += 1) {
    const begun = Date.now();
    await during('load', async () => {
      await page.goto('about:blank');
      await page.goto(`${base}/`);
      await page.waitForFunction((wanted) => window.__ready && window.__drawn && document.querySelectorAll('#vehicles li').length === wanted && [...document.querySelectorAll('#map .leaflet-tile-pane canvas')].every((one) => one.closest('.leaflet-tile-loaded') || one.classList.contains('leaflet-tile-loaded')), count, { timeout: 120_000, polling: 50 });
      loads.push(Date.now() - begun);
    }, 3_000);
  }
  // A tenth of the fleet says each second where it is, and one in a hundred has served a stop.
  let driving = true;
  const drive = (async () => {
    for (let turn = 0; driving; turn += 1) {
      const facts = [];
      for (let index = turn % 10; index < vans.length; index += 10) {
        const van = vans[index];
        van.position = { lon: van.position.lon + (random() - 0.5) * 4e-4, lat: van.position.lat + (random() - 0.5) * 4e-4 };
        facts.push(event('position', { vehicle_id: van.vehicle_id, position: van.position }));
      }
      facts.push(event('priority.raised', { order_id: `ord-${1 + Math.floor(random() * many)}`, priority: Math.floor(random() * 50) }));
      // An engine that is gone was ended below, where it is said why.
      try { await post(facts); } catch { return; }
      await sleep(1_000);
    }
  })();
  // Near enough that every route in view is drawn.
  const box = await page.locator('#map').boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  for (let turn = 0; turn < 2; turn += 1) { await page.mouse.wheel(0, -240); await sleep(500); }
  await sleep(2_000);
  const zoom = await page.evaluate(async () => (await import('/console/map.js')).map.getZoom());
  const collect = () => page.evaluate(() => { const { waits, frames, bytes } = window.__told; window.__told.waits = []; window.__told.frames = []; window.__told.bytes = 0; return { waits, frames, bytes }; });
  const heap = () => page.evaluate(() => { window.gc?.(); return performance.memory.usedJSHeapSize / 1e6; });
  await collect();
  const before = await heap();
  await during('deltas', () => sleep(lasts * 1_000), 0);
  const calm = await collect();
  // In and out again, as with a wheel.
  const zoomed = { frames: [], waits: [] };
  await during('zooming', async () => {
    await page.evaluate(() => { window.__told.watching = true; });
    for (let turn = 0; turn < 24; turn += 1) { await page.mouse.wheel(0, Math.floor(turn / 6) % 2 ? 240 : -240); await sleep(250); }
    await page.evaluate(() => { window.__told.watching = false; });
    const { frames, waits } = await collect();
    Object.assign(zoomed, { frames, waits });
  });
  // What an operator does, one after the other.
  const value = (selector, given) => page.evaluate(([where, what]) => { const input = document.querySelector(where); input.value = what; input.dispatchEvent(new Event('input')); }, [selector, given]);
  for (const tab of ['vehicles', 'changes', 'roads', 'refused', 'work']) await during(`tab: ${tab}`, () => page.click(`#tab-${tab}`));
  await during('a kind of the work list is hidden', () => page.click('#kind-unassigned'));
  await during('and shown again', () => page.click('#kind-unassigned'));
  for (let turn = 0; turn < 3; turn += 1) {
    if (await page.locator('#work-more').count()) await during('more of the work list', () => page.click('#work-more'));
    if (await page.locator('#unassigned li:last-child button').count()) await during('more of those without a place', () => page.click('#unassigned li:last-child button'));
  }
  for (const letters of ['o', 'or', 'ord-1']) await during('typing into the search box', () => page.fill('#search', letters));
  await page.fill('#search', '');
  await during('the table', () => page.click('#view-table'), 3_000);
  for (const letters of ['o', 'or', 'ord', 'ord-77']) await during('typing into the table\'s filter', () => value('#table-filter', letters));
  await during('the filter of the table is emptied', () => value('#table-filter', ''));
  for (const column of [1, 4, 12]) await during('the table is sorted', () => page.click(`#table-head th:nth-child(${column}) button`));
  for (const part of [0.3, 0.9]) await during('the table is scrolled', () => page.evaluate((to) => { const box = document.querySelector('#table .scrolls'); box.scrollTop = box.scrollHeight * to; }, part));
  await during('the map again', () => page.click('#view-map'));
  await during('the card of an order', () => page.evaluate(async (id) => (await import('/console/store.js')).choose('orders', id), `ord-${Math.floor(many / 2)}`), 2_500);
  await during('the card of a vehicle', () => page.evaluate(async (id) => (await import('/console/store.js')).choose('vehicles', id), `van-${Math.floor(count / 2)}`), 2_500);
  await during('the card is closed', () => page.evaluate(async () => (await import('/console/store.js')).unchoose()));
  await during('the whole fleet on the map', () => page.click('#map-fit'), 3_000);
  await during('other routes are hidden', () => page.click('#map-others'));
  await during('and shown again', () => page.click('#map-others'));
  if (await page.locator('#timeline').isHidden()) await during('the timeline', () => page.click('#view-timeline'), 3_000); else { await page.click('#view-timeline'); await during('the timeline', () => page.click('#view-timeline'), 3_000); }
  for (const part of [0.3, 0.9]) await during('the timeline is scrolled', () => page.evaluate((to) => { const box = document.querySelector('#timeline'); box.scrollTop = box.scrollHeight * to; }, part));
  await during('midnight', () => page.evaluate(async () => { const { clock, heard } = await import('/console/time.js'); heard(clock() + 86_400_000); }), 4_000);
  await during('replay', async () => { await page.click('#replay-open'); await page.waitForFunction(() => document.body.classList.contains('replaying'), null, { timeout: 60_000 }); }, 3_000);
  for (const frame of [20, 59, 5]) await during('the slider of the replay', () => value('#replay-at', String(frame)), 2_500);
  await during('live again', () => page.click('#replay-live'), 3_000);
  driving = false;
  await drive;
  const told = {
    vehicles: count, orders: many, zoom, 'load until drawn, ms': loads.sort((a, b) => a - b)[1], 'delta to frame p50 / p95 / max, ms': [quantile(calm.waits, 0.5), quantile(calm.waits, 0.95), quantile(calm.waits, 1)].join(' / '), deltas: calm.waits.length,
    'frame while zooming p50 / p95 / max, ms': [quantile(zoomed.frames, 0.5), quantile(zoomed.frames, 0.95), quantile(zoomed.frames, 1)].join(' / '), 'delta to frame while zooming p95, ms': quantile(zoomed.waits, 0.95),
    'heap before / after, MB': `${before.toFixed(0)} / ${(await heap()).toFixed(0)}`, 'feed, kB per vehicle and minute': (calm.bytes / 1e3 / count / (lasts / 60)).toFixed(2),
  };
  for (const [what, figure] of Object.entries(told)) console.log(`${what}: ${figure}`);
  console.log('longest task, ms (0: none of 50 and more)');
  for (const [what, tasks] of longest) console.log(`  ${what}: ${tasks.map((one) => Math.round(one)).join(', ')}`);
} finally {
  await browser?.close();
  if (process.env.KEEP) console.log(`ENGINE=${base}, its process ${engine?.pid}, its folder ${folder}`);
  if (!process.env.KEEP) engine?.kill('SIGKILL');
  await sleep(200);
  if (!process.env.KEEP) rmSync(folder, { recursive: true, force: true });
  engine?.unref();
}
