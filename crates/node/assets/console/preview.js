// @ts-check
// What an operator is about to do: tried on a copy first, then sent as ordinary events, then shown with the decision that answers it.
import { $, button, el, fill, say } from './dom.js';
import { t, w } from './language.js';
import { event, post, send, wrong } from './api.js';
import { choose, emit, fleet } from './store.js';
import { lateMinutes, more, time } from './time.js';

/** @typedef {import('./api.js').Fact} Fact */
/**
 * `says`: what it means beyond what the trial shows; `undo`: facts that take it back, if anything does; `done`: what follows when it was sent.
 * @typedef {{title: string, facts: Fact[], says?: (string | Node)[], undo?: Fact[], undoTitle?: string, done?: (answers: any[]) => void}} Plan
 */

/** Changes that are listed one by one. */
const LISTED = 40;
let turn = 0;
/** What takes back the last thing that was sent, also when its answer is not shown any more. @type {(() => void) | null} */ let lastUndo = null;
export const undoLast = () => lastUndo?.();

const GIVES = /** @type {Record<string, (give: any) => string>} */ ({
  off_duty: () => t('nobody is signed on'), lost: () => t('it has broken down'), pinned: (give) => w`pinned to ${give.vehicle}`, on_board: (give) => w`its goods are in ${give.vehicle}`,
  under_way: (give) => w`${give.vehicle} is on its way to it`, rejected: () => t('its driver refused it'), skills: (give) => w`it lacks ${give.skills.join(', ')}`, stops: (give) => w`${give.by} stops too many`,
  capacity: (give) => w`${give.by} too much load${give.dimension > 1 ? w` (dimension ${give.dimension})` : ''}`, shift: (give) => w`its shift ends ${Math.ceil(give.by / 60)} min too early`, unreachable: () => t('no road leads there'),
  unloading_order_or_break: () => t('the order of unloading, or a break'), price: (give) => w`leaving it out costs ${give.by.toFixed(2)} less`,
});
/** What keeps a vehicle off an order: the least that would have to give. @param {any} offer */
export function lacks(offer) {
  const least = offer.needs?.[0] ?? [];
  return least.map((/** @type {any} */ give) => (GIVES[give.what] ?? (() => give.what))(give)).join(t(', and ')) || t('its route breaks a rule already');
}

/** @param {any} place */
const where = (place) => (place.vehicle ? `${place.vehicle} ${time(place.start)}${place.late_seconds >= 60 ? w`, ${lateMinutes(place.late_seconds)} min late` : ''}` : place.unassigned ? w`unassigned: ${place.unassigned}` : t(place.status));

/** @param {any} order */
function changeLine(order) {
  const worse = order.after.late_seconds > order.before.late_seconds + 59 || (order.after.unassigned && !order.before.unassigned);
  const nearest = order.after.unassigned && order.offers?.length ? w` — nearest: ${order.offers[0].vehicle}, ${order.offers[0].cost ? t('possible') : lacks(order.offers[0])}` : '';
  return el('li', { class: worse ? 'bad-text' : '' }, `${order.order}: ${where(order.before)} → ${where(order.after)}`, order.later_seconds ? ` (${more(order.later_seconds)})` : '', nearest);
}

/** @param {any} trial */
function outcome(trial) {
  const counts = Object.entries(trial.counts).map(([what, count]) => `${count} ${t(what)}`).join(' · ');
  const refused = trial.events.filter((/** @type {any} */ one) => one.refused);
  const difference = trial.cost_after.total - trial.cost_before.total;
  const worst = [...trial.orders].sort((a, b) => (b.after.unassigned ? 1 : 0) - (a.after.unassigned ? 1 : 0) || (b.after.late_seconds - b.before.late_seconds) - (a.after.late_seconds - a.before.late_seconds));
  const routes = new Set(trial.orders.flatMap((/** @type {any} */ order) => [order.before.vehicle, order.after.vehicle]).filter(Boolean));
  return el('div', {},
    ...refused.map((/** @type {any} */ one) => el('p', { class: 'bad-text' }, w`It makes no sense now: ${one.refused}`)),
    el('p', { id: 'preview-sum' }, counts ? `${counts}.` : t('No order changes.'), w` Cost ${difference >= 0 ? '+' : '−'}${Math.abs(difference).toFixed(2)}.`, routes.size ? w` Routes: ${[...routes].slice(0, 8).join(', ')}${routes.size > 8 ? w` and ${routes.size - 8} more` : ''}.` : '', trial.unsettled ? t(' More may follow.') : ''),
    el('ul', { 'aria-label': t('orders that change') }, ...worst.slice(0, LISTED).map(changeLine), worst.length > LISTED ? el('li', {}, w`and ${worst.length - LISTED} more`) : null));
}

