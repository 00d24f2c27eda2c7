// @ts-check
// Words of the page in another language: a file for each, whose keys are the English words. What no file has stays English. Only words of the page go through here, never
// what a producer wrote.
import { portuguese } from './language-pt.js';
import { chosen } from './preferences.js';

/** @type {[string, string][]} */ export const LANGUAGES = [['en', 'English'], ['pt', 'Português']];
const FILES = /** @type {Record<string, Record<string, string>>} */ ({ pt: portuguese });
/** What was chosen; else what the browser prefers, if there is a file for it. */
export const language = chosen('language') || LANGUAGES.map(([name]) => name).find((name) => navigator.language?.toLowerCase().startsWith(name)) || 'en';
const words = FILES[language] ?? {};

/** @param {string} english */
export const t = (english) => words[english] ?? english;

const SAID = ['aria-label', 'placeholder', 'title'];
/** Translates what stands in the page's own HTML. @param {Element} root */
export function translate(root) {
  document.documentElement.lang = language;
  if (language === 'en') return;
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const english = (node.nodeValue ?? '').trim();
    if (english && words[english]) node.nodeValue = (node.nodeValue ?? '').replace(english, words[english]);
  }
  for (const element of root.querySelectorAll(SAID.map((name) => `[${name}]`).join(','))) for (const name of SAID) { const english = element.getAttribute(name); if (english && words[english]) element.setAttribute(name, words[english]); }
}
// Before any part of the page has put anything into it.
translate(document.body);
