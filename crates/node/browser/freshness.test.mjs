// The status line in a real browser: never "live" when the broker is dead, the engine stopped, or the feed cut; ids are text.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from './chromium.mjs';

const program = process.env.PROGRAM ?? fileURLToPath(new URL('../../../target/debug/fleetfold', import.meta.url));
const free = () => new Promise((resolve) => { const s = createServer(); s.listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve(port)); }); });
const [brokerPort, port, otherPort] = [await free(), await free(), await free()];
const folder = mkdtempSync(join(tmpdir(), 'fleetfold-freshness-'));
const broker = () => spawn(process.env.FLEETFOLD_NATS_SERVER ?? 'nats-server', ['-js', '-a', '127.0.0.1', '-p', String(brokerPort), '-sd', join(folder, 'js')], { stdio: 'ignore' });
const engine = (at = port, data = 'data') => spawn(program, ['serve', '--log', `nats://127.0.0.1:${brokerPort}`, '--tenant', 'acme', '--zone', 'porto', '--listen', `127.0.0.1:${at}`, '--data', join(folder, data)], { stdio: 'ignore' });
let passed = 0;
const check = (good, what) => { if (!good) throw new Error(`failed: ${what}`); passed += 1; console.log(`ok ${what}`); };
const sleep = (millis) => new Promise((resolve) => { setTimeout(resolve, millis); });
/** Between page and engine: connections through it can be forgotten, as a router does. */
function relay(join) {
  const pairs = new Set();
  const listener = createServer((client) => {
    const engineSide = connect(port, '127.0.0.1');
    for (const one of [client, engineSide]) { one.on('error', () => {}); pairs.add(one); }
    join(client, engineSide);
    join(engineSide, client);
    client.on('close', () => engineSide.destroy());
    engineSide.on('close', () => { if (!client.forgotten) client.destroy(); });
  });
  const listening = new Promise((resolve) => { listener.listen(0, '127.0.0.1', () => resolve(listener.address().port)); });
  return {
    port: listening,
    forget() { for (const one of pairs) one.forgotten = true; return pairs.size > 0; },
    close() { for (const one of pairs) one.destroy(); listener.close(); },
  };
}
let [server, fleet, standby] = [broker(), undefined, undefined];
let browser;
try {
  await sleep(500);
  fleet = engine();
  for (let tries = 0; tries < 100; tries += 1) {
    try { if ((await fetch(`http://127.0.0.1:${port}/readyz`)).ok) break; } catch { /* not yet */ }
    await sleep(100);
  }
  const markup = '<img src=x onerror="location=1">';
  const event = (id, type, data) => ({ specversion: '1.0', id, source: '/test', type: `fleet.${type}.v1`, time: new Date().toISOString(), data });
  const post = async (one) => (await fetch(`http://127.0.0.1:${port}/v1/events`, { method: 'POST', body: JSON.stringify(one) })).status;
  check(await post(event('r', 'vehicle.registered', { vehicle_id: 'van', start: { lon: -8.62, lat: 41.15 } })) === 202, 'a vehicle');
  check(await post(event('s', 'shift.started', { vehicle_id: 'van', position: { lon: -8.62, lat: 41.15 } })) === 202, 'at work');
  browser = await launch();
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  if (process.env.ASSETS) await page.route('**/*', (await import(process.env.ASSETS)).serve);
  await page.goto(`http://127.0.0.1:${port}/`);
  // The status line within some seconds: its look, and words in it.
  const says = async (look, words, within, what, on = page) => {
    const begun = Date.now();
    for (;;) {
      const [is, text] = await on.evaluate(() => [document.querySelector('#link').className, `${document.querySelector('#link').textContent} ${document.querySelector('#since').textContent}`]);
      if (is === look && words.test(text)) { check(true, `${what}: "${text.trim()}" after ${((Date.now() - begun) / 1000).toFixed(1)} s`); return; }
      if (Date.now() - begun > within * 1000) throw new Error(`failed: ${what}: ${is} "${text}"`);
      await sleep(50);
    }
  };
  await says('good', /^live/, 15, 'live');
  // Shown as text wherever a name goes.
  await page.evaluate((id) => window.__take({ vehicles: [{ id, status: 'driving', at: [-8.62, 41.15], seen: 1, revision: 1, visits: [], lines: [], on_board: 0, stops_done: 0 }], orders: [], decisions: [], refused: [], kpi: { now: Date.now(), open: 0, unassigned: 0, late: 0, served: 0, orders: 0, on_time: 1, p50: 1, p99: 1, max: 1, answers: 1, events: 1, changes_per_hour: 0, searching: false } }), markup);
  const box = await page.locator('#map').boundingBox();
  await page.waitForTimeout(300);
  for (let x = -12; x <= 12; x += 4) for (let y = -12; y <= 12; y += 4) await page.mouse.move(box.x + box.width / 2 + x, box.y + box.height / 2 + y);
  await page.waitForTimeout(300);
  check(await page.locator('#map img[src="x"]').count() === 0 && page.url().endsWith(`${port}/`), 'an id that is markup is shown as text');
  // A long one moves no button out of view, and one that turns the direction of reading reads as no other.
  const odd = ['X'.repeat(64), '\u202eevil'];
  await page.evaluate((ids) => { const now = Date.now(); window.__take({ vehicles: [], orders: ids.map((id) => ({ id, status: 'unassigned', reason: 'no vehicle has the skills', vehicle: null, pickup: [-8.62, 41.15], delivery: null, due: now + 60_000, placed: now, reference: id, changes: 0 })), decisions: [], refused: [], kpi: { now, open: 2, unassigned: 2, late: 0, served: 0, orders: 2, on_time: 1, p50: 1, p99: 1, max: 1, answers: 1, events: 1, changes_per_hour: 0, searching: false } }); }, odd);
  await page.waitForFunction(() => document.querySelectorAll('#work li[data-kind="unassigned"]').length === 2);
  check(await page.evaluate(() => { const list = document.querySelector('#left'); return list.scrollWidth <= list.clientWidth + 1; }), 'a long id moves no button out of view');
  check(await page.evaluate(() => document.querySelector('#unassigned').textContent.includes('<U+202E>evil') && !/[\u202a-\u202e]/.test(document.body.textContent)), 'an id with a sign that turns the direction of reading says so');
  check(await page.evaluate(() => document.querySelector('#vehicles .silent small').textContent.endsWith(' h')), 'a vehicle that is silent stands out');
  const before = await page.textContent('#clock');
  await sleep(1500);
  check(await page.textContent('#clock') !== before, 'the clock goes on without events');
  // Nobody sends anything, and the state is told with the time that it is now.
  const zoneTime = async () => (await (await fetch(`http://127.0.0.1:${port}/v1/state`)).json()).kpi.now;
  const earlier = await zoneTime();
  await sleep(3000);
  check(await zoneTime() - earlier > 1000, 'and so does that of the state');
  await page.fill('#search', '214');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('#missing').textContent === 'nothing is called 214');
  check(true, 'what is not found is said');
  server.kill('SIGKILL');
  await says('bad', /broker (is|has been) away/, 4, 'the broker is dead');
  server = broker();
  await says('good', /^live/, 15, 'it is back');
  fleet.kill('SIGSTOP');
  await says('bad', /no news since [3-9] s/, 5, 'the engine does not move');
  fleet.kill('SIGCONT');
  await says('good', /^live/, 15, 'it moves again');
  fleet.kill('SIGKILL');
  await says('bad', /no connection to the engine: no news since/, 3, 'the engine is dead');
  fleet = engine();
  await says('good', /^live, the engine was restarted/, 20, 'it was restarted');
  // A second engine follows, and decides when the first one is gone.
  standby = engine(otherPort, 'other');
  for (let tries = 0; tries < 100; tries += 1) {
    try { if ((await fetch(`http://127.0.0.1:${otherPort}/livez`)).ok) break; } catch { /* not yet */ }
    await sleep(100);
  }
  const second = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await second.goto(`http://127.0.0.1:${otherPort}/`);
  await says('good', /^live, standby: another engine decides/, 20, 'the page of a standby', second);
  fleet.kill('SIGKILL');
  await says('bad', /no connection to the engine: no news since/, 3, 'the owner is dead');
  await says('good', /^live, this engine has taken over/, 20, 'the standby took over', second);
  fleet = engine();
  await says('good', /^live, standby: another engine decides/, 20, 'who comes back follows');
  // A phone that slept for an hour: its timers stood still, its network forgot the socket without a word, and only the computer's clock went on.
  let lost = false;
  const through = relay((from, to) => { from.on('data', (bytes) => { if (!from.forgotten) to.write(bytes); }); });
  const phone = await browser.newPage({ viewport: { width: 390, height: 844 } });
  await phone.addInitScript(() => { const now = Date.now.bind(Date); window.__slept = 0; Date.now = () => now() + window.__slept; });
  if (process.env.ASSETS) await phone.route('**/*', (await import(process.env.ASSETS)).serve);
  await phone.goto(`http://127.0.0.1:${await through.port}/`);
  await says('good', /^live/, 20, 'a phone', phone);
  lost = through.forget();
  const [text, said] = await phone.evaluate(async () => { window.__slept = 3_600_000; await new Promise((resolve) => { setTimeout(resolve, 600); }); return [document.querySelector('#link').className, `${document.querySelector('#link').textContent} ${document.querySelector('#since').textContent}`]; });
  check(lost && text === 'bad' && /no news.* since 60 min/.test(said), `it wakes up and says so at once: "${said}"`);
  await says('good', /^live/, 10, 'and catches up over another socket', phone);
  // The network forgets the socket of a page that is awake.
  through.forget();
  await says('bad', /no news since [3-9] s/, 6, 'a socket that nothing comes through', phone);
  await says('good', /^live/, 15, 'is given up for another one', phone);
  through.close();
  console.log(`${passed} passed, 0 failed`);
} finally {
  await browser?.close();
  for (const process of [fleet, standby, server]) { process?.kill('SIGCONT'); process?.kill('SIGKILL'); }
  await sleep(200);
  rmSync(folder, { recursive: true, force: true });
}
