// @ts-check
// Words of the page in another language: a file for each, whose keys are the English words. What no file has stays English. Only words of the page go through here, never
// what a producer wrote.
import { portuguese } from './language-pt.js';
import { chosen } from './preferences.js';

/** @type {[string, string][]} */ export const LANGUAGES = [['en', 'English'], ['pt', 'Português']];
const FILES = /** @type {Record<string, Record<string, string>>} */ ({ pt: portuguese });
/** For the test: no language, but every word that goes through here between brackets, so that one that does not is seen. */
const MARKED = 'marked';
/** What was chosen; else what the browser prefers, if there is a file for it. */
export const language = chosen('language') || LANGUAGES.map(([name]) => name).find((name) => navigator.language?.toLowerCase().startsWith(name)) || 'en';
const words = FILES[language] ?? {};

/** @param {string} english @returns {string} */
export const t = (english) => (language === MARKED ? (english && !english.startsWith('⟦') ? `⟦${english}⟧` : english) : words[english] ?? english);

/**
 * A sentence with places for data: its key has `{}` for each. What is put there is not translated.
 * @param {TemplateStringsArray} parts @param {...unknown} values @returns {string}
 */
export function w(parts, ...values) {
  const english = parts.join('{}');
  if (language === MARKED) return `⟦${parts.reduce((text, part, index) => `${text}⟪${values[index - 1]}⟫${part}`)}⟧`;
  const said = (words[english] ?? english).split('{}');
  return said.reduce((text, part, index) => `${text}${values[index - 1] ?? ''}${part}`);
}

/** What is done at a stop. Events call the only stop of a job its delivery, also where goods are collected there. @param {{stop: string, collects?: boolean}} stop */
export const stopWord = (stop) => t(stop.collects ? 'pickup' : stop.stop);

const SAID = ['aria-label', 'placeholder', 'title'];
/** Translates what stands in the page's own HTML. @param {Element} root */
export function translate(root) {
  document.documentElement.lang = language === MARKED ? 'en' : language;
  if (language === 'en') return;
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const english = (node.nodeValue ?? '').trim();
    if (english && t(english) !== english) node.nodeValue = (node.nodeValue ?? '').replace(english, () => t(english));
  }
  for (const element of root.querySelectorAll(SAID.map((name) => `[${name}]`).join(','))) for (const name of SAID) { const english = element.getAttribute(name); if (english) element.setAttribute(name, t(english)); }
}
// Before any part of the page has put anything into it.
translate(document.body);
