// @ts-check
// What an operator is about to do: tried on a copy first, then sent as ordinary events, then shown with the decision that answers it.
import { $, button, el, fill, say } from './dom.js';
import { t, w } from './language.js';
import { refuses } from './acting.js';
import { event, post, send, wrong } from './api.js';
import { choose, emit, fleet } from './store.js';
import { decimal } from './numbers.js';
import { lateMinutes, more, time } from './time.js';

/** @typedef {import('./api.js').Fact} Fact */
/**
 * `says`: what it means beyond what the trial shows; `tells`: what the trial shows beyond the list of changes; `undo`: facts that take it back, if anything does; `stands`: what is otherwise now than it left it, '' if nothing is; `undoTells`: what the undo's own preview says, where it needs one; `done`: what follows when it was sent.
 * @typedef {{title: string, facts: Fact[], says?: (string | Node)[], tells?: (trial: import('../engine.js').WhatIf) => string[], undo?: Fact[], undoTitle?: string, stands?: () => Promise<string>, undoTells?: (trial: import('../engine.js').WhatIf) => string[], done?: () => void}} Plan
 */

/** Changes that are listed one by one. */
const LISTED = 40;
/** A preview stands there for so long before it can be sent, milliseconds: nobody has seen it sooner, and a second press was not meant for it (guess). */
const SEEN = 300;
let turn = 0;
let sends = 0;
/** The last thing that was sent, if it can be taken back, also when its answer is not shown any more. @type {Plan | null} */ let lastUndo = null;
/** Why nothing can be taken back. */
let noUndo = '';
/** Takes the last thing back, unless somebody else has done something about it since. */
export async function undoLast() {
  const plan = lastUndo;
  if (!plan?.undo) { told(t('Nothing to undo'), noUndo || t('Nothing was sent from this page yet.')); return; }
  const current = takePanel();
  showPanel(el('h2', { tabindex: '-1', id: 'preview-title' }, w`Undo: ${plan.title}`), el('p', { role: 'status' }, t('Looking whether it is still as you left it…')));
  const other = await plan.stands?.();
  if (!current()) return;
  if (other) { lastUndo = null; noUndo = other; told(w`Not undone: ${plan.title}`, w`Somebody else has changed it since (${other}); an undo would overwrite that.`); return; }
  const undone = { title: w`Undo: ${plan.title}`, facts: plan.undo, tells: plan.undoTells };
  if (plan.undoTells) void propose(undone); else void carryOut(undone, plan.undo.map(event));
}
/** @param {string} title @param {string} why */
function told(title, why) {
  takePanel();
  showPanel(el('h2', { tabindex: '-1', id: 'preview-title' }, title), el('p', { id: 'preview-told', role: 'status' }, why), el('div', { class: 'buttons' }, button(t('Close (Esc)'), closePreview, { id: 'preview-close' })));
  $('preview-close').focus();
}

const DRIVEN_TOO_LONG = /** @type {Record<string, (minutes: number) => string>} */ ({
  driving: (minutes) => w`its driver would drive ${minutes} min too long without a break`, shift_driving: (minutes) => w`its driver would drive ${minutes} min too long`, duty: (minutes) => w`its driver would be at work ${minutes} min too long`,
});
const GIVES = /** @type {Record<string, (give: import('../engine.js').Give) => string>} */ ({
  off_duty: () => t('nobody is signed on'), lost: () => t('it has broken down'), pinned: (give) => w`pinned to ${give.vehicle}`, on_board: (give) => w`its goods are in ${give.vehicle}`,
  under_way: (give) => w`${give.vehicle} is on its way to it`, rejected: () => t('its driver refused it'), silent: () => t('nothing is heard of it'), skills: (give) => w`it lacks ${(give.skills ?? []).join(', ')}`, stops: (give) => w`${give.by} stops too many`, reloads: (give) => w`it would have to be loaded ${give.by} times more than it may`,
  capacity: (give) => w`${give.by} too much load${(give.dimension ?? 1) > 1 ? w` (dimension ${give.dimension})` : ''}`, shift: (give) => w`its shift ends ${Math.ceil((give.by ?? 0) / 60)} min too early`, unreachable: () => t('no road leads there'),
  driving_time: (give) => (DRIVEN_TOO_LONG[give.limit ?? ''] ?? DRIVEN_TOO_LONG.shift_driving)(Math.ceil((give.by ?? 0) / 60)),
  unloading_order_or_break: () => t('the order of unloading, or a break'), price: (give) => w`leaving it out costs ${decimal(give.by ?? 0, 2)} less`,
});
/** What keeps a vehicle off an order: the least that would have to give. @param {import('../engine.js').Offer} offer */
export function lacks(offer) {
  const least = offer.needs?.[0] ?? [];
  return least.map((give) => (GIVES[give.what] ?? (() => give.what))(give)).join(t(', and ')) || t('its route breaks a rule already');
}

