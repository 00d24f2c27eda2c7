// A zone of six vehicles on the streets of a small town, with a broker and an engine of its own: for the tests of the page and its pictures.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from './chromium.mjs';

const program = process.env.PROGRAM ?? fileURLToPath(new URL('../../../target/debug/fleetfold', import.meta.url));
const map = fileURLToPath(new URL('../../../scenarios/town.osm', import.meta.url));
const free = () => new Promise((resolve) => { const s = createServer(); s.listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve(port)); }); });
export const sleep = (millis) => new Promise((resolve) => { setTimeout(resolve, millis); });

/** A place of the town: column from the west, row from the south. */
export function corner(column, row) {
  const jitter = (((column * 7 + row * 13) % 5) - 2) * 0.00008;
  return { lat: 41.2 + (row * 150) / 111_194.9 + (row >= 5 ? 0.0012 : 0) + jitter, lon: -9.6 + (column * 150) / (111_194.9 * Math.cos((41.2 * Math.PI) / 180)) + jitter };
}
/** So many minutes from now. */
export const minutes = (after) => new Date(Date.now() + after * 60_000).toISOString();
let number = 0;
export const event = (type, data) => { number += 1; return { specversion: '1.0', id: `shop-${number}`, source: '/shop', type: `fleet.${type}.v1`, time: new Date().toISOString(), data }; };
export const order = (id, column, row, more = {}, stop = {}) => event('order.created', { order_id: id, load: [1], job: { direction: 'pickup', stop: { ...corner(column, row), service_seconds: 240, ...stop } }, ...more });
export const vans = [['v1', 1, 1], ['v2', 4, 2], ['v3', 8, 3], ['v4', 10, 7], ['v5', 3, 8], ['v6', 6, 6]];
/** The route handler that serves the page's files from where the environment says, and not from the program. */
const fromDisk = async (page) => { if (process.env.ASSETS) await page.route('**/*', (await import(process.env.ASSETS)).serve); };

/** Starts broker and engine, and tells them of vehicles and orders. */
export async function openTown() {
  const folder = mkdtempSync(join(tmpdir(), 'fleetfold-town-'));
  const built = spawnSync(program, ['graph', 'build', '--output', 'town.graph', map], { cwd: folder });
  if (built.status !== 0) throw new Error(String(built.stderr));
  const [port, brokerPort] = [await free(), await free()];
  const base = `http://127.0.0.1:${port}`;
  const town = {
    base,
    broker: spawn(process.env.FLEETFOLD_NATS_SERVER ?? 'nats-server', ['-js', '-a', '127.0.0.1', '-p', String(brokerPort), '-sd', join(folder, 'js')], { stdio: 'ignore' }),
    engine: null,
    async start() {
      town.engine = spawn(program, ['serve', '--log', `nats://127.0.0.1:${brokerPort}`, '--tenant', 'acme', '--zone', 'town', '--network', 'town.graph', '--listen', `127.0.0.1:${port}`, '--data', 'data'], { cwd: folder, stdio: 'ignore' });
      for (let tries = 0; tries < 200; tries += 1) {
        try { if ((await fetch(`${base}/readyz`)).ok) return; } catch { /* not yet */ }
        await sleep(100);
      }
      throw new Error('the engine is not ready');
    },
    /** Posts facts and waits for their answers. */
    async post(...events) {
      const answer = await fetch(`${base}/v1/events?wait=answer`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body: events.map((one) => JSON.stringify(one)).join('\n') });
      const body = await answer.json();
      if (!answer.ok) throw new Error(`${answer.status} ${JSON.stringify(body)}`);
      return body;
    },
    state: async (path) => (await fetch(`${base}/v1/${path}`)).json(),
    async fill() {
      const shift = { starts: minutes(-120), ends: minutes(600), breaks: [{ opens: minutes(60), closes: minutes(180), duration_seconds: 900 }] };
      for (const [id, column, row] of vans) {
        await town.post(event('vehicle.registered', { vehicle_id: id, start: corner(column, row), capacity: [10], skills: id === 'v4' ? [] : ['cool'], shift }), event('shift.started', { vehicle_id: id, position: corner(column, row) }), event('position', { vehicle_id: id, position: corner(column, row) }));
      }
      const orders = [];
      for (let at = 0; at < 18; at += 1) orders.push(order(`ord-${2100 + at}`, (at * 5) % 12, (at * 3) % 10, at === 7 ? { reference: 'PO 77/a' } : at === 8 ? { reference: '=HYPERLINK("formula")' } : {}, at === 7 ? { address: '12 Elm Street' } : {}));
      orders.push(order('ord-2140', 2, 2, { skills: ['cool'], priority: 1, reference: 'Bakery Ana' }, { address: '3 Baker Lane', windows: [{ opens: minutes(-60), closes: minutes(90) }] }));
      // Nobody can be there in time.
      orders.push(order('ord-late', 11, 9, {}, { windows: [{ opens: minutes(-30), closes: minutes(-8) }] }));
      orders.push(order('ord-crane', 5, 5, { skills: ['crane'] }, { windows: [{ opens: minutes(0), closes: minutes(120) }] }));
      orders.push(event('order.created', { order_id: 'ord-ship', load: [2], shipment: { pickup: { ...corner(1, 1), service_seconds: 60 }, delivery: { ...corner(9, 8), service_seconds: 60, windows: [{ opens: minutes(0), closes: minutes(26 * 60) }] } } }));
      await town.post(...orders);
      // A larger fleet beside them, for those who want to see the same with more to do (it takes an optimised PROGRAM).
      const [extra, bulk] = [Number(process.env.TOWN_VANS ?? 0), Number(process.env.TOWN_ORDERS ?? 0)];
      for (let from = 0; from < extra; from += 25) await town.post(...Array.from({ length: Math.min(25, extra - from) }, (_, index) => from + index).flatMap((at) => { const place = corner((at * 7) % 12, (at * 3) % 10); return [event('vehicle.registered', { vehicle_id: `w${at + 7}`, start: place, capacity: [12], shift: { starts: minutes(-120), ends: minutes(600) } }), event('shift.started', { vehicle_id: `w${at + 7}`, position: place }), event('position', { vehicle_id: `w${at + 7}`, position: place })]; }));
      for (let from = 0; from < bulk; from += 100) await town.post(...Array.from({ length: Math.min(100, bulk - from) }, (_, index) => order(`bulk-${(from + index).toString(26).replace(/\d/g, (digit) => 'qrstuvwxyz'[digit])}`, ((from + index) * 5) % 12, ((from + index) * 3) % 10)));
      // A fact that makes no sense: the order exists.
      await town.post(order('ord-2101', 3, 3));
    },
    browser: null,
    serve: fromDisk,
    /** A page of its own; `script` runs in it before the page's own, `more` says what the browser is like. */
    async open(size = { width: 1280, height: 800 }, script = '', more = {}) {
      town.browser ??= await launch();
      const page = await town.browser.newPage({ viewport: size, acceptDownloads: true, ...more });
      await fromDisk(page);
      if (script) await page.addInitScript({ content: script });
      page.setDefaultTimeout(15_000);
      await page.goto(`${base}/`);
      await page.waitForFunction(() => window.__ready && document.querySelectorAll('#vehicles li').length >= 6);
      return page;
    },
    async close() {
      await town.browser?.close();
      for (const process of [town.engine, town.broker]) process?.kill('SIGKILL');
      await sleep(200);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await sleep(500);
  await town.start();
  return town;
}
