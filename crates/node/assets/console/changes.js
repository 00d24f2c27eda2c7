// @ts-check
// What changed in the last minutes, each decision with what triggered it.
import { t, w } from './language.js';
import { $, button, el, fill } from './dom.js';
import { get } from './api.js';
import { factLine } from './order-card.js';
import { chosen, keep } from './preferences.js';
import { DECISIONS_MAX, choose, emit, fleet, known, on, view } from './store.js';
import { clock, exact } from './time.js';

/** Decisions that are shown at first, and by how many that grows. */
const SHOWN = 120;
let most = SHOWN;
/** When this browser last looked at the page before now, zone time; 0: it never did. */
const left = Number(chosen('left')) || 0;
/** From then on is what the operator comes back to, at most so long, milliseconds. */
const LEFT_MAX = 24 * 3_600_000;
/** Until when the page was looked at is remembered so often, milliseconds. */
const LOOKED_EVERY = 10_000;
let lookedAt = 0;

let drawnAt = 0;
let due = 0;

function draw() {
  due = 0;
  drawnAt = performance.now();
  const wanted = /** @type {HTMLSelectElement} */ ($('changes-minutes')).value;
  const since = wanted === 'left' ? Math.max(left, clock() - LEFT_MAX) : clock() - Number(wanted) * 60_000;
  const recent = fleet.decisions.filter((decision) => decision.at >= since).reverse();
  const moved = recent.filter((decision) => decision.previous && decision.previous !== decision.vehicle).length;
  // Older ones are in the log, and not here.
  const cut = fleet.decisions.length >= DECISIONS_MAX && recent.length === fleet.decisions.length;
  const text = cut ? w`The last ${recent.length} decisions; there were more. ${moved} orders moved to another vehicle` : recent.length ? w`${recent.length} decisions, ${moved} orders moved to another vehicle` : t('No decision.');
  if ($('changes-sum').textContent !== text) $('changes-sum').textContent = text;
  const shown = recent.length ? recent : fleet.decisions.slice(-20).reverse();
  if (!recent.length && shown.length) $('changes-sum').textContent = t('No decision; the last ones before that:');
  fill('decisions', ...shown.slice(0, most).map((decision, index) => {
    const first = index === 0 || shown[index - 1].rev !== decision.rev;
    const because = decision.because?.length ? [t('because '), ...decision.because.map(factLine)] : [decision.kind === 'improvement' ? t('a search found something better') : t('no event: a promise was about to break, or times had moved')];
    return el('li', {}, first ? el('div', { class: 'because' }, el('time', {}, exact(decision.at)), ...because) : null,
      el('div', { class: decision.kind }, button(decision.words, () => choose('orders', decision.order))));
  }), shown.length > most ? el('li', {}, button(w`and ${shown.length - most} more`, () => { most += SHOWN; draw(); }, { id: 'changes-more' })) : null);
}

const soon = () => { if (!due && !$('panel-changes').hidden) due = window.setTimeout(draw, Math.max(30, 1000 - (performance.now() - drawnAt))); };
on('taken', soon);
on('midnight', soon);
on('tab', (tab) => { if (tab === 'changes') draw(); });
on('tick', () => {
  if (performance.now() - drawnAt > 10_000) soon();
  if (document.hidden || view.replaying || !clock() || performance.now() - lookedAt < LOOKED_EVERY) return;
  lookedAt = performance.now();
  keep('left', String(Math.round(clock())));
});
$('changes-minutes').addEventListener('change', () => { most = SHOWN; draw(); });
/** The picture has the last hundred; an engine that was restarted reads older ones out of its log. */
export async function loadDecisions() {
  const answer = await get('v1/decisions');
  if (answer.ok) { known(answer.body.decisions); emit('decisions'); draw(); }
}
