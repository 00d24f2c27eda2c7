// The live map in a real browser: a generated day through the real engine, looked at as an operator would.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { launch } from './chromium.mjs';

const program = process.env.PROGRAM ?? fileURLToPath(new URL('../../../target/debug/fleetfold', import.meta.url));
const port = await new Promise((resolve) => { const s = createServer(); s.listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve(port)); }); });
const engine = spawn(program, ['demo', '--log', 'embedded', '--speed', '300', '--orders', '150', '--listen', `127.0.0.1:${port}`], { stdio: 'ignore' });
let passed = 0;
const check = (good, what) => { if (!good) throw new Error(`failed: ${what}`); passed += 1; console.log(`ok ${what}`); };
let browser;
try {
  for (let tries = 0; tries < 100; tries += 1) {
    try { if ((await fetch(`http://127.0.0.1:${port}/readyz`)).ok) break; } catch { /* not yet */ }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  browser = await launch();
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  if (process.env.ASSETS) await page.route('**/*', (await import(process.env.ASSETS)).serve);
  const errors = [];
  const foreign = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => { if (message.type() === 'error' && !message.location().url.includes('/v1/vehicles/load-')) errors.push(message.text()); });
  page.on('request', (request) => { if (!request.url().includes(`127.0.0.1:${port}`) && !request.url().startsWith('data:')) foreign.push(request.url()); });
  await page.goto(`http://127.0.0.1:${port}/`);
  await page.waitForFunction(() => window.__ready, null, { timeout: 15000 });
  await page.click('#tab-changes');
  await page.waitForFunction(() => document.querySelectorAll('#decisions li').length > 10, null, { timeout: 60000 });
  check((await page.$$('#vehicles li')).length === 10, 'every vehicle is listed');
  check((await page.textContent('#kpi')).includes('on time'), 'the key figures are shown');
  check(/\d\d:\d\d:\d\d/.test(await page.textContent('#clock')), 'zone time runs');
  const words = await page.textContent('#decisions li div:last-child');
  check(words.includes('order ord-'), `a decision in words: ${words.slice(0, 80)}`);
  await page.click('#decisions li div:last-child button');
  await page.waitForSelector('#story:not([hidden])');
  await page.waitForFunction(() => document.querySelector('#story-lines').textContent.includes('ordered'));
  check(true, 'an order tells its story');
  await page.keyboard.press('Escape');
  check(await page.isHidden('#story'), 'Escape closes it');
  await page.keyboard.press('/');
  check(await page.evaluate(() => document.activeElement?.id === 'search'), 'the slash key finds the search box');
  await page.keyboard.type('veh-3');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('#story-title')?.textContent === 'Vehicle veh-3');
  check(page.url().endsWith('#v=veh-3'), 'what is looked at has a link of its own');
  const ink = () => page.evaluate(() => { const c = document.querySelector('#map .leaflet-overlay-pane canvas'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; });
  let inked = await ink();
  // Routes are drawn a frame or more after the map has gone to the vehicle.
  for (let tries = 0; tries < 50 && inked <= 2000; tries += 1) { await page.waitForTimeout(100); inked = await ink(); }
  check((await page.textContent('#map .leaflet-control-attribution')).includes('OpenStreetMap'), 'whose streets are drawn is said');
  check((await page.textContent('#legend')).includes('road slowed'), 'the legend knows slowed roads');
  check(inked > 2000, `routes are drawn (${inked} points)`);
  const streets = await page.waitForFunction(() => [...document.querySelectorAll('#map .leaflet-tile-pane canvas')].some((c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 === 3 && v > 0)), null, { timeout: 10000 }).then(() => true, () => false);
  check(streets, 'streets are drawn on a layer of their own');
  // Three hundred vehicles: from a delta to the frame that shows it.
  const waits = await page.evaluate(async () => {
    const vehicle = (i, t) => ({ id: `load-${i}`, status: 'driving', at: [-9.9 + (i % 30) * 0.003 + t * 1e-4, 41.1 + Math.floor(i / 30) * 0.005], seen: 1, revision: t, on_board: 0, stops_done: 0,
      visits: [0, 1, 2].map((k) => ({ order: `l-${i}-${k}`, stop: 'delivery', at: [-9.9 + (i % 30) * 0.003 + k * 0.002, 41.1 + Math.floor(i / 30) * 0.005 + k * 0.002], arrival: 0, start: 0, depart_at: 0, departure: 0, frozen: k === 0, late: false, due: null })),
      lines: [0, 1, 2].map((k) => [0, 1, 2, 3].map((m) => [-9.9 + (i % 30) * 0.003 + k * 0.002 + m * 5e-4, 41.1 + Math.floor(i / 30) * 0.005 + k * 0.002])) });
    const kpi = { now: 1, open: 0, unassigned: 0, late: 0, served: 0, orders: 0, on_time: 1, p50: 1, p99: 1, max: 1, answers: 1, events: 1, changes_per_hour: 0, searching: false };
    const feed = (vehicles, moved) => window.__take({ vehicles, orders: [], moved, decisions: [], refused: [], kpi });
    feed(Array.from({ length: 300 }, (_, i) => vehicle(i, 0)), []);
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 300)));
    const waits = [];
    for (let t = 1; t <= 60; t += 1) {
      const started = performance.now();
      // A second of a busy day: every vehicle moves, fifteen routes change.
      feed(Array.from({ length: 15 }, (_, k) => vehicle((t * 15 + k) % 300, t)), Array.from({ length: 300 }, (_, i) => [`load-${i}`, -9.9 + (i % 30) * 0.003 + t * 1e-4, 41.1 + Math.floor(i / 30) * 0.005, 1]));
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      waits.push(performance.now() - started);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return waits.sort((a, b) => a - b);
  });
  console.log(`300 vehicles, delta to frame: p50 ${waits[30].toFixed(0)} ms, p95 ${waits[56].toFixed(0)} ms, max ${waits[59].toFixed(0)} ms`);
  // The map says three times that it was zoomed, and that its looks change: the routes are drawn once for it.
  const drawings = await page.evaluate(async () => {
    const { map } = await import('/console/map.js');
    const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
    const counts = [];
    for (const zoom of [13, 14, 15, 14, 13]) {
      await frame();
      const before = window.__drawings();
      map.setZoom(zoom);
      // Beside other work the drawing comes some frames later: what is drawn in its frame counts.
      for (let tries = 0; tries < 100 && window.__drawings() === before; tries += 1) await frame();
      counts.push(window.__drawings() - before);
    }
    return counts;
  });
  check(Math.max(...drawings) <= 2 && Math.min(...drawings) >= 1 && drawings.filter((count) => count > 1).length <= 2, `a zoom draws the routes once: ${drawings}`);
  check((await page.$$('#vehicles li')).length >= 300, '300 vehicles are shown');
  check(errors.length === 0, `no errors on the page ${errors.join(' | ')}`);
  check(foreign.length === 0, `nothing is fetched from elsewhere ${foreign.join(' ')}`);
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
  console.log(`${passed} passed, 0 failed`);
} finally {
  await browser?.close();
  engine.kill('SIGINT');
}
