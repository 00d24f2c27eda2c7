// @ts-check
// What a person has chosen, as this browser remembers it.

/** @param {string} name */
const key = (name) => `fleetfold-${name}`;
const USUAL = /** @type {Record<string, string>} */ ({ hours: '24', distance: 'km', language: '' });

/** @param {string} name @returns {string} */
export function chosen(name) { try { return localStorage.getItem(key(name)) ?? USUAL[name] ?? ''; } catch { return USUAL[name] ?? ''; } }
/** @param {string} name @param {string} value */
export function keep(name, value) { try { localStorage.setItem(key(name), value); } catch { /* the browser keeps nothing: the choice is gone with the page */ } }

/** With one digit, as the page's language writes it. @param {number} value */
const short = (value) => value.toLocaleString(document.documentElement.lang || 'en', { minimumFractionDigits: 1, maximumFractionDigits: 1, useGrouping: false });
/** Metres in words. @param {number} meters */
export function distance(meters) {
  if (chosen('distance') === 'miles') return meters < 300 ? `${Math.round(meters * 3.28084)} ft` : `${short(meters / 1609.344)} mi`;
  return meters < 1000 ? `${Math.round(meters)} m` : `${short(meters / 1000)} km`;
}
