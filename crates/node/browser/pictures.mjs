// Makes the pictures of docs/CONSOLE.md: node pictures.mjs
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openTown } from './town.mjs';

const folder = fileURLToPath(new URL('../../../docs/console/', import.meta.url));
mkdirSync(folder, { recursive: true });
const town = await openTown();
try {
  await town.fill();
  const page = await town.open({ width: 1280, height: 760 });
  const shot = async (name, on = page, of = on) => { await on.waitForTimeout(600); await of.screenshot({ path: `${folder}${name}.png` }); console.log(name); };
  const find = async (id) => { await page.keyboard.press('Escape'); await page.keyboard.press('Escape'); await page.fill('#search', id); await page.keyboard.press('Enter'); await page.waitForSelector('#story-actions button'); await page.evaluate(() => document.activeElement?.blur()); };
  await shot('page');
  await shot('work', page, page.locator('#left'));
  await shot('timeline', page, page.locator('#timeline'));
  await find('v1');
  await page.evaluate(async () => { const { map } = await import('/console/map.js'); map.setZoom(16); });
  await page.waitForFunction(() => [...document.querySelectorAll('#map .leaflet-tile-pane canvas')].some((square) => square.dataset.names));
  await shot('map', page, page.locator('#map'));
  await find('ord-late');
  await page.waitForFunction(() => /it was .* late then/.test(document.querySelector('#chain')?.textContent ?? ''));
  await shot('late');
  await find('ord-2140');
  await page.click('#act-move');
  await page.waitForSelector('#offers .offer');
  await page.click('#offers li:nth-child(2) .offer');
  await page.waitForFunction(() => document.querySelector('#preview').dataset.tried === 'yes' && document.querySelector('#preview-sum'));
  await shot('move');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#preview-undo');
  await page.click('#preview-undo');
  await page.waitForFunction(() => document.querySelector('#preview h2')?.textContent?.startsWith('Undo') && document.querySelector('#preview-answer'));
  await page.keyboard.press('Escape');
  await page.click('#tab-roads');
  await page.fill('#road-name', 'Elm Lane');
  await page.waitForSelector('#road-found button');
  await page.click('#road-found button');
  await page.waitForFunction(() => document.querySelector('#preview-sum'));
  await shot('close-street');
  await page.click('#preview-cancel');
  await page.click('#replay-open');
  await page.waitForFunction(() => document.querySelector('#replay-time')?.textContent);
  await page.evaluate(() => { const slider = document.querySelector('#replay-at'); slider.value = slider.max; slider.dispatchEvent(new Event('input')); });
  await shot('replay');
  const dark = await town.open({ width: 1280, height: 760 });
  await dark.emulateMedia({ colorScheme: 'dark' });
  await dark.click('#work li button');
  await dark.waitForSelector('#story-actions button');
  await shot('dark', dark);
  const phone = await town.open({ width: 390, height: 844 });
  await shot('phone', phone);
  await phone.click('#work li button');
  await phone.waitForFunction(() => document.querySelector('#chain'));
  await shot('phone-card', phone);
} finally {
  await town.close();
}
