// Whether everybody can use the page: axe-core looks at each of its views, light and dark, on a desk and on a phone.
import { readFileSync } from 'node:fs';
import { openTown } from './town.mjs';

/** The matrices of Machado, Oliveira and Fernandes (2009) for people who lack one kind of cone, on linear RGB. */
const SIGHT = {
  'as most people see': [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
/** A colour in CIELAB as somebody sees it. @param {string} colour @param {number[][]} matrix */
function seen(colour, matrix) {
  const linear = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  const [r, g, b] = matrix.map((row) => Math.min(1, Math.max(0, row.reduce((sum, part, at) => sum + part * linear[at], 0))));
  const root = (part) => (part > 0.008856 ? Math.cbrt(part) : 7.787 * part + 16 / 116);
  const [x, y, z] = [(0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505, 0.2126 * r + 0.7152 * g + 0.0722 * b, (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089].map(root);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
/** Colours of the map that differ by less than this cannot be told apart at a glance (CIE76; just noticeable is 2.3). */
const APART = 15;

let passed = 0;
const wrong = [];
const town = await openTown();
try {
  await town.fill();
  const axe = readFileSync(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
  const page = await town.open({ width: 1280, height: 800 }, axe);
  const until = (act, ...given) => page.waitForFunction(act, ...given);
  /** All rules but those that only advise. @param {string} view */
  const look = async (view) => {
    const found = await page.evaluate(async () => {
      const { violations } = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
      return violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.slice(0, 4).map((node) => `${node.target.join(' ')} — ${node.any.concat(node.all, node.none).map((one) => one.message).join('; ')}`), count: nodes.length }));
    });
    for (const one of found) wrong.push(`${view}: ${one.id} (${one.impact}, ${one.count})\n    ${one.nodes.join('\n    ')}`);
    if (!found.length) { passed += 1; console.log(`ok ${view}`); }
  };
  const open = async (id) => {
    await page.keyboard.press('Escape'); await page.keyboard.press('Escape');
    await page.fill('#search', id);
    await page.keyboard.press('Enter');
    await until((to) => document.querySelector('#story-title')?.textContent?.includes(to), id);
    await page.waitForSelector('#story-actions button');
    await page.evaluate(() => document.activeElement?.blur());
  };
  const previewed = () => until(() => document.querySelector('#preview')?.dataset.tried === 'yes');
  const views = async (where) => {
    await until(() => document.querySelector('#work li'));
    await look(`${where}: work list, map and timeline`);
    for (const tab of ['vehicles', 'changes', 'roads', 'refused']) {
      await page.click(`#tab-${tab}`);
      await look(`${where}: ${tab}`);
    }
    await page.click('#tab-work');
    await open('ord-late');
    await until(() => document.querySelector('#chain'));
    await look(`${where}: an order that is late`);
    await open('ord-crane');
    await until(() => document.querySelectorAll('#misses li').length);
    await look(`${where}: an order without a place`);
    await open('v1');
    await look(`${where}: a vehicle`);
    await open('ord-2140');
    await page.click('#act-move');
    await until(() => document.querySelectorAll('#offers li').length >= 5);
    await look(`${where}: who could take an order`);
    await page.click('#offers li:nth-child(2) .offer');
    await previewed();
    await look(`${where}: a preview`);
    await page.keyboard.press('Escape'); await page.keyboard.press('Escape');
    await page.keyboard.press('n');
    await page.waitForSelector('#new-order');
    await look(`${where}: a new order`);
    await page.keyboard.press('Escape');
    await page.evaluate(() => document.activeElement?.blur());
    await page.keyboard.press('Escape'); await page.keyboard.press('Escape');
    await page.click('#view-table');
    await look(`${where}: the table`);
    await page.click('#view-map');
    await page.click('#replay-open');
    await until(() => document.querySelector('#replay-time')?.textContent);
    await look(`${where}: a replay`);
    await page.click('#replay-live');
    await page.click('#help-open');
    await look(`${where}: help`);
    await page.keyboard.press('Escape');
  };
  await page.emulateMedia({ colorScheme: 'light' });
  await views('light');
  await page.emulateMedia({ colorScheme: 'dark' });
  await views('dark');
  await page.setViewportSize({ width: 390, height: 844 });
  for (const part of ['left', 'centre', 'right']) {
    await page.click(`#narrow [data-part="${part}"]`);
    await look(`phone: ${part}`);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.goto(`${town.base}/login`);
    await look(`${scheme}: login`);
    await page.goto(`${town.base}/docs`);
    await until(() => document.querySelectorAll('details.route').length > 30);
    await page.click('details.route summary');
    await look(`${scheme}: the routes`);
  }
  await page.goto(`${town.base}/`);
  const colours = Object.entries(await page.evaluate(async () => (await import('/console/map.js')).COLOURS));
  for (const [sight, matrix] of Object.entries(SIGHT)) {
    for (const [at, [name, colour]] of colours.entries()) {
      for (const [other, second] of colours.slice(at + 1)) {
        const apart = Math.hypot(...seen(colour, matrix).map((part, index) => part - seen(second, matrix)[index]));
        if (apart < APART) wrong.push(`${sight}: ${name} and ${other} of the map differ by ${apart.toFixed(0)} only`);
      }
    }
  }
  passed += 1;
  console.log('ok the colours of the map are told apart by everybody');
  await page.goto(`${town.base}/docs`);
  await until(() => document.querySelectorAll('details.route').length > 30);
  // A person who looks for a code finds the two routes that answer with it: the one of a vehicle, and who is forgotten.
  await page.fill('#find', 'no_such_vehicle');
  await until(() => document.querySelectorAll('details.route:not([hidden])').length === 2);
  if (wrong.length) throw new Error(`${wrong.length} views or rules:\n${wrong.join('\n')}`);
  console.log(`${passed} passed, 0 failed`);
} finally {
  await town.close();
}
