// @ts-check
// The past again, read out of the log: a slider with a tick for each decision and alert, a speed, and the way back to what is.
import { t, w } from './language.js';
import { $, el, fill } from './dom.js';
import { get, wrong } from './api.js';
import { chosen } from './preferences.js';
import { emit, on, take, view } from './store.js';
import { clock, exact, heard, iso, midnight, useRate } from './time.js';

const HOUR = 3_600_000;
/** A stretch is looked at in so many steps, as many as the engine gives. */
const STEPS = 240;
/** And is so long at most and at least, milliseconds. */
const [STRETCH_MAX, STRETCH_MIN] = [24 * HOUR, 60_000];
/** Two pictures are so far apart at least while it plays, milliseconds: a fast one leaves some out. */
const PAUSE = 50;
/** Words of so many decisions and alerts stand on a tick. */
const TOLD = 4;
/** When this browser last looked at the page before now, zone time; 0: it never did. */
const left = Number(chosen('left')) || 0;
const slider = /** @type {HTMLInputElement} */ (document.getElementById('replay-at'));
const stretch = /** @type {HTMLSelectElement} */ (document.getElementById('replay-stretch'));
/** @typedef {import('./store.js').Body} Body */
/** @type {Body[]} */ let frames = [];
/** Frames in which something was decided or an alert was raised. @type {number[]} */ let ticks = [];
let [from, step, at, timer] = [0, 60_000, -1, 0];
let leaving = false;
/** @type {(body: Body) => void} */ let picture = () => {};
/** @type {(entered: boolean) => void} */ let live = () => {};

export const isReplaying = () => view.replaying;
/** The way back is taken, and the past is shown until a picture of what is has come. */
export const isLeaving = () => leaving;
/** How a whole picture is shown; and what is to be done when the past begins to be shown, and when what is is wanted back. @param {(body: Body) => void} show @param {(entered: boolean) => void} changed */
export function replayWith(show, changed) { [picture, live] = [show, changed]; }

/** Shows a frame: forwards it is enough to take what changed. @param {number} wanted */
function show(wanted) {
  if (!frames.length) return;
  const to = Math.max(0, Math.min(frames.length - 1, wanted));
  if (to < at || at < 0) { picture(frames[0]); at = 0; }
  while (at < to) { at += 1; take(frames[at]); }
  useRate(0);
  heard(from + at * step);
  slider.value = String(at);
  slider.setAttribute('aria-valuetext', exact(from + at * step));
  fill('replay-time', exact(from + at * step));
  emit('tick');
}

/** What a tick of a frame says. @param {Body} frame @param {number} index */
function happened(frame, index) {
  const raised = (frame.alerts ?? []).filter((alert) => alert.since > from + (index - 1) * step && alert.since <= from + index * step);
  return { decided: frame.decisions, raised };
}
/** A tick above the slider for each frame in which something was decided or raised. */
function drawTicks() {
  let [decisions, alerts] = [0, 0];
  ticks = [];
  const marks = frames.flatMap((frame, index) => {
    if (!index) return [];
    const { decided, raised } = happened(frame, index);
    if (!decided.length && !raised.length) return [];
    [decisions, alerts] = [decisions + decided.length, alerts + raised.length];
    ticks.push(index);
    const lines = [...raised.map((alert) => `▲ ${alert.order ?? alert.vehicle ?? ''} ${alert.detail}`), ...decided.map((decision) => decision.words)];
    const mark = el('i', { class: raised.length ? 'raised' : 'decided', title: [exact(from + index * step), ...lines.slice(0, TOLD), ...(lines.length > TOLD ? [w`and ${lines.length - TOLD} more`] : [])].join('\n') });
    mark.style.left = `${(index / (frames.length - 1)) * 100}%`;
    return [mark];
  });
  fill('replay-ticks', ...marks);
  fill('replay-says', w`This is the past: nothing that you see is live. Vehicles are where facts say that they were. ${decisions} decisions, ${alerts} alerts.`);
}
/** To the next frame, or the one before, in which something was decided or raised. @param {1 | -1} by */
function jump(by) {
  const to = by > 0 ? ticks.find((tick) => tick > at) : ticks.filter((tick) => tick < at).at(-1);
  if (to !== undefined) { stop(); show(to); }
}

