// @ts-check
// The last hour again, read out of the log: a slider, a speed, and the way back to what is.
import { t } from './language.js';
import { $, fill } from './dom.js';
import { get, wrong } from './api.js';
import { emit, on, take, view } from './store.js';
import { clock, exact, heard, iso, useRate } from './time.js';

/** So much of the past is looked at, milliseconds, in so many steps. */
const [STRETCH, STEPS] = [3_600_000, 60];
const slider = /** @type {HTMLInputElement} */ (document.getElementById('replay-at'));
/** @typedef {import('./store.js').Body} Body */
/** @type {Body[]} */ let frames = [];
let [from, step, at, timer] = [0, 60_000, -1, 0];
/** @type {(body: Body) => void} */ let picture = () => {};
/** @type {() => void} */ let live = () => {};

export const isReplaying = () => view.replaying;
/** How a whole picture is shown, and how the feed's own comes back. @param {(body: Body) => void} show @param {() => void} back */
export function replayWith(show, back) { [picture, live] = [show, back]; }

/** Shows a frame: forwards it is enough to take what changed. @param {number} wanted */
function show(wanted) {
  const to = Math.max(0, Math.min(frames.length - 1, wanted));
  if (to < at || at < 0) { picture(frames[0]); at = 0; }
  while (at < to) { at += 1; take(frames[at]); }
  useRate(0);
  heard(from + at * step);
  slider.value = String(at);
  fill('replay-time', exact(from + at * step));
  emit('tick');
}

function play() {
  const playing = timer !== 0;
  if (playing) { clearTimeout(timer); timer = 0; } else {
    if (at >= frames.length - 1) show(0); // once more
    next();
  }
  $('replay-play').setAttribute('aria-pressed', String(!playing));
  fill('replay-play', playing ? t('Play') : t('Pause'));
}
function next() {
  if (at >= frames.length - 1) { timer = 0; $('replay-play').setAttribute('aria-pressed', 'false'); fill('replay-play', t('Play')); return; }
  show(at + 1);
  timer = window.setTimeout(next, step / Number(/** @type {HTMLSelectElement} */ ($('replay-speed')).value));
}

let opens = 0;
async function open() {
  if (!$('replay').hidden) { back(); return; }
  opens += 1;
  const mine = opens;
  const to = clock();
  $('replay').hidden = false;
  $('replay-open').setAttribute('aria-pressed', 'true');
  fill('replay-says', t('Reading the log…'));
  const answer = await get('v1/replay', { from: iso(to - STRETCH), to: iso(to), steps: STEPS });
  if (mine !== opens) return; // closed meanwhile
  if (!answer.ok || !answer.body.frames.length) { fill('replay-says', answer.ok ? t('nothing happened') : wrong(answer)); return; }
  [{ from, step }, at] = [answer.body, -1];
  frames = /** @type {Body[]} */ (/** @type {unknown} */ (answer.body.frames));
  view.replaying = true;
  document.body.classList.add('replaying');
  slider.max = String(frames.length - 1);
  fill('replay-says', t('This is the past: nothing that you see is live. Vehicles are where facts say that they were.'));
  show(0);
  slider.focus();
}

function back() {
  opens += 1;
  clearTimeout(timer);
  timer = 0;
  $('replay-play').setAttribute('aria-pressed', 'false');
  fill('replay-play', t('Play'));
  const was = view.replaying;
  [frames, view.replaying] = [[], false];
  document.body.classList.remove('replaying');
  $('replay').hidden = true;
  $('replay-open').setAttribute('aria-pressed', 'false');
  if (was) live();
}

$('replay-open').addEventListener('click', () => void open());
$('replay-live').addEventListener('click', back);
$('replay-play').addEventListener('click', play);
slider.addEventListener('input', () => show(Number(slider.value)));
on('previewed', (shown) => { if (shown && !$('replay').hidden) back(); });
