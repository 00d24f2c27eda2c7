// @ts-check
// Elements of the page. What comes from a producer becomes text or the value of an attribute, never HTML.

/** @typedef {Node | string | number | null | undefined | false} Child */

/** Signs that turn the direction of what follows: an id with one could read as another one. They are named instead. */
const TURNS = /[\u202a-\u202e\u2066-\u2069]/g;
/** Text as it is shown. @param {string} text */
export const shown = (text) => text.replace(TURNS, (sign) => `<U+${sign.charCodeAt(0).toString(16).toUpperCase()}>`);

/** @param {string} id @returns {HTMLElement} */
export const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/**
 * An element with attributes, listeners (functions under `onclick`, `onkeydown`, …) and children.
 * @template {keyof HTMLElementTagNameMap} K @param {K} tag @param {Record<string, unknown>} [props] @param {...Child} children @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === 'function' && name.startsWith('on')) element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (name === 'class') element.className = String(value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children) if (child !== null && child !== undefined && child !== false) element.append(child instanceof Node ? child : shown(String(child)));
  return element;
}

/** A button that does something; `label` is a word of the page. @param {string} label @param {() => void} act @param {Record<string, unknown>} [props] */
export const button = (label, act, props = {}) => el('button', { type: 'button', onclick: act, ...props }, label);

/** @param {string} id @param {...Child} children */
export function fill(id, ...children) {
  $(id).replaceChildren(...children.filter((child) => child !== null && child !== undefined && child !== false).map((child) => (child instanceof Node ? child : shown(String(child)))));
}

/** Text for a tooltip of the map, which would read a string as HTML. @param {string} text */
export const words = (text) => el('span', {}, text);

/** Says something to those who have the page read out, once. @param {string} text */
export function say(text) { $('said').textContent = text; }
