// The parts of Leaflet that the page uses, for the type checker.
/* eslint-disable */
type Make = (...args: any[]) => any;
export const canvas: Make;
export const map: Make;
export const layerGroup: Make;
export const polyline: Make;
export const polygon: Make;
export const circleMarker: Make;
export const latLngBounds: Make;
export const control: { attribution: Make; scale: Make };
export const GridLayer: any;
export const DomEvent: any;
export const DomUtil: any;
export const tooltip: Make;
export const tileLayer: Make;
