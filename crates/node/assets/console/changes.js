// @ts-check
// What changed in the last minutes, each decision with what triggered it.
import { t, w } from './language.js';
import { $, button, el, fill } from './dom.js';
import { get } from './api.js';
import { factLine } from './order-card.js';
import { choose, emit, fleet, known, on } from './store.js';
import { clock, exact } from './time.js';

/** Decisions that are shown. */
const SHOWN = 120;
let drawnAt = 0;
let due = 0;

function draw() {
  due = 0;
  drawnAt = performance.now();
  const minutes = Number(/** @type {HTMLSelectElement} */ ($('changes-minutes')).value);
  const recent = fleet.decisions.filter((decision) => decision.at >= clock() - minutes * 60_000).reverse();
  const moved = recent.filter((decision) => decision.previous && decision.previous !== decision.vehicle).length;
  const text = recent.length ? w`${recent.length} decisions, ${moved} orders moved to another vehicle` : t('No decision.');
  if ($('changes-sum').textContent !== text) $('changes-sum').textContent = text;
  const shown = recent.length ? recent : fleet.decisions.slice(-20).reverse();
  if (!recent.length && shown.length) $('changes-sum').textContent = t('No decision; the last ones before that:');
  fill('decisions', ...shown.slice(0, SHOWN).map((decision, index) => {
    const first = index === 0 || shown[index - 1].rev !== decision.rev;
    const because = decision.because?.length ? [t('because '), ...decision.because.map(factLine)] : [decision.kind === 'improvement' ? t('a search found something better') : t('no event: a promise was about to break, or times had moved')];
    return el('li', {}, first ? el('div', { class: 'because' }, el('time', {}, exact(decision.at)), ...because) : null,
      el('div', { class: decision.kind }, button(decision.words, () => choose('orders', decision.order))));
  }));
}

const soon = () => { if (!due && !$('panel-changes').hidden) due = window.setTimeout(draw, Math.max(30, 1000 - (performance.now() - drawnAt))); };
on('taken', soon);
on('midnight', soon);
on('tab', (tab) => { if (tab === 'changes') draw(); });
on('tick', () => { if (performance.now() - drawnAt > 10_000) soon(); });
$('changes-minutes').addEventListener('change', draw);
/** The picture has the last hundred; an engine that was restarted reads older ones out of its log. */
export async function loadDecisions() {
  const answer = await get('v1/decisions');
  if (answer.ok) { known(answer.body.decisions); emit('decisions'); draw(); }
}