export function closePreview() {
  turn += 1;
  $('preview').hidden = true;
  emit('previewed', false);
}

/** Shows what would come of facts, and sends them if the operator says so. @param {Plan} plan */
export async function propose(plan) {
  turn += 1;
  const mine = turn;
  const events = plan.facts.map(event);
  const sendButton = button(t('Send'), () => void carryOut(plan, events), { class: 'main', id: 'preview-send' });
  const panel = $('preview');
  panel.hidden = false;
  fill('preview', el('h2', { tabindex: '-1', id: 'preview-title' }, plan.title), ...(plan.says ?? []).map((line) => el('p', {}, line)), el('div', { id: 'preview-outcome' }, t('Trying it on a copy…')), el('div', { class: 'buttons' }, sendButton, button(t('Cancel (Esc)'), closePreview, { id: 'preview-cancel' })));
  emit('previewed', true);
  sendButton.focus();
  const answer = await send('v1/what-if', { changes: events });
  if (mine !== turn) return;
  fill('preview-outcome', answer.ok ? outcome(answer.body) : el('p', { class: 'bad-text' }, wrong(answer)));
  panel.dataset.tried = answer.ok ? 'yes' : 'no';
  emit('tried', answer.ok ? answer.body : null);
  if (answer.ok) say(`${plan.title}: ${$('preview-sum').textContent}`);
}

/** @param {Plan} plan @param {any[]} events */
export async function carryOut(plan, events) {
  turn += 1;
  const mine = turn;
  $('preview').hidden = false;
  fill('preview', el('h2', {}, plan.title), el('p', {}, t('Sent. Waiting for the decision…')));
  const answer = await post(events);
  if (mine !== turn) return;
  const answers = answer.body?.answers ?? [];
  const undo = plan.undo;
  lastUndo = null;
  const said = answer.ok ? answers.map(answered) : [el('p', { class: 'bad-text' }, w`Not sent: ${wrong(answer)}`)];
  for (const bad of answer.body?.rejected ?? []) said.push(el('p', { class: 'bad-text' }, w`Line ${bad.line}: ${bad.detail}`));
  for (const warning of answer.body?.warnings ?? []) said.push(el('p', {}, w`Note: ${warning.field}: ${warning.detail ?? warning.hint ?? warning.code}`));
  const worked = answer.ok && answers.length > 0 && answers.every((/** @type {any} */ one) => one.state === 'answered' || one.state === 'taken');
  if (worked && undo) lastUndo = () => void carryOut({ title: w`Undo: ${plan.title}`, facts: undo }, undo.map(event));
  fill('preview', el('h2', {}, plan.title), el('div', { id: 'preview-answer', role: 'status', 'data-state': answer.ok ? answers.map((/** @type {any} */ one) => one.state).join(' ') : 'failed' }, ...said),
    el('div', { class: 'buttons' },
      worked && undo ? button(plan.undoTitle ?? t('Undo'), undoLast, { id: 'preview-undo' }) : null,
      answer.ok ? null : button(t('Send again'), () => void carryOut(plan, events), { class: 'main' }),
      button(t('Close (Esc)'), closePreview, { id: 'preview-close' })));
  $('preview-close').focus();
  emit('sent', { plan, answers });
  if (worked) plan.done?.(answers);
}

/** @param {any} answer */
function answered(answer) {
  const state = { answered: t('Answered'), taken: t('Taken: there was nothing to decide'), refused: w`Refused: ${answer.reason}`, waiting: t('In the log; its answer is not there yet') }[/** @type {string} */ (answer.state)];
  return el('div', { class: answer.state === 'refused' ? 'bad-text' : '' },
    el('p', {}, w`${state}${answer.plan ? w` by decision ${answer.plan}` : ''} (entry ${answer.seq})`),
    el('ul', {}, ...answer.decisions.slice(0, LISTED).map((/** @type {any} */ decision) => el('li', {}, decision.words, ' ', button(t('show'), () => choose(fleet.orders.has(decision.order) ? 'orders' : 'vehicles', fleet.orders.has(decision.order) ? decision.order : decision.vehicle ?? decision.order))))));
}
