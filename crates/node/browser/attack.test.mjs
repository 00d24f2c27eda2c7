// What a bored dispatcher, a hostile producer and a slow line do to the page: it stays true, and what was closed stays closed.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { corner, event, openTown, order, sleep } from './town.mjs';

let passed = 0;
const check = (good, what) => { if (!good) throw new Error(`failed: ${what}`); passed += 1; console.log(`ok ${what}`); };
const program = process.env.PROGRAM ?? fileURLToPath(new URL('../../../target/debug/fleetfold', import.meta.url));
const town = await openTown();
const folder = mkdtempSync(join(tmpdir(), 'fleetfold-attack-'));
let engine;
try {
  await town.fill();
  const page = await town.open();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  const until = (act, ...given) => page.waitForFunction(act, ...given);
  const slow = (path, millis) => page.route(path, async (route) => { await sleep(millis); await route.fallback(); });

  // Times are those of the zone, wherever the browser is; the day is told across midnight, and an hour that comes twice says which.
  const tokyo = await town.open({ width: 1280, height: 800 }, '', { timezoneId: 'Asia/Tokyo' });
  const told = await tokyo.evaluate(async () => {
    const { date, exact, heard, time, useTimezone } = await import('/console/time.js');
    const all = (zone, now, ...ats) => { useTimezone(zone); heard(Date.parse(now)); return ats.map((at) => time(Date.parse(at))); };
    const result = {
      midnight: all('Europe/Lisbon', '2026-11-30T23:50:00Z', '2026-11-30T23:40:00Z', '2026-12-01T00:10:00Z'),
      west: all('America/New_York', '2026-11-30T03:00:00Z', '2026-11-30T04:30:00Z', '2026-11-30T05:30:00Z'),
      back: all('Europe/Lisbon', '2026-10-25T00:00:00Z', '2026-10-24T23:30:00Z', '2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z', '2026-10-25T02:30:00Z'),
      forward: all('Europe/Lisbon', '2026-03-29T00:30:00Z', '2026-03-29T00:59:00Z', '2026-03-29T01:01:00Z'),
      seconds: exact(Date.parse('2026-03-30T12:00:05Z')), date: date(Date.parse('2026-03-28T23:30:00Z')),
      unknown: all('Mars/Olympus', '2026-11-30T12:00:00Z', '2026-11-30T12:00:00Z'),
    };
    return result;
  });
  check(JSON.stringify(told.midnight) === '["23:40","Tue 1 Dec 00:10"]' || told.midnight[1].replace(',', '') === 'Tue 1 Dec 00:10', `across midnight the day is told: ${told.midnight}`);
  check(told.west[0] === '23:30' && /Mon,? 30 Nov 00:30/.test(told.west[1]), `a zone behind UTC has its own midnight: ${told.west}`);
  check(told.back.join(' ') === '00:30 01:30 GMT+1 01:30 GMT+0 02:30', `an hour that comes twice says which: ${told.back}`);
  check(told.forward.join(' ') === '00:59 02:01', `an hour that does not come is left out: ${told.forward}`);
  check(/Mon,? 30 Mar 13:00:05/.test(told.seconds) && told.date === '28/03/2026' && told.unknown[0] === '12:00', 'instants with seconds have their day, too; a zone that the browser does not know is UTC');
  await tokyo.close();

  // What was today is yesterday when the clock of the zone says so, although nothing else has come.
  const late = await town.browser.newPage({ viewport: { width: 1280, height: 800 } });
  await town.serve(late);
  await late.routeWebSocket(/\/ws/, (socket) => {
    const engineSide = socket.connectToServer();
    engineSide.onMessage((message) => { if (!late.deaf) socket.send(message); });
  });
  await late.goto(`${town.base}/#o=ord-ship`);
  await late.waitForFunction(() => window.__ready && /window/.test(document.querySelector('#story-facts')?.textContent ?? ''));
  late.deaf = true;
  const before = await late.evaluate(async () => { const { clock } = await import('/console/time.js'); window.__day = clock(); return document.querySelector('#story-facts').textContent; });
  await late.evaluate(async () => { const { heard } = await import('/console/time.js'); heard(window.__day + 24 * 3_600_000); });
  await late.waitForFunction((was) => document.querySelector('#story-facts').textContent !== was, before);
  check(true, 'the card tells days anew at midnight');
  await late.close();

  // Names that are HTML, or that are long. (Those that turn text around are refused.)
  const [html, long] = ['<img/src=x/onerror=document.title=1>', `W${'W'.repeat(62)}`];
  await town.post(order(html, 3, 3), order(long, 5, 5));
  await page.click('#view-table');
  await until((id) => document.querySelector(`#table-rows [data-order="${id}"]`), long);
  const cells = await page.evaluate((id) => { const cell = document.querySelector(`#table-rows [data-order="${id}"]`).closest('td'); return { width: cell.getBoundingClientRect().width, title: cell.title, cut: cell.firstElementChild.scrollWidth > cell.firstElementChild.clientWidth, images: document.querySelectorAll('#table img, #work img, #left img').length, text: document.querySelector('#table-rows').textContent }; }, long);
  check(cells.width < 260 && cells.cut && cells.title === long, `a long name does not widen the table, and its title has all of it: ${cells.width} px`);
  check(cells.images === 0 && cells.text.includes(html), 'names are text');
  await page.click('#view-map');
  for (const id of [html, long]) {
    await page.fill('#search', id);
    await page.keyboard.press('Enter');
    await until((wanted) => document.querySelector('#story-title').textContent.startsWith(`Order ${wanted}`), id);
    await until(() => document.querySelector('#story-actions button'));
  }
  check((await page.title()) !== '1', 'and their cards open');

  // Back goes to what was looked at before.
  await page.goto(`${town.base}/#o=ord-2101`);
  await until(() => window.__ready && document.querySelector('#story-title').textContent.startsWith('Order ord-2101'));
  await page.click('#tab-vehicles');
  await page.click('#vehicles li:has-text("v5 ·") button');
  await until(() => document.querySelector('#story-title').textContent === 'Vehicle v5');
  await page.goBack();
  await until(() => document.querySelector('#story-title').textContent.startsWith('Order ord-2101'));
  await page.goForward();
  await until(() => document.querySelector('#story-title').textContent === 'Vehicle v5');
  check(true, 'back and forward go through what was looked at');

  // Answers that come when nobody waits for them any more.
  await slow('**/v1/entries/*', 700);
  await page.click('#tab-refused');
  await page.click('#refused button');
  await page.keyboard.press('Escape');
  await page.click('#order-add');
  await sleep(1_000);
  check(await page.isHidden('#preview'), 'a refused event that comes late does not open again');
  await page.keyboard.press('Escape');
  await page.unroute('**/v1/entries/*');
  await slow('**/v1/replay?*', 700);
  await page.click('#replay-open');
  await page.click('#replay-live');
  await sleep(1_200);
  check(await page.evaluate(() => !document.body.classList.contains('replaying') && document.querySelector('#replay').hidden), 'nor does the past, once it was left');
  await page.unroute('**/v1/replay?*');
  await page.click('#replay-open');
  await until(() => document.body.classList.contains('replaying'));
  await page.focus('#replay-at');
  await page.keyboard.press('End');
  const end = await page.textContent('#replay-time');
  await page.click('#replay-play');
  await until((was) => document.querySelector('#replay-time').textContent !== was, end);
  check(await page.textContent('#replay-play') === 'Pause', 'play at the end begins again');
  await page.click('#replay-live');
  await until(() => !document.body.classList.contains('replaying') && document.querySelectorAll('#vehicles li').length === 6);

  // What was sent can be undone although its panel was closed before the answer came.
  await page.goto(`${town.base}/#o=ord-2105`);
  await page.waitForSelector('#act-pin');
  await slow('**/v1/events?wait=answer', 600);
  await page.click('#act-pin');
  await until(() => document.querySelector('#preview-sum'));
  await page.click('#preview-send');
  await page.keyboard.press('Escape');
  await until(() => /pinned to/.test(document.querySelector('#story-facts')?.textContent ?? ''));
  await sleep(800);
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press('z');
  await until(() => !/pinned to/.test(document.querySelector('#story-facts')?.textContent ?? ''));
  check(!(await town.state('orders/ord-2105')).pinned, 'what was sent is undone although its panel was closed');
  await page.unroute('**/v1/events?wait=answer');
  await page.keyboard.press('Escape');
  // The engine says no while the panel is closed: that comes back.
  await page.route('**/v1/events?wait=answer', async (route) => { await sleep(500); await route.fulfill({ status: 401, contentType: 'application/problem+json', body: '{"title":"who are you","detail":"the session has ended"}' }); });
  await page.click('#act-pin');
  await until(() => document.querySelector('#preview-sum'));
  await page.click('#preview-send');
  await page.keyboard.press('Escape');
  await until(() => /Not sent: who are you: the session has ended/.test(document.querySelector('#preview:not([hidden])')?.textContent ?? ''));
  check(true, 'that it was not sent is said although the panel was closed');
  await page.unroute('**/v1/events?wait=answer');
  await page.keyboard.press('Escape');

  // A sound for what is new in the work list, if it is wanted, and not for what was there.
  await page.click('#tab-work');
  check(!(await page.isChecked('#work-sound')), 'sound is off by default');
  await page.check('#work-sound');
  await sleep(1_500);
  const sounded = await page.evaluate(() => Number(document.querySelector('#work').dataset.sounded ?? 0));
  await town.post(event('order.created', { order_id: 'crane-1', skills: ['crane'], job: { stop: corner(2, 2) } }));
  await until((was) => Number(document.querySelector('#work').dataset.sounded ?? 0) > was, sounded);
  check(true, 'what is new in the list is heard');
  await page.uncheck('#work-sound');

  // A street that takes twice as long for a while.
  await page.click('#tab-roads');
  await page.selectOption('#road-what', '200');
  await page.fill('#road-name', 'Old Bridge');
  await until(() => /^Slow Old Bridge/.test(document.querySelector('#road-found button')?.textContent ?? ''));
  await page.click('#road-found button');
  await until(() => document.querySelector('#preview-sum'));
  check((await page.textContent('#preview-title')).startsWith('Old Bridge takes 2 times as long until'), 'a slow street is tried before it is sent');
  await page.click('#preview-send');
  await page.waitForSelector('#preview-undo');
  check((await town.state('state')).roads.some((road) => !road.closed), 'and is slow');
  await page.click('#preview-undo');
  for (let tries = 0; tries < 100 && (await town.state('state')).roads.length; tries += 1) await sleep(50);
  check(!(await town.state('state')).roads.length, 'until that is undone');
  await page.keyboard.press('Escape');

  // What happened since the last visit.
  await page.evaluate(() => localStorage.setItem('fleetfold-left', '1'));
  await page.reload();
  await until(() => window.__ready);
  await page.click('#tab-changes');
  await page.selectOption('#changes-minutes', 'left');
  await until(() => /^[1-9]\d* decisions/.test(document.querySelector('#changes-sum').textContent));
  await until(() => Number(localStorage.getItem('fleetfold-left')) > 1e12);
  check(true, 'what happened since the last visit is told, and this visit is remembered');

  // A drag that the system takes over (a touch that scrolls) ends.
  const bar = await page.evaluate(() => {
    const found = document.querySelector('.bar.service:not(.frozen)');
    found.scrollIntoView();
    const { x, y } = found.getBoundingClientRect();
    const at = { bubbles: true, clientX: x + 2, clientY: y + 2 };
    found.dispatchEvent(new PointerEvent('pointerdown', at));
    window.dispatchEvent(new PointerEvent('pointermove', { ...at, clientX: x + 62 }));
    const moved = found.style.transform;
    window.dispatchEvent(new PointerEvent('pointercancel', at));
    window.dispatchEvent(new PointerEvent('pointermove', { ...at, clientX: x + 90 }));
    return [moved, found.style.transform];
  });
  check(bar[0].includes('60px') && bar[1] === '', 'a drag that is taken away ends');

  // Ten thousand orders without a place: rows for those in view, and a count of all.
  const rows = await page.evaluate(async (many) => {
    const { fleet } = await import('/console/store.js');
    const kpi = { now: Date.now(), on_time: 1, late: 0, unassigned: many, open: many, served: 0, answers: 0, p50: 0, p99: 0, events: 0, changes_per_hour: 0 };
    const orders = Array.from({ length: many }, (_, index) => ({ id: `many-${index}`, status: 'unassigned', vehicle: null, due: Date.now() + index * 1_000, placed: Date.now(), pickup: [-9.59, 41.2], delivery: null, priority: 0, changes: 0, reason: 'nobody', start: null }));
    window.__take({ vehicles: [], orders, decisions: [], refused: [], moved: [], kpi });
    await new Promise((done) => { setTimeout(done, 1_500); });
    return { listed: document.querySelectorAll('#unassigned li').length, counted: document.querySelector('#unassigned-count').textContent, held: fleet.orders.size };
  }, 10_000);
  check(rows.listed < 200 && Number(rows.counted) >= 10_000, `ten thousand orders without a place have ${rows.listed} rows and a count of ${rows.counted}`);
  await page.click('#tab-work');
  await page.click('#unassigned li:last-child button');
  check(await page.locator('#unassigned li').count() > rows.listed + 50, 'more of them on demand');
  await page.click('#view-table');
  await until(() => document.querySelectorAll('#table-rows tr').length > 40);
  const scrolled = await page.evaluate(async () => {
    const box = document.querySelector('#table .scrolls');
    const places = [];
    for (const part of [0.5, 1]) {
      box.scrollTop = box.scrollHeight * part;
      await new Promise((done) => { requestAnimationFrame(() => setTimeout(done, 100)); });
      const { top, bottom } = box.getBoundingClientRect();
      const seen = [...document.querySelectorAll('#table-rows tr')].filter((row) => { const at = row.getBoundingClientRect(); return at.bottom > top + 30 && at.top < bottom; });
      places.push([seen.length, Number(seen.at(-1)?.getAttribute('aria-rowindex'))]);
    }
    return { places, rows: document.querySelectorAll('#table-rows tr').length, all: Number(document.querySelector('#table-all').getAttribute('aria-rowcount')) };
  });
  check(scrolled.rows <= 250 && scrolled.places.every(([seen]) => seen > 3) && scrolled.places[1][1] === scrolled.all, `every row of the table comes into view: ${JSON.stringify(scrolled)}`);
  // Twice the size: half the room.
  await page.setViewportSize({ width: 640, height: 400 });
  check(await page.evaluate(() => document.documentElement.scrollWidth <= 640), 'at 200 % nothing is cut off');
  await page.close();

  // The picture is read in pieces, wherever the line cuts it, and says what it says at once.
  const reader = await town.open();
  const same = await reader.evaluate(async () => {
    const { readInPieces } = await import('/feed.js');
    const cut = (text, size) => { const bytes = new TextEncoder().encode(text); let from = 0; return new Response(new ReadableStream({ pull(to) { if (from >= bytes.length) to.close(); else { to.enqueue(bytes.slice(from, from + size)); from += size; } } })); };
    const hard = JSON.stringify({ type: 'snapshot', seq: 7, body: { vehicles: [{ id: 'a"}]{[\\', lines: [[[1, 2], [3, 4]]] }, { id: 'ç😀\\"' }], orders: [], moved: [['v', 1, 2, 3], 5, null, 'x}\\"'], kpi: { now: 1, deep: { er: [1, { x: {} }] } }, zone: null, on: true } });
    const picture = await (await fetch('v1/picture')).text();
    const told = [];
    for (const [text, sizes] of [[hard, [1, 2, 3, 7, 64, 5_000]], [picture, [13, 1_000, 65_536]]]) for (const size of sizes) told.push(JSON.stringify(await readInPieces(cut(text, size))) === JSON.stringify(JSON.parse(text)));
    return told;
  });
  check(same.length === 9 && same.every(Boolean), `a picture that is read in pieces says what it says at once: ${same}`);
  await reader.close();

  // A zone that opens while the page is open: no vehicle, then one, then a time zone.
  const port = await new Promise((done) => { const s = createServer(); s.listen(0, '127.0.0.1', () => { const { port: free } = s.address(); s.close(() => done(free)); }); });
  engine = spawn(program, ['serve', '--log', `embedded:${join(folder, 'log.redb')}`, '--listen', `127.0.0.1:${port}`, '--data', join(folder, 'data')], { stdio: 'ignore' });
  const base = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 100; tries += 1) { try { if ((await fetch(`${base}/readyz`)).ok) break; } catch { /* not yet */ } await sleep(100); }
  const post = async (...events) => { const answer = await fetch(`${base}/v1/events?wait=answer`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body: events.map((one) => JSON.stringify(one)).join('\n') }); if (!answer.ok) throw new Error(await answer.text()); };
  const empty = await town.browser.newPage({ viewport: { width: 1280, height: 800 } });
  await town.serve(empty);
  empty.on('pageerror', (error) => errors.push(error.message));
  await empty.goto(`${base}/`);
  await empty.waitForFunction(() => window.__ready);
  for (const id of ['map-fit', 'view-table', 'view-map', 'replay-open', 'replay-live', 'tab-vehicles', 'tab-work']) await empty.click(`#${id}`);
  check((await empty.textContent('#vehicle-count')) === '0', 'a zone without a vehicle');
  await post(event('zone.opened', { timezone: 'America/New_York', coordinates: 'lonlat', day_start: new Date().toISOString(), log_start: new Date().toISOString() }));
  await empty.waitForFunction(() => document.querySelector('#clock').textContent.endsWith('America/New_York'), null, { timeout: 10_000 });
  check(true, 'the clock is that of the zone as soon as it opens');
  await post(event('vehicle.registered', { vehicle_id: 'only', start: corner(3, 3), capacity: [4] }), event('shift.started', { vehicle_id: 'only', position: corner(3, 3) }), event('position', { vehicle_id: 'only', position: corner(3, 3) }));
  await empty.waitForFunction(() => document.querySelector('#vehicle-count').textContent === '1');
  await empty.waitForFunction(async () => { const { map } = await import('/console/map.js'); return map.getZoom() >= 13 && Math.abs(map.getCenter().lat - 41.2) < 0.1; });
  check(true, 'the map goes to the first vehicle of a zone that opens');
  check(errors.length === 0, `no errors on the page ${errors.join(' | ')}`);
  console.log(`${passed} passed, 0 failed`);
} finally {
  engine?.kill('SIGKILL');
  await town.close();
  rmSync(folder, { recursive: true, force: true });
}
