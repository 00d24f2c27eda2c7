// @ts-check
// Shows /openapi.json to people: no other program, and nothing from elsewhere.

/** @param {string} name @param {Record<string, string>} [attributes] @param {...(Node | string)} children */
function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
/** @param {string} id */
const at = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Text in which `code` is code. @param {string} text */
const words = (text) => text.split('`').map((part, index) => (index % 2 ? el('code', {}, part) : part));

/**
 * A JSON schema, as far as it is shown.
 * @typedef {{$ref?: string, oneOf?: Schema[], anyOf?: Schema[], const?: unknown, enum?: unknown[], type?: string | string[], items?: Schema, prefixItems?: Schema[], properties?: Record<string, Schema>, required?: string[], description?: string,
 *   minimum?: number, maximum?: number, minLength?: number, maxLength?: number, maxItems?: number}} Schema
 * @typedef {Record<string, {schema?: Schema}>} Content
 * @typedef {{operationId: string, summary: string, description?: string, tags: string[], parameters?: {name: string, in: string, required?: boolean, description?: string, schema: Schema}[], requestBody?: {content: Content}, responses: Record<string, {description: string, content?: Content}>}} Operation
 * @typedef {{info: {description: string}, tags: {name: string, description: string}[], paths: Record<string, Record<string, Operation>>, components: {schemas: Record<string, Schema>}}} OpenApi
 */
/** What a schema is, in a few words, with links to the types. @param {Schema | undefined} schema @returns {(Node | string)[]} */
function kind(schema) {
  if (!schema || typeof schema !== 'object') return ['anything'];
  if (schema.$ref) { const name = schema.$ref.split('/').pop() ?? ''; return [el('a', { href: `#type-${name}` }, name)]; }
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return choices.flatMap((one, index) => (index ? [' or ', ...kind(one)] : kind(one)));
  if (schema.const !== undefined) return [el('code', {}, JSON.stringify(schema.const))];
  if (schema.enum) return [schema.enum.map((one) => JSON.stringify(one)).join(', ')];
  if (schema.type === 'array') return schema.prefixItems ? ['a list of ', ...schema.prefixItems.flatMap((one, index) => (index ? [', ', ...kind(one)] : kind(one)))] : ['a list of ', ...kind(schema.items)];
  const type = Array.isArray(schema.type) ? schema.type.join(' or ') : schema.type ?? 'anything';
  /** @type {['minimum' | 'maximum' | 'minLength' | 'maxLength' | 'maxItems', string][]} */ const limits = [['minimum', '≥'], ['maximum', '≤'], ['minLength', 'length ≥'], ['maxLength', 'length ≤'], ['maxItems', 'items ≤']];
  const told = limits.flatMap(([key, sign]) => (schema[key] === undefined ? [] : [`${sign} ${schema[key]}`]));
  return [[type, ...told].join(', ')];
}

/** @param {Schema | undefined} schema */
function fields(schema = {}) {
  const properties = Object.entries(schema.properties ?? {});
  if (!properties.length) return el('p', {}, ...kind(schema));
  const required = new Set(schema.required ?? []);
  return el('table', {}, el('thead', {}, el('tr', {}, ...['field', 'type', 'must', 'meaning'].map((name) => el('th', { scope: 'col' }, name)))),
    el('tbody', {}, ...properties.map(([name, of]) => el('tr', {}, el('th', { scope: 'row' }, el('code', {}, name)), el('td', {}, ...kind(of)), el('td', {}, required.has(name) ? 'yes' : ''), el('td', {}, ...words(of.description ?? ''))))));
}

/** @param {string} method @param {string} path @param {Operation} of */
function operation(method, path, of) {
  const parameters = of.parameters ?? [];
  return el('details', { class: 'route', id: of.operationId, 'data-words': `${method} ${path} ${of.summary} ${Object.values(of.responses).map((one) => one.description).join(' ')}`.toLowerCase() },
    el('summary', {}, el('code', {}, `${method.toUpperCase()} ${path}`), ` ${of.summary}`),
    el('p', {}, of.description ?? 'Nobody is asked who he is.'),
    parameters.length ? el('table', {}, el('thead', {}, el('tr', {}, ...['parameter', 'in', 'type', 'must', 'meaning'].map((name) => el('th', { scope: 'col' }, name)))), el('tbody', {}, ...parameters.map((one) => el('tr', {}, el('th', { scope: 'row' }, el('code', {}, one.name)), el('td', {}, one.in), el('td', {}, ...kind(one.schema)), el('td', {}, one.required ? 'yes' : ''), el('td', {}, ...words(one.description ?? '')))))) : '',
    ...Object.entries(of.requestBody?.content ?? {}).map(([type, body]) => el('div', {}, el('h3', {}, 'Body: ', el('code', {}, type)), fields(body.schema))),
    el('h3', {}, 'Answers'),
    el('table', {}, el('thead', {}, el('tr', {}, ...['status', 'body', 'meaning'].map((name) => el('th', { scope: 'col' }, name)))), el('tbody', {}, ...Object.entries(of.responses).map(([status, one]) => el('tr', {}, el('th', { scope: 'row' }, status), el('td', {}, ...Object.entries(one.content ?? {}).flatMap(([type, body]) => [el('code', {}, type), ' ', ...kind(body.schema), ' '])), el('td', {}, ...words(one.description)))))));
}

function filter() {
  const wanted = /** @type {HTMLInputElement} */ (at('find')).value.trim().toLowerCase();
  for (const route of document.querySelectorAll('details.route')) /** @type {HTMLElement} */ (route).hidden = !(route.getAttribute('data-words') ?? '').includes(wanted);
}

async function show() {
  const response = await fetch('openapi.json');
  if (!response.ok) throw new Error(`status ${response.status}`);
  /** @type {OpenApi} */ const document_ = await response.json();
  at('about').textContent = document_.info.description.replaceAll('`', '');
  for (const tag of document_.tags) {
    const routes = Object.entries(document_.paths).flatMap(([path, methods]) => Object.entries(methods).filter(([, of]) => of.tags.includes(tag.name)).map(([method, of]) => operation(method, path, of)));
    at('routes').append(el('section', { 'aria-label': tag.name }, el('h2', {}, `${tag.name}: ${tag.description}`), ...routes));
  }
  for (const [name, schema] of Object.entries(document_.components.schemas)) at('schemas').append(el('section', { id: `type-${name}` }, el('h3', {}, name), el('p', {}, ...words(schema.description ?? '')), fields(schema)));
  at('find').addEventListener('input', filter);
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}
show().catch((error) => { at('about').textContent = `The document cannot be read: ${error.message}`; });
