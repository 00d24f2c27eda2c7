// The twenty tasks of a dispatcher without a pointer: nothing but keys, on the page of a running engine.
import { event, openTown } from './town.mjs';

let passed = 0;
const town = await openTown();
const { post, state } = town;
try {
  await town.fill();
  const page = await town.open();
  // Whoever has no pointer has no pointer.
  for (const act of ['click', 'dblclick', 'tap', 'check', 'selectOption', 'fill', 'focus', 'hover', 'dragAndDrop']) page[act] = () => { throw new Error(`page.${act} is not the keyboard`); };
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  const until = (act, ...given) => page.waitForFunction(act, ...given);
  const text = (selector) => page.textContent(selector);
  const key = async (...keys) => { for (const one of keys) await page.keyboard.press(one); };
  const type = (words) => page.keyboard.type(words);
  const task = async (what, walk) => {
    try { await walk(); } catch (error) {
      if (process.env.SHOT) await page.screenshot({ path: process.env.SHOT });
      throw new Error(`task ${what}: ${error.message} ${errors.join(' | ')}`);
    }
    passed += 1;
    console.log(`ok ${what}`);
  };
  /** Goes to an element by the Tab key, as far as it takes. @param {string} selector @param {string} [by] */
  const reach = async (selector, by = 'Tab') => {
    await page.waitForSelector(selector);
    for (let steps = 0; steps < 250; steps += 1) {
      if (await page.evaluate((wanted) => Boolean(document.activeElement?.matches(wanted)), selector)) {
        // It can be seen that it has the focus.
        const seen = await page.evaluate(() => { const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement); return outlineStyle !== 'none' && outlineWidth !== '0px'; });
        if (!seen) throw new Error(`${selector} does not show that it has the focus`);
        return;
      }
      await key(by);
    }
    throw new Error(`${selector} cannot be reached by Tab`);
  };
  const rest = async () => { await page.evaluate(() => document.activeElement?.blur()); };
  const close = async () => { await rest(); await key('Escape', 'Escape', 'Escape'); };
  const open = async (id) => {
    await close();
    await key('/');
    await key('Control+a', 'Delete');
    await type(id);
    await key('Enter');
    await until((to) => document.querySelector('#story-title')?.textContent?.split(' ').includes(to), id);
    await page.waitForSelector('#story-actions button');
    await rest();
  };
  const previewed = () => until(() => document.querySelector('#preview')?.dataset.tried === 'yes' && document.querySelector('#preview-sum'));
  const answered = () => until(() => /answered|taken/.test(document.querySelector('#preview-answer')?.dataset.state ?? ''));
  const send = async () => { await previewed(); await reach('#preview-send'); await key('Enter'); await answered(); };

  await task('1: find an order', async () => { await open('ord-2140'); });
  await task('19: address, window, load, skills and reference', async () => {
    await until(() => ['3 Baker Lane', 'Bakery Ana', 'cool', 'load'].every((word) => document.querySelector('#story-facts')?.textContent?.includes(word)));
  });
  await task('2: why it is late', async () => {
    await open('ord-late');
    await until(() => /decision \d+/.test(document.querySelector('#chain')?.textContent ?? ''));
    await key('i');
    await reach('#story-lines button.because');
  });
  await task('3: why it is unassigned', async () => {
    await open('ord-crane');
    await until(() => document.querySelectorAll('#misses li').length >= 5);
  });
  await task('4 and 5: who could take it; move it to the second of them', async () => {
    await open('ord-2140');
    await key('m');
    await until(() => document.querySelectorAll('#offers li').length >= 5 && document.activeElement?.matches('#offers .offer'));
    await key('j');
    const to = await page.evaluate(() => document.activeElement?.dataset.vehicle);
    await key('Enter');
    await send();
    const { vehicle } = await state('orders/ord-2140');
    if (vehicle !== to) throw new Error(`${vehicle} ${to}`);
  });
  await task('undo a move', async () => {
    await rest();
    await key('z');
    await until(() => document.querySelector('#preview h2')?.textContent?.startsWith('Undo'));
    await answered();
  });
  await task('6: pin it, unpin it', async () => {
    await open('ord-2140');
    await key('p');
    await send();
    await until(() => /pinned to/.test(document.querySelector('#story-facts')?.textContent ?? ''));
    await rest();
    await key('z');
    await until(() => !/pinned to/.test(document.querySelector('#story-facts')?.textContent ?? ''));
  });
  await task('7: raise its priority', async () => {
    await open('ord-2140');
    await key('u');
    await until(() => document.activeElement?.id === 'priority-value');
    await key('Control+a');
    await type('60');
    await key('Enter');
    await send();
    if ((await state('orders/ord-2140')).priority !== 60) throw new Error('the priority');
  });
  await task('8: cancel an order', async () => {
    await open('ord-2103');
    await key('x');
    await send();
    if ((await state('orders/ord-2103')).status !== 'cancelled') throw new Error('it is there');
  });
  const van = (await state('state')).vehicles.find(({ id, visits }) => id !== 'v4' && visits.length).id;
  await task('9: a vehicle breaks down; it is back', async () => {
    await open(van);
    await key('l');
    await send();
    if ((await state(`vehicles/${van}`)).status !== 'lost') throw new Error('it is not lost');
    await rest();
    await key('z');
    await until(() => document.querySelector('#preview h2')?.textContent?.startsWith('Undo'));
    await send();
    if ((await state(`vehicles/${van}`)).status === 'lost') throw new Error('it is lost');
  });
  await task('10: end a shift early', async () => {
    await open('v6');
    await key('e');
    await send();
    if ((await state('vehicles/v6')).visits.length) throw new Error('it has work');
  });
  await task('11: close a street for two hours; reopen it', async () => {
    await close();
    await key('r');
    await type('Elm Lane');
    await page.waitForSelector('#road-found button');
    await reach('#road-found button');
    await key('Enter');
    await send();
    await until(() => document.querySelector('#roads')?.textContent?.includes('closed'));
    await close();
    await key('r');
    await reach('#roads button:last-of-type');
    await key('Enter');
    await send();
    await until(() => document.querySelector('#roads')?.textContent?.includes('No road is closed'));
  });
  await task('12: add an order', async () => {
    await close();
    await key('n');
    await reach('#new-lon');
    await type('-9.595');
    await reach('#new-lat');
    await type('41.203');
    await key('Enter');
    await page.waitForSelector('#quote .offer');
    await until(() => document.activeElement?.matches('#quote .offer'));
    await key('Enter');
    await send();
    await until(() => document.querySelector('#story-title')?.textContent?.startsWith('Order desk-'));
  });
  await task('13: what is late; acknowledge it', async () => {
    await close();
    await key('w');
    await until(() => document.activeElement?.closest('#work li'));
    const id = await page.evaluate(() => document.activeElement.closest('li').dataset.id);
    await key('a');
    await until((wanted) => !document.querySelector(`#work li[data-id="${wanted}"]:not(.noted)`), id);
    await reach('#work-noted', 'Shift+Tab');
    await key('Space');
    await until((wanted) => document.querySelector(`#work li[data-id="${wanted}"]`)?.textContent?.includes('Acknowledged'), id);
  });
  await task('14: what changed, and why', async () => {
    await close();
    await key('c');
    await until((id) => document.querySelector('#decisions')?.textContent?.includes(`vehicle ${id}: lost`), van);
    await reach('#decisions button');
  });
  await task('15: a whole day of a vehicle', async () => {
    await open('v1');
    await page.waitForSelector('#day, #story-facts');
    await rest();
    await key('y');
    await until(() => document.activeElement?.id === 'timeline');
    await key('ArrowRight', 'ArrowDown');
    await reach('.lane > button');
    await key('Enter');
    await until(() => document.querySelector('#story-title')?.textContent?.startsWith('Vehicle'));
  });
  await task('16: replay the last hour', async () => {
    await close();
    await key('g');
    await reach('#replay-open');
    await key('Enter');
    await until(() => document.body.classList.contains('replaying') && document.querySelector('#replay-time')?.textContent);
    await reach('#replay-at');
    await key('Home');
    await until(() => Number(document.querySelector('#vehicle-count')?.textContent) === 0);
    await reach('#replay-live');
    await key('Enter');
    await until((vehicles) => !document.body.classList.contains('replaying') && Number(document.querySelector('#vehicle-count')?.textContent) === vehicles, 6 + Number(process.env.TOWN_VANS ?? 0));
  });
  await task('17: read a refused event and act on it', async () => {
    await close();
    await key('f');
    await until(() => document.activeElement?.closest('#refused'));
    await key('Enter');
    await reach('#refused-bytes');
    const mended = (await page.inputValue('#refused-bytes')).replaceAll('ord-2101', 'ord-mended');
    await key('Control+a');
    await page.keyboard.insertText(mended);
    await reach('#refused-send');
    await key('Enter');
    await until(() => /answered/.test(document.querySelector('#refused-answer')?.textContent ?? ''));
    if ((await state('orders/ord-mended')).status !== 'assigned') throw new Error('it is not there');
  });
  await task('20: the orders as CSV', async () => {
    await close();
    await key('t');
    await type('ord-210');
    await until(() => /^\d+ of \d+ orders/.test(document.querySelector('#table-count')?.textContent ?? ''));
    await reach('#table-csv');
    const [download] = await Promise.all([page.waitForEvent('download'), key('Enter')]);
    if (!(await download.path())) throw new Error('no file');
  });
  await task('help, and back', async () => {
    await close();
    await key('?');
    await until(() => document.querySelector('#help')?.open);
    await key('Escape');
    await until(() => !document.querySelector('#help')?.open);
  });
  town.broker.kill('SIGKILL');
  await task('18: that the broker is gone is said', async () => {
    await until(() => document.querySelector('#link')?.className === 'bad' && /broker/.test(document.querySelector('#link')?.textContent ?? ''));
  });
  if (errors.length) throw new Error(errors.join(' | '));
  console.log(`${passed} passed, 0 failed`);
} finally {
  await town.close();
}
