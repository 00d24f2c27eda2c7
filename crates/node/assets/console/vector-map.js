// @ts-check
// A map of vector tiles below the streets: Protomaps' form is drawn by its own library, OpenMapTiles' by the rules here. Both stay pale, so that routes stand out.
import * as L from '../leaflet/leaflet-src.esm.js';
import { get } from './api.js';
import { language } from './language.js';

/** What is drawn of a kind of feature. @typedef {{ dataLayer: string, symbolizer: unknown, filter?: (zoom: number, feature: Feature) => boolean, minzoom?: number, maxzoom?: number }} Rule */
/** A feature of a tile; `geomType` is 1 for points, 2 for lines, 3 for areas. @typedef {{ props: Record<string, unknown>, geomType: number }} Feature */
/** @typedef {new (options: Record<string, unknown>) => unknown} Symbolizer */
/**
 * What is used of the library.
 * @typedef {{
 *   leafletLayer: (options: L.GridLayerOptions & { url: string, flavor: string, lang: string, maxDataZoom: number }) => L.GridLayer & { paintRules: Rule[], labelRules: Rule[], backgroundColor: string, clearLayout: () => void },
 *   PolygonSymbolizer: Symbolizer, LineSymbolizer: Symbolizer, CenteredTextSymbolizer: Symbolizer, LineLabelSymbolizer: Symbolizer,
 *   exp: (base: number, stops: [number, number][]) => (zoom: number) => number,
 * }} Library
 */

/** The map is light also where the page is dark: its signs are made for that. */
const COLOURS = { land: '#e2dfda', green: '#cfe3d6', built: '#dcd8d2', water: '#80deea', building: '#cccccc', edge: '#d4d0ca', road: '#ffffff', rail: '#a7b1b3', border: '#adadad', text: '#5c5c5c', halo: '#f0eeea' };

/** The script is no module: it leaves one name behind. @returns {Promise<Library>} */
function library() {
  return new Promise((resolve, reject) => {
    Object.assign(window, { L });
    const script = document.createElement('script');
    script.src = 'protomaps/protomaps-leaflet.js';
    script.addEventListener('load', () => resolve(/** @type {{ protomapsL: Library }} */ (/** @type {unknown} */ (window)).protomapsL));
    script.addEventListener('error', () => reject(new Error(`${script.src} has not come`)));
    document.head.append(script);
  });
}

/** How OpenMapTiles' layers are drawn, the lowest first. @param {Library} library @returns {Rule[]} */
function paint({ PolygonSymbolizer, LineSymbolizer, exp }) {
  /** @param {Feature} feature */
  const kind = (feature) => String(feature.props.class ?? '');
  /** @param {string} dataLayer @param {string} fill @param {string[]} [classes] @returns {Rule} */
  const area = (dataLayer, fill, classes) => ({ dataLayer, symbolizer: new PolygonSymbolizer({ fill }), filter: (_, feature) => feature.geomType === 3 && 'class' in feature.props && (!classes || classes.includes(kind(feature))) });
  /** @param {string[]} classes @param {[number, number][]} width @returns {Rule[]} */
  const road = (classes, width) => [COLOURS.edge, COLOURS.road].map((color, inner) => ({ dataLayer: 'transportation', symbolizer: new LineSymbolizer({ color, width: (/** @type {number} */ zoom) => exp(1.6, width)(zoom) + (inner ? 0 : 1), lineCap: 'round', lineJoin: 'round' }), filter: (_, feature) => classes.includes(kind(feature)) }));
  return [
    area('landcover', COLOURS.green, ['grass', 'wood', 'farmland', 'wetland']),
    area('landuse', COLOURS.green, ['cemetery', 'pitch', 'playground', 'park']),
    area('landuse', COLOURS.built, ['residential', 'industrial', 'commercial', 'retail', 'school', 'university', 'hospital', 'military', 'railway']),
    { dataLayer: 'park', symbolizer: new PolygonSymbolizer({ fill: COLOURS.green }), filter: (_, feature) => feature.geomType === 3 },
    area('water', COLOURS.water),
    { dataLayer: 'waterway', symbolizer: new LineSymbolizer({ color: COLOURS.water, width: exp(1.6, [[8, 0.5], [18, 6]]) }) },
    { dataLayer: 'aeroway', symbolizer: new PolygonSymbolizer({ fill: COLOURS.built }), filter: (_, feature) => feature.geomType === 3 },
    { dataLayer: 'building', symbolizer: new PolygonSymbolizer({ fill: COLOURS.building, opacity: 0.5 }), minzoom: 14 },
    ...road(['path', 'track', 'service'], [[14, 0], [20, 7]]),
    ...road(['minor', 'minor_construction'], [[12, 0], [18, 8]]),
    ...road(['tertiary', 'secondary', 'primary'], [[6, 0], [12, 1.6], [15, 3], [18, 13]]),
    ...road(['trunk', 'motorway'], [[3, 0], [6, 1.1], [12, 1.6], [15, 5], [18, 15]]),
    { dataLayer: 'transportation', symbolizer: new LineSymbolizer({ color: COLOURS.rail, width: 1 }), filter: (_, feature) => ['rail', 'transit'].includes(kind(feature)) },
    { dataLayer: 'boundary', symbolizer: new LineSymbolizer({ color: COLOURS.border, width: 1 }), filter: (_, feature) => Number(feature.props.admin_level ?? 99) <= 4 },
  ];
}

