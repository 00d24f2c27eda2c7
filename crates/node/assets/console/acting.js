// @ts-check
// Whether whoever looks at the page may act now: not as a viewer, and not on the past. What acts is marked `data-acts`, and hidden by the style sheet where nobody may.
import { t } from './language.js';
import { $, button, el, fill, say } from './dom.js';
import { view } from './store.js';

/** Why nothing may be sent now, in words; '': it may. */
export function whyNot() {
  if (view.replaying) return t('This is the past: go back to live before you act.');
  return document.documentElement.dataset.mayAct === 'no' ? t('You are logged in as a viewer, who looks and does not act.') : '';
}

/** Says something that nobody may miss, until it is closed or something else is said. @param {string} words */
export function notice(words) {
  fill('notice', el('span', {}, words), button(t('Close'), unnotice, { id: 'notice-close' }));
  $('notice').hidden = false;
  say(words);
}
export function unnotice() {
  $('notice').hidden = true;
  fill('notice');
}

/** Says why nothing may be sent now, if nothing may. @returns {boolean} nothing may */
export function refuses() {
  const why = whyNot();
  if (why) notice(why);
  return why !== '';
}