/** @param {import('../engine.js').Place} place */
const where = (place) => (place.vehicle ? `${place.vehicle} ${time(place.start)}${place.late_seconds >= 60 ? w`, ${lateMinutes(place.late_seconds)} min late` : ''}` : place.unassigned ? w`unassigned: ${place.unassigned}` : t(place.status));

/** @param {import('../engine.js').Difference} order */
function changeLine(order) {
  const worse = order.after.late_seconds > order.before.late_seconds + 59 || (order.after.unassigned && !order.before.unassigned);
  const nearest = order.after.unassigned && order.offers?.length ? w` — nearest: ${order.offers[0].vehicle}, ${order.offers[0].cost ? t('possible') : lacks(order.offers[0])}` : '';
  // What it broke before, too, is nothing that this change does.
  const broken = order.after.breaks && order.after.breaks !== order.before.breaks ? order.after.breaks : '';
  return el('li', { class: worse ? 'bad-text' : '' }, `${order.order}: ${where(order.before)} → ${where(order.after)}`, order.later_seconds ? ` (${more(order.later_seconds)})` : '', broken ? el('b', { class: 'bad-text breaks' }, w` — breaks: ${broken}`) : null, nearest);
}

/** @param {import('../engine.js').WhatIf} trial */
function outcome(trial) {
  const counts = Object.entries(trial.counts).map(([what, count]) => `${count} ${t(what)}`).join(' · ');
  const refused = trial.events.filter((one) => one.refused);
  const difference = trial.cost_after.total - trial.cost_before.total;
  const worst = [...trial.orders].sort((a, b) => (b.after.breaks ? 1 : 0) - (a.after.breaks ? 1 : 0) || (b.after.unassigned ? 1 : 0) - (a.after.unassigned ? 1 : 0) || (b.after.late_seconds - b.before.late_seconds) - (a.after.late_seconds - a.before.late_seconds));
  const routes = new Set(trial.orders.flatMap((order) => [order.before.vehicle, order.after.vehicle]).filter(Boolean));
  return el('div', {},
    ...refused.map((one) => el('p', { class: 'bad-text' }, w`It makes no sense now: ${one.refused}`)),
    el('p', { id: 'preview-sum' }, counts ? `${counts}.` : t('No order changes.'), w` Cost ${difference >= 0 ? '+' : '−'}${decimal(Math.abs(difference), 2)}.`, routes.size ? w` Routes: ${[...routes].slice(0, 8).join(', ')}${routes.size > 8 ? w` and ${routes.size - 8} more` : ''}.` : '', trial.unsettled ? t(' More may follow.') : ''),
    el('ul', { 'aria-label': t('orders that change') }, ...worst.slice(0, LISTED).map(changeLine), worst.length > LISTED ? el('li', {}, w`and ${worst.length - LISTED} more`) : null));
}

/** Takes the panel for something else: what was shown or waited for there is over. @returns {() => boolean} nothing else has taken it since */
export function takePanel() {
  turn += 1;
  const mine = turn;
  return () => mine === turn;
}
/** Shows something in the panel. @param {...import('./dom.js').Child} children */
export function showPanel(...children) {
  $('preview').hidden = false;
  fill('preview', ...children);
  emit('previewed', true);
}
export function closePreview() {
  takePanel();
  $('preview').hidden = true;
  emit('previewed', false);
}

