// @ts-check
// What a person prefers: language, clock, distances. Kept in this browser; a change loads the page again.
import { el, fill } from './dom.js';
import { LANGUAGES, language, t } from './language.js';
import { chosen, keep } from './preferences.js';

/** @param {string} name @param {string} label @param {[string, string][]} choices */
function choice(name, label, choices) {
  const select = el('select', { id: `set-${name}`, onchange: () => { keep(name, select.value); location.reload(); } }, ...choices.map(([value, words]) => el('option', { value, selected: chosen(name) === value || (name === 'language' && language === value) }, words)));
  return el('label', { class: 'line' }, t(label), ' ', select);
}
fill('settings', choice('language', 'Language', LANGUAGES), choice('hours', 'Clock', [['24', '24 h'], ['12', '12 h']]), choice('distance', 'Distances', [['km', 'km'], ['miles', t('miles')]]));
