// @ts-check
// The login page: a token, or the word of a link behind the `#`, once, for the cookie of a session.
import { post } from './session.js';

/** The words of this page in other languages: nothing else of the console is told to somebody who has not logged in. */
const WORDS = /** @type {Record<string, Record<string, string>>} */ ({
  pt: {
    'Log in': 'Entrar', Token: 'Código de acesso', 'no connection to the engine': 'sem ligação ao motor', 'no line of the token file has this token': 'nenhuma linha do ficheiro de códigos tem este código',
    'this link was used, or is older than ten minutes: log in with a token': 'esta ligação já foi usada, ou tem mais de dez minutos: entre com um código', 'too many attempts: try again later': 'demasiadas tentativas: tente mais tarde', 'it could not be logged in': 'não foi possível entrar',
  },
});
/** What was chosen on the page, else what the browser prefers. */
function language() {
  let chosen = '';
  try { chosen = localStorage.getItem('fleetfold-language') ?? ''; } catch { /* the browser keeps nothing */ }
  return chosen || (navigator.language?.toLowerCase().startsWith('pt') ? 'pt' : 'en');
}
const words = WORDS[language()] ?? {};
/** @param {string} english */
const t = (english) => words[english] ?? english;
document.documentElement.lang = language() === 'pt' ? 'pt' : 'en';
document.title = `${t('Log in')} · Fleetfold`;
for (const element of document.querySelectorAll('#login h2, #login button, #login label')) {
  const text = element.firstChild;
  if (text) text.nodeValue = (text.nodeValue ?? '').replace(/\S.*\S/, (english) => t(english));
}

const form = /** @type {HTMLFormElement} */ (document.getElementById('login'));
const token = /** @type {HTMLInputElement} */ (document.getElementById('token'));
const said = /** @type {HTMLElement} */ (document.getElementById('said'));

/** @param {{token: string} | {link: string}} shown */
async function logIn(shown) {
  said.textContent = '';
  try {
    const answer = await post('login', shown);
    if (answer.ok) { location.replace('./'); return; }
    // The engine's own words where this page has them; else what the status says.
    const { detail } = await answer.json();
    said.textContent = words[detail] ?? (Object.keys(words).length ? t(answer.status === 429 ? 'too many attempts: try again later' : 'it could not be logged in') : detail);
  } catch { said.textContent = t('no connection to the engine'); }
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
