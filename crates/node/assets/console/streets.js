// @ts-check
// The streets under the map, square by square: each is asked for when it comes into view, drawn once, and moved by the browser from then on.
import { get } from './api.js';
import { $, fill, shown } from './dom.js';
import { w } from './language.js';
import * as L from '../leaflet/leaflet-src.esm.js';

/** Lines of a square are drawn this wide and in this colour: motorways and bridges, arterials, streets. */
const LOOKS = [['#8d9aa6', 5], ['#b3bec8', 3], ['#cfd6dc', 1.5]];
/** An answer has so many units in a square's side. */
const UNITS = 4096;
// Streets of an extract may be shown to others only with the name of those who made the map.
export const ATTRIBUTION = w`Streets of extracts: ${'&copy; <a href="https://www.openstreetmap.org/copyright">OpenStreetMap</a>'} contributors`;

/** Numbers of the stretches that are one stroke, four for each. */
const STROKE = 4 * 64;

/** @param {HTMLCanvasElement} canvas @param {number[][]} classes @param {number} size @param {number} zoom @returns {Generator<void>} */
function* draw(canvas, classes, size, zoom) {
  // What is read back is drawn at once, and not all of it in one frame.
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) return;
  const sharp = window.devicePixelRatio > 1 ? 2 : 1;
  [canvas.width, canvas.height] = [size * sharp, size * sharp];
  context.scale((size * sharp) / UNITS, (size * sharp) / UNITS);
  const thin = Math.min(1, Math.max(0.35, (zoom - 9) / 6));
  // The small ones lowest.
  for (const kind of [2, 1, 0]) {
    const [colour, width] = LOOKS[kind];
    context.strokeStyle = String(colour);
    context.lineWidth = (Number(width) * thin * UNITS) / size;
    context.beginPath();
    // Round ends close the gaps between the stretches of a wide road; those of a thin one cannot be seen, and take long.
    context.lineCap = Number(width) * thin > 2 ? 'round' : 'butt';
    const line = classes[kind];
    for (let at = 0; at + 3 < line.length; at += 4) {
      // One stroke of thousands of stretches takes many times longer than many strokes of some.
      if (at && at % STROKE === 0) { context.stroke(); context.beginPath(); if (at % (8 * STROKE) === 0) { context.getImageData(0, 0, 1, 1); yield; } }
      context.moveTo(line[at], line[at + 1]);
      context.lineTo(line[at + 2], line[at + 3]);
    }
    context.stroke();
    context.getImageData(0, 0, 1, 1);
    yield;
  }
}

/** From this zoom on squares have the names of their streets. */
const NAMED = 16;
/** Names of streets along them, each whole within its square and over no other one. @param {HTMLCanvasElement} canvas @param {import('../engine.js').StreetName[]} streets @param {number} size */
function* write(canvas, streets, size) {
  const context = canvas.getContext('2d');
  if (!context) return;
  const sharp = window.devicePixelRatio > 1 ? 2 : 1;
  context.setTransform(sharp, 0, 0, sharp, 0, 0);
  context.font = '11px system-ui, "DejaVu Sans", sans-serif';
  [context.textAlign, context.textBaseline, context.lineJoin] = ['center', 'middle', 'round'];
  /** Middles of boxes along the names that are written: as high as the letters, and as long. @type {[number, number][]} */ const taken = [];
  const written = [];
  for (const { name, line } of streets) {
    const [x0, y0, x1, y1] = line.map((part) => (part * size) / UNITS);
    const long = Math.hypot(x1 - x0, y1 - y0);
    const wide = context.measureText(shown(name)).width + 8;
    if (wide > long) continue;
    // From left to right, so that nobody has to read upside down.
    const turned = x1 < x0 || (x1 === x0 && y1 > y0);
    const [east, south] = [(x1 - x0) / long, (y1 - y0) / long];
    // The letters may stand out of the square beside a street that runs along its edge: further along there is more room, or there is none.
    const place = [0.5, 0.3, 0.7].map((part) => [x0 + (x1 - x0) * part, y0 + (y1 - y0) * part]).find(([x, y]) => {
      const ends = [-0.5, -0.25, 0, 0.25, 0.5].map((part) => [x + east * wide * part, y + south * wide * part]);
      return ends.every(([px, py]) => px > 7 && py > 7 && px < size - 7 && py < size - 7 && taken.every(([ox, oy]) => Math.hypot(px - ox, py - oy) > 16));
    });
    if (!place) continue;
    for (let along = -0.5; along <= 0.5; along += 0.125) taken.push([place[0] + east * wide * along, place[1] + south * wide * along]);
    context.save();
    context.translate(place[0], place[1]);
    context.rotate(Math.atan2(turned ? -south : south, turned ? -east : east));
    [context.strokeStyle, context.lineWidth, context.fillStyle] = ['#fff', 3, '#3d4650'];
    context.strokeText(shown(name), 0, 0);
    context.fillText(shown(name), 0, 0);
    context.restore();
    written.push(name);
    if (written.length % 4 === 0) yield;
  }
  // For those who look at the page by a program.
  canvas.dataset.names = written.join('; ');
}

