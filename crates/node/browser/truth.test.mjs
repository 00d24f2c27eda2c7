// The page says what is, or that it does not: live only with a picture of now, nothing sent unseen or from the past, every list and count the engine's own.
import { corner, event, openTown, order, sleep, vans } from './town.mjs';

let passed = 0;
const check = (good, what) => { if (!good) throw new Error(`failed: ${what}`); passed += 1; console.log(`ok ${what}`); };
const problem = (status, title) => ({ status, contentType: 'application/problem+json', body: JSON.stringify({ status, title, detail: 'in the test' }) });
const town = await openTown();
try {
  await town.fill();
  const page = await town.open();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  const until = (act, ...given) => page.waitForFunction(act, ...given);
  const text = (what) => page.textContent(what);
  const status = () => page.evaluate(() => [document.querySelector('#link').className, document.querySelector('#link').textContent, document.querySelectorAll('#vehicles li').length]);
  const look = async (kind, id) => {
    await page.evaluate(async ([what, name]) => (await import('/console/store.js')).choose(what, name), [kind, id]);
    await until((name) => document.querySelector('#story-title').textContent.includes(name) && document.querySelector('#story-facts').textContent, id);
  };
  const enter = async () => {
    await page.click('#replay-open');
    await until(() => document.body.classList.contains('replaying'));
    await page.focus('#replay-at');
  };
  const left = () => until(() => !document.body.classList.contains('replaying') && document.querySelector('#link').className === 'good' && document.querySelectorAll('#vehicles li').length === 6);
  await until(() => document.querySelector('#link').className === 'good');

  /** One thing that is wrong, or not. With KEEP_GOING all are looked at: so is seen which of them older files of the page fail. */
  const part = async (title, act) => {
    if (!process.env.KEEP_GOING) { await act(); return; }
    page.setDefaultTimeout(8_000);
    try { await act(); console.log(`PASSED ${title}`); } catch (error) { console.log(`FAILED ${title}: ${String(error.message).split('\n')[0]}`); }
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await town.serve(page);
    await page.goto('about:blank');
    await page.goto(`${town.base}/`);
    await until(() => window.__ready);
  };
  await part('The past: said to be so, told by its own picture, and nothing acts on it', async () => {
    for (let tries = 0; tries < 100 && !(await town.state('state')).alerts.some((alert) => alert.order === 'ord-late'); tries += 1) await sleep(100);
    await enter();
    check((await status())[0] === 'warn' && /past/.test(await text('#link')), `the status line says that it is the past: ${await text('#link')}`);
    const ticks = await page.locator('#replay-ticks i').count();
    check(ticks > 0 && (await page.getAttribute('#replay-ticks i', 'title')).includes('→'), `decisions are ticks above the slider: ${ticks}`);
    const raised = await page.$$eval('#replay-ticks i.raised', (marks) => marks.map((mark) => mark.title).join(' '));
    check(/▲ ord-late \S/.test(raised) && /[1-9]\d* alerts\./.test(await text('#replay-says')), `alerts are ticks of their own, and are counted: ${raised}`);
    check(await page.locator('#replay-speed option').count() > 3 && Number(await page.getAttribute('#replay-at', 'max')) === 240, 'speeds and steps');
    await page.keyboard.press('Home');
    const begins = await text('#replay-time');
    await page.click('#replay-after');
    check(await text('#replay-time') !== begins && await page.evaluate(async () => (await import('/console/store.js')).fleet.decisions.length > 0 || document.querySelectorAll('#vehicles li').length > 0), 'the next tick is gone to');
    await page.focus('#replay-at');
    await page.keyboard.press('Home');
    await page.evaluate(async () => (await import('/console/store.js')).choose('orders', 'ord-2105'));
    await until(() => /^At .*: It was not open then/.test(document.querySelector('#story-head').textContent));
    check(await page.locator('#right [data-acts]:visible').count() === 0, 'the card of an order that was not there yet says so, and offers nothing');
    await page.keyboard.press('End');
    await until(() => /^At .*: Planned to begin/.test(document.querySelector('#story-head').textContent));
    await sleep(500);
    check(await page.locator('[data-acts]:visible').count() === 0, 'nothing acts on the past');
    await page.evaluate(() => document.activeElement.blur());
    await page.evaluate(async () => (await import('/console/notes.js')).note('order', 'ord-late', 'snoozed'));
    check(/go back to live/.test(await text('#notice')) && (await town.state('state')).noted.length === 0, 'and what is sent all the same is not sent, and says why');
    await page.click('#notice-close');
    await page.selectOption('#replay-stretch', '24');
    await until(async () => { const { clock } = await import('/console/time.js'); return Math.abs(Date.now() - clock() - 24 * 3_600_000) < 600_000; });
    check(true, 'a whole day is looked at');
    const asked = async (on, stretch) => {
      const [request] = await Promise.all([on.waitForRequest('**/v1/replay?*'), on.selectOption('#replay-stretch', stretch)]);
      const { searchParams } = new URL(request.url());
      return ['from', 'to'].map((name) => Date.parse(searchParams.get(name)));
    };
    const [morning, now] = await asked(page, 'day');
    check(morning === Math.min(now - 60_000, new Date(now).setUTCHours(0, 0, 0, 0)), `today begins at midnight: ${new Date(morning).toISOString()}`);
    await until((first) => document.querySelector('#replay-time').textContent.includes(first) && !/Reading/.test(document.querySelector('#replay-says').textContent), new Date(morning).toISOString().slice(11, 16));
    check(true, 'and is shown from then on');
    const away = Math.round((Date.now() - 3 * 3_600_000) / 1_000) * 1_000;
    const again = await town.open(undefined, `localStorage.setItem('fleetfold-left', '${away}')`);
    await again.click('#replay-open');
    await again.waitForFunction(() => document.body.classList.contains('replaying'));
    check((await asked(again, 'left'))[0] === away, 'the time since one left begins where this browser last looked');
    await again.close();
    const [never, until24] = await asked(page, 'left');
    check(until24 - never === 24 * 3_600_000, 'who has never looked is shown a day');
    await until(() => !/Reading/.test(document.querySelector('#replay-says').textContent));
  });
  await part('Back to live: only with a picture of now, however long that takes', async () => {
    await page.route('**/v1/picture', (route) => route.fulfill(problem(503, 'stopping')));
    if (!(await page.evaluate(() => document.body.classList.contains('replaying')))) await enter();
    await page.click('#replay-live');
    await sleep(2_500);
    const [look503, words503] = await status();
    check(look503 !== 'good' && await page.isVisible('#replay') && /asked again/.test(await text('#replay-says')), `without a picture of now it is still the past: ${words503}`);
    await page.unroute('**/v1/picture');
    await left();
    check(true, 'and live as soon as one came');
    await enter();
    await page.keyboard.press('Home');
    await page.route('**/v1/picture', async (route) => { await sleep(2_000); await route.fallback(); });
    await page.click('#replay-live');
    let lied = 0;
    for (let tries = 0; tries < 30; tries += 1) { const [is, , shown] = await status(); if (is === 'good' && shown !== 6) lied += 1; await sleep(50); }
    check(lied === 0, 'a picture that is slow is waited for');
    await left();
    await page.unroute('**/v1/picture');
  });
  await part('A picture that is older than what the feed has brought is not the last word', async () => {
    await enter();
    await page.route('**/v1/picture', async (route) => { const answer = await route.fetch(); await sleep(1_500); await route.fulfill({ response: answer }); });
    await page.evaluate(() => {
      const { send } = WebSocket.prototype;
      window.__asked = [];
      WebSocket.prototype.send = function told(what) { window.__asked.push(what); return send.call(this, what); };
    });
    await page.click('#replay-live');
    await sleep(400);
    await town.post(order('ord-meanwhile', 4, 4));
    await left();
    await until(async () => (await import('/console/store.js')).fleet.orders.has('ord-meanwhile'));
    // A later change of the order would bring it, too: that it is asked for is what counts.
    check(await page.evaluate(() => window.__asked.includes('resync')), 'what came while the picture was on its way is asked for, and shown');
    await page.unroute('**/v1/picture');
  });
  await part('Nothing is sent unseen', async () => {
    await look('orders', 'ord-2105');
    await page.waitForSelector('#act-pin');
    await page.route('**/v1/what-if', async (route) => { await sleep(1_200); await route.fallback(); });
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('p');
    await page.keyboard.press('Enter');
    await sleep(500);
    check(await page.isDisabled('#preview-send') && !(await town.state('orders/ord-2105')).pinned, 'what has not been tried is not sent');
    await until(() => document.querySelector('#preview-send')?.disabled === false && document.activeElement.id === 'preview-send');
    check(Boolean(await text('#preview-sum')), 'it can be when its effect is there');
    await page.keyboard.press('Escape');
    await page.unroute('**/v1/what-if');
    for (const [answer, what] of [[problem(403, 'not with this role'), 'a trial that is forbidden'], [problem(503, 'overload'), 'a trial that the engine could not make']]) {
      await page.route('**/v1/what-if', (route) => route.fulfill(answer));
      await page.click('#act-pin');
      await page.waitForSelector('#preview-again');
      check(await page.locator('#preview-send').count() === 0 && await page.locator('#preview-blind').count() === (answer.status === 503 ? 1 : 0), `${what} leaves nothing that looks like a preview to be sent`);
      await page.keyboard.press('Escape');
      await page.unroute('**/v1/what-if');
    }
    await page.route('**/v1/what-if', async (route) => { const answer = await route.fetch(); const body = await answer.json(); body.events[0].refused = 'no such order'; await route.fulfill({ response: answer, json: body }); });
    await page.click('#act-pin');
    await until(() => /It makes no sense now/.test(document.querySelector('#preview-outcome')?.textContent ?? ''));
    await sleep(600);
    check(await page.isDisabled('#preview-send'), 'what makes no sense is not sent');
    await page.keyboard.press('Escape');
    await page.unroute('**/v1/what-if');
  });
  await part('A note that was not taken is said where everybody sees it', async () => {
    await page.click('#tab-work');
    await page.route('**/v1/events?wait=answer', (route) => route.fulfill(problem(503, 'the log did not take it')));
    await page.click('#work li[data-id="ord-late"] [data-act="ack"]');
    await page.waitForSelector('#notice:visible');
    const box = await page.locator('#notice').boundingBox();
    check(/the log did not take it/.test(await text('#notice')) && box.width > 100 && await page.locator('#work li[data-id="ord-late"]').count() === 1, 'a note that was not taken says so');
    await page.unroute('**/v1/events?wait=answer');
    await page.click('#notice-close');
    for (const [what, answer, words] of [
      ['is not let through', (route) => route.fulfill(problem(403, 'not with this role')), /^ord-late: not acknowledged: not with this role: in the test/],
      ['does not reach the engine', (route) => route.abort(), /^ord-late: not acknowledged: no connection to the engine: try again when the status line says live/],
    ]) {
      await page.route('**/v1/events?wait=answer', answer);
      await page.click('#work li[data-id="ord-late"] [data-act="ack"]');
      await page.waitForSelector('#notice:visible');
      check(words.test(await text('#notice')) && await page.locator('#work li[data-id="ord-late"]').count() === 1, `one that ${what} says so, and the row stays: ${await text('#notice')}`);
      await page.unroute('**/v1/events?wait=answer');
      await page.click('#notice-close');
    }
    check((await town.state('state')).noted.length === 0, 'and nobody was told');
  });
  await part('Kinds that are not shown still wait', async () => {
    for (const chip of await page.$$('#work-kinds button')) await chip.click();
    await until(() => /of other kinds/.test(document.querySelector('#work-none')?.textContent ?? ''));
    check(!/Nothing waits/.test(await text('#work')), 'hidden kinds are not nothing');
    await page.click('#work-all');
    await until(() => document.querySelectorAll('#work li[data-id]').length > 0);
  });
  await part('What one calls himself is in every event, where nobody logs in', async () => {
    await page.fill('#who', 'Ana');
    await page.evaluate(() => document.activeElement.blur());
    await look('orders', 'ord-2106');
    await page.click('#act-pin');
    await page.click('#preview-send');
    await page.waitForSelector('#preview-undo');
    await page.keyboard.press('Escape');
    await until(() => /pinned to v\d by Ana/.test(document.querySelector('#story-lines').textContent));
    check(true, 'the card says who has pinned it');
    await page.click('#tab-changes');
  });
  await part('An order that is acknowledged as late is not forgotten when something else is wrong with it. And what has moved is the same on every page', async () => {
    await page.click('#tab-work');
    await page.click('#work li[data-id="ord-late"] [data-act="ack"]');
    await until(() => !document.querySelector('#work li[data-id="ord-late"]'));
    check((await town.state('state')).noted.find((note) => note.order === 'ord-late').words === 'late', 'a note says what it is about');
    await town.post(...vans.slice(0, 5).map(([id]) => event('vehicle.lost', { vehicle_id: id })));
    await until(() => document.querySelectorAll('#work li[data-kind="moved"]').length > 0);
    const moved = async (of) => { await sleep(1_500); return of.$$eval('#work li[data-kind="moved"]', (rows) => rows.map((row) => row.dataset.id).sort().join(' ')); };
    let [here, again] = ['', ' '];
    // Meanwhile the engine goes on to look for better plans, which may move one more.
    for (let tries = 0; tries < 5 && here !== again; tries += 1) {
      here = await moved(page);
      await page.reload();
      await until(() => window.__ready);
      again = await moved(page);
    }
    check(here === again && here !== '', `orders that were moved are known after a reload: ${again}`);
    await page.click('#tab-changes');
    await until(() => /decisions/.test(document.querySelector('#changes-sum').textContent));
    await page.click('#tab-work');
    await town.post(event('vehicle.lost', { vehicle_id: vans[5][0] }));
    await page.waitForSelector('#work li[data-id="ord-late"][data-kind="unassigned"]');
    check(true, 'an acknowledged late order that lost its place is in the list again');
    await town.post(...vans.map(([id]) => event('vehicle.back', { vehicle_id: id })));
  });
  await part('Silent is what the policy says', async () => {
    await until(() => document.querySelectorAll('#work li[data-kind="silent"]').length === 0);
    await town.post(event('policy.changed', { alert_silent_seconds: 5 }));
    await until(() => document.querySelectorAll('#work li[data-kind="silent"]').length > 0);
    check(true, 'vehicles are silent after as long as the policy says');
  });
  await part('As many refused facts on a page that was there all the time as on a new one', async () => {
    await town.post(...Array.from({ length: 40 }, () => order('ord-2101', 3, 3)));
    await until(() => Number.parseInt(document.querySelector('#refused-count').textContent, 10) >= 40);
    const before = await text('#refused-count');
    await page.reload();
    await until(() => window.__ready && document.querySelector('#refused-count').textContent !== '0');
    check(await text('#refused-count') === before, `refused facts are the same after a reload: ${before}`);
    const all = await page.evaluate(async () => {
      const kpi = { now: Date.now(), on_time: 1, late: 0, unassigned: 0, open: 0, served: 0, answers: 0, p50: 0, p99: 0, events: 0, changes_per_hour: 0 };
      const refused = Array.from({ length: 130 }, (_, index) => ({ seq: 1_000_000 + index, at: Date.now(), reason: 'unknown_order', detail: '', entity: 'x' }));
      const decisions = Array.from({ length: 300 }, (_, index) => ({ n: 1e12 + index, at: Date.now(), rev: 1_000_000 + index, order: 'ord-2101', vehicle: 'v1', kind: 'answer', words: `decision ${index}`, because: [] }));
      window.__take({ vehicles: [], orders: [], decisions, refused, moved: [], kpi });
      return document.querySelector('#refused-count').textContent;
    });
    check(all === '100+' && await page.locator('#refused-more').count() === 1, `more than the engine keeps is said: ${all}`);
    await page.click('#tab-changes');
    await page.waitForSelector('#changes-more');
    const rows = await page.locator('#decisions > li').count();
    await page.click('#changes-more');
    check(await page.locator('#decisions > li').count() > rows, 'more decisions on demand');
  });
  await part('Streets that did not come are asked for again, and their absence is said', async () => {
    // They are refused until the page has said so: it may be asked only long after it was loaded.
    let [refuses, refused, came] = [true, new Set(), new Set()];
    await page.route('**/v1/streets/*/*/*', async (route) => {
      (refuses ? refused : came).add(route.request().url());
      if (refuses) await route.fulfill(problem(503, 'busy')); else await route.fallback();
    });
    await page.reload();
    await page.waitForSelector('#map-missing:visible');
    refuses = false;
    await page.waitForSelector('#map-missing', { state: 'hidden' });
    check([...refused].some((square) => came.has(square)), 'streets that did not come are asked for again');
  });
  check(errors.length === 0, `no errors on the page ${errors.join(' | ')}`);
  console.log(`${passed} passed, 0 failed`);
} finally {
  await town.close();
}