function stop() {
  clearTimeout(timer);
  timer = 0;
  $('replay-play').setAttribute('aria-pressed', 'false');
  fill('replay-play', t('Play'));
}
function play() {
  if (timer) { stop(); return; }
  if (at >= frames.length - 1) show(0); // once more
  $('replay-play').setAttribute('aria-pressed', 'true');
  fill('replay-play', t('Pause'));
  schedule();
}
function schedule() {
  const each = step / Number(/** @type {HTMLSelectElement} */ ($('replay-speed')).value);
  const frameCount = Math.max(1, Math.round(PAUSE / each));
  timer = window.setTimeout(() => {
    show(at + frameCount);
    if (at >= frames.length - 1) stop(); else schedule();
  }, each * frameCount);
}

/** From when on is looked at. @param {number} to */
function begin(to) {
  const wanted = stretch.value === 'day' ? midnight(to) : stretch.value === 'left' && left ? left : to - (Number(stretch.value) || 24) * HOUR;
  return Math.min(to - STRETCH_MIN, Math.max(to - STRETCH_MAX, wanted));
}

let opens = 0;
/** Until when the stretch goes: when the past was opened. */
let until = 0;
async function load() {
  opens += 1;
  const mine = opens;
  stop();
  fill('replay-says', t('Reading the log…'));
  const answer = await get('v1/replay', { from: iso(begin(until)), to: iso(until), steps: STEPS });
  if (mine !== opens) return; // closed meanwhile, or another stretch is wanted
  if (!answer.ok || !answer.body.frames.length) { fill('replay-says', answer.ok ? t('nothing happened') : wrong(answer)); return; }
  [{ from, step }, at] = [answer.body, -1];
  frames = /** @type {Body[]} */ (/** @type {unknown} */ (answer.body.frames));
  if (!view.replaying) {
    view.replaying = true;
    document.body.classList.add('replaying');
    live(true);
  }
  slider.max = String(frames.length - 1);
  drawTicks();
  show(0);
  slider.focus();
}
async function open() {
  if (!$('replay').hidden) { back(); return; }
  until = clock();
  $('replay').hidden = false;
  $('replay-open').setAttribute('aria-pressed', 'true');
  await load();
}

/** The controls, while there is something to control. @param {boolean} are */
function enable(are) {
  for (const control of $('replay').querySelectorAll('button, input, select')) /** @type {HTMLButtonElement} */ (control).disabled = !are;
}
/** Back to what is: the past is shown, and said to be, until a picture of that has come. */
function back() {
  opens += 1;
  stop();
  if (!view.replaying) { close(); return; }
  if (leaving) return;
  leaving = true;
  enable(false);
  fill('replay-says', t('Going back to what is. Until its picture has come this is still the past…'));
  live(false);
}
/** A picture of what is has not come. */
export function stays() {
  if (leaving) fill('replay-says', t('The engine has given no picture of what is. It is asked again; this is still the past.'));
}
/** A picture of what is has come. */
export function arrived() {
  leaving = false;
  [frames, ticks, view.replaying] = [[], [], false];
  document.body.classList.remove('replaying');
  close();
}
function close() {
  enable(true);
  fill('replay-ticks');
  $('replay').hidden = true;
  $('replay-open').setAttribute('aria-pressed', 'false');
}

$('replay-open').addEventListener('click', () => void open());
$('replay-live').addEventListener('click', back);
$('replay-play').addEventListener('click', play);
$('replay-before').addEventListener('click', () => jump(-1));
$('replay-after').addEventListener('click', () => jump(1));
$('replay-speed').addEventListener('change', () => { if (timer) { clearTimeout(timer); schedule(); } });
stretch.addEventListener('change', () => void load());
slider.addEventListener('input', () => { stop(); show(Number(slider.value)); });
on('previewed', (shown) => { if (shown && !$('replay').hidden) back(); });
