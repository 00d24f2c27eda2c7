// What a person prefers, and what an operator of the engine allows: another language, a clock of 12 hours, miles, a route sheet, a map below the streets.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as http } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { gzipSync } from 'node:zlib';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openTown, sleep } from './town.mjs';

/** A map in a file (PMTiles 3) that has one tile: a picture of the whole world, or the vectors of zooms 0 and 1; `kind` and `packing` of it as the format numbers them. */
function pmtiles(image, about, kind = 2, packing = 1) {
  const zoom = kind === 1 ? 1 : 0;
  const metadata = Buffer.from(JSON.stringify(about));
  const number = (value) => { const bytes = []; for (let rest = value; ; rest = Math.floor(rest / 128)) { if (rest < 128) { bytes.push(rest); return bytes; } bytes.push((rest % 128) + 128); } };
  const directory = Buffer.from([1, 0, zoom ? 5 : 1, image.length, 1].flatMap(number));
  const head = Buffer.alloc(127);
  head.write('PMTiles');
  head[7] = 3;
  const [meta, data] = [127 + directory.length, 127 + directory.length + metadata.length];
  [127, directory.length, meta, metadata.length, data, 0, data, image.length, 1, 1, 1].forEach((value, index) => head.writeBigUInt64LE(BigInt(value), 8 + index * 8));
  Buffer.from([1, 1, packing, kind, 0, zoom]).copy(head, 96);
  [-180, -85, 180, 85].forEach((degrees, index) => head.writeInt32LE(degrees * 1e7, 102 + index * 4));
  return Buffer.concat([head, directory, metadata, image]);
}

/** A vector tile (MVT 2) that one area of one layer covers whole. */
function vectorTile(layer, properties) {
  const field = (number, bytes) => Buffer.concat([Buffer.from([(number << 3) | 2, ...varint(bytes.length)]), bytes]);
  const varint = (value) => { const bytes = []; for (let rest = value; ; rest = Math.floor(rest / 128)) { if (rest < 128) { bytes.push(rest); return bytes; } bytes.push((rest % 128) + 128); } };
  const zigzag = (value) => (value >= 0 ? value * 2 : -value * 2 - 1);
  // To the corner, along three sides, closed.
  const ring = [9, 0, 0, 26, 4096, 0, 0, 4096, -4096, 0, 15].flatMap((value, at) => varint([0, 3, 10].includes(at) ? value : zigzag(value)));
  const names = Object.keys(properties);
  const feature = Buffer.concat([field(2, Buffer.from(names.flatMap((_, at) => [at, at]))), Buffer.from([3 << 3, 3]), field(4, Buffer.from(ring))]);
  const parts = [field(1, Buffer.from(layer)), field(2, feature), ...names.map((name) => field(3, Buffer.from(name))), ...names.map((name) => field(4, field(1, Buffer.from(properties[name])))), Buffer.from([5 << 3, ...varint(4096), 15 << 3, 2])];
  return field(3, Buffer.concat(parts));
}