/** Shows what would come of facts, and sends them if the operator says so. @param {Plan} plan */
export async function propose(plan) {
  if (refuses()) return;
  const current = takePanel();
  const events = plan.facts.map(event);
  // What nobody has seen is not sent: only the trial's answer makes this a button, and a key that is held down is one press.
  const sendButton = button(t('Send'), () => void carryOut(plan, events), { class: 'main', id: 'preview-send', disabled: true, onkeydown: (/** @type {KeyboardEvent} */ key) => { if (key.repeat) key.preventDefault(); } });
  showPanel(el('h2', { tabindex: '-1', id: 'preview-title' }, plan.title), ...(plan.says ?? []).map((line) => el('p', {}, line)), el('div', { id: 'preview-outcome' }, t('Trying it on a copy…')), el('div', { class: 'buttons' }, sendButton, button(t('Cancel (Esc)'), closePreview, { id: 'preview-cancel' })));
  $('preview-title').focus();
  // `yes`: its effect is there, and it can be sent if it makes sense.
  $('preview').dataset.tried = 'no';
  const answer = await send('v1/what-if', { changes: events.map((one) => ({ ...one })) });
  if (!current()) return;
  fill('preview-outcome', answer.ok ? outcome(answer.body) : el('p', { class: 'bad-text' }, wrong(answer)));
  if (!answer.ok) {
    // An engine that cannot try it may still take it (it is overloaded, say): knowingly, and not by the key that asked for the trial.
    const again = button(t('Try it again'), () => void propose(plan), { id: 'preview-again' });
    sendButton.replaceWith(again, answer.status >= 500 ? button(t('Send without a preview'), () => void carryOut(plan, events), { id: 'preview-blind' }) : '');
    return;
  }
  if (plan.tells) $('preview-outcome').prepend(...plan.tells(answer.body).map((line) => el('p', { class: 'preview-tells' }, line)));
  const why = answer.body.events.find((one) => one.refused);
  say(`${plan.title}: ${why ? w`It makes no sense now: ${why.refused}` : $('preview-sum').textContent}`);
  await new Promise((resolve) => { setTimeout(resolve, SEEN); });
  if (!current()) return;
  $('preview').dataset.tried = 'yes';
  if (why) return;
  sendButton.disabled = false;
  // Unless the operator has gone somewhere else meanwhile.
  if (document.activeElement === document.body || document.activeElement === $('preview-title')) sendButton.focus();
}

/** @param {Plan} plan @param {import('./api.js').CloudEvent[]} events */
export async function carryOut(plan, events) {
  if (refuses()) return;
  const current = takePanel();
  sends += 1;
  const mine = sends;
  lastUndo = null;
  noUndo = w`This cannot be undone: ${plan.title}.`;
  $('preview').hidden = false;
  fill('preview', el('h2', {}, plan.title), el('p', {}, t('Sent. Waiting for the decision…')));
  const answer = await post(events);
  const answers = answer.ok ? answer.body.answers ?? [] : [];
  const undo = plan.undo;
  const worked = answer.ok && answers.length > 0 && answers.every((one) => one.state === 'answered' || one.state === 'taken');
  // Also where the panel was closed meanwhile: it was sent. What was sent after it is undone first.
  if (worked && undo && mine === sends) lastUndo = plan;
  if (!current()) {
    say(worked ? plan.title : w`Not sent: ${plan.title}. ${wrong(answer)}`);
    // A panel that was closed comes back where the operator has to know.
    if (worked || !$('preview').hidden) return;
    takePanel();
    $('preview').hidden = false;
  }
  const said = answer.ok ? answers.map(answered) : [el('p', { class: 'bad-text' }, w`Not sent: ${wrong(answer)}`)];
  for (const bad of answer.ok ? answer.body.rejected : []) said.push(el('p', { class: 'bad-text' }, w`Line ${bad.line}: ${bad.detail}`));
  for (const warning of (answer.ok ? answer.body.warnings : null) ?? []) said.push(el('p', {}, w`Note: ${warning.field}: ${warning.detail ?? warning.hint ?? warning.code}`));
  fill('preview', el('h2', {}, plan.title), el('div', { id: 'preview-answer', role: 'status', 'data-state': answer.ok ? answers.map((one) => one.state).join(' ') : 'failed' }, ...said),
    el('div', { class: 'buttons' },
      worked && undo ? button(plan.undoTitle ?? t('Undo'), () => void undoLast(), { id: 'preview-undo' }) : null,
      answer.ok ? null : button(t('Send again'), () => void carryOut(plan, events), { class: 'main' }),
      button(t('Close (Esc)'), closePreview, { id: 'preview-close' })));
  $('preview-close').focus();
  if (worked) plan.done?.();
}

/** @param {import('../engine.js').Answered} answer */
function answered(answer) {
  const state = { answered: t('Answered'), taken: t('Taken: there was nothing to decide'), refused: w`Refused: ${answer.reason}`, waiting: t('In the log; its answer is not there yet') }[/** @type {string} */ (answer.state)];
  return el('div', { class: answer.state === 'refused' ? 'bad-text' : '' },
    el('p', {}, w`${state}${answer.plan ? w` by decision ${answer.plan}` : ''} (entry ${answer.seq})`),
    el('ul', {}, ...answer.decisions.slice(0, LISTED).map((decision) => el('li', {}, decision.words, ' ', button(t('show'), () => choose('orders', decision.order))))));
}
