// @ts-check
// The operator's page: the feed comes in here, and every part of the page takes what it shows.
import './language.js';
import { connect } from '../feed.js';
import { freshness } from '../freshness.js';
import { rename, who as operator } from './api.js';
import { $ } from './dom.js';
import { t } from './language.js';
import { choose, chooseAddressed, clear, emit, take, view } from './store.js';
import { clock, date, exact, heard, useRate, useTimezone, zoneName } from './time.js';
import './map.js';
import './lists.js';
import './card.js';
import './search.js';
import './worklist.js';
import './refused.js';
import './roads-panel.js';
import './add-order.js';
import './table.js';
import './timeline.js';
import './parts.js';
import './keys.js';
import './settings.js';
import { loadDecisions } from './changes.js';
import { arrived, isLeaving, isReplaying, replayWith, stays } from './replay.js';

const fresh = freshness((look, words, since) => {
  $('link').className = look;
  if ($('link').textContent !== words) $('link').textContent = words;
  $('since').textContent = since;
});
/** Everything that goes on although nothing comes. */
function tick() {
  fresh.tick();
  if (clock()) {
    $('clock').textContent = `${exact(clock())} ${zoneName()}`;
    // What was today is yesterday: it is told with its day from now on.
    const now = date(clock());
    if (today && now !== today) emit('midnight');
    today = now;
  }
  emit('tick');
}
let today = '';
setInterval(tick, 500);

const who = /** @type {HTMLInputElement} */ (document.getElementById('who'));
who.value = operator();
who.addEventListener('change', () => rename(who.value));
// Whoever has logged in has a name already, and it is in every event: nobody types another one.
document.addEventListener('fleetfold-session', () => {
  [who.value, who.readOnly] = [operator(), true];
  who.title = t('the name that you have logged in with: it stands in all that you send');
});

/** @param {import('../feed.js').Body} body */
export function picture(body) {
  clear();
  emit('cleared');
  if (body.zone) { useTimezone(body.zone.timezone); useRate(body.zone.rate); }
  heard(body.kpi.now);
  take(body);
  emit('picture');
  tick();
}

/** A picture was shown already. */
let shown = false;
const feed = connect({
  picture(body) {
    if (isReplaying() && !isLeaving()) return;
    const again = shown;
    shown = true;
    if (isReplaying()) { arrived(); fresh.past(false); }
    picture(body);
    void loadDecisions();
    if (again && view.chosen) choose(view.chosen.kind, view.chosen.id, false);
    Object.assign(window, { __ready: true });
  },
  delta(body) { if (!isReplaying()) take(body); },
  link(up) { fresh.link(up); },
  pulse(pulse) { if (!isReplaying()) heard(pulse.now); fresh.pulse(pulse); },
  restarted() { fresh.restarted(); },
  behind(since) { fresh.behind(since); },
  zone(name) { $('zone').textContent = name; },
});
replayWith(picture, (entered) => { if (entered) { fresh.past(true); feed.rest(); } else void feed.again(stays); });
/** For the browser test: one delta, as the feed would bring it. */
Object.assign(window, { __take: take });
chooseAddressed();
