// @ts-check
// Who looks at the page: his name and role, logging out, and what every request of the page that changes something needs.

/** How often is looked whether the session has ended, milliseconds. */
const LOOK = 10_000;

/**
 * Sends JSON as the page itself: the engine takes nothing that changes something from a page of another site, and knows ours by a header
 * that others cannot send.
 * @param {string} path @param {unknown} [body] @param {string} [kind] @returns {Promise<Response>}
 */
export function post(path, body, kind = 'application/json') {
  const headers = { 'Content-Type': kind, 'Fleetfold-Request': 'page' };
  return fetch(path, { method: 'POST', headers, body: body === undefined ? undefined : JSON.stringify(body) });
}

/** @typedef {{name: string, role: 'viewer' | 'operator' | 'admin', session: boolean}} Me */

/** Who looks at the page; `null`: nobody who has logged in. @returns {Promise<Me | null>} */
export async function me() {
  const answer = await fetch('v1/me', { cache: 'no-store' });
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(`v1/me: ${answer.status}`);
  return answer.json();
}

/** True for who may act. @param {Me} who */
export const mayAct = (who) => who.role !== 'viewer';

/** Shows who looks at the page in its head, and leaves for the login page when the session has ended. @param {HTMLElement} head */
export async function showSession(head) {
  /** @type {Me | null} */ let who;
  try { who = await me(); } catch { setTimeout(() => void showSession(head), LOOK); return; }
  if (!who) { location.assign('login'); return; }
  // What only some may do is left out of the page by this (`console/acting.js`, the style sheet).
  document.documentElement.dataset.role = who.role;
  document.documentElement.dataset.mayAct = mayAct(who) ? 'yes' : 'no';
  if (!who.session) return;
  // Who has logged in has a name already: it is in every event, and nobody types another one.
  document.documentElement.dataset.operator = who.name;
  document.dispatchEvent(new Event('fleetfold-session'));
  // The words of the page are there for who has logged in only; the login page, which takes `post` from here, has its own.
  const { t } = await import('./console/language.js');
  const shown = document.createElement('span');
  shown.id = 'me';
  const out = document.createElement('button');
  out.id = 'logout';
  out.textContent = t('Log out');
  out.addEventListener('click', async () => { await post('logout'); location.assign('login'); });
  shown.append(`${who.name} (${t(who.role)}) `, out);
  head.append(shown);
  setInterval(async () => {
    try { if (!(await me())) location.assign('login'); } catch { /* no connection: the feed says so */ }
  }, LOOK);
}

const head = document.querySelector('header[data-session]');
if (head instanceof HTMLElement) void showSession(head);
