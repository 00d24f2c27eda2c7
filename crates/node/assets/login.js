// @ts-check
// The login page: a token, or the word of a link behind the `#`, once, for the cookie of a session.
import { post } from './session.js';

const form = /** @type {HTMLFormElement} */ (document.getElementById('login'));
const token = /** @type {HTMLInputElement} */ (document.getElementById('token'));
const said = /** @type {HTMLElement} */ (document.getElementById('said'));

/** @param {{token: string} | {link: string}} shown */
async function logIn(shown) {
  said.textContent = '';
  try {
    const answer = await post('login', shown);
    if (answer.ok) { location.replace('./'); return; }
    said.textContent = (await answer.json()).detail;
  } catch { said.textContent = 'no connection to the engine'; }
  token.value = '';
  token.focus();
}

form.addEventListener('submit', (event) => { event.preventDefault(); void logIn({ token: token.value }); });

const link = location.hash.slice(1);
if (link) {
  // Neither the history nor who looks at the screen keeps it.
  history.replaceState(null, '', location.pathname);
  void logIn({ link });
}
