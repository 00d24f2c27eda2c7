// Logging in and out in a real browser, with the Content-Security-Policy and the cookies as a browser keeps them.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createServer as createSite } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from './chromium.mjs';

const program = process.env.PROGRAM ?? fileURLToPath(new URL('../../../target/debug/fleetfold', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'fleetfold-'));
const port = await new Promise((resolve) => { const s = createServer(); s.listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve(port)); }); });
const [viewer, operator] = ['viewers-token-0001', 'anns-token-00000002'];
writeFileSync(join(folder, 'tokens'), `viewer wall ${viewer}\noperator ann ${operator}\nadmin root roots-token-0000004\n`);
const engine = spawn(program, ['serve', '--log', 'embedded:log.redb', '--listen', `127.0.0.1:${port}`, '--token-file', 'tokens', '--login-link'], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
let out = '';
engine.stdout.on('data', (data) => { out += data; });
let passed = 0;
const check = (good, what) => { if (!good) throw new Error(`failed: ${what}`); passed += 1; console.log(`ok ${what}`); };
const home = `http://127.0.0.1:${port}/`;
let browser;
let site;
try {
  for (let tries = 0; tries < 100; tries += 1) {
    try { if ((await fetch(`${home}readyz`)).ok && out.includes('/login#')) break; } catch { /* not yet */ }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  browser = await launch();
  const context = await browser.newContext();
  const page = await context.newPage();
  const addresses = [];
  page.on('request', (request) => addresses.push(request.url()));
  await page.goto(home);
  check(page.url() === `${home}login`, 'who is not known is led to the login page');
  await page.fill('#token', 'not-a-token-000001');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('#said')?.textContent?.includes('no line of the token file'));
  check(await page.inputValue('#token') === '', 'a wrong token is said and forgotten');
  await page.fill('#token', operator);
  await page.click('#login button');
  await page.waitForSelector('#me');
  check((await page.textContent('#me')).startsWith('ann (operator)'), 'the page says who looks at it');
  await page.waitForFunction(() => document.querySelector('#link')?.className === 'good');
  check(true, 'the feed comes by cookie');
  await page.waitForFunction(() => document.querySelector('#who').readOnly);
  check(await page.inputValue('#who') === 'ann', 'the name that is sent is that of the session, and nobody types another one');
  const cookie = (await context.cookies())[0];
  check(cookie.httpOnly && cookie.sameSite === 'Strict', 'the cookie is not for scripts and other sites');
  check(await page.evaluate(() => document.cookie) === '', 'and no script sees it');
  const event = { specversion: '1.0', id: 'r', source: '/page', type: 'fleet.vehicle.registered.v1', time: new Date().toISOString(), data: { vehicle_id: 'van', start: { lon: -8.62, lat: 41.15 } } };
  const posted = await page.evaluate(async (event) => (await (await import('./session.js')).post('v1/events', event)).status, event);
  check(posted === 202, 'an operator acts from the page');
  await page.evaluate(() => localStorage.setItem('fleetfold-operator', 'Somebody Else'));
  const acts = (id, type, data) => page.evaluate(async ([event, data, type, id]) => (await (await import('./session.js')).post('v1/events?wait=answer', { ...event, id, type: `fleet.${type}.v1`, data })).status, [event, data, type, id]);
  await acts('s', 'shift.started', { vehicle_id: 'van', position: { lon: -8.62, lat: 41.15 } });
  await acts('o', 'order.created', { order_id: 'box', job: { stop: { lon: -8.621, lat: 41.151 } } });
  const card = async (kind, id) => { await page.evaluate(async ([kind, id]) => (await import('./console/store.js')).choose(kind, id), [kind, id]); await page.waitForFunction((id) => document.querySelector('#story-title').textContent.includes(id) && document.querySelector('#story-facts').textContent, id); };
  await card('orders', 'box');
  await page.click('#act-pin');
  await page.click('#preview-send');
  await page.waitForSelector('#preview-undo');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => /pinned to van by ann/.test(document.querySelector('#story-lines').textContent));
  check(true, 'the card says who has pinned it');
  await page.click('#story-actions [data-note="acknowledged"]');
  await page.waitForFunction(() => /Acknowledged by ann/.test(document.querySelector('#story-head').textContent));
  check(true, 'and who takes care of it, whatever this browser remembers');
  // A page of another site, on another port of the same host: for cookies that is the same site.
  site = createSite((_, answer) => { answer.setHeader('Content-Type', 'text/html'); answer.end('<!doctype html><title>another</title>'); }).listen(0, '127.0.0.1');
  await new Promise((resolve) => site.once('listening', resolve));
  const other = await context.newPage();
  await other.goto(`http://127.0.0.1:${site.address().port}/`);
  const tried = await other.evaluate(async ([home, event]) => {
    const quiet = (promise) => promise.then((answer) => String(answer.status || answer.type), () => 'failed');
    const simple = await quiet(fetch(`${home}v1/events`, { method: 'POST', credentials: 'include', mode: 'no-cors', body: JSON.stringify(event) }));
    const headed = await quiet(fetch(`${home}v1/events`, { method: 'POST', credentials: 'include', headers: { 'Fleetfold-Request': 'page' }, body: JSON.stringify(event) }));
    const read = await quiet(fetch(`${home}v1/state`, { credentials: 'include' }));
    const feed = await new Promise((resolve) => { const s = new WebSocket(`${home.replace('http', 'ws')}ws`); s.onopen = () => resolve('open'); s.onerror = () => resolve('failed'); });
    return { simple, headed, read, feed };
  }, [home, { ...event, id: 'evil', data: { ...event.data, vehicle_id: 'evil' } }]);
  check(tried.headed === 'failed' && tried.read === 'failed' && tried.feed === 'failed', `another site's page gets nothing: ${JSON.stringify(tried)}`);
  check(await page.evaluate(async () => (await fetch('v1/vehicles/evil')).status) === 404, 'and changes nothing');
  await other.close();
  await page.click('#logout');
  await page.waitForURL(`${home}login`);
  await page.goto(home);
  check(page.url() === `${home}login`, 'out is out');
  await page.fill('#token', viewer);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#me');
  check(await page.evaluate(() => document.documentElement.dataset.role) === 'viewer', 'the page knows the role');
  await page.waitForFunction(() => window.__ready);
  await card('orders', 'box');
  await page.waitForSelector('#story-actions button', { state: 'attached' });
  check(await page.locator('[data-acts]:visible').count() === 0, 'a viewer has no button that acts');
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('p');
  await page.waitForSelector('#notice:visible');
  check(/viewer/.test(await page.textContent('#notice')) && await page.isHidden('#preview'), 'and is told so where a key would act');
  for (const key of ['m', 'u', 'n']) {
    await page.click('#notice-close');
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press(key);
    await page.waitForSelector('#notice:visible');
    check(await page.evaluate(() => document.querySelector('#story-more').children.length === 0 && document.querySelector('#preview').hidden && !document.querySelector('dialog[open]')), `${key} opens nothing for him`);
  }
  check(await page.evaluate(async (event) => (await (await import('./session.js')).post('v1/events', { ...event, id: 's' })).status, event) === 403, 'a viewer does not act');
  await page.click('#logout');
  await page.waitForURL(`${home}login`);
  const link = out.match(/http\S*\/login#\S+/)[0];
  await page.goto('about:blank');
  await page.goto(link);
  await page.waitForSelector('#me');
  check((await page.textContent('#me')).startsWith('root (admin)'), 'the link that serve prints logs in');
  check(!addresses.some((address) => address.includes(link.split('#')[1]) && !address.includes('#')), 'and its word is sent in no address');
  // The engine is told that she is no operator any more.
  writeFileSync(join(folder, 'tokens'), `viewer wall ${viewer}\n`);
  await page.waitForURL(`${home}login`, { timeout: 15000 });
  check(true, 'when the token is gone, the page is left');
  console.log(`${passed} passed, 0 failed`);
} finally {
  await browser?.close();
  site?.close();
  engine.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