let passed = 0;
const check = (good, what) => { if (!good) throw new Error(`failed: ${what}`); passed += 1; console.log(`ok ${what}`); };
const town = await openTown();
const program = process.env.PROGRAM ?? fileURLToPath(new URL('../../../target/debug/fleetfold', import.meta.url));
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
  // Every word of the page goes through its language file: in a language of brackets nothing stands outside of them but what others wrote.
  await page.evaluate(() => localStorage.setItem('fleetfold-language', 'marked'));
  await page.reload();
  await page.waitForFunction(() => window.__ready && document.querySelector('#work li') && document.querySelector('#timeline .bar.service'));
  const written = new Set();
  const gather = (value) => { if (typeof value === 'string') { if (/[A-Za-z]{2}/.test(value)) written.add(value); } else if (value && typeof value === 'object') Object.values(value).forEach(gather); };
  for (const path of ['state', 'decisions', 'orders/ord-2140', 'orders/ord-late', 'orders/ord-crane', 'explain/order/ord-crane', 'explain/order/ord-late', 'vehicles/v1', 'streets/named?q=Lane', 'me', 'warnings']) gather(await town.state(path));
  const known = [...written].sort((a, b) => b.length - a.length);
  const bare = new Set();
  const look = async (where) => {
    await sleep(500);
    const texts = await page.evaluate(() => {
      const found = [];
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) if (node.parentElement && !node.parentElement.closest('script, style, kbd, time, h1, #settings select, .leaflet-control-attribution, .leaflet-control-scale, textarea, #clock, #zone')) found.push(node.nodeValue);
      for (const element of document.querySelectorAll('[title], [aria-label], [placeholder]')) if (!element.closest('.leaflet-control')) for (const name of ['title', 'aria-label', 'placeholder']) if (element.hasAttribute(name)) found.push(element.getAttribute(name));
      return found;
    });
    for (const text of texts) {
      let left = text;
      // The innermost brackets first: what stands between them went through the file, or was put into what did.
      for (let before = ''; before !== left;) { before = left; left = left.replace(/⟦[^⟦⟧]*⟧/g, ' ').replace(/⟪[^⟪⟫⟦⟧]*⟫/g, ' '); }
      for (const one of known) left = left.replaceAll(one, ' ');
      left = left.replace(/\b(ord|desk|bulk)-[\w-]+|\bv\d\b|\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun),? \d+ \w+|\d+(\.\d+)? ?(min|km|ms|ft|mi)\b/g, ' ');
      if (/[A-Za-z]{3}/.test(left)) bare.add(`${where}: ${text}`);
    }
  };
  const find = async (id) => { await page.keyboard.press('Escape'); await page.keyboard.press('Escape'); await page.fill('#search', id); await page.keyboard.press('Enter'); await page.waitForFunction((to) => document.querySelector('#story-title')?.textContent?.includes(to) && document.querySelector('#story-actions button'), id); };
  const tried = () => page.waitForFunction(() => document.querySelector('#preview')?.dataset.tried === 'yes' && document.querySelector('#preview-sum'));
  await look('work');
  for (const tab of ['vehicles', 'changes', 'roads', 'refused']) { await page.click(`#tab-${tab}`); await look(tab); }
  await page.click('#refused button');
  await look('a refused event');
  await page.click('#view-table');
  await look('the table');
  await page.click('#view-map');
  for (const id of ['ord-late', 'ord-crane', 'ord-2140']) { await find(id); await page.waitForFunction(() => document.querySelector('#chain')); await sleep(700); await look(id); }
  await page.click('#act-move');
  await page.waitForSelector('#offers .offer');
  await look('who could take it');
  await page.click('#offers li:nth-child(2) .offer');
  await tried();
  await look('a move');
  for (const act of ['pin', 'cancel']) { await find('ord-2140'); await page.click(`#act-${act}`); await tried(); await look(act); }
  for (const act of ['lost', 'end']) { await find('v1'); await page.click(`#act-${act}`); await tried(); await look(act); }
  await page.keyboard.press('Escape');
  await page.keyboard.press('n');
  await look('a new order');
  await page.keyboard.press('Escape');
  await page.click('#tab-roads');
  await page.click('#road-line');
  await look('a line');
  await page.click('#replay-open');
  await page.waitForFunction(() => document.querySelector('#replay-time')?.textContent);
  await look('the past');
  await page.click('#replay-live');
  await page.click('#help-open');
  await look('help');
  await page.keyboard.press('Escape');
  check(bare.size === 0, `every word of the page goes through its language file ${[...bare].slice(0, 40).join(' | ')}`);
  // And the file of the other language has each of them.
  const lacking = await page.evaluate(async () => {
    const { portuguese } = await import('/console/language-pt.js');
    const lacking = [];
    for (const name of ['add-order', 'card', 'changes', 'lists', 'map', 'notes', 'order-actions', 'order-card', 'preview', 'refused', 'replay', 'roads-panel', 'route-sheet', 'search', 'table', 'timeline', 'vehicle-actions', 'vehicle-card', 'worklist', '../freshness']) {
      const source = await (await fetch(`/console/${name}.js`)).text();
      for (const [, english] of source.matchAll(/\bt\('((?:[^'\\]|\\.)*)'\)/g)) if (!(english in portuguese)) lacking.push(english);
    }
    return lacking;
  });
  check(lacking.length === 0, `Portuguese has each of them ${lacking.join(' | ')}`);
  await prefers('language', 'en');
  await prefers('hours', '12');
  check(/[ap]m/i.test(await text('#clock')) && /[ap]m/i.test(await text('#timeline-scale')), 'a clock of 12 hours');
  await prefers('distance', 'miles');
  check(/mi|ft/.test(await text('.leaflet-control-scale')), 'miles');

  await page.evaluate(() => { window.print = () => { window.__printed = document.querySelector('#sheet').textContent; window.__stops = [...document.querySelectorAll('#sheet tbody tr')].filter((row) => row.cells.length === 8).map((row) => [row.cells[3].textContent, row.cells[2].textContent]); }; });
  await page.fill('#search', (await town.state('orders/ord-2140')).vehicle);
  await page.keyboard.press('Enter');
  await page.click('#act-print');
  await page.waitForFunction(() => window.__printed);
  const sheet = await page.evaluate(() => window.__printed);
  check(['ord-2140', 'Bakery Ana', '3 Baker Lane'].every((word) => sheet.includes(word)), 'the sheet of a route has order, reference and address');
  const stops = await page.evaluate(() => window.__stops);
  check(stops.length > 0 && stops.every(([id, word]) => word === 'pickup' || id === 'ord-ship'), `a job to be collected is a pickup on it: ${stops.map((stop) => stop.join(' ')).join(', ')}`);
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

  // The same out of a file beside the engine: one picture, that of the whole world.
  const map = join(folder, 'world.pmtiles');
  writeFileSync(map, pmtiles(dot, { attribution: '<a href="https://example.org">&copy; Cartographer</a>' }));
  const [thirdPort, third] = [await free(), (file) => ['serve', '--log', `embedded:${join(folder, 'third.redb')}`, '--listen', `127.0.0.1:${thirdPort}`, '--data', join(folder, 'third'), '--basemap', file]];
  writeFileSync(join(folder, 'short.pmtiles'), pmtiles(dot, {}).subarray(0, -9));
  const refused = spawnSync(program, third(join(folder, 'short.pmtiles')), { encoding: 'utf8', timeout: 20_000 });
  check(refused.status !== 0 && /cut short/.test(refused.stderr), `a file that is cut short is refused at the start: ${refused.stderr.split('\n')[0]}`);
  engine.kill('SIGKILL');
  engine = spawn(program, third(map), { stdio: 'ignore' });
  const base = `http://127.0.0.1:${thirdPort}`;
  for (let tries = 0; tries < 100; tries += 1) {
    try { if ((await fetch(`${base}/readyz`)).ok) break; } catch { /* not yet */ }
    await sleep(100);
  }
  const picture = await fetch(`${base}/v1/basemap/0/0/0`);
  check(picture.headers.get('content-type') === 'image/png' && Buffer.from(await picture.arrayBuffer()).equals(dot), 'a picture comes out of the file as it is in it');
  check((await fetch(`${base}/v1/basemap/1/0/0`)).status === 204 && (await fetch(`${base}/v1/basemap/1/2/0`)).status === 400 && (await fetch(`${town.base}/v1/basemap/0/0/0`)).status === 404, 'and what is not in it is said not to be');
  check((await fetch(`${base}/`)).headers.get('content-security-policy').includes("img-src 'self' data:;"), 'the policy of the page names no other address for it');
  const fourth = await town.browser.newPage({ viewport: { width: 1280, height: 800 } });
  fourth.on('pageerror', (error) => errors.push(error.message));
  await fourth.goto(`${base}/`);
  await fourth.waitForFunction(() => [...document.querySelectorAll('#map img.leaflet-tile')].some((image) => image.naturalWidth > 0));
  check((await fourth.textContent('.leaflet-control-attribution')).includes('© Cartographer'), 'whose map it is says the file, as text');
  // Somebody writes over the file: its picture is gone, and the map goes on.
  writeFileSync(map, 'gone');
  check((await fetch(`${base}/v1/basemap/0/0/0`)).status === 500 && (await fetch(`${base}/readyz`)).ok, 'a file that was written over is an error of its picture only');
  await fourth.reload();
  await fourth.waitForFunction(() => window.__ready);
  await fourth.click('#map-fit');

  // Vector tiles, of both forms: what they hold is drawn below the streets.
  const drawn = (colour) => fifth.waitForFunction((wanted) => [...document.querySelectorAll('#map canvas.leaflet-tile')].some((canvas) => { if (!canvas.width) return false; const middle = canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data; return [...middle].slice(0, 3).every((part, index) => Math.abs(part - wanted[index]) < 3); }), colour);
  const fifth = await town.browser.newPage({ viewport: { width: 1280, height: 800 } });
  fifth.on('pageerror', (error) => errors.push(error.message));
  const forms = [['Protomaps', gzipSync(vectorTile('water', { kind: 'lake' })), 2, [0x80, 0xde, 0xea]], ['OpenMapTiles', vectorTile('park', { class: 'national_park' }), 1, [0xcf, 0xe3, 0xd6]]];
  for (const [name, tile, packing, colour] of forms) {
    const file = join(folder, `${name}.pmtiles`);
    writeFileSync(file, pmtiles(tile, { attribution: name, vector_layers: [{ id: name === 'Protomaps' ? 'roads' : 'transportation' }] }, 1, packing));
    engine.kill('SIGKILL');
    await sleep(200);
    engine = spawn(program, third(file), { stdio: 'ignore' });
    for (let tries = 0; tries < 400; tries += 1) { try { if ((await fetch(`${base}/readyz`)).ok) break; } catch { /* not yet */ } await sleep(100); }
    const vectors = await fetch(`${base}/v1/basemap/0/0/0`);
    const { url } = await (await fetch(`${base}/v1/basemap`)).json();
    const [kept, other] = await Promise.all([url.replace(/\{.\}/g, '0'), 'v1/basemap/0/0/0?of=another'].map(async (path) => (await fetch(`${base}/${path}`)).headers.get('cache-control')));
    check(/immutable/.test(kept) && !/immutable/.test(other), `${name}: a browser keeps the tiles of this file, and not for another one`);
    check(vectors.headers.get('content-type') === 'application/vnd.mapbox-vector-tile' && (packing === 2) === (vectors.headers.get('content-encoding') === 'gzip'), `${name}: a tile comes packed as it is in the file`);
    await fifth.goto(`${base}/`);
    await drawn(colour);
    check((await fifth.textContent('.leaflet-control-attribution')).includes(name), `${name}: a map of vector tiles is drawn below the streets`);
  }
  writeFileSync(join(folder, 'pipes.pmtiles'), pmtiles(vectorTile('pipes', {}), { vector_layers: [{ id: 'pipes' }] }, 1, 1));
  engine.kill('SIGKILL');
  await sleep(200);
  const strange = spawnSync(program, third(join(folder, 'pipes.pmtiles')), { encoding: 'utf8', timeout: 20_000 });
  check(strange.status !== 0 && /no style.*pipes/.test(strange.stderr), `vector tiles that the page cannot draw are refused at the start: ${strange.stderr.split('\n')[0]}`);
  check(errors.length === 0, `no errors on the page ${errors.join(' | ')}`);
  console.log(`${passed} passed, 0 failed`);
} finally {
  tiles?.close();
  engine?.kill('SIGKILL');
  await town.close();
  rmSync(folder, { recursive: true, force: true });
}
