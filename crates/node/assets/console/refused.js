// @ts-check
// A refused event: its bytes, why, which order; mended and sent again under a new id. And one that was taken although it contradicts what was known.
import { t, w } from './language.js';
import { $, button, el, fill } from './dom.js';
import { refuses } from './acting.js';
import { SOURCE, eventId, get, post, signed, wrong } from './api.js';
import { noteButtons, noteText } from './notes.js';
import { closePreview, showPanel, takePanel } from './preview.js';
import { REFUSED_MAX, choose, fleet, noteOf, on } from './store.js';
import { clock, exact, iso } from './time.js';

/** JSON on lines; anything else as it is. @param {string} bytes */
function readable(bytes) { try { return JSON.stringify(JSON.parse(bytes), null, 2); } catch { return bytes; } }

/** @param {import('../engine.js').Refusal} refusal */
export async function showRefusal(refusal) {
  const current = takePanel();
  const answer = await get('v1/entries/{seq}', { seq: refusal.seq });
  if (!current()) return;
  const bytes = answer.ok ? answer.body.bytes : '';
  const text = el('textarea', { id: 'refused-bytes', 'aria-label': t('the event'), spellcheck: 'false' });
  text.value = readable(bytes);
  const noted = noteOf('entry', refusal.seq, clock());
  const named = refusal.entity && (fleet.orders.has(refusal.entity) ? 'orders' : fleet.vehicles.has(refusal.entity) ? 'vehicles' : 'orders');
  showPanel(el('h2', { tabindex: '-1' }, w`Refused: entry ${refusal.seq}`),
    el('dl', {}, ...[['reason', refusal.reason], ['in words', refusal.detail], ['source', refusal.source], ['event id', refusal.id], ['about', refusal.entity], ['when', refusal.at ? exact(refusal.at) : '']].filter(([, value]) => value).flatMap(([label, value]) => [el('dt', {}, t(label ?? '')), el('dd', {}, value)])),
    noted ? el('p', {}, noteText(noted)) : null,
    answer.ok ? el('div', { id: 'story-more-refused' }, text) : el('p', { class: 'bad-text' }, wrong(answer)),
    el('div', { id: 'refused-answer', role: 'status' }),
    el('div', { class: 'buttons' },
      named ? button(w`Open ${refusal.entity}`, () => choose(named, refusal.entity ?? '')) : null,
      answer.ok ? button(t('Send again under a new id'), () => void again(text), { id: 'refused-send', class: 'main', 'data-acts': true }) : null,
      ...noteButtons('entry', refusal.seq),
      button(t('Close (Esc)'), closePreview)));
  // Whoever came by keys goes on there.
  /** @type {HTMLElement | null} */ ($('preview').querySelector('h2'))?.focus();
}

/** Whom an event is about, as far as its bytes say so. @param {string} bytes @returns {import('./store.js').Chosen[]} */
function about(bytes) {
  try {
    const { order_id: order, vehicle_id: vehicle } = JSON.parse(bytes).data ?? {};
    return [/** @type {const} */ ({ kind: 'orders', id: order }), /** @type {const} */ ({ kind: 'vehicles', id: vehicle })].filter(({ id }) => typeof id === 'string');
  } catch { return []; }
}

/** What contradicts the plan happened all the same: it is never sent again, and what is left to be done is done on the cards of those whom it is about. @param {import('../engine.js').Refusal} conflict */
export async function showConflict(conflict) {
  const current = takePanel();
  const answer = await get('v1/entries/{seq}', { seq: conflict.seq });
  if (!current()) return;
  const bytes = answer.ok ? answer.body.bytes : '';
  const noted = noteOf('entry', conflict.seq, clock());
  showPanel(el('h2', { tabindex: '-1' }, w`Conflict: entry ${conflict.seq}`),
    el('p', {}, conflict.reason === 'conflict' ? t('It was taken as what happened, although it contradicts what was known. Look at whom it is about, and do there what is left to be done.')
      : t('It names something that nobody knows, and nothing happens until that comes. Look whether the id is misspelt: then it has to be sent again with the right one.')),
    el('dl', {}, ...[['in words', conflict.detail], ['source', conflict.source], ['event id', conflict.id]].flatMap(([label, value]) => (value ? [el('dt', {}, t(label ?? '')), el('dd', {}, value)] : []))),
    noted ? el('p', {}, noteText(noted)) : null,
    answer.ok ? el('pre', { id: 'conflict-bytes', tabindex: '0', 'aria-label': t('the event') }, readable(bytes)) : el('p', { class: 'bad-text' }, wrong(answer)),
    el('div', { class: 'buttons' },
      ...about(bytes).map(({ kind, id }) => button(w`Open ${id}`, () => choose(kind, id), { 'data-open': kind })),
      ...noteButtons('entry', conflict.seq),
      button(t('Close (Esc)'), closePreview)));
  /** @type {HTMLElement | null} */ ($('preview').querySelector('h2'))?.focus();
}

/** @param {HTMLTextAreaElement} text */
async function again(text) {
  if (refuses()) return;
  let given;
  try { given = JSON.parse(text.value); } catch (error) { fill('refused-answer', el('p', { class: 'bad-text' }, w`This is no JSON: ${error}`)); return; }
  // A rejected event stays rejected under its id: this is another one.
  if (typeof given !== 'object' || given === null || Array.isArray(given)) { fill('refused-answer', el('p', { class: 'bad-text' }, t('An event is an object: { … }.'))); return; }
  const current = takePanel();
  const answer = await post([{ ...given, id: eventId(), source: SOURCE, ...signed(), time: given.time ?? iso(clock() || Date.now()) }]);
  if (!current()) return;
  const one = answer.ok ? answer.body.answers?.[0] : undefined;
  const bad = answer.ok ? answer.body.rejected[0]?.detail : wrong(answer);
  fill('refused-answer', el('p', { class: !bad && one?.state !== 'refused' ? '' : 'bad-text' }, bad ?? w`${t(one?.state ?? 'taken')}${one?.reason ? `: ${one.reason}` : ''} (entry ${one?.seq ?? (answer.ok ? answer.body.last_seq : '')})`));
}

let count = -1;
function draw() {
  count = fleet.refused.length;
  // The engine keeps the last hundred: then there may be more.
  $('refused-count').textContent = count >= REFUSED_MAX ? `${REFUSED_MAX}+` : String(count);
  fill('refused', ...[...fleet.refused].reverse().map((refusal) => el('li', { class: 'row' }, el('button', { type: 'button', class: 'go', 'data-seq': refusal.seq, onclick: () => void showRefusal(refusal) }, el('span', {}, '✕'), el('span', {}, el('time', {}, exact(refusal.at)), `${refusal.entity ?? ''} ${refusal.reason}`), el('small'), el('span', { class: 'under' }, refusal.detail)))), count >= REFUSED_MAX ? el('li', { id: 'refused-more' }, w`The last ${REFUSED_MAX} are here. All that the log has: fleetfold rejected list.`) : null);
}
on('midnight', draw);
on('taken', ({ body }) => { if (body.refused.length || fleet.refused.length !== count) draw(); });
