// What a person prefers, and what an operator of the engine allows: another language, a clock of 12 hours, miles, a route sheet, a map below the streets.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as http } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openTown, sleep } from './town.mjs';

let passed = 0;
const check = (good, what) => { if (!good) throw new Error(`failed: ${what}`); passed += 1; console.log(`ok ${what}`); };
const town = await openTown();
const program = fileURLToPath(new URL('../../../target/debug/fleetfold', import.meta.url));
const free = () => new Promise((resolve) => { const s = createServer(); s.listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve(port)); }); });
const folder = mkdtempSync(join(tmpdir(), 'fleetfold-basemap-'));
let engine;
let tiles;
try {
  await town.fill();
  const page = await town.open();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  const prefers = async (name, value) => {
    await page.click('#help-open');
    await Promise.all([page.waitForEvent('load'), page.selectOption(`#set-${name}`, value)]);
    await page.waitForFunction(() => window.__ready && document.querySelector('#work li') && document.querySelector('#clock').textContent && document.querySelector('#timeline-scale span'));
  };
  const text = (selector) => page.textContent(selector);
  await prefers('language', 'pt');
  check((await text('#tab-vehicles')) === 'Veículos' && (await text('#kind-late')).startsWith('atrasada agora') && (await page.getAttribute('html', 'lang')) === 'pt', 'the page in Portuguese');
  // What producers write stays as it is, also where it is a word of the page.
  await page.evaluate(() => window.__take({ vehicles: [{ id: 'Vehicles', status: 'waiting', at: [-9.59, 41.2], seen: 1, revision: 1, visits: [], lines: [], on_board: 0, stops_done: 0 }], orders: [], decisions: [], refused: [], kpi: { now: Date.now(), open: 0, unassigned: 0, late: 0, served: 0, orders: 0, on_time: 1, p50: 1, p99: 1, max: 1, answers: 1, events: 1, changes_per_hour: 0, searching: false } }));
  await page.waitForFunction(() => [...document.querySelectorAll('#vehicles li')].some((row) => row.textContent.includes('Vehicles ·')));
  check(true, 'the id of a vehicle is not translated');
  await prefers('language', 'en');
  check((await text('#tab-vehicles')) === 'Vehicles', 'and back');
  await prefers('hours', '12');
  check(/[ap]m/i.test(await text('#clock')) && /[ap]m/i.test(await text('#timeline-scale')), 'a clock of 12 hours');
  await prefers('distance', 'miles');
  check(/mi|ft/.test(await text('.leaflet-control-scale')), 'miles');

  await page.evaluate(() => { window.print = () => { window.__printed = document.querySelector('#sheet').textContent; }; });
  await page.fill('#search', (await town.state('orders/ord-2140')).vehicle);
  await page.keyboard.press('Enter');
  await page.click('#act-print');
  await page.waitForFunction(() => window.__printed);
  const sheet = await page.evaluate(() => window.__printed);
  check(['ord-2140', 'Bakery Ana', '3 Baker Lane'].every((word) => sheet.includes(word)), 'the sheet of a route has order, reference and address');
  await page.emulateMedia({ media: 'print' });
  const seen = await page.evaluate(() => [...document.body.children].filter((element) => getComputedStyle(element).display !== 'none' && element.tagName !== 'SCRIPT').map((element) => element.id));
  check(seen.join() === 'sheet', `nothing else is printed: ${seen}`);
  await page.emulateMedia({ media: 'screen' });

  // Without a word of the operator's nothing is loaded from elsewhere; with it, pictures of that map.
  const asked = [];
  const dot = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
  const [port, tilePort] = [await free(), await free()];
  tiles = http((request, answer) => { asked.push(request.url); answer.setHeader('content-type', 'image/png'); answer.end(dot); }).listen(tilePort, '127.0.0.1');
  check(!(await (await fetch(`${town.base}/`)).headers.get('content-security-policy')).includes(String(tilePort)), 'the policy of the page names no other address');
  engine = spawn(program, ['serve', '--log', `embedded:${join(folder, 'log.redb')}`, '--listen', `127.0.0.1:${port}`, '--data', join(folder, 'data'), '--basemap', `http://127.0.0.1:${tilePort}/{z}/{x}/{y}.png`, '--basemap-attribution', '© <b>Somebody</b>'], { stdio: 'ignore' });
  for (let tries = 0; tries < 100; tries += 1) {
    try { if ((await fetch(`http://127.0.0.1:${port}/readyz`)).ok) break; } catch { /* not yet */ }
    await sleep(100);
  }
  const second = await town.browser.newPage({ viewport: { width: 1280, height: 800 } });
  await second.goto(`http://127.0.0.1:${port}/`);
  await second.waitForFunction(() => [...document.querySelectorAll('#map img.leaflet-tile')].some((image) => image.naturalWidth > 0));
  check(asked.some((path) => /^\/\d+\/\d+\/\d+\.png$/.test(path)), 'a map below the streets');
  check((await second.textContent('.leaflet-control-attribution')).includes('© <b>Somebody</b>'), 'whose map it is stands there as text');
  check(errors.length === 0, `no errors on the page ${errors.join(' | ')}`);
  console.log(`${passed} passed, 0 failed`);
} finally {
  tiles?.close();
  engine?.kill('SIGKILL');
  await town.close();
  rmSync(folder, { recursive: true, force: true });
}
