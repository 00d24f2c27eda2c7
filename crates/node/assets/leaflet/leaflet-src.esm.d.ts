// The parts of Leaflet that map.js uses, for the type checker.
/* eslint-disable */
type Make = (...args: any[]) => any;
export const canvas: Make;
export const map: Make;
export const layerGroup: Make;
export const polyline: Make;
export const polygon: Make;
export const rectangle: Make;
export const circleMarker: Make;
export const latLngBounds: Make;
export const control: { attribution: Make };
