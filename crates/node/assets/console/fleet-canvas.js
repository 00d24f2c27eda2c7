// @ts-check
// Routes, stops, vehicles and waiting orders on two canvases of their own: what does not move (routes) below, what does (dots) above. Each is drawn whole in one go, which is
// many times quicker than a map layer for each line; which dot is meant by a click is found by looking through them.
import * as L from '../leaflet/leaflet-src.esm.js';
import { shown } from './dom.js';
import { pieces } from './pieces.js';

/** @typedef {{colour: string, width: number, opacity: number, dashed: boolean, arrows?: boolean, place: Float64Array}} Line */
/** `glyph`: a sign or a number in it; `name`: what stands beside it where there is room; `label`: how many it stands for. @typedef {{x: number, y: number, radius: number, edge: string, thick: number, fill: string, square: boolean, glyph?: string, name?: string, label?: string, words: string | (() => string), act: () => void}} Dot */
/** What is drawn of a vehicle or an order: lines below dots, and those that are looked at above the others. @typedef {{lines: Line[], dots: Dot[], strong: boolean}} Shape */

/** Points of a line that are nearer to the one before than this are left out, pixels. */
const NEAR = 1.2;
/** Between two looks at the clock so many points of lines are stroked. */
const POINTS = 1_500;
/** Routes that are being drawn for another view are shown so often, milliseconds. */
const SHOWN_EVERY = 40;
/** A click means a dot that is so near, pixels. */
const REACH = 4;
/** From one arrow of a route to the next, pixels. */
const ARROWS = 90;
/** Names beside dots are written if there are at most so many in view: more could not be read, and take longer than a frame. */
const NAMES = 150;
const FONT = 'system-ui, "DejaVu Sans", sans-serif';
/** The canvases are so much larger than the map on each side, so that little is missing while it is dragged. */
const PADDING = 0.15;

