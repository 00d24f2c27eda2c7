// @ts-check
// The card of what is looked at. An answer that comes late, for what was looked at before, is thrown away.
import { t, w } from './language.js';
import { $, el, fill } from './dom.js';
import { get, wrong } from './api.js';
import { closePreview } from './preview.js';
import { explainOrder, showOrder, showRetired } from './order-card.js';
import { showPast } from './past-card.js';
import { on, unchoose, view } from './store.js';
import { showVehicle } from './vehicle-card.js';

let asked = 0;
/** What was last explained, so that a card that is only refreshed does not read the log again. */
let explained = '';
let due = 0;
/** Whoever waits longer for an answer is told that he does, milliseconds: a card would else be empty without a word. */
const SLOW = 1_500;

/** @param {boolean} fresh something else is looked at now */
async function tell(fresh) {
  const chosen = view.chosen;
  if (!chosen) return;
  asked += 1;
  const mine = asked;
  if (fresh) {
    fill('story-title', `${chosen.kind === 'orders' ? t('Order') : t('Vehicle')} ${chosen.id}`);
    for (const id of ['story-head', 'story-actions', 'story-more', 'story-facts', 'story-why', 'story-lines']) fill(id);
    $('story').hidden = false;
    $('nothing').hidden = true;
    explained = '';
  }
  // The engine tells what is: of the past only what the picture of that instant has.
  if (view.replaying) { await showPast(chosen, () => mine === asked && view.chosen === chosen && view.replaying); return; }
  const slow = fresh ? window.setTimeout(() => { if (view.chosen === chosen && !$('story-head').hasChildNodes()) fill('story-head', t('The engine has not answered yet.')); }, SLOW) : 0;
  const [order, vehicle] = chosen.kind === 'orders' ? [await get('v1/orders/{id}', { id: chosen.id }), null] : [null, await get('v1/vehicles/{id}', { id: chosen.id })];
  const answer = order ?? vehicle;
  if (mine !== asked || view.chosen !== chosen) return;
  window.clearTimeout(slow);
  if (!answer.ok) { fill('story-head', el('span', { class: 'bad-text' }, answer.status === 404 ? w`nothing is called ${chosen.id}` : wrong(answer))); return; }
  // Whoever is on a button with the keyboard stays there.
  const focus = document.activeElement instanceof HTMLElement && $('story-actions').contains(document.activeElement) ? document.activeElement.id : '';
  const body = order?.ok ? order.body : null;
  if (vehicle?.ok) showVehicle(vehicle.body); else if (body && 'retired' in body) showRetired(body); else if (body) showOrder(body);
  if (focus) document.getElementById(focus)?.focus();
  if (!body || 'retired' in body) return;
  const last = [...body.story].reverse().find((line) => line.decision);
  const key = `${chosen.id} ${body.status} ${body.vehicle} ${last?.decision} ${Math.round((body.late_seconds ?? 0) / 60)}`;
  if (key === explained) return;
  explained = key;
  await explainOrder(body, () => view.chosen === chosen && explained === key);
}

on('chosen', ({ now }) => {
  if (!now) {
    asked += 1;
    $('story').hidden = true;
    $('nothing').hidden = false;
    return;
  }
  void tell(true);
});
on('taken', ({ body }) => {
  const chosen = view.chosen;
  const about = chosen && (body.noted || body.vehicles.some((one) => one.id === chosen.id) || body.orders.some((one) => one.id === chosen.id) || body.decisions.some((one) => one.order === chosen.id));
  // A busy vehicle changes ten times a second; a card once.
  if ((about || view.replaying) && chosen && !due) due = window.setTimeout(() => { due = 0; void tell(false); }, 700);
});
on('picture', () => { if (view.replaying && view.chosen) void tell(false); });
on('midnight', () => { if (view.chosen) { explained = ''; void tell(false); } });
$('story-close').addEventListener('click', () => { closePreview(); unchoose(); });
