// @ts-check
// Which part of the page is shown: the tabs of the lists, map or table, timeline; on a narrow screen one part at a time.
import { $ } from './dom.js';
import { resized } from './map.js';
import { emit, on } from './store.js';

const TABS = ['work', 'vehicles', 'changes', 'roads', 'refused'];

/** @param {string} name */
export function showTab(name) {
  for (const tab of TABS) {
    $(`panel-${tab}`).hidden = tab !== name;
    $(`tab-${tab}`).setAttribute('aria-selected', String(tab === name));
    $(`tab-${tab}`).tabIndex = tab === name ? 0 : -1;
  }
  showPart('left');
  emit('tab', name);
}
for (const tab of TABS) {
  $(`tab-${tab}`).addEventListener('click', () => showTab(tab));
  $(`tab-${tab}`).addEventListener('keydown', (event) => {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (!by) return;
    const next = TABS[(TABS.indexOf(tab) + by + TABS.length) % TABS.length];
    showTab(next);
    $(`tab-${next}`).focus();
  });
}

/** Map or table; the other one without a name. @param {'map' | 'table'} [name] */
export function showView(name = $('table').hidden ? 'table' : 'map') {
  $('table').hidden = name !== 'table';
  $('map').hidden = name !== 'map';
  for (const view of ['map', 'table']) $(`view-${view}`).setAttribute('aria-pressed', String(view === name));
  if (name === 'map') resized();
  showPart('centre');
  emit('view', name);
}
$('view-map').addEventListener('click', () => showView('map'));
$('view-table').addEventListener('click', () => showView('table'));
$('view-timeline').addEventListener('click', () => {
  $('timeline').hidden = !$('timeline').hidden;
  $('view-timeline').setAttribute('aria-pressed', String(!$('timeline').hidden));
  resized();
});

/** On a narrow screen one part is shown. @param {string} part */
function showPart(part) {
  document.body.dataset.part = part;
  for (const button of document.querySelectorAll('#narrow button')) button.setAttribute('aria-pressed', String(/** @type {HTMLElement} */ (button).dataset.part === part));
  if (part === 'centre') resized();
}
for (const button of document.querySelectorAll('#narrow button')) button.addEventListener('click', () => showPart(/** @type {HTMLElement} */ (button).dataset.part ?? 'left'));
showPart('left');
on('part', showPart);
on('chosen', ({ now }) => { if (now) showPart('right'); });
on('previewed', (shown) => { if (shown) showPart('right'); });
window.addEventListener('resize', () => resized());
