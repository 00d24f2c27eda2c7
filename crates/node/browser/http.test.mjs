// Every route against the OpenAPI document, by schemathesis: a running engine with streets, vehicles and orders is asked what the document allows and what
// it does not.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { event, openTown } from './town.mjs';

const schemathesis = join(dirname(process.env.FLEETFOLD_PYTHON ?? '../../../target/tools/python/bin/python'), 'schemathesis');
const town = await openTown();
const folder = mkdtempSync(join(tmpdir(), 'fleetfold-http-'));
let code = 1;
try {
  await town.fill();
  await town.post(event('order.cancelled', { order_id: 'ord-2116' }), event('vehicle.lost', { vehicle_id: 'v6' }), event('road.closed', { change_id: 'works', line: [{ lon: -9.6, lat: 41.2 }, { lon: -9.59, lat: 41.203 }] }));
  // An id that is made up names nothing: half of them are made those that there are.
  const known = { 'vehicles': ['v1', 'v6'], 'vehicle': ['v1', 'v6'], 'orders': ['ord-2140', 'ord-crane', 'ord-2116'], 'order': ['ord-2140', 'ord-crane', 'ord-2116'], 'offers': ['ord-2140', 'ord-2116'] };
  const seconds = Number(process.env.HTTP_SECONDS ?? 60);
  const checks = 'not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,unsupported_method,allow_header_conformance';
  code = 0;
  // Answers with times as integers, and, for a shorter while, with texts: each form has its document.
  // Whoever leaves the parameter out is answered with integers, so that the second document is asked only what it allows.
  for (const [times, within, mode] of [['unix', seconds, 'all'], ['rfc3339', Math.ceil(seconds / 3), 'positive']]) {
    const document = await (await fetch(`${town.base}/openapi.json?times=${times}`)).json();
    for (const [path, methods] of Object.entries(document.paths)) {
      const name = path.split('/').at(-2);
      for (const parameter of methods.get?.parameters ?? []) if (parameter.in === 'path' && known[name]) parameter.schema = { anyOf: [{ enum: known[name] }, parameter.schema] };
    }
    writeFileSync(join(folder, 'openapi.json'), JSON.stringify(document));
    const run = spawn(schemathesis, ['run', 'openapi.json', '--url', town.base, '--checks', checks, '--mode', mode, '--phases', 'examples,coverage,fuzzing', '--max-time', String(within), '--max-examples', process.env.HTTP_EXAMPLES ?? '15', '--seed', process.env.HTTP_SEED ?? '1', '--exclude-path-regex', '^/v1/zones/', '--request-timeout', '20', '--warnings', 'off', '--no-color'], { cwd: folder, stdio: 'inherit' });
    const ended = await new Promise((resolve) => { run.on('close', resolve); run.on('error', (error) => { console.error(`${schemathesis}: ${error.message}`); resolve(1); }); });
    if (ended !== 0) code = ended ?? 1;
  }
  const ready = await fetch(`${town.base}/readyz`);
  if (!ready.ok) { console.error(`the engine is not ready any more: ${await ready.text()}`); code = 1; }
  const here = await (await fetch(`${town.base}/v1/orders/ord-2140`)).json();
  if (here.id !== 'ord-2140') { console.error(JSON.stringify(here)); code = 1; }
} finally {
  await town.close();
  rmSync(folder, { recursive: true, force: true });
}
console.log(code === 0 ? 'every route answers as the document says' : 'the document and the routes differ');
process.exitCode = code;
