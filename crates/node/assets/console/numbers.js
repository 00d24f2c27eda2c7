// @ts-check
// Numbers as people of a language write them.
import { language } from './language.js';

const LOCALE = language === 'pt' ? 'pt' : 'en-GB';
/** @type {Map<number, Intl.NumberFormat>} */ const formats = new Map();
/** A number with so many digits behind the sign of decimals. @param {number} value @param {number} digits */
export function decimal(value, digits) {
  let format = formats.get(digits);
  if (!format) { format = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false }); formats.set(digits, format); }
  return format.format(value);
}
/** What somebody typed, with a point or a comma; not a number if it is none. @param {string} typed */
export const parsed = (typed) => (/^[+-]?(\d+([.,]\d*)?|[.,]\d+)$/.test(typed.trim()) ? Number(typed.trim().replace(',', '.')) : NaN);
