// Timeline, map, roads, the form of a new order, table, undo: each as a dispatcher uses it, on a running engine with the streets of a small town.
// Every part is walked, also when one before it has failed: what failed is told at the end.
import { readFileSync } from 'node:fs';
import { corner, event, minutes, openTown, order, sleep } from './town.mjs';

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
    const busy = (await state('state')).vehicles.filter((vehicle) => vehicle.visits.length >= 4)[0].id;
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
    const other = (await state('state')).vehicles.find((vehicle) => vehicle.id !== busy && vehicle.visits.length >= 3).id;
    const theirs = (await boxes(other)).filter((bar) => !bar.frozen);
    const mine = (await boxes(busy)).find((bar) => bar.order === stops[1].order);
    const lane = (await boxes(other)).find((bar) => bar.order === theirs[1].order);
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
  //PARTS
  check(errors.length === 0, `no errors on the page ${errors.join(' | ')}`);
  if (failed.length) throw new Error(`failed: ${failed.join('\n')}`);
  console.log(`${passed} passed, 0 failed`);
} finally {
  await town.close();
}