/** Squares that came and are not drawn yet, in pieces: a few milliseconds of each frame are theirs, so that none is late. @type {Generator<void>[]} */ const waiting = [];
/** Milliseconds of a frame. */
const SHARE = 8;
let frame = 0;
function some() {
  frame = 0;
  const begun = performance.now();
  while (waiting.length && performance.now() - begun < SHARE) if (waiting[0].next().done) waiting.shift();
  if (waiting.length) frame = requestAnimationFrame(some);
}
/** @param {Generator<void>} drawing */
function later(drawing) {
  waiting.push(drawing);
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
    const size = this.getTileSize().x;
    void square(`v1/streets/${at.z}/${at.x}/${at.y}`, canvas, here).then((classes) => {
      const drawing = function* () {
        // One that is out of view by now is not drawn.
        if (classes && here()) yield* draw(canvas, classes, size, at.z);
        done(undefined, canvas);
        if (!classes || at.z < NAMED || !classes.some((line) => line.length)) return;
        void get('v1/streets/{zoom}/{x}/{y}/names', { zoom: at.z, x: at.x, y: at.y }).then((named) => { if (named.ok && here()) later(write(canvas, named.body.streets, size)); });
      };
      later(drawing());
    });
    return canvas;
  },
});

/** Text as Leaflet's line of attributions, which is HTML, has it. @param {string} text */
const asHtml = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
/** The last zoom of vector tiles at an address that says nothing of it: both forms end there, or have all that is shown nearer. */
const VECTORS_MAX = 14;
/** The map of somebody else below the streets, if the operator of the engine has named one. @param {L.Map} map */
export async function basemap(map) {
  const answer = await get('v1/basemap');
  if (!answer.ok) return;
  const { url, tiles, attribution, zooms, bounds } = answer.body;
  if (!url) return;
  // Outside the box of a file nothing is asked for.
  /** @type {L.GridLayerOptions} */ const options = { maxZoom: 19, zIndex: 0, attribution: asHtml(attribution), ...(bounds ? { bounds: [[bounds[1], bounds[0]], [bounds[3], bounds[2]]] } : {}) };
  if (tiles === 'vectors') {
    const { vectorMap } = await import('./vector-map.js');
    (await vectorMap(url, zooms?.[1] ?? VECTORS_MAX, options)).addTo(map);
    return;
  }
  // Between and beyond the zooms of a file its nearest pictures are stretched.
  L.tileLayer(url, { ...options, ...(zooms ? { minNativeZoom: zooms[0], maxNativeZoom: zooms[1] } : {}) }).addTo(map);
}

/** The layer of streets. */
export const streets = () => new /** @type {new (options: L.GridLayerOptions) => L.GridLayer} */ (Squares)({ tileSize: 256, minZoom: 4, maxZoom: 19, updateWhenIdle: false, keepBuffer: 1, attribution: ATTRIBUTION });
