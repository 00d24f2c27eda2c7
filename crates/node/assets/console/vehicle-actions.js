// @ts-check
// What an operator can do with a vehicle.
import { t, w } from './language.js';
import { button } from './dom.js';
import { propose } from './preview.js';
import { printSheet } from './route-sheet.js';
import { staysElsewhere, vehicleSince } from './undo.js';

/** @typedef {import('./api.js').Fact} Fact */
/** @param {import('../engine.js').VehicleStory} vehicle @returns {HTMLButtonElement[]} */
export function vehicleActions(vehicle) {
  const data = { vehicle_id: vehicle.id };
  /** @type {Fact} */ const lost = { type: 'vehicle.lost', data };
  /** @type {Fact} */ const back = { type: 'vehicle.back', data };
  /** @type {Fact} */ const ended = { type: 'shift.ended', data };
  /** @type {Fact} */ const started = { type: 'shift.started', data };
  const goods = vehicle.on_board ? w`${vehicle.on_board} orders have goods on board.` : t('It has no goods on board.');
  if (vehicle.status === 'lost') return [button(t('It works again'), () => void propose({ title: w`${vehicle.id} works again`, facts: [back], stands: vehicleSince(vehicle.id, (status) => status !== 'lost'), undo: [lost], undoTells: () => [], undoTitle: t('Undo: broken down') }), { id: 'act-back', 'data-acts': true })];
  if (vehicle.status === 'off') return [button(t('Start shift'), () => void propose({ title: w`Start the shift of ${vehicle.id}`, facts: [started], stands: vehicleSince(vehicle.id, (status) => status !== 'off'), undo: [ended], undoTells: () => [], undoTitle: t('Undo: end it') }), { id: 'act-start', 'data-acts': true })];
  const print = button(t('Print route'), () => void printSheet(vehicle.id), { id: 'act-print' });
  return [
    button(t('Broken down'), () => void propose({ title: w`${vehicle.id} has broken down`, facts: [lost], says: [w`Others take over its orders; goods on board are fetched where it stands. ${goods}`], stands: vehicleSince(vehicle.id, (status) => status === 'lost'), undo: [back], undoTells: staysElsewhere(vehicle.id), undoTitle: t('Undo: it works again') }), { id: 'act-lost', 'data-acts': true }),
    button(t('End shift now'), () => void propose({ title: w`End the shift of ${vehicle.id} now`, facts: [ended], says: [w`Its work is handed over. ${goods} What finds no place is listed with its reason.`], undo: [started], undoTells: staysElsewhere(vehicle.id), undoTitle: t('Undo: start it again') }), { id: 'act-end', 'data-acts': true }),
    print,
  ];
}
