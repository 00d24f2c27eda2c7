// Breaks, driving times and depots on the page: each where it lies in time, what goes on now, what is over, and which rule a move would break.
import { corner, event, minutes, openTown, sleep } from './town.mjs';

let passed = 0;
const check = (good, what) => { if (!good) throw new Error(`failed: ${what}`); passed += 1; console.log(`ok ${what}`); };
const town = await openTown();
const told = async (type, data) => town.post(event(type, data));
const vehicle = (id) => town.state(`vehicles/${id}`);
try {
  const shift = { starts: minutes(-120), ends: minutes(600) };
  const register = (id, column, row, more = {}) => town.post(event('vehicle.registered', { vehicle_id: id, start: corner(column, row), capacity: [2], skills: [id], shift, ...more }), event('shift.started', { vehicle_id: id, position: corner(column, row) }), event('position', { vehicle_id: id, position: corner(column, row) }));
  // Its driver may drive for two minutes and then rests for ten; in the shift, for less than seven.
  await register('h1', 0, 0, { driving_time: { driving_max_seconds: 120, break_seconds: 600, shift_driving_max_seconds: 400 } });
  await register('d1', 5, 5, { reload: { places: [{ ...corner(5, 5), name: 'north-gate', service_seconds: 300 }] } });
  for (const [id, column] of [['w1', 2], ['w2', 4], ['w3', 6], ['w4', 8]]) await register(id, column, 9);
  const job = (id, column, row, skill, direction, more = {}) => event('order.created', { order_id: id, load: [2], skills: [skill], job: { direction, stop: { ...corner(column, row), service_seconds: 60 } }, ...more });
  await town.post(job('far', 11, 9, 'h1', 'pickup'));
  await town.post(job('one', 6, 6, 'd1', 'delivery'), job('two', 7, 5, 'd1', 'delivery'));
  const page = await town.open();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  const look = async (kind, id) => {
    await page.evaluate(async ([what, name]) => (await import('/console/store.js')).choose(what, name), [kind, id]);
    await page.waitForFunction((name) => document.querySelector('#story-title').textContent.includes(name) && document.querySelector('#story-facts').textContent, id);
  };
  const until = (act, ...given) => page.waitForFunction(act, ...given);
  const clock = (at) => page.evaluate(async (instant) => (await import('/console/time.js')).time(instant), at);
  const day = () => page.$$eval('#day > li', (lines) => lines.map((line) => line.textContent));

  const [visit] = (await vehicle('h1')).visits;
  check(visit?.order === 'far' && visit.breaks.length >= 2 && visit.breaks.every((pause) => pause.ends - pause.starts === 600_000), `a drive that is longer than two stretches has two breaks: ${JSON.stringify(visit?.breaks)}`);
  check(visit.breaks.reduce((sum, pause) => sum + pause.ends - pause.starts, 0) === visit.break_seconds * 1000 && visit.breaks[0].starts - visit.depart_at >= 119_000 && visit.breaks.at(-1).ends <= visit.arrival, 'the first when driving time runs out, the last before he is there');
  const lines = [];
  for (const pause of visit.breaks) lines.push(`○ break ${await clock(pause.starts)}–${await clock(pause.ends)}`);
  await look('vehicles', 'h1');
  await until((count) => document.querySelectorAll('#day li.break').length === count, lines.length);
  const shown = await day();
  check(JSON.stringify(shown.slice(0, lines.length)) === JSON.stringify(lines) && shown[lines.length].includes('far'), `the card has each where it lies, before the stop: ${shown.join(' | ')}`);
  if (await page.isHidden('#timeline')) await page.click('#view-timeline');
  await until(() => document.querySelectorAll('.lane[data-vehicle="h1"] .bar.pause').length > 1);
  const bars = await page.$$eval('.lane[data-vehicle="h1"] .bar', (all) => all.map((bar) => [bar.className.replace('bar ', ''), Number.parseFloat(bar.style.left), Number.parseFloat(bar.style.left) + Number.parseFloat(bar.style.width)]));
  const drives = bars.filter(([kind]) => kind === 'drive');
  check(drives.length === visit.breaks.length + 1 && bars.filter(([kind]) => kind === 'pause').every(([, begins, ends]) => drives.every(([, from, to]) => to <= begins + 0.2 || from >= ends - 0.2)), `the timeline has the drive parted by its breaks: ${JSON.stringify(bars)}`);
  await page.evaluate(() => { window.print = () => { window.printed = document.querySelector('#sheet').textContent; window.dispatchEvent(new Event('afterprint')); }; });
  await page.click('#act-print');
  await until(() => window.printed);
  const sheet = await page.evaluate(() => window.printed);
  check(lines.length === sheet.split('break').length - 1, `the route sheet has them, too: ${sheet}`);

  // He takes a break before he leaves.
  await told('break.started', { vehicle_id: 'h1' });
  await until(() => [...document.querySelectorAll('#day > li')].some((line) => line.textContent.startsWith('▶ break')));
  check((await day())[0].startsWith('▶ break') && (await vehicle('h1')).status === 'on break', 'a break that is taken comes first, and is his status');
  check(await page.evaluate(() => document.querySelector('#story-head').textContent).then((head) => head.startsWith('on break')), 'which the card says');
  await until(() => document.querySelectorAll('.lane[data-vehicle="h1"] .bar.pause').length === 3);
  check(true, 'and the timeline has it without a stop that is done');
  await told('break.ended', { vehicle_id: 'h1' });
  await until(() => [...document.querySelectorAll('#day > li')].some((line) => line.textContent.startsWith('✓ break')));
  check((await vehicle('h1')).status !== 'on break' && (await vehicle('h1')).rests.length === 1, 'when it is over it is part of what he has done');

  // One order more than he may drive for: what a dispatcher's word breaks is said before it is sent.
  await town.post(job('back', 0, 9, 'h1', 'pickup', { load: [0] }), job('again', 11, 0, 'h1', 'pickup', { load: [0] }));
  const unplaced = (await town.state('state')).orders.filter((order) => order.status === 'unassigned').map((order) => order.id);
  check(unplaced.length > 0, `not all can be served within his hours: ${unplaced}`);
  await told('assignment.forced', { order_id: 'far', vehicle_id: 'h1' });
  await look('orders', unplaced[0]);
  await page.click('#act-move');
  await page.waitForSelector('#offers button.offer[data-vehicle="h1"]');
  await page.click('#offers button.offer[data-vehicle="h1"]');
  await until(() => document.querySelector('#preview').dataset.tried === 'yes');
  const outcome = await page.textContent('#preview-outcome');
  check(/breaks: .*driv/.test(outcome), `the preview says which rule it breaks: ${outcome}`);
  await page.click('#preview-send');
  await page.waitForSelector('#preview-answer');
  await page.click('#preview-close');
  await until(() => document.querySelector('#work li.hours')?.textContent.includes('h1'));
  const row = await page.textContent('#work li.hours');
  check(/h1: \d+ min too much driving in the shift on its route as planned/.test(row), `hours that are passed are in the work list: ${row}`);

  // The van with a depot.
  const calls = (await vehicle('d1')).visits.filter((one) => one.reload);
  check(calls.length === 1 && calls[0].reload.name === 'north-gate', 'its second trip begins at the depot');
  await look('vehicles', 'd1');
  check((await day()).some((line) => line.startsWith('○ north-gate to be loaded')), 'the card has the call');
  for (let tries = 0; tries < 60 && !(await page.evaluate(() => window.__written().glyphs.includes('⌂'))); tries += 1) await sleep(100);
  check(await page.evaluate(() => window.__written().glyphs.includes('⌂')), 'and the map the depot');
  const first = (await vehicle('d1')).visits[0].order;
  const at = { vehicle_id: 'd1', order_id: first, stop: 'delivery' };
  await told('stop.departed', at);
  await told('stop.arrived', at);
  await told('stop.completed', at);
  await told('reload.started', { vehicle_id: 'd1' });
  await until(() => [...document.querySelectorAll('#day > li')].some((line) => line.textContent.startsWith('▶ at a depot')));
  check((await vehicle('d1')).status === 'loading', 'a call that goes on is said, and is its status');
  await told('reload.ended', { vehicle_id: 'd1' });
  await until(() => [...document.querySelectorAll('#day > li')].some((line) => line.textContent.startsWith('✓ depot')));
  check((await day()).findIndex((line) => line.startsWith('✓ depot')) === 1, 'when it is over it stands behind the stop before it');

  // After a restart what is over is still known: from the log.
  town.engine.kill('SIGKILL');
  await sleep(300);
  await town.start();
  for (let tries = 0; tries < 100 && !(await vehicle('d1')).rests?.length; tries += 1) await sleep(100);
  check((await vehicle('d1')).rests.length === 1 && (await vehicle('h1')).rests.length === 1, 'also after a restart');
  await until(() => document.querySelector('#link').className === 'good');
  check((await page.textContent('#work')).includes('h1: '), 'and the work list has the hours, which are no warning that could be lost');

  // An engine that does not answer.
  town.engine.kill('SIGSTOP');
  await page.evaluate(async () => (await import('/console/store.js')).choose('vehicles', 'w1'));
  await until(() => /has not answered/.test(document.querySelector('#story-head').textContent));
  town.engine.kill('SIGCONT');
  await until(() => /stops to do/.test(document.querySelector('#story-head').textContent));
  check(true, 'a card that waits for its engine says so');
  check(errors.length === 0, `no errors on the page ${errors.join(' | ')}`);
  console.log(`${passed} passed, 0 failed`);
} finally {
  await town.close();
}
