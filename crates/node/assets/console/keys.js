// @ts-check
// The keyboard: every part of the page without a pointer.
import { $, el, fill } from './dom.js';
import { refuses } from './acting.js';
import { byForm } from './add-order.js';
import { t } from './language.js';
import { isPicking, sketch, unpick } from './map.js';
import { closePreview, takePanel, undoLast } from './preview.js';
import { closeSearch } from './search.js';
import { showTab, showView } from './parts.js';
import { unchoose, view } from './store.js';

/** What is pressed by a key is what the page shows: nobody presses a button that is hidden from him. @param {...string} ids the first that is there */
function press(...ids) {
  if (!refuses()) ids.map((id) => document.getElementById(id)).find((button) => button !== null)?.click();
}

/** @type {[string, string, () => void][]} */
const KEYS = [
  ['/', 'find', () => $('search').focus()],
  ['w', 'work list', () => { showTab('work'); /** @type {HTMLElement | null} */ ($('work').querySelector('button'))?.focus(); }],
  ['v', 'vehicles', () => { showTab('vehicles'); /** @type {HTMLElement | null} */ ($('vehicles').querySelector('button'))?.focus(); }],
  ['c', 'what changed', () => { showTab('changes'); $('changes-minutes').focus(); }],
  ['r', 'roads', () => { showTab('roads'); $('road-name').focus(); }],
  ['f', 'refused facts', () => { showTab('refused'); /** @type {HTMLElement | null} */ ($('refused').querySelector('button'))?.focus(); }],
  ['t', 'orders as a table, or the map', () => { showView(); if (!$('table').hidden) $('table-filter').focus(); }],
  ['n', 'new order by form', () => { if (!refuses()) byForm(); }],
  ['g', 'the map and what stands above it', () => $('view-map').focus()],
  ['y', 'the timeline', () => { if ($('timeline').hidden) $('view-timeline').click(); $('timeline').focus(); }],
  ['i', 'the card of what you look at', () => $('story-title').focus()],
  ['m', 'move the order that you look at', () => press('act-move')],
  ['p', 'pin or unpin it', () => press('act-pin', 'act-unpin')],
  ['u', 'its priority', () => press('act-priority')],
  ['x', 'cancel it', () => press('act-cancel')],
  ['l', 'the vehicle that you look at: broken down, or back', () => press('act-lost', 'act-back')],
  ['e', 'end its shift, or start it', () => press('act-end', 'act-start')],
  ['a', 'acknowledge the row of the work list that you are on, or what you look at', () => noteIt('ack')],
  ['s', 'snooze it for 15 minutes', () => noteIt('snooze')],
  ['z', 'undo what was sent last', () => { if (!refuses()) void undoLast(); }],
  ['j', 'next row', () => step(1)],
  ['k', 'row before', () => step(-1)],
  ['?', 'this help', () => help()],
  ['Escape', 'close: drawing, preview, card', () => escape()],
];

/** @param {'ack' | 'snooze'} what */
function noteIt(what) {
  if (refuses()) return;
  const row = document.activeElement?.closest('#work li');
  const button = row ? row.querySelector(`[data-act="${what}"], [data-act="clear"]`) : document.querySelector(`#story-actions [data-note="${what === 'ack' ? 'acknowledged' : 'snoozed'}"], #story-actions [data-note="cleared"]`);
  /** @type {HTMLElement | null} */ (button)?.click();
}

function help() { const dialog = /** @type {HTMLDialogElement} */ ($('help')); if (!dialog.open) dialog.showModal(); }
$('help-open').addEventListener('click', help);
fill('help-keys', ...KEYS.flatMap(([key, what]) => [el('dt', {}, el('kbd', {}, key === 'Escape' ? 'Esc' : key)), el('dd', {}, t(what))]));

function escape() {
  if (isPicking()) { unpick(); sketch.clearLayers(); return; }
  if (!$('preview').hidden) { closePreview(); sketch.clearLayers(); return; }
  // What is still on its way to the panel is not wanted any more.
  takePanel();
  if ($('found').children.length || $('missing').textContent) { closeSearch(); return; }
  if (view.chosen) unchoose();
}

/** The next button in the list that has the focus; in that of the tab if none has it. @param {number} by */
function step(by) {
  const active = document.activeElement;
  const list = active?.closest('ul, ol, tbody') ?? document.querySelector('[role="tabpanel"]:not([hidden]) ul, [role="tabpanel"]:not([hidden]) ol:not(:empty)');
  if (!list) return;
  const rows = [...list.querySelectorAll('li > button:first-child, li > div > button, tr td:first-child > button')];
  const at = rows.findIndex((row) => row === (active?.closest('li, tr')?.querySelector('button') ?? active));
  /** @type {HTMLElement | undefined} */ (rows[Math.min(rows.length - 1, Math.max(0, at + by))])?.focus();
}

document.addEventListener('keydown', (event) => {
  const typing = event.target instanceof HTMLTextAreaElement || event.target instanceof HTMLSelectElement || (event.target instanceof HTMLInputElement && !['checkbox', 'range'].includes(event.target.type));
  if (event.ctrlKey || event.metaKey || event.altKey || /** @type {HTMLDialogElement} */ ($('help')).open) return;
  if (typing && event.key !== 'Escape') return;
  const known = KEYS.find(([key]) => key === event.key);
  if (!known) return;
  event.preventDefault();
  known[2]();
});
