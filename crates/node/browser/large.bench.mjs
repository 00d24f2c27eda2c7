// How quick the page is with a large fleet on a real town: `node large.bench.mjs GRAPH [VEHICLES] [ORDERS] [SECONDS]`. Prints figures and passes no judgement.
// PROGRAM names the engine (an optimised build), CHROMIUM the browser.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const [graph, vehicles = '300', orders = '3000', seconds = '30'] = process.argv.slice(2);
const [count, many, lasts] = [vehicles, orders, seconds].map(Number);
if (!graph) throw new Error('usage: node large.bench.mjs GRAPH [VEHICLES] [ORDERS] [SECONDS]');
const program = process.env.PROGRAM ?? fileURLToPath(new URL('../../../target/release/fleetfold', import.meta.url));
const port = await new Promise((done) => { const s = createServer(); s.listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => done(port)); }); });
const base = `http://127.0.0.1:${port}`;
const folder = mkdtempSync(join(tmpdir(), 'fleetfold-large-'));
const engine = spawn(program, ['serve', '--log', `embedded:${join(folder, 'log.redb')}`, '--tenant', 'acme', '--zone', 'large', '--network', resolve(graph), '--listen', `127.0.0.1:${port}`, '--data', join(folder, 'data')], { stdio: 'ignore' });
const sleep = (millis) => new Promise((done) => { setTimeout(done, millis); });
const at = (after) => new Date(Date.now() + after * 60_000).toISOString();
let number = 0;
const event = (type, data) => { number += 1; return { specversion: '1.0', id: `bench-${number}`, source: '/bench', type: `fleet.${type}.v1`, time: new Date().toISOString(), data }; };
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
  const told = { waits: [], frames: [], bytes: 0, watching: false };
  window.__told = told;
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
  await post(vans.flatMap(({ vehicle_id, position }) => [event('vehicle.registered', { vehicle_id, start: position, capacity: [60], shift }), event('shift.started', { vehicle_id, position }), event('position', { vehicle_id, position })]));
  await post(Array.from({ length: many }, (_, index) => { const opens = Math.floor(random() * 420); return event('order.created', { order_id: `ord-${index + 1}`, load: [1], job: { direction: 'pickup', stop: { ...place(), service_seconds: 180, windows: [{ opens: at(opens), closes: at(opens + 180) }] } } }); }));
  for (let tries = 0; tries < 600; tries += 1) {
    const { kpi } = await (await fetch(`${base}/v1/state?part=kpi`)).json();
    if (kpi.orders >= many && !(await (await fetch(`${base}/metrics`)).text()).match(/^fleetfold_unanswered [1-9]/m)) break;
    await sleep(1_000);
  }
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--enable-precise-memory-info', '--js-flags=--expose-gc', ...(process.env.ASSETS ? ['--disable-features=LocalNetworkAccessChecks'] : [])] });
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  if (process.env.ASSETS) await page.route('**/*', (await import(process.env.ASSETS)).serve);
  await page.addInitScript(watch);
  const loads = [];
  for (let tries = 0; tries < 3; tries += 1) {
    const begun = Date.now();
    await page.goto(`${base}/`);
    await page.waitForFunction((wanted) => window.__ready && window.__drawn && document.querySelectorAll('#vehicles li').length === wanted && [...document.querySelectorAll('#map .leaflet-tile-pane canvas')].every((one) => one.closest('.leaflet-tile-loaded') || one.classList.contains('leaflet-tile-loaded')), count, { timeout: 120_000, polling: 50 });
    loads.push(Date.now() - begun);
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
      await post(facts);
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
  await sleep(lasts * 1_000);
  const calm = await collect();
  // In and out again, as with a wheel.
  await page.evaluate(() => { window.__told.watching = true; });
  for (let turn = 0; turn < 24; turn += 1) { await page.mouse.wheel(0, Math.floor(turn / 6) % 2 ? 240 : -240); await sleep(250); }
  await page.evaluate(() => { window.__told.watching = false; });
  const zoomed = await collect();
  driving = false;
  await drive;
  const told = {
    vehicles: count, orders: many, zoom, 'load until drawn, ms': loads.sort((a, b) => a - b)[1], 'delta to frame p50 / p95 / max, ms': [quantile(calm.waits, 0.5), quantile(calm.waits, 0.95), quantile(calm.waits, 1)].join(' / '), deltas: calm.waits.length,
    'frame while zooming p50 / p95 / max, ms': [quantile(zoomed.frames, 0.5), quantile(zoomed.frames, 0.95), quantile(zoomed.frames, 1)].join(' / '), 'delta to frame while zooming p95, ms': quantile(zoomed.waits, 0.95),
    'heap before / after, MB': `${before.toFixed(0)} / ${(await heap()).toFixed(0)}`, 'feed, kB per vehicle and minute': (calm.bytes / 1e3 / count / (lasts / 60)).toFixed(2),
  };
  for (const [what, value] of Object.entries(told)) console.log(`${what}: ${value}`);
} finally {
  await browser?.close();
  engine.kill('SIGKILL');
  await sleep(200);
  rmSync(folder, { recursive: true, force: true });
}