/** Dots without a label are drawn once for each look and then copied, which is many times quicker than to stroke ten thousand circles. @param {Dot} dot @param {number} sharp */
function stamp(dot, sharp) {
  const half = Math.ceil(dot.radius + dot.thick / 2) + 1;
  const image = document.createElement('canvas');
  image.width = image.height = half * 2 * sharp;
  const context = image.getContext('2d');
  if (context) {
    context.scale(sharp, sharp);
    outline(context, dot, half, half);
  }
  return { image, half };
}
/** @param {CanvasRenderingContext2D} context @param {Dot} dot @param {number} x @param {number} y */
function outline(context, dot, x, y) {
  context.beginPath();
  if (dot.square) context.rect(x - dot.radius, y - dot.radius, dot.radius * 2, dot.radius * 2);
  else context.arc(x, y, dot.radius, 0, Math.PI * 2);
  context.fillStyle = dot.fill;
  context.fill();
  context.strokeStyle = dot.edge;
  context.lineWidth = dot.thick;
  context.stroke();
  if (!dot.glyph) return;
  context.font = `700 ${Math.round(dot.radius * (dot.glyph.length > 2 ? 0.9 : 1.25))}px ${FONT}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillStyle = DARK.includes(dot.fill) ? '#fff' : '#1b1f24';
  context.fillText(dot.glyph, x, y + 0.5);
}
/** Fills on which white is read; on the others black is. */
const DARK = ['#1b1f24', '#d55e00'];
/** A name as a picture, drawn once. @param {string} name @param {number} sharp */
function plate(name, sharp) {
  const image = document.createElement('canvas');
  const context = image.getContext('2d');
  const font = `600 11px ${FONT}`;
  if (context) context.font = font;
  const [width, height] = [Math.ceil(context?.measureText(name).width ?? 0) + 6, 15];
  [image.width, image.height] = [width * sharp, height * sharp];
  if (context) {
    context.scale(sharp, sharp);
    context.font = font;
    context.textBaseline = 'middle';
    context.lineWidth = 3;
    context.lineJoin = 'round';
    context.strokeStyle = '#fff';
    context.strokeText(name, 3, height / 2 + 0.5);
    context.fillStyle = '#1b1f24';
    context.fillText(name, 3, height / 2 + 0.5);
  }
  return { image, width, height };
}

/** A place as parts of the world's width from its upper left corner. @param {[number, number]} place longitude, latitude @returns {[number, number]} */
export function world([lon, lat]) {
  const sine = Math.sin((Math.max(-85.05, Math.min(85.05, lat)) * Math.PI) / 180);
  return [lon / 360 + 0.5, 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)];
}
/** @param {[number, number][]} line */
export function worldLine(line) {
  const place = new Float64Array(line.length * 2);
  for (const [index, point] of line.entries()) place.set(world(point), index * 2);
  return place;
}

export class FleetCanvas {
  /** @param {L.Map} map @param {() => void} stale what is drawn is not what should be seen: somebody calls `draw` before the next frame */
  constructor(map, stale) {
    this.map = map;
    this.stale = stale;
    /** @type {Map<string, Shape>} */ this.shapes = new Map();
    /** Pictures of dots, by their look. @type {Map<string, {image: HTMLCanvasElement, half: number}>} */ this.stamps = new Map();
    /** Pictures of names. @type {Map<string, ReturnType<typeof plate>>} */ this.plates = new Map();
    /** For the browser test: glyphs and names that were drawn last, and how many arrows. */ this.written = { glyphs: /** @type {string[]} */ ([]), names: /** @type {string[]} */ ([]), arrows: 0 };
    /** Points of lines at a zoom, pixels from the world's corner. @type {WeakMap<Float64Array, {scale: number, points: Float64Array}>} */ this.pixels = new WeakMap();
    /** The boxes around lines, parts of the world: least x, least y, most x, most y. @type {WeakMap<Float64Array, number[]>} */ this.boxes = new WeakMap();
    const canvas = () => {
      const made = document.createElement('canvas');
      made.className = 'leaflet-zoom-hide';
      made.setAttribute('aria-hidden', 'true');
      made.style.position = 'absolute';
      made.style.pointerEvents = 'none';
      map.getPane('overlayPane')?.prepend(made);
      return made;
    };
    this.above = canvas();
    this.below = canvas();
    /** Where routes are drawn in pieces, before they are copied to where they are seen. A browser that reads it back draws at once: else all of it would be drawn in the frame in which it is copied. */
    this.spare = document.createElement('canvas');
    this.sketch = this.spare.getContext('2d', { willReadFrequently: true });
    /** The routes that are seen are those of another view. */ this.moved = true;
    this.stroking = pieces(() => this.strokes());
    this.hint = L.tooltip({ direction: 'top', offset: [0, -6] });
    /** @type {Dot | null} */ this.hovered = null;
    /** The dot that the click in hand is on. @type {Dot | null} */ this.clicked = null;
    /** The upper left corner of the canvases, pixels from the world's; none until the map is placed. @type {L.Point | null} */ this.origin = null;
    /** Their size. @type {L.Point} */ this.size = L.point(0, 0);
    this.sharp = 1;
    /** The view that the canvases were placed for. */ this.view = '';
    /** How often the routes were drawn. */ this.drawn = 0;
    map.on('moveend zoomend viewreset resize', () => this.place());
    map.on('mousemove', (move) => this.hover(move));
    map.on('mouseout', () => this.hover(null));
    map.on('preclick', (click) => { this.clicked = this.at(click.containerPoint); });
  }

  /** Puts the canvases where the map is now. The map says three times that it was zoomed: they are drawn once, in the frame that follows. */
  place() {
    const size = this.map.getSize();
    const margin = size.multiplyBy(PADDING).round();
    const corner = this.map.containerPointToLayerPoint([0, 0]).subtract(margin);
    const origin = this.map.getPixelOrigin().add(corner);
    const sharp = window.devicePixelRatio > 1 ? 2 : 1;
    const view = `${this.map.getZoom()} ${origin.x} ${origin.y} ${corner.x} ${corner.y} ${size.x} ${size.y} ${sharp}`;
    if (view === this.view) return;
    this.view = view;
    this.origin = origin;
    this.size = size.add(margin.multiplyBy(2));
    for (const canvas of [this.below, this.above]) {
      const [width, height] = [Math.max(1, this.size.x * sharp), Math.max(1, this.size.y * sharp)];
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
      canvas.style.width = `${this.size.x}px`;
      canvas.style.height = `${this.size.y}px`;
      L.DomUtil.setPosition(canvas, corner);
    }
    this.sharp = sharp;
    this.moved = true;
    for (const canvas of [this.below, this.above]) this.fresh(canvas);
    this.stale();
  }

  /** @param {HTMLCanvasElement} canvas @param {CanvasRenderingContext2D | null} [context] */
  fresh(canvas, context = canvas.getContext('2d')) {
    if (!context || !this.origin) return null;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(this.sharp, 0, 0, this.sharp, 0, 0);
    return context;
  }

  /** @param {Float64Array} place */
  box(place) {
    let box = this.boxes.get(place);
    if (!box) {
      box = [Infinity, Infinity, -Infinity, -Infinity];
      for (let at = 0; at < place.length; at += 2) {
        box[0] = Math.min(box[0], place[at]); box[1] = Math.min(box[1], place[at + 1]);
        box[2] = Math.max(box[2], place[at]); box[3] = Math.max(box[3], place[at + 1]);
      }
      this.boxes.set(place, box);
    }
    return box;
  }

  /** The points of a line at the zoom of now, without those that nobody could tell from the one before. @param {Float64Array} place @param {number} scale */
  points(place, scale) {
    const known = this.pixels.get(place);
    if (known && known.scale === scale) return known.points;
    const kept = new Float64Array(place.length);
    let [count, lastX, lastY] = [0, Infinity, Infinity];
    for (let at = 0; at < place.length; at += 2) {
      const [x, y] = [place[at] * scale, place[at + 1] * scale];
      if (at && at + 2 < place.length && Math.abs(x - lastX) < NEAR && Math.abs(y - lastY) < NEAR) continue;
      kept[count] = lastX = x;
      kept[count + 1] = lastY = y;
      count += 2;
    }
    const points = kept.slice(0, count);
    this.pixels.set(place, { scale, points });
    return points;
  }

  lines() {
    if (!this.origin) return;
    this.drawn += 1;
    this.stroking.start();
  }

  /** Shows what is drawn of the routes. */
  copy() {
    const context = this.fresh(this.below);
    if (!context) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.spare, 0, 0);
  }

  /** Draws the routes. Those of another view are shown as they come, others when all are drawn. @returns {Generator<void>} */
  *strokes() {
    if (this.spare.width !== this.below.width || this.spare.height !== this.below.height) [this.spare.width, this.spare.height] = [this.below.width, this.below.height];
    const context = this.fresh(this.spare, this.sketch);
    if (!context || !this.origin) return;
    let [stroked, copied] = [0, performance.now()];
    this.written.arrows = 0;
    const { x: left, y: top } = this.origin;
    const [right, bottom] = [left + this.size.x, top + this.size.y];
    const scale = 256 * 2 ** this.map.getZoom();
    context.lineJoin = 'round';
    for (const strong of [false, true]) {
      for (const shape of this.shapes.values()) {
        if (shape.strong !== strong) continue;
        // Lines of one look are one stroke.
        let look = '';
        for (const line of shape.lines) {
          const box = this.box(line.place);
          if (box[2] * scale < left || box[0] * scale > right || box[3] * scale < top || box[1] * scale > bottom) continue;
          const points = this.points(line.place, scale);
          const mine = `${line.colour} ${line.width} ${line.opacity} ${line.dashed}`;
          if (mine !== look) {
            if (look) context.stroke();
            look = mine;
            context.strokeStyle = line.colour;
            context.lineWidth = line.width;
            context.globalAlpha = line.opacity;
            context.setLineDash(line.dashed ? [5, 5] : []);
            context.beginPath();
          }
          context.moveTo(points[0] - left, points[1] - top);
          for (let at = 2; at < points.length; at += 2) context.lineTo(points[at] - left, points[at + 1] - top);
          stroked += points.length / 2;
        }
        if (look) context.stroke();
        for (const line of shape.lines) if (line.arrows) this.arrows(context, line, scale);
        if (stroked < POINTS) continue;
        stroked = 0;
        context.getImageData(0, 0, 1, 1);
        if (this.moved && performance.now() - copied > SHOWN_EVERY) { this.copy(); copied = performance.now(); }
        yield;
      }
    }
    context.globalAlpha = 1;
    this.copy();
    this.moved = false;
  }

  /** Arrows along a line, in the direction of the drive. @param {CanvasRenderingContext2D} context @param {Line} line @param {number} scale */
  arrows(context, line, scale) {
    const points = this.points(line.place, scale);
    const { x: left, y: top } = this.origin ?? L.point(0, 0);
    context.save();
    context.setLineDash([]);
    context.globalAlpha = 1;
    [context.fillStyle, context.strokeStyle, context.lineWidth] = [line.colour, '#fff', 1.5];
    // The first one soon: a short leg has its arrow, too.
    let next = 24;
    for (let at = 2; at < points.length; at += 2) {
      const [fromX, fromY, toX, toY] = [points[at - 2] - left, points[at - 1] - top, points[at] - left, points[at + 1] - top];
      const long = Math.hypot(toX - fromX, toY - fromY);
      for (; next <= long; next += ARROWS) {
        const [x, y] = [fromX + ((toX - fromX) * next) / long, fromY + ((toY - fromY) * next) / long];
        if (x < 0 || y < 0 || x > this.size.x || y > this.size.y) continue;
        const [east, south] = [(toX - fromX) / long, (toY - fromY) / long];
        context.beginPath();
        context.moveTo(x + east * 7, y + south * 7);
        context.lineTo(x - east * 5 - south * 6, y - south * 5 + east * 6);
        context.lineTo(x - east * 5 + south * 6, y - south * 5 - east * 6);
        context.closePath();
        context.stroke();
        context.fill();
        this.written.arrows += 1;
      }
      next -= long;
    }
    context.restore();
  }

  /** Names beside their dots, each where it covers no other name and no other vehicle; those that are looked at first. @param {CanvasRenderingContext2D} context @param {{dot: Dot, x: number, y: number}[]} named */
  names(context, named) {
    this.written.names = [];
    if (named.length > NAMES) named = named.slice(-1).filter(({ dot }) => dot.thick > 2);
    const taken = named.map(({ dot, x, y }) => [x - dot.radius, y - dot.radius, x + dot.radius, y + dot.radius]);
    for (const { dot, x, y } of named.reverse()) {
      const name = dot.name ?? '';
      const look = `${name} ${this.sharp}`;
      let known = this.plates.get(look);
      if (!known) {
        if (this.plates.size > 2_000) this.plates.clear();
        known = plate(shown(name), this.sharp);
        this.plates.set(look, known);
      }
      const { image, width, height } = known;
      const away = dot.radius + 2;
      const places = [[x + away, y - height / 2], [x - away - width, y - height / 2], [x - width / 2, y - away - height], [x - width / 2, y + away]];
      const free = places.find(([left, top]) => taken.every((box) => left > box[2] || left + width < box[0] || top > box[3] || top + height < box[1]));
      if (!free) continue;
      taken.push([free[0], free[1], free[0] + width, free[1] + height]);
      context.drawImage(image, Math.round(free[0]), Math.round(free[1]), width, height);
      this.written.names.push(name);
    }
  }

  /** Every dot that can be seen, those that are looked at last. @param {(dot: Dot, x: number, y: number) => void} act */
  each(act) {
    const { origin } = this;
    if (!origin) return;
    const scale = 256 * 2 ** this.map.getZoom();
    for (const strong of [false, true]) {
      for (const shape of this.shapes.values()) {
        if (shape.strong !== strong) continue;
        for (const dot of shape.dots) {
          const [x, y] = [dot.x * scale - origin.x, dot.y * scale - origin.y];
          if (x > -20 && y > -20 && x < this.size.x + 20 && y < this.size.y + 20) act(dot, x, y);
        }
      }
    }
  }

  dots() {
    const context = this.fresh(this.above);
    if (!context) return;
    /** What was last drawn at each pixel: the same once more would not be seen. @type {Map<number, unknown>} */ const drawn = new Map();
    /** @type {{dot: Dot, x: number, y: number}[]} */ const named = [];
    this.written.glyphs = [];
    this.each((dot, x, y) => {
      if (dot.name) named.push({ dot, x, y });
      if (dot.glyph) this.written.glyphs.push(dot.glyph);
      if (!dot.label) {
        const look = `${dot.radius} ${dot.thick} ${dot.edge} ${dot.fill} ${dot.square} ${this.sharp} ${dot.glyph ?? ''}`;
        let known = this.stamps.get(look);
        if (!known) { known = stamp(dot, this.sharp); this.stamps.set(look, known); }
        const [left, top] = [Math.round(x), Math.round(y)];
        const pixel = left * 65_536 + top;
        if (drawn.get(pixel) === known) return;
        drawn.set(pixel, known);
        context.drawImage(known.image, left - known.half, top - known.half, known.half * 2, known.half * 2);
        return;
      }
      outline(context, dot, x, y);
      context.font = '700 12px system-ui, sans-serif';
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      // Readable on any of the colours.
      context.strokeStyle = '#000';
      context.lineWidth = 2;
      context.strokeText(dot.label, x, y);
      context.fillStyle = '#fff';
      context.fillText(dot.label, x, y);
    });
    this.names(context, named);
  }

  /** The dot at a place of the map, the uppermost. @param {{x: number, y: number}} point pixels of the map */
  at(point) {
    const corner = this.map.containerPointToLayerPoint([0, 0]).add(this.map.getPixelOrigin()).subtract(this.origin ?? L.point(0, 0));
    const [wantedX, wantedY] = [point.x + corner.x, point.y + corner.y];
    /** @type {Dot | null} */ let found = null;
    this.each((dot, x, y) => { if (Math.hypot(x - wantedX, y - wantedY) <= dot.radius + REACH) found = dot; });
    return /** @type {Dot | null} */ (found);
  }

  /** @param {L.LeafletMouseEvent | null} move */
  hover(move) {
    const dot = move && !move.originalEvent?.buttons ? this.at(move.containerPoint) : null;
    if (dot === this.hovered) return;
    this.hovered = dot;
    this.map.getContainer().classList.toggle('over-dot', Boolean(dot));
    if (!dot) { this.hint.remove(); return; }
    const said = document.createElement('span');
    said.textContent = shown(typeof dot.words === 'string' ? dot.words : dot.words());
    const scale = 256 * 2 ** this.map.getZoom();
    this.hint.setLatLng(this.map.unproject([dot.x * scale, dot.y * scale], this.map.getZoom())).setContent(said).addTo(this.map);
  }
}
