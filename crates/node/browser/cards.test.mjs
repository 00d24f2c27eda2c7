// What stands on the cards of orders and in the work list is true of the stop, the story and the day that it is about: on a running engine of a small town.
import { corner, event, minutes, openTown, order, sleep } from './town.mjs';

let passed = 0;
const check = (good, what) => { if (!good) throw new Error(`failed: ${what}`); passed += 1; console.log(`ok ${what}`); };
const town = await openTown();
try {
  await town.fill();
  const { post, state } = town;
  const clock = (/** @type {number} */ at) => new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' }).format(at);
  const page = await town.open();
  // Around midnight a time has its day.
  const text = async (selector) => (await page.textContent(selector)).replace(/\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun),? \d+ \w+ (?=\d\d:\d\d)/g, '');
  const until = (what, argument) => page.waitForFunction(what, argument, { timeout: 30_000 });
  const card = async (id) => {
    await page.evaluate(async (one) => { const { choose, unchoose } = await import('/console/store.js'); unchoose(); choose('orders', one); }, id);
    await until((one) => document.querySelector('#story-title')?.textContent.includes(one) && document.querySelector('#story-lines li'), id);
  };

  // Late at its pickup alone.
  await post(event('order.created', { order_id: 'ship-late', load: [1], shipment: { pickup: { ...corner(11, 9), windows: [{ opens: minutes(-60), closes: minutes(-20) }] }, delivery: { ...corner(1, 1), windows: [{ opens: minutes(0), closes: minutes(10 * 60) }] } } }));
  await card('ship-late');
  const ship = await state('orders/ship-late');
  const [pickup, delivery] = ship.stops;
  check(pickup.late_seconds > 0 && delivery.late_seconds === 0, 'a shipment is late at its pickup and in time at its delivery');
  const head = await text('#story-head');
  check(head.includes('(pickup)') && head.includes(`arrives ${clock(pickup.arrival)}`) && head.includes(`promised by ${clock(pickup.due)}`), `its card says of that stop when it comes and what was promised: ${head}`);
  check((await text('#chain')).includes(`promised by ${clock(pickup.due)}`), 'and so does the end of the chain');
  check(await page.getAttribute('#work li[data-id="ship-late"]', 'data-kind') === 'late', 'the work list has it among what is late now');

  // A job to be collected.
  await post(order('collect-1', 3, 3), event('order.created', { order_id: 'bring-1', load: [1], job: { direction: 'delivery', stop: corner(3, 4) } }));
  await card('collect-1');
  check(/pickup/i.test(await text('#story-facts')) && !/delivery/i.test(await text('#story-facts')), 'what is collected is called a pickup on its card');
  const collected = await state('orders/collect-1');
  check(collected.stops[0].stop === 'delivery' && collected.stops[0].collects, 'events call its stop as they did');
  await card('bring-1');
  check(/delivery/i.test(await text('#story-facts')), 'what is brought is called a delivery');
  await page.evaluate(async (id) => { const { choose } = await import('/console/store.js'); choose('vehicles', id); }, collected.vehicle);
  await until(() => /collect-1 pickup/.test(document.querySelector('#story')?.textContent ?? ''));
  check(true, 'also on the card of its vehicle');
  await post(event('stop.arrived', { vehicle_id: collected.vehicle, order_id: 'collect-1', stop: 'delivery' }));
  check((await state('orders/collect-1')).story.some((line) => line.words.startsWith('Pickup reached')), 'and in its story');

  // A long story keeps its beginning.
  await post(order('talked-of', 8, 2));
  for (let at = 0; at < 45; at += 15) await post(...Array.from({ length: 15 }, (_, index) => event('priority.raised', { order_id: 'talked-of', priority: 1 + at + index })));
  const long = (await state('orders/talked-of')).story;
  check(long.length === 40 && long[0].words === 'ordered', `a story that is cut begins where it began: ${long[0].words}`);
  check(long.some((line) => line.decision), 'and keeps what was decided');
  check(long.reduce((sum, line) => sum + (line.left_out ?? 0), 0) >= 6, 'and says how much is left out');
  await card('talked-of');
  check(/\d+ lines are left out here/.test(await text('#story-lines')), 'also on its card');

  // An order of a past day.
  await post(order('old-1', 5, 3, { reference: 'Cake 4711' }, { address: '9 Past Row', windows: [{ opens: minutes(-60), closes: minutes(-5) }] }));
  const { vehicle } = await state('orders/old-1');
  for (const what of ['departed', 'arrived', 'completed']) await post(event(`stop.${what}`, { vehicle_id: vehicle, order_id: 'old-1', stop: 'delivery' }));
  await post(event('policy.changed', { retire_after_seconds: 60 }));
  for (let tries = 0; tries < 60 && !(await state('orders/old-1')).retired; tries += 1) { await sleep(2_000); await post(event('priority.raised', { order_id: 'ord-2140', priority: tries % 10 })); }
  await page.fill('#search', 'cake 47');
  await until(() => document.querySelector('#found')?.textContent.includes('old-1'));
  await page.click('#found button:has-text("old-1")');
  await until(() => document.querySelector('#story-title')?.textContent.includes('Cake 4711'));
  const [facts, was, why] = [await text('#story-facts'), await text('#story-head'), await text('#story-why')];
  check(/Served \d\d:\d\d by v\d, \d+ min late: promised by \d\d:\d\d/.test(was), `a retired order is found by its reference, and says how it ended: ${was}`);
  const found = async () => (await state('search?q=past%20ro')).orders.map((one) => `${one.id} ${one.status} ${one.what}`);
  check(String(await found()) === 'old-1 retired 9 Past Row', `and by its address: ${await found()}`);
  check(facts.includes('9 Past Row') && facts.includes('promised by') && facts.includes('was planned for') && facts.includes('came ') && facts.includes('min late'), `with its address, window, plan and arrival: ${facts}`);
  check(/decision \d+/.test(why) && /old-1/.test(why), `and why: ${why}`);
  check((await text('#story-lines')).includes('Pickup reached by'), 'and what happened, in the words of a job that is collected');

  // A restart.
  const stray = (await state('state')).orders.find((one) => one.status === 'assigned' && /^ord-21/.test(one.id) && one.vehicle !== 'v1');
  await post(event('stop.completed', { vehicle_id: 'v1', order_id: stray.id, stop: 'delivery' }));
  const rows = (kind) => page.$$eval(`#work li.${kind}`, (all) => all.map((row) => row.dataset.key));
  await page.keyboard.press('Escape');
  await until(() => document.querySelector('#work li.conflict') && document.querySelector('#work li.refused'));
  const before = [await rows('refused'), await rows('conflict')];
  town.engine.kill('SIGTERM');
  await sleep(1_500);
  await town.start();
  await page.reload();
  await until(() => window.__ready && document.querySelector('#work li.conflict') && document.querySelector('#work li.refused'));
  check(JSON.stringify([await rows('refused'), await rows('conflict')]) === JSON.stringify(before), `after a restart what was refused and what contradicts the plan waits as before: ${before}`);
  for (let tries = 0; tries < 50 && !(await found()).length; tries += 1) await sleep(100);
  check(String(await found()) === 'old-1 retired 9 Past Row', `and the retired order is found by its address: ${await found()}`);
  console.log(`${passed} passed, 0 failed`);
} finally {
  await town.close();
}
