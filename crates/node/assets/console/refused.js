// @ts-check
// A refused event: its bytes, why, which order; mended and sent again under a new id.
import { t, w } from './language.js';
import { $, button, el, fill } from './dom.js';
import { event, get, post, wrong } from './api.js';
import { noteButtons, noteText } from './notes.js';
import { choose, fleet, noteOf, on } from './store.js';
import { clock, exact } from './time.js';

/** @param {any} refusal */
export async function showRefusal(refusal) {
  const answer = await get(`v1/entries/${refusal.seq}`);
  const bytes = answer.ok ? answer.body.bytes : '';
  let pretty = bytes;
  try { pretty = JSON.stringify(JSON.parse(bytes), null, 2); } catch { /* it is shown as it is */ }
  const text = el('textarea', { id: 'refused-bytes', 'aria-label': t('the event'), spellcheck: 'false' });
  text.value = pretty;
  const noted = noteOf('entry', refusal.seq, clock());
  const named = refusal.entity && (fleet.orders.has(refusal.entity) ? 'orders' : fleet.vehicles.has(refusal.entity) ? 'vehicles' : 'orders');
  $('preview').hidden = false;
  fill('preview', el('h2', { tabindex: '-1' }, w`Refused: entry ${refusal.seq}`),
    el('dl', {}, ...[['reason', refusal.reason], ['in words', refusal.detail], ['source', refusal.source], ['event id', refusal.id], ['about', refusal.entity], ['when', refusal.at ? exact(refusal.at) : '']].filter(([, value]) => value).flatMap(([label, value]) => [el('dt', {}, t(label)), el('dd', {}, value)])),
    noted ? el('p', {}, noteText(noted)) : null,
    answer.ok ? el('div', { id: 'story-more-refused' }, text) : el('p', { class: 'bad-text' }, wrong(answer)),
    el('div', { id: 'refused-answer', role: 'status' }),
    el('div', { class: 'buttons' },
      named ? button(w`Open ${refusal.entity}`, () => choose(/** @type {any} */ (named), refusal.entity)) : null,
      answer.ok ? button(t('Send again under a new id'), () => void again(text), { id: 'refused-send', class: 'main' }) : null,
      ...noteButtons('entry', refusal.seq),
      button(t('Close (Esc)'), () => { $('preview').hidden = true; })));
  // Whoever came by keys goes on there.
  /** @type {HTMLElement | null} */ ($('preview').querySelector('h2'))?.focus();
}

/** @param {HTMLTextAreaElement} text */
async function again(text) {
  let given;
  try { given = JSON.parse(text.value); } catch (error) { fill('refused-answer', el('p', { class: 'bad-text' }, w`This is no JSON: ${error}`)); return; }
  // A rejected event stays rejected under its id: this is another one.
  const { id, source, time } = event({ type: 'again', data: {} });
  const answer = await post([{ ...given, id, source, time: given.time ?? time }]);
  const one = answer.body?.answers?.[0];
  fill('refused-answer', el('p', { class: answer.ok && one?.state !== 'refused' ? '' : 'bad-text' }, answer.ok ? w`${t(one?.state ?? 'taken')}${one?.reason ? `: ${one.reason}` : ''} (entry ${one?.seq ?? answer.body.last_seq})` : wrong(answer)));
}

let count = -1;
function draw() {
  count = fleet.refused.length;
  $('refused-count').textContent = String(count);
  fill('refused', ...[...fleet.refused].reverse().map((refusal) => el('li', { class: 'row' }, el('button', { type: 'button', class: 'go', 'data-seq': refusal.seq, onclick: () => void showRefusal(refusal) }, el('span', {}, '✕'), el('span', {}, el('time', {}, exact(refusal.at)), `${refusal.entity ?? ''} ${refusal.reason}`), el('small'), el('span', { class: 'under' }, refusal.detail)))));
}
on('taken', ({ body }) => { if (body.refused.length || fleet.refused.length !== count) draw(); });
