// @ts-check
// The streets under the map, square by square: each is asked for when it comes into view, drawn once, and moved by the browser from then on.
import { $, fill } from './dom.js';
import { w } from './language.js';
import { get } from './api.js';
import * as L from '../leaflet/leaflet-src.esm.js';

/** Lines of a square are drawn this wide and in this colour: motorways and bridges, arterials, streets. */
const LOOKS = [['#8d9aa6', 5], ['#b3bec8', 3], ['#cfd6dc', 1.5]];
/** An answer has so many units in a square's side. */
const UNITS = 4096;
// Streets of an extract may be shown to others only with the name of those who made the map.
export const ATTRIBUTION = 'Streets of extracts: &copy; <a href="https://www.openstreetmap.org/copyright">OpenStreetMap</a> contributors';

/** @param {HTMLCanvasElement} canvas @param {number[][]} classes @param {number} size @param {number} zoom */
function draw(canvas, classes, size, zoom) {
  const context = canvas.getContext('2d');
  if (!context) return;
  const sharp = window.devicePixelRatio > 1 ? 2 : 1;
  [canvas.width, canvas.height] = [size * sharp, size * sharp];
  context.scale((size * sharp) / UNITS, (size * sharp) / UNITS);
  context.lineCap = 'round';
  const thin = Math.min(1, Math.max(0.35, (zoom - 9) / 6));
  // The small ones lowest.
  for (const kind of [2, 1, 0]) {
    const [colour, width] = LOOKS[kind];
    context.strokeStyle = String(colour);
    context.lineWidth = (Number(width) * thin * UNITS) / size;
    context.beginPath();
    const line = classes[kind];
    for (let at = 0; at + 3 < line.length; at += 4) {
      context.moveTo(line[at], line[at + 1]);
      context.lineTo(line[at + 2], line[at + 3]);
    }
    context.stroke();
  }
}

/** Squares that came and are not drawn yet: a few milliseconds of each frame are theirs, so that none is late. @type {(() => void)[]} */ const waiting = [];
/** Milliseconds of a frame. */
const SHARE = 8;
let frame = 0;
function some() {
  frame = 0;
  const begun = performance.now();
  while (waiting.length && performance.now() - begun < SHARE) waiting.shift()?.();
  if (waiting.length) frame = requestAnimationFrame(some);
}
/** @param {() => void} act */
function later(act) {
  waiting.push(act);
  if (!frame) frame = requestAnimationFrame(some);
}

/** A square that did not come is asked for again after so long, and then after twice as long each time, milliseconds. */
const [AGAIN, AGAIN_MAX] = [1_000, 15_000];
/** Squares in view that did not come. @type {Set<HTMLCanvasElement>} */ const missing = new Set();
/** Says how many squares of the map have no streets because they did not come. */
function tellMissing() {
  for (const canvas of missing) if (!canvas.isConnected) missing.delete(canvas);
  const line = $('map-missing');
  line.hidden = missing.size === 0;
  fill('map-missing', missing.size ? w`The streets of ${missing.size} squares of the map have not come. They are asked for again.` : '');
}
/** The streets of a square, asked for until they come or nobody looks at it any more. @param {string} path @param {HTMLCanvasElement} canvas @param {() => boolean} here it is of the zoom that is looked at */
async function square(path, canvas, here) {
  for (let pause = AGAIN; ; pause = Math.min(2 * pause, AGAIN_MAX)) {
    try {
      const answer = await fetch(path);
      // What the engine says no to is not asked for again: the zone has no streets, say.
      /** @type {import('../engine.js').Gets['v1/streets/{zoom}/{x}/{y}'] | null} */ const classes = answer.ok ? await answer.json() : null;
      if (answer.ok || (answer.status < 500 && answer.status !== 429)) { if (missing.delete(canvas)) tellMissing(); return classes; }
    } catch { /* no connection */ }
    missing.add(canvas);
    tellMissing();
    await new Promise((resolve) => { setTimeout(resolve, pause); });
    if (!canvas.isConnected || !here()) { missing.delete(canvas); tellMissing(); return null; }
  }
}

const Squares = L.GridLayer.extend({
  /** @this {L.GridLayer & {_map?: L.Map}} @param {L.Coords} at @param {L.DoneCallback} done */
  createTile(at, done) {
    const canvas = document.createElement('canvas');
    const here = () => at.z === Math.round(this._map?.getZoom() ?? at.z);
    void square(`v1/streets/${at.z}/${at.x}/${at.y}`, canvas, here).then((classes) => later(() => {
      // One that is out of view by now is not drawn.
      if (classes && here()) draw(canvas, classes, this.getTileSize().x, at.z);
      done(undefined, canvas);
    }));
    return canvas;
  },
});

/** Text as Leaflet's line of attributions, which is HTML, has it. @param {string} text */
const asHtml = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
/** The map of somebody else below the streets, if the operator of the engine has named one. @param {L.Map} map */
export async function basemap(map) {
  const answer = await get('v1/basemap');
  if (!answer.ok) return;
  const { url, attribution, zooms, bounds } = answer.body;
  if (!url) return;
  // Between and beyond the zooms of a file its nearest pictures are stretched; outside its box nothing is asked for.
  /** @type {L.TileLayerOptions} */ const limits = { ...(zooms ? { minNativeZoom: zooms[0], maxNativeZoom: zooms[1] } : {}), ...(bounds ? { bounds: [[bounds[1], bounds[0]], [bounds[3], bounds[2]]] } : {}) };
  L.tileLayer(url, { maxZoom: 19, zIndex: 0, attribution: asHtml(attribution), ...limits }).addTo(map);
}

/** The layer of streets. */
export const streets = () => new /** @type {new (options: L.GridLayerOptions) => L.GridLayer} */ (Squares)({ tileSize: 256, minZoom: 4, maxZoom: 19, updateWhenIdle: false, keepBuffer: 1, attribution: ATTRIBUTION });
