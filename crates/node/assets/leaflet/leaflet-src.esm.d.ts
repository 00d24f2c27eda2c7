// The types of Leaflet, of which the page uses the module beside this file. `@types/leaflet` is there for the type checker only.
export * from 'leaflet';
