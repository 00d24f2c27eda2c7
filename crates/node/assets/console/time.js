// @ts-check
// Instants and spans of zone time in words. An instant that is not of today says its day.

import { elapsed } from '../freshness.js';
import { language } from './language.js';
import { chosen } from './preferences.js';

/** How days and months are called. */
const LOCALE = language === 'pt' ? 'pt' : 'en-GB';
let timezone = 'UTC';
/** @type {Intl.DateTimeFormat} */ let clockFormat;
/** @type {Intl.DateTimeFormat} */ let shortFormat;
/** @type {Intl.DateTimeFormat} */ let dayFormat;
/** @type {Intl.DateTimeFormat} */ let dateFormat;
/** @type {Intl.DateTimeFormat} */ let offsetFormat;
/** Quarters of an hour of which the clock shows the hours and minutes twice, because it is put back: how far from UTC each is; '' for others. @type {Map<number, string>} */ const twice = new Map();
/** Zone time that the last figures are of, zone seconds in a second, and when that was on this page's clock. */
let [now, rate, heardAt] = [0, 1, 0];

const QUARTER = 900_000;
/** What was told of quarters of an hour and of minutes: a day begins and a clock is put back at a full quarter everywhere, and a browser takes long to tell. @type {Map<number, string>[]} */ const [dates, shorts] = [new Map(), new Map()];
/** @param {Map<number, string>} told @param {number} part @param {number} at @param {Intl.DateTimeFormat} format */
function remembered(told, part, at, format) {
  const key = Math.floor(at / part);
  let text = told.get(key);
  if (text === undefined) {
    text = format.format(key * part);
    if (told.size > 5_000) told.clear();
    told.set(key, text);
  }
  return text;
}

/** @param {string} name */
export function useTimezone(name) {
  timezone = name;
  /** @param {Intl.DateTimeFormatOptions} options */
  const make = (options) => {
    try { return new Intl.DateTimeFormat(LOCALE, { ...options, timeZone: name }); } catch { timezone = 'UTC'; return new Intl.DateTimeFormat(LOCALE, { ...options, timeZone: 'UTC' }); } // a zone that this browser has not heard of
  };
  const hourCycle = chosen('hours') === '12' ? 'h12' : 'h23';
  clockFormat = make({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle });
  shortFormat = make({ hour: '2-digit', minute: '2-digit', hourCycle });
  dayFormat = make({ weekday: 'short', day: 'numeric', month: 'short' });
  offsetFormat = make({ timeZoneName: 'shortOffset' });
  for (const told of [twice, dates, shorts]) told.clear();
  dateFormat = make({ year: 'numeric', month: '2-digit', day: '2-digit' });
}
useTimezone('UTC');

/** @param {number} zoneTime */
export function heard(zoneTime) { [now, heardAt] = [zoneTime, elapsed()]; }
/** @param {number} perSecond */
export function useRate(perSecond) { rate = perSecond; }
/** Zone time now: it goes on whatever the feed does; 0: unknown yet. */
export const clock = () => (now ? now + (elapsed() - heardAt) * rate : 0);
export const zoneName = () => timezone;
/** What tells an instant from the other one that the clock shows the same for, when it is put back. @param {number} at */
function which(at) {
  const quarter = Math.floor(at / QUARTER);
  let told = twice.get(quarter);
  if (told === undefined) {
    const shows = (/** @type {number} */ when) => `${dateFormat.format(when)} ${shortFormat.format(when)}`;
    const again = [-2, -1, 1, 2].some((by) => shows(quarter * QUARTER) === shows(quarter * QUARTER + by * 1_800_000));
    told = again ? ` ${offsetFormat.formatToParts(quarter * QUARTER).find(({ type }) => type === 'timeZoneName')?.value ?? ''}` : '';
    if (twice.size > 2_000) twice.clear();
    twice.set(quarter, told);
  }
  return told;
}
/** When the day of an instant began. @param {number} at */
export function midnight(at) {
  // The clock is put back or forward by whole quarters of an hour.
  let began = Math.floor(at / QUARTER) * QUARTER;
  for (let steps = 0; steps < 104 && date(began - QUARTER) === date(at); steps += 1) began -= QUARTER;
  return began;
}
/** The date, for comparing and for what is kept on paper. @param {number} at */
export const date = (at) => remembered(dates, QUARTER, at, dateFormat);
/** With seconds, and with the day if it is not today. @param {number} at */
export const exact = (at) => `${day(at)} ${clockFormat.format(at)}${which(at)}`.trim();
/** The day, if it is not today. @param {number} at */
export const day = (at) => (now && date(at) === date(clock()) ? '' : dayFormat.format(at));
/** Hours and minutes, with the day if it is not today. @param {number | null | undefined} at */
export const time = (at) => (at === null || at === undefined ? '' : `${day(at)} ${remembered(shorts, 60_000, at, shortFormat)}${which(at)}`.trim());
/** A span in milliseconds. @param {number} millis */
export function span(millis) {
  const seconds = Math.max(0, Math.round(millis / 1000));
  return seconds < 90 ? `${seconds} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
/** Seconds as minutes with a sign: how much later or earlier. @param {number} seconds */
export function more(seconds) {
  const minutes = Math.round(seconds / 60);
  return `${seconds >= 0 ? '+' : '−'}${Math.abs(seconds) < 60 ? `${Math.abs(Math.round(seconds))} s` : `${Math.abs(minutes)} min`}`;
}
/** Whole minutes, as the engine has them in lists. @param {number} seconds */
export const lateMinutes = (seconds) => Math.floor(seconds / 60);
/** An instant as events have it. @param {number} at */
export const iso = (at) => new Date(Math.round(at)).toISOString();

/** A vehicle's next break, unless it is taken now or is one of those that are shown with its stops. @param {{visits: import('../engine.js').Visit[], break?: import('../engine.js').PlannedBreak | null}} vehicle */
export function apart(vehicle) {
  const pause = vehicle.break;
  if (!pause || pause.status === 'taken') return null;
  return vehicle.visits.some((visit) => visit.breaks?.some((one) => one.starts < pause.ends && pause.starts < one.ends)) ? null : pause;
}
