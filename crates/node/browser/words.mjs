// The English words of the page, out of its sources: what goes through `t('…')` and w`…`, and what stands in its HTML.
import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const assets = process.env.ASSETS_DIR ?? fileURLToPath(new URL('../assets/', import.meta.url));

/** Keys of the language files in one script. */
function keysOf(source) {
  const keys = new Set();
  const walk = (node) => {
    if (ts.isCallExpression(node) && node.expression.getText() === 't') for (const given of node.arguments) for (const one of ts.isConditionalExpression(given) ? [given.whenTrue, given.whenFalse] : [given]) if (ts.isStringLiteral(one)) keys.add(one.text);
    if (ts.isTaggedTemplateExpression(node) && node.tag.getText() === 'w') keys.add(ts.isNoSubstitutionTemplateLiteral(node.template) ? node.template.text : [node.template.head, ...node.template.templateSpans.map((span) => span.literal)].map((part) => part.text).join('{}'));
    ts.forEachChild(node, walk);
  };
  walk(ts.createSourceFile('page.js', source, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS));
  return keys;
}

/** Every key that the scripts of the page name as a literal. */
export async function scriptKeys() {
  const keys = new Set();
  const files = (await readdir(`${assets}console`)).filter((name) => name.endsWith('.js') && !name.startsWith('language-')).map((name) => `console/${name}`);
  for (const file of [...files, 'freshness.js', 'session.js']) for (const key of keysOf(await readFile(`${assets}${file}`, 'utf8'))) keys.add(key);
  return keys;
}

/** Texts and attributes of the page's HTML. */
export async function htmlKeys() {
  const html = (await readFile(`${assets}index.html`, 'utf8')).replace(/<head>[\s\S]*<\/head>/, '').replace(/<kbd>.*?<\/kbd>/g, '<i></i>');
  const keys = [...html.matchAll(/>([^<]+)</g), ...html.matchAll(/\b(?:title|placeholder|aria-label)="([^"]+)"/g)].map(([, text]) => text.trim());
  return new Set(keys.filter((key) => /[A-Za-z]{2}/.test(key) && key !== 'Fleetfold'));
}
