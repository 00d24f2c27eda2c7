// Timeline, map, roads, the form of a new order, table, undo: each as a dispatcher uses it, on a running engine with the streets of a small town.
// Every part is walked, also when one before it has failed: what failed is told at the end.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { corner, event, minutes, openTown, order, sleep } from './town.mjs';
import { htmlKeys, scriptKeys } from './words.mjs';

const wanted = process.env.ONLY?.split(',');
let passed = 0;
const failed = [];
const check = (good, what) => { if (!good) throw new Error(what); passed += 1; console.log(`ok ${what}`); };
const town = await openTown();
const { post, state } = town;
let page;
const errors = [];
const part = async (name, walk) => {
  if (wanted && !wanted.includes(name)) return;
  try { await walk(); } catch (error) {
    failed.push(`${name}: ${error.message}`);
    console.log(`not ok ${name}: ${error.message}`);
    console.log(await page.evaluate(() => JSON.stringify({ acts: document.querySelector('#story-actions')?.outerHTML, head: document.querySelector('#story-head')?.textContent, notice: document.querySelector('#notice')?.textContent, html: { ...document.documentElement.dataset }, body: document.body.className, link: document.querySelector('#link')?.textContent })).catch((why) => String(why)));
    if (process.env.SHOT) await page.screenshot({ path: `${process.env.SHOT}-${name}.png` });
  }
  for (let times = 0; times < 3; times += 1) await page.keyboard.press('Escape');
};
const until = (act, ...given) => page.waitForFunction(act, ...given);
const text = (selector) => page.textContent(selector);
const choose = async (kind, id) => { await page.evaluate(async ([what, which]) => { (await import('/console/store.js')).choose(what, which); }, [kind, id]); await until((to) => document.querySelector('#story-title')?.textContent?.includes(to) && document.querySelector('#story-actions button'), id); };
const previewed = () => until(() => document.querySelector('#preview')?.dataset.tried === 'yes' && document.querySelector('#preview-sum'));
const answered = () => until(() => /answered|taken/.test(document.querySelector('#preview-answer')?.dataset.state ?? ''));
const send = async () => { await previewed(); await page.click('#preview-send'); await answered(); };
try {
  await town.fill();
  await post(order('far-1', 3, 3, {}, { windows: [{ opens: minutes(400), closes: minutes(500) }] }));
  page = await town.open({ width: 1600, height: 1000 });
  page.on('pageerror', (error) => errors.push(error.message));
  await until(() => document.querySelectorAll('.bar.service').length > 5);

  await part('timeline', async () => {
    await choose('orders', 'far-1');
    await until(() => { const [bar, box] = [document.querySelector('.bar.service[data-order="far-1"]')?.getBoundingClientRect(), document.querySelector('#timeline').getBoundingClientRect()]; return bar && bar.left > box.left && bar.right < box.right; });
    check(true, 'a stop of in six hours is scrolled to when it is looked at');
    await page.evaluate(() => { document.querySelector('#timeline').scrollLeft = 0; });
    await until(() => document.querySelectorAll('.bar.shift').length > 0);
    const begins = await page.evaluate(() => { const [bar, box] = [document.querySelector('.bar.shift').getBoundingClientRect(), document.querySelector('#timeline .bars').getBoundingClientRect()]; return bar.left - box.left; });
    check(begins >= 0, `the timeline reaches back to the beginning of a shift of two hours ago (${begins})`);
    check(!(await page.evaluate(() => document.querySelector('.bar.service[data-order="far-1"]'))), 'what is far from what is scrolled to is not in the page');
    await page.click('#timeline-now');
    await until(() => { const [line, box] = [document.querySelector('.nowline').getBoundingClientRect(), document.querySelector('#timeline').getBoundingClientRect()]; return line.left > box.left && line.left < box.right; });
  });

  const boxes = (id) => page.evaluate((vehicle) => { const lane = document.querySelector(`.lane[data-vehicle="${vehicle}"]`); lane.scrollIntoView({ block: 'center' }); return [...lane.querySelectorAll('.bar.service')].map((bar) => { const { x, y, width, height } = bar.getBoundingClientRect(); return { order: bar.dataset.order, frozen: bar.classList.contains('frozen'), x, y: y + height / 2, width }; }); }, id);
  const drag = async (from, x, y) => { await page.mouse.move(from.x + 2, from.y); await page.mouse.down(); await page.mouse.move(x, y, { steps: 8 }); await page.mouse.up(); };
  await part('drag', async () => {
    // Bars far from what is scrolled to are not in the page, and the engine may have frozen some since: what is drawn is what can be dragged.
    const laneWith = async (count, except) => (await until(([least, not]) => [...document.querySelectorAll('.lane')].find((lane) => lane.dataset.vehicle !== not && [...lane.querySelectorAll('.bar.service:not(.frozen)')].filter((bar) => bar.dataset.order !== 'far-1').length >= least)?.dataset.vehicle, [count, except ?? ''])).jsonValue();
    const busy = await laneWith(3);
    const stops = (await boxes(busy)).filter((bar) => !bar.frozen && bar.order !== 'far-1');
    const last = stops.at(-1);
    await drag(stops[0], last.x + last.width + 8, stops[0].y);
    await until(() => document.querySelector('.preview-tells'));
    check(/engine chooses/.test(await text('#preview')) && (await text('#preview')).includes(`after ${last.order}`) && /(after|before) \S+/.test(await text('.preview-tells')), `a drop at another place of its own row says which place the engine chooses: ${await text('.preview-tells')}`);
    await page.keyboard.press('Escape');
    await drag(stops[1], stops[1].x + 8, stops[1].y);
    await until(() => /where it is/.test(document.querySelector('#drop-said')?.textContent ?? ''));
    check(true, 'a drop where it is says that');
    await page.keyboard.press('Escape');
    const map = await page.locator('#map').boundingBox();
    await drag(stops[1], map.x + 200, map.y + 100);
    await until(() => /on no row/.test(document.querySelector('#drop-said')?.textContent ?? ''));
    check(true, 'a drop on no row says that');
    await page.keyboard.press('Escape');
    const other = await laneWith(2, busy);
    const theirs = (await boxes(other)).filter((bar) => !bar.frozen);
    const mine = (await boxes(busy)).filter((bar) => !bar.frozen && bar.order !== 'far-1')[1];
    const lane = (await boxes(other)).find((bar) => bar.order === theirs[1].order) ?? theirs[1];
    await drag(mine, lane.x - 4, lane.y);
    await until(() => document.querySelector('.preview-tells'));
    check((await text('#preview h2')).includes(`to ${other}`) && /The engine (chooses|finds)/.test(await text('.preview-tells')), `a drop on another row says which place the engine chooses there: ${await text('.preview-tells')}`);
    await page.keyboard.press('Escape');
    const driving = (await boxes(busy)).find((bar) => bar.frozen);
    if (driving) { await drag(driving, driving.x + 120, driving.y); await until(() => /on its way/.test(document.querySelector('#drop-said')?.textContent ?? '')); check(true, 'a drag of a stop that is under way says why nothing comes of it'); }
  });

  await part('phone', async () => {
    const phone = await town.open({ width: 390, height: 844 });
    await sleep(3_000);
    await phone.click('#narrow [data-part="centre"]');
    await phone.waitForFunction(() => { const [line, box] = [document.querySelector('.lane .nowline')?.getBoundingClientRect(), document.querySelector('#timeline').getBoundingClientRect()]; return line && line.left > box.left + 92 && line.left < box.right; });
    check(true, 'on a phone the timeline opens at now');
    await phone.close();
  });
  await part('map', async () => {
    const busy = (await state('state')).vehicles.filter((vehicle) => vehicle.visits.length >= 3)[0].id;
    const written = () => page.evaluate(() => window.__written?.() ?? { glyphs: [], names: [], arrows: 0 });
    await page.evaluate(() => document.querySelector('#map-fit').click());
    for (let tries = 0; tries < 60 && (await written()).names.length < 3; tries += 1) await sleep(100);
    const { glyphs, names } = await written();
    check(names.length >= 3 && names.every((name) => /^v\d$/.test(name)) && new Set(names).size === names.length, `vehicles have their names beside them: ${names}`);
    check(glyphs.some((glyph) => '▲■●○'.includes(glyph)), `and the glyph of their state: ${glyphs}`);
    await choose('vehicles', busy);
    for (let tries = 0; tries < 60 && !(await written()).arrows; tries += 1) await sleep(100);
    const looked = await written();
    check(looked.glyphs.includes('1') && looked.glyphs.includes('2'), `the stops of the route that is looked at have their numbers: ${looked.glyphs}`);
    check(looked.arrows > 0, `and the route its direction (${looked.arrows} arrows)`);
    await page.evaluate(async () => { const { map } = await import('/console/map.js'); map.setZoom(17); });
    await until(() => [...document.querySelectorAll('#map .leaflet-tile-pane canvas')].some((square) => /Lane|Street|Road|Bridge|Avenue/.test(square.dataset.names ?? '')));
    check(true, `streets have their names: ${await page.evaluate(() => [...document.querySelectorAll('#map .leaflet-tile-pane canvas')].map((square) => square.dataset.names).filter(Boolean).join('; ').slice(0, 120))}`);
    await page.click('#map-fit');
  });

  await part('follow', async () => {
    await page.click('#map-follow');
    await until(() => /Nothing is followed/.test(document.querySelector('#map-hint:not([hidden])')?.textContent ?? ''));
    await choose('vehicles', 'v1');
    await until(() => /follows v1/.test(document.querySelector('#map-hint:not([hidden])')?.textContent ?? ''));
    await page.click('#map-follow');
    check(await page.isHidden('#map-hint'), 'what is followed is said, and that nothing is');
  });

  const draw = async (on, shape, places) => {
    await on.click(`#road-${shape}`);
    const box = await on.locator('#map').boundingBox();
    for (const [index, [x, y]] of places.entries()) { const at = [box.x + box.width * x, box.y + box.height * y]; if (index === places.length - 1) await on.mouse.dblclick(...at); else await on.mouse.click(...at); await sleep(350); }
    await on.waitForFunction(() => document.querySelector('#preview')?.dataset.tried === 'yes' && document.querySelector('#preview-sum'));
  };
  await part('roads', async () => {
    await page.click('#map-fit');
    await page.click('#tab-roads');
    const matched = async (width) => { await page.fill('#road-width', width); await draw(page, 'line', [[0.4, 0.5], [0.6, 0.5]]); const found = Number(/^(\d+) stretches/.exec(await text('#road-matched'))?.[1]); await page.keyboard.press('Escape'); return found; };
    const [narrow, wide] = [await matched('15').catch(() => 0), await matched('300')];
    check(wide > narrow, `a wider line means more streets: ${narrow} within 15 m, ${wide} within 300 m`);
    await page.fill('#road-width', 'broad');
    await page.click('#road-line');
    check(/1 to 5000 metres/.test(await text('#road-found')), 'a width that cannot be read is said');
    await page.fill('#road-name', 'Elm Lane');
    await page.click('#road-found button');
    await send();
    await until(() => /Elm Lane[\s\S]*closed, \d+ stretches, until .*\d\d:\d\d/.test(document.querySelector('#roads')?.textContent ?? ''));
    check(true, `the list of changes says the street and when it ends: ${(await text('#roads')).slice(0, 80)}`);
    await page.keyboard.press('Escape');
    await page.click('#roads button:not(.go)');
    await send();
    for (let tries = 0; tries < 50 && (await state('state')).roads.length; tries += 1) await sleep(100);
    await page.click('#preview-undo');
    await answered();
    const again = (await state('state')).roads;
    check(again.length === 1 && again[0].closed && again[0].until, 'a reopening is undone: the street is closed again, until the same time');
    await page.click('#tab-work');
  });

  await part('form', async () => {
    await page.evaluate(() => document.activeElement?.blur());
    await page.keyboard.press('n');
    await until(() => document.activeElement?.id === 'new-id');
    check(true, 'the first field of a new order has the focus');
    await page.keyboard.press('Enter');
    await until(() => /say where it is/.test(document.querySelector('#quote')?.textContent ?? '') && document.activeElement?.id === 'new-lon');
    check(true, 'without a place no quote is asked for: the field is named and has the focus');
    const { lon, lat } = corner(5, 4);
    await page.fill('#new-lon', String(lon).replace('.', ','));
    await page.fill('#new-lat', String(lat));
    await page.fill('#new-hours', '1,5');
    await page.click('#new-order button[type=submit]');
    await until(() => document.querySelectorAll('#quote .offer').length === 3);
    check(true, 'numbers may have a comma');
    await page.fill('#new-hours', 'soon');
    await page.click('#new-order button[type=submit]');
    await until(() => /hours are a number/.test(document.querySelector('#quote')?.textContent ?? '') && document.activeElement?.id === 'new-hours');
    check(true, 'what is no number is said');
  });

  await part('undo', async () => {
    await choose('orders', 'ord-2110');
    await page.click('#act-priority');
    await page.fill('#priority-value', '10');
    await page.keyboard.press('Enter');
    await send();
    await post(event('priority.raised', { order_id: 'ord-2110', priority: 90 }));
    await page.keyboard.press('Escape');
    await page.evaluate(() => document.activeElement?.blur());
    await page.keyboard.press('z');
    await until(() => /Not undone/.test(document.querySelector('#preview h2')?.textContent ?? ''));
    check((await state('orders/ord-2110')).priority === 90 && /is 90 now/.test(await text('#preview-told')), `what somebody else did since is not overwritten: ${await text('#preview-told')}`);
    await page.keyboard.press('Escape');
    const busy = (await state('state')).vehicles.filter((vehicle) => !vehicle.on_board && vehicle.id !== 'v4').sort((a, b) => b.visits.length - a.visits.length)[0];
    const had = busy.visits.map((visit) => visit.order);
    await choose('vehicles', busy.id);
    await page.click('#act-lost');
    await send();
    await page.click('#preview-undo');
    await previewed();
    const told = await text('.preview-tells');
    await page.click('#preview-send');
    await answered();
    const after = (await state('state')).orders;
    const away = had.filter((id) => after.find((one) => one.id === id)?.vehicle !== busy.id);
    check(/bring(s)? back/.test(told) && away.every((id) => told.includes(id)), `the undo of a breakdown says what it does not bring back: ${told} (away: ${away})`);
    await page.keyboard.press('Escape');
  });

  await part('failed', async () => {
    await post(order('fail-1', 11, 1, {}, { windows: [{ opens: minutes(-60), closes: minutes(60) }] }));
    const { vehicle } = await state('orders/fail-1');
    await post(event('stop.failed', { vehicle_id: vehicle, order_id: 'fail-1', stop: 'delivery', reason: 'no_show' }));
    // The page has heard of it: before that the map finds it among the open ones.
    await until(async () => (await import('/console/store.js')).fleet.failed.has('fail-1'));
    await page.click('#map-fit');
    await sleep(300);
    await choose('orders', 'fail-1');
    await until(async (at) => { const { map } = await import('/console/map.js'); const middle = map.getCenter(); return Math.abs(middle.lat - at.lat) < 0.001 && Math.abs(middle.lng - at.lon) < 0.001; }, corner(11, 1));
    check(true, 'the map goes to an order of which a stop failed');
    await page.click('#view-table');
    await page.selectOption('#table-status', 'failed');
    await until(() => document.querySelector('#table-rows [data-order="fail-1"]'));
    check(true, 'the table has it');
    await page.selectOption('#table-status', '');
    await page.click('#view-map');
    await page.click('#act-retry');
    await previewed();
    check(/cannot be undone/.test(await text('#preview')), 'a new appointment says that it cannot be undone');
    await page.click('#preview-send');
    await answered();
    await page.evaluate(() => document.activeElement?.blur());
    await page.keyboard.press('z');
    await until(() => /Nothing to undo/.test(document.querySelector('#preview h2')?.textContent ?? '') && /New appointment/.test(document.querySelector('#preview-told')?.textContent ?? ''));
    check((await state('orders/fail-1')).status !== 'failed', 'and an undo after it says so, and does nothing else');
  });

  await part('table', async () => {
    await page.click('#view-table');
    for (const [words, id] of [['cool', 'ord-2140'], ['baker lane', 'ord-2140'], ['crane', 'ord-crane']]) {
      await page.fill('#table-filter', words);
      await until((row) => document.querySelector(`#table-rows [data-order="${row}"]`) && document.querySelectorAll('#table-rows tr').length < 10, id);
      check(true, `the filter of the table finds ${words}`);
    }
    await page.fill('#table-filter', '');
    await page.click('#table-columns-box summary');
    await page.uncheck('[data-column="reason"]');
    await page.check('[data-column="done"]');
    const heads = () => page.$$eval('#table-head th', (all) => all.map((one) => one.textContent));
    check(!(await heads()).includes('why') && (await heads()).includes('served at'), `columns are chosen: ${await heads()}`);
    await page.reload();
    await until(() => window.__ready && document.querySelectorAll('#vehicles li').length >= 6);
    check(!(await heads()).includes('why') && (await heads()).includes('served at'), 'and remembered');
    await page.evaluate(() => localStorage.removeItem('fleetfold-columns'));
    // Not one of those that the parts behind this one still act on.
    const { vehicles } = await state('state');
    const van = vehicles.filter(({ visits }) => visits.length && !['ord-2140', 'ord-late', 'ord-crane'].includes(visits[0].order)).sort((one, other) => Number(one.visits[0].frozen) - Number(other.visits[0].frozen))[0];
    const [stop] = van.visits;
    for (const what of ['departed', 'arrived', 'completed']) await post(event(`stop.${what}`, { vehicle_id: van.id, order_id: stop.order, stop: stop.stop }));
    const served = (await state('state?part=orders&status=served')).orders;
    if (served.length && served.every((one) => one.status === 'served')) {
      await page.click('#view-table');
      await page.selectOption('#table-status', 'served');
      await until((id) => document.querySelector(`#table-rows [data-order="${id}"]`), served[0].id);
      check(true, 'served orders are shown');
      await page.selectOption('#table-status', '');
    } else console.log('not shown: served orders, this engine does not filter by status');
    await page.click('#view-map');
  });

  await part('bare', async () => {
    // A zone without streets and, at first, without vehicles.
    const folder = mkdtempSync(join(tmpdir(), 'fleetfold-bare-'));
    const port = await new Promise((resolve) => { const server = createServer(); server.listen(0, '127.0.0.1', () => { const { port: found } = server.address(); server.close(() => resolve(found)); }); });
    const engine = spawn(process.env.PROGRAM ?? fileURLToPath(new URL('../../../target/debug/fleetfold', import.meta.url)), ['serve', '--log', `embedded:${join(folder, 'log.redb')}`, '--listen', `127.0.0.1:${port}`, '--data', join(folder, 'data')], { stdio: 'ignore' });
    try {
      const base = `http://127.0.0.1:${port}`;
      for (let tries = 0; tries < 200; tries += 1) { try { if ((await fetch(`${base}/readyz`)).ok) break; } catch { /* not yet */ } await sleep(100); }
      const tell = (...events) => fetch(`${base}/v1/events?wait=answer`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body: events.map((one) => JSON.stringify(one)).join('\n') });
      await tell(order('lonely-1', 3, 3), order('lonely-2', 8, 8));
      const bare = await town.browser.newPage({ viewport: { width: 1280, height: 800 } });
      if (process.env.ASSETS) await bare.route('**/*', (await import(process.env.ASSETS)).serve);
      bare.setDefaultTimeout(15_000);
      await bare.goto(`${base}/`);
      await bare.waitForFunction(async (at) => { if (!window.__ready) return false; const { map } = await import('/console/map.js'); const middle = map.getCenter(); return map.getZoom() > 10 && Math.abs(middle.lat - at.lat) < 0.02 && Math.abs(middle.lng - at.lon) < 0.02; }, corner(5, 5));
      check(true, 'without a vehicle the map goes to the orders');
      await bare.evaluate(async () => { (await import('/console/store.js')).choose('orders', 'lonely-1'); });
      await bare.click('#act-move');
      await bare.waitForFunction(() => /the zone has none yet/.test(document.querySelector('#offers-none')?.textContent ?? ''));
      check(true, 'and Move says that there is none');
      await bare.keyboard.press('Escape');
      for (const [id, column, row] of [['a1', 1, 1], ['a2', 6, 6]]) await tell(event('vehicle.registered', { vehicle_id: id, start: corner(column, row), capacity: [10] }), event('shift.started', { vehicle_id: id, position: corner(column, row) }));
      await bare.click('#map-fit');
      await bare.click('#tab-roads');
      await draw(bare, 'area', [[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]]);
      check(/no map of streets/.test(await bare.textContent('#road-matched')), 'an area of a zone without streets is tried');
      await bare.click('#preview-send');
      await bare.waitForFunction(() => /answered|taken/.test(document.querySelector('#preview-answer')?.dataset.state ?? ''));
      const { roads } = await (await fetch(`${base}/v1/state`)).json();
      check(roads.length === 1 && roads[0].closed, 'and taken by the engine');
      await bare.close();
    } finally { engine.kill('SIGKILL'); await sleep(200); rmSync(folder, { recursive: true, force: true }); }
  });

  await part('portuguese', async () => {
    const { portuguese } = await import(new URL('console/language-pt.js', process.env.ASSETS_DIR ? `file://${process.env.ASSETS_DIR}` : new URL('../assets/', import.meta.url)));
    const keys = new Set([...await scriptKeys(), ...await htmlKeys()]);
    const lacking = [...keys].filter((key) => /[A-Za-z]{2}/.test(key) && !(key in portuguese));
    check(!lacking.length, `Portuguese has each word of the sources: ${lacking.slice(0, 20).join(' | ')}`);
    const parts = (text) => text.toLowerCase().match(/\p{L}{3,}/gu) ?? [];
    const same = new Set(Object.values(portuguese).flatMap(parts));
    /** Words that are English and no Portuguese. */
    const english = new Set([...keys, ...Object.keys(portuguese), 'Zoom in', 'Zoom out', 'Log out', 'Log in'].flatMap(parts).filter((word) => !same.has(word)));
    await page.evaluate(() => localStorage.setItem('fleetfold-language', 'pt'));
    await page.route('**/v1/me', (route) => route.fulfill({ status: 200, contentType: 'application/json', body: '{"name":"ana","role":"operator","session":true}' }));
    await page.reload();
    await until(() => window.__ready && document.querySelector('#work li') && document.querySelector('#timeline .bar.service') && document.querySelector('#logout'));
    check((await text('#logout')) === 'Sair' && (await text('#me')).includes('operador'), 'log out is Portuguese');
    check((await page.getAttribute('.leaflet-control-zoom-in', 'title')) === 'Aproximar', 'the buttons of the map are Portuguese');
    const strange = new Set();
    const look = async (where) => {
      await sleep(600);
      // What the engine and producers have written stays as they wrote it.
      const written = new Set();
      const gather = (value) => { if (typeof value === 'string') { if (/[A-Za-z]{2}/.test(value)) written.add(value); } else if (value && typeof value === 'object') Object.values(value).forEach(gather); };
      for (const path of ['state', 'decisions', 'warnings', 'orders/ord-2140', 'orders/ord-late', 'orders/ord-crane', 'explain/order/ord-crane', 'explain/order/ord-late', 'explain/order/ord-2140', 'vehicles/v1', 'streets/named?q=Lane', 'streets/named?q=Street', 'streets/named?q=Bridge']) gather(await state(path));
      const known = [...written].filter((one) => !(one in portuguese)).sort((a, b) => b.length - a.length);
      const texts = await page.evaluate(() => {
        const found = [];
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode()) if (node.parentElement && !node.parentElement.closest('script, style, kbd, h1, #set-language, textarea, #zone') && node.parentElement.checkVisibility()) found.push(node.nodeValue);
        for (const element of document.querySelectorAll('[title], [aria-label], [placeholder]')) for (const name of ['title', 'aria-label', 'placeholder']) if (element.hasAttribute(name)) found.push(element.getAttribute(name));
        return found;
      });
      for (const one of texts) {
        let left = one;
        for (const theirs of known) left = left.replaceAll(theirs, ' ');
        left = left.replace(/\b(ord|far|near|fail|desk|bulk)-[\w-]+/g, ' ');
        for (const word of parts(left)) if (english.has(word)) strange.add(`${where}: ${word} in ${one}`);
        if (/\d\.\d\d?\b(?!\d)/.test(left) && !/\d+\.\d{4,}/.test(left)) strange.add(`${where}: a point in ${one}`);
      }
    };
    const tried = () => until(() => document.querySelector('#preview')?.dataset.tried === 'yes' && document.querySelector('#preview-sum'));
    await look('work');
    for (const tab of ['vehicles', 'changes', 'roads', 'refused']) { await page.click(`#tab-${tab}`); await look(tab); }
    await page.click('#view-table');
    await page.click('#table-columns-box summary');
    await look('the table');
    await page.click('#view-map');
    for (const id of ['ord-late', 'ord-crane', 'ord-2140']) { await choose('orders', id); await until(() => document.querySelector('#chain')); await sleep(500); await look(id); }
    await page.click('#act-move');
    await page.waitForSelector('#offers .offer');
    await look('who could take it');
    await page.click('#offers li:nth-child(2) .offer');
    await tried();
    await look('a move');
    await page.keyboard.press('Escape');
    await choose('vehicles', 'v1');
    for (const act of ['lost', 'end']) { await page.click(`#act-${act}`); await tried(); await look(act); await page.keyboard.press('Escape'); }
    await page.keyboard.press('n');
    await look('a new order');
    await page.click('#new-order button[type=submit]');
    await look('a new order without a place');
    await page.keyboard.press('Escape');
    await page.click('#map-follow');
    await look('the map');
    await page.click('#map-follow');
    await page.evaluate(() => document.querySelector('#legend-box').setAttribute('open', ''));
    await look('the legend');
    await page.click('#help-open');
    await look('help');
    await page.keyboard.press('Escape');
    check(!strange.size, `no view has an English word: ${[...strange].slice(0, 30).join(' | ')}`);
    await page.unroute('**/v1/me');
    await page.goto(`${town.base}/login`);
    await sleep(500);
    const login = await text('body');
    check(login.includes('Entrar') && !parts(login).some((word) => ['log', 'token'].includes(word)), `the login page is Portuguese: ${login.replace(/\s+/g, ' ')}`);
    await page.evaluate(() => localStorage.removeItem('fleetfold-language'));
    await page.goto(`${town.base}/`);
    await until(() => window.__ready);
  });
  check(errors.length === 0, `no errors on the page ${errors.join(' | ')}`);
  if (failed.length) throw new Error(`failed: ${failed.join('\n')}`);
  console.log(`${passed} passed, 0 failed`);
} finally {
  await town.close();
}