/** What OpenMapTiles' layers have written, the most important first. @param {Library} library @returns {Rule[]} */
function write({ CenteredTextSymbolizer, LineLabelSymbolizer }) {
  const names = [`name:${language}`, 'name:latin', 'name'];
  /** @param {string} font */
  const text = (font) => new CenteredTextSymbolizer({ labelProps: names, fill: COLOURS.text, stroke: COLOURS.halo, width: 2, font });
  /** @param {string[]} classes @param {string} font @param {number} minzoom @returns {Rule} */
  const place = (classes, font, minzoom) => ({ dataLayer: 'place', symbolizer: text(font), minzoom, filter: (_, feature) => classes.includes(String(feature.props.class)) });
  return [
    place(['city'], '600 14px sans-serif', 5), place(['town'], '500 12px sans-serif', 9), place(['village', 'suburb'], '400 12px sans-serif', 12), place(['quarter', 'neighbourhood', 'hamlet'], '400 11px sans-serif', 14),
    { dataLayer: 'water_name', symbolizer: text('italic 12px sans-serif') },
    { dataLayer: 'transportation_name', symbolizer: new LineLabelSymbolizer({ labelProps: names, fill: COLOURS.text, stroke: COLOURS.halo, width: 2, font: '400 12px sans-serif' }), minzoom: 14 },
  ];
}

/** Layers of which the names are those of streets. */
const STREETS = ['roads', 'transportation_name'];

/** The layer of such a map. @param {string} url its tiles, with `{z}`, `{x}` and `{y}` @param {number} most the last zoom of which there are tiles @param {L.GridLayerOptions} options @returns {Promise<L.GridLayer>} */
export async function vectorMap(url, most, options) {
  const [drawer, streets] = await Promise.all([library(), get('v1/streets/{zoom}/{x}/{y}', { zoom: 4, x: 0, y: 0 })]);
  const layer = drawer.leafletLayer({ url: new URL(url, document.baseURI).href.replaceAll('%7B', '{').replaceAll('%7D', '}'), flavor: 'light', lang: language, maxDataZoom: most, ...options });
  // Not every form has areas of land, and where no tile is there is land as well.
  layer.backgroundColor = COLOURS.land;
  layer.paintRules.push(...paint(drawer));
  // The names of streets stand there already where the zone has a network of its own.
  layer.labelRules = [...layer.labelRules, ...write(drawer)].filter((rule) => !streets.ok || !STREETS.includes(rule.dataLayer));
  layer.clearLayout();
  return layer;
}
