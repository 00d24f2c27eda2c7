// What HTTP and the live feed send and take. `fleetfold schema types` writes this from the types of the program; a test compares the two.

/** A point in time: milliseconds of Unix time. With `times=rfc3339` HTTP answers with a text in its place. */
export type UnixMillis = number;

/** Limits of acceptance. */
export interface Accept {
  cost_max?: number | null;
  delay_max_seconds?: number | null;
  nobody_late?: boolean;
}

/** Who has seen an alert, and when. */
export interface Acknowledged {
  at: UnixMillis;
  by: string | null;
  /** It is put off until then, and is to be shown again. */
  until: UnixMillis | null;
}

/** An alert that stands. */
export interface Alert {
  /** Somebody has seen it. */
  acknowledged?: Acknowledged | null;
  /** What is wrong: `predicted_late`, `unassigned`, `silent`, `sla_burn`, `log_lag`, `degraded` or `clock_skew`. */
  alert: string;
  detail: string;
  /** The order that it is about, if it is about one. */
  order?: string | null;
  /** How late, how long silent: by kind, when it was raised. */
  seconds: number;
  since: UnixMillis;
  /** The vehicle that it is about, if it is about one. */
  vehicle?: string | null;
}

/** An operator has seen an alert, and may have put it off. */
export interface AlertAcknowledgedEvent {
  /** `alert.acknowledged`: an operator has seen an alert. */
  data: {
    /** `predicted_late`, `unassigned` (with `order_id`), `silent`, `clock_skew` (with `vehicle_id`), `sla_burn`, `log_lag` or `degraded` (of the zone). */
    alert: string;
    /** Who: 1 to 64 visible characters. */
    by?: string | null;
    /** Which order, for alerts about one. */
    order_id?: string | null;
    /** Put off: it is to be shown again from then on, if it is not over (RFC 3339). */
    until_time?: string | null;
    /** Which vehicle, for alerts about one. */
    vehicle_id?: string | null;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.alert.acknowledged.v1";
}

/** What came of one event that was posted with `?wait=answer`. */
export interface Answered {
  decisions: Array<Decision>;
  /** The number of the plan that answers it. */
  plan?: number | null;
  /** Why it was refused. */
  reason?: string | null;
  seq: number;
  /** `answered`, `refused`, `taken` (there was nothing to decide) or `waiting`. */
  state: string;
  /** Of a change of the roads: the vehicles whose ways it touches. */
  touches?: Array<Touched>;
}

/** A slot is to be kept. */
export interface AskedHold {
  /** For so long. */
  minutes: number;
  /** Which, by its place in the list; without it the cheapest. */
  slot?: number | null;
}

export interface AskedSlot {
  closes: string;
  opens: string;
}

/** The driver took the assignment. */
export interface AssignmentAcceptedEvent {
  /** `assignment.accepted` (with `revision`) and `assignment.rejected` (with `order_id`). */
  data: {
    order_id?: string | null;
    revision?: number | null;
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.assignment.accepted.v1";
}

/** A dispatcher gives an order to a vehicle now, whatever it costs. */
export interface AssignmentForcedEvent {
  /** `stop.pinned`, `assignment.forced`. */
  data: {
    order_id: string;
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.assignment.forced.v1";
}

/** The driver will not do this order. */
export interface AssignmentRejectedEvent {
  /** `assignment.accepted` (with `revision`) and `assignment.rejected` (with `order_id`). */
  data: {
    order_id?: string | null;
    revision?: number | null;
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.assignment.rejected.v1";
}

/** Dispatchers tell each other about something that needs attention. It changes nothing of the fleet. */
export interface AttentionNotedEvent {
  /** `attention.noted`. Exactly one of `order_id`, `vehicle_id` and `entry_seq`. */
  data: {
    /** `acknowledged`, `snoozed` or `cleared`. */
    attention: "acknowledged" | "snoozed" | "cleared";
    /** Who says it, at most 256 characters. */
    by?: string | null;
    /** An entry of the log, for instance a refused one. */
    entry_seq?: number | null;
    order_id?: string | null;
    /** Until when it holds (RFC 3339); none: until it is cleared. */
    until_time?: string | null;
    vehicle_id?: string | null;
    /** In words, at most 256 characters. */
    words?: string | null;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.attention.noted.v1";
}

/** The map below the streets. */
export interface BasemapShown {
  /** Whose map it is, as text. */
  attribution: string;
  /** The box that it covers, where the engine knows: west, south, east, north, in degrees. */
  bounds?: [number, number, number, number] | null;
  /** What its tiles are. */
  tiles: BasemapTiles;
  /** The address of a tile, with `{z}`, `{x}` and `{y}`; null: there is no such map. */
  url: string | null;
  /** The first and the last zoom of which there are tiles, where the engine knows. */
  zooms?: [number, number] | null;
}

/** What the tiles of a map are. */
export type BasemapTiles = "pictures" | "vectors";

/** A fact that made an engine decide. */
export interface Because {
  at: UnixMillis;
  /** Whom it is about. */
  order?: string | null;
  seq: number;
  vehicle?: string | null;
  words: string;
}

/** A driver's break ended. */
export interface BreakEndedEvent {
  /** `break.started` and `break.ended`. */
  data: {
    /** How long it is to be; as the shift has it if not given. */
    duration_seconds?: number | null;
    position?: PlaceV1 | null;
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.break.ended.v1";
}

/** A driver's break began. */
export interface BreakStartedEvent {
  /** `break.started` and `break.ended`. */
  data: {
    /** How long it is to be; as the shift has it if not given. */
    duration_seconds?: number | null;
    position?: PlaceV1 | null;
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.break.started.v1";
}

/** A pause that starts inside the window. */
export interface BreakV1 {
  closes: string;
  duration_seconds: number;
  opens: string;
}

/** An entry of the log that made something happen. */
export interface Cause {
  id: string;
  /** Log time. */
  logged_at: UnixMillis;
  seq: number;
  source: string;
  subject: string | null;
  /** As its producer says. */
  time: string | null;
  type: string;
}

/** What a delta tells. */
export interface Changes {
  /** All of them, if one changed. */
  alerts?: Array<Alert> | null;
  decisions: Array<Decision>;
  kpi: Kpi;
  /** Vehicles of which nothing but the position changed. */
  moved: Array<[string, number, number, UnixMillis]>;
  noted?: Array<NotedLine> | null;
  orders: Array<Order>;
  refused: Array<Refusal>;
  /** All of them, if one changed. */
  roads?: Array<Road> | null;
  vehicles: Array<ShownVehicle>;
}

export interface Class {
  events: number;
  /** `None`: no end. */
  up_to_seconds: number | null;
}

/** A cost in parts. Prices add up to `total`; waiting and overtime have no price. */
export interface Cost {
  change: number;
  /** Of leaving the place where the vehicle is free, where the policy has a price for that. */
  coverage: number;
  drive: number;
  drive_meters: number;
  drive_seconds: number;
  fixed: number;
  flow: number;
  late: number;
  late_seconds: number;
  overtime_seconds: number;
  total: number;
  wait_seconds: number;
}

/** What a vehicle costs, in the zone's currency. */
export interface CostsV1 {
  fixed?: number;
  per_hour?: number;
  per_km?: number;
}

/** One choice of an accepted plan. */
export interface Decision {
  at: UnixMillis;
  /** The facts that it answers; the first of them. */
  because?: Array<Because>;
  /** `answer` to facts, `improvement` by a search, or `watch`: no fact; a promise was about to break, or times had moved. */
  kind: string;
  /** They are numbered by their entries in the log: a later one has a higher number, also after a restart. */
  n: number;
  order: string;
  /** The vehicle that had it. */
  previous?: string | null;
  /** Number of the plan. */
  rev: number;
  vehicle: string | null;
  words: string;
}

/** `/v1/decisions`. */
export interface Decisions {
  decisions: Array<Decision>;
  refused: Array<Refusal>;
}

/** Somebody else's stop that begins later. */
export interface Delay {
  late_seconds: number;
  late_seconds_before: number;
  later_seconds: number;
  order: string;
  stop: string;
}

/** What changed since the delta before it, a message of the feed. */
export interface Delta {
  body: Changes;
  /** The number of the delta before it. */
  prev: number;
  /** Wall clock. */
  sent_at: UnixMillis;
  seq: number;
  /** Always `delta`. */
  type: string;
}

/** A place where a vehicle may be loaded again. */
export interface Depot {
  at: [number, number];
  name?: string | null;
  /** How long unloading and loading take there. */
  service_seconds: number;
}

/** A call at a depot between two stops, as planned. */
export interface DepotCall {
  /** `None` where no road leads there now, and behind that. */
  arrival: UnixMillis | null;
  at: [number, number];
  /** Everything is loaded, and the vehicle leaves for the stop. */
  departure: UnixMillis | null;
  /** What the depot is called. */
  name?: string | null;
}

/** A place where a vehicle may be loaded again. */
export interface DepotV1 {
  /** Degrees north, WGS 84. */
  lat?: number | null;
  /** Degrees east, WGS 84. */
  lon?: number | null;
  /** What people call it: 1 to 64 visible characters. */
  name?: string | null;
  /** How long unloading and loading take there. */
  service_seconds?: number;
  /** Metres to the east. */
  x_meters?: number | null;
  /** Metres to the north. */
  y_meters?: number | null;
}

export interface Difference {
  after: Place;
  before: Place;
  /** By how much its last stop begins later (negative: earlier). */
  later_seconds?: number | null;
  offers?: Array<Offer>;
  order: string;
}

/** `/v1/sources`. */
export interface Document {
  sources: Array<Row>;
}

/** A stop that a vehicle has served in the last day. */
export interface DoneStop {
  arrived: UnixMillis | null;
  at: [number, number];
  /** Goods are taken on at it: it is the pickup of a shipment, or a job to be collected, whose only stop events call `delivery`. */
  collects?: boolean;
  departed: UnixMillis | null;
  done: UnixMillis;
  due: UnixMillis | null;
  failed: boolean;
  order: string;
  /** When service was to begin, as the last plan said; none: nobody remembers. */
  planned: UnixMillis | null;
  stop: string;
}

/** What a driver has driven in his shift, and what of it a rule allows. */
export interface DrivingTimeSeen {
  /** His first departure of this shift. */
  began: UnixMillis | null;
  /** Driving in this shift. */
  in_shift_seconds: number;
  /** What he may still drive before a break, or before another limit of the rule is reached. */
  left_seconds: number;
  /** Driving since his last break. */
  since_break_seconds: number;
  /** How he breaks the rule, or will on his route as it is planned and on his way home. Empty: he keeps it. */
  violations: Array<DrivingViolation>;
}

/** Driving times of one shift. Values that stand beside a rule replace its own; without a rule, `driving_max_seconds` and `break_seconds` are needed. */
export interface DrivingTimeV1 {
  /** How long a break is behind which driving is counted anew. */
  break_seconds?: number | null;
  /** Longest driving without a break. */
  driving_max_seconds?: number | null;
  /** Longest time from the first departure of a shift to its end. */
  duty_max_seconds?: number | null;
  /** A break may be taken in two parts, of which the first takes so long; 0: it may not. */
  first_part_seconds?: number | null;
  /** `eu_561` (Regulation (EC) 561/2006) or `us_hos` (49 CFR § 395.3), within one day. */
  rule?: "eu_561" | "us_hos" | null;
  /** Service that takes as long as a break is one. */
  service_counts?: boolean | null;
  /** Longest driving in one shift. */
  shift_driving_max_seconds?: number | null;
}

/** A limit of a rule of driving times that is passed. */
export interface DrivingViolation {
  /** By how much; of a break, how long it would have to be. */
  by_seconds: number;
  /** It will be passed on its route as planned, or on the way home; false: it is passed already. */
  planned: boolean;
  /** `driving` (without a break), `shift_driving` (in the shift), `duty` (since the first departure of the shift), or `break` (one is missing). */
  what: string;
}

/** One message of the log as it stands there. */
export interface Entry {
  /** Log time. */
  at: UnixMillis;
  /** The message as text, cut after 256 KiB. Bytes that are no text are replaced. */
  bytes: string;
  seq: number;
  size_bytes: number;
  subject: string;
}

/** `explain order`. */
export interface ExplainedOrder {
  applied: number;
  at: UnixMillis;
  /** The rules that it breaks there because a dispatcher has tied it to its vehicle, each with by how much. */
  breaks?: Array<Give>;
  /** The decision that put it there. */
  decision: PlanReason | null;
  not_asked?: number | null;
  /** Where it is on no route: what vehicles lack now. */
  now?: Array<Offer>;
  order: string;
  status: string;
  /** Its open stops as planned. */
  stops: Array<StopTimes>;
  vehicle: string | null;
}

/** `explain vehicle`. */
export interface ExplainedVehicle {
  applied: number;
  at: UnixMillis;
  /** What is left of its route to drive; `null` where it cannot be driven within its limits. */
  cost: Cost | null;
  /** The decision that last changed its route. */
  decision: PlanReason | null;
  status: string;
  vehicle: string;
  visits: Array<ExplainedVisit>;
}

export interface ExplainedVisit {
  /** The number of the plan that put it on this route. */
  decision: number | null;
  frozen: boolean;
  late_seconds: number;
  order: string;
  /** A new trip begins with it: the vehicle is to be at a depot then, and loaded. */
  reload?: UnixMillis | null;
  /** `None`: no road leads there. */
  start: UnixMillis | null;
  stop: string;
}

/** Who is to be forgotten: exactly one of `order_id` and `vehicle_id`. */
export interface ForgetAsked {
  /** Also while the order is open, or somebody has signed on to the vehicle. */
  even_if_open?: boolean;
  /** The customer of this order. */
  order_id?: string | null;
  /** The driver who is known by this vehicle. */
  vehicle_id?: string | null;
}

/** What came of it. */
export interface Forgotten {
  /** Which these are, the first 20. */
  entries: Array<number>;
  /** So many messages of other streams that held something of the person were overwritten. */
  erased: number;
  /** So many entries of the log hold words about the person in the clear: they were published to the broker without going through an engine, and stay until they expire. */
  in_the_clear: number;
  /** The entry of the log that says so. */
  seq: number;
  /** Which these are, the first 20. */
  unknown_entries: Array<number>;
  /** So many entries about the person have fields that their type does not know, misspelt ones for instance, or extension attributes of CloudEvents that no engine knows. They are not encrypted, whoever sent them, and may hold words about the person. */
  unknown_fields: number;
}

/** What was found. */
export interface FoundList {
  /** How many there are in all. */
  count: number;
  orders: Array<FoundOrder>;
  vehicles: Array<FoundVehicle>;
}

export interface FoundOrder {
  /** What has the text in it: `id`, `reference` (or an address), `street` or `skill`. */
  by: string;
  id: string;
  status: string;
  vehicle: string | null;
  /** That reference, street or skill. */
  what?: string | null;
}

export interface FoundVehicle {
  /** `id` or `skill`. */
  by: string;
  id: string;
  status: string;
  what?: string | null;
}

/** One thing that would have to give. */
export interface Give {
  /** By how much: seconds of a shift or of a driver's hours, units of load, stops, or money. */
  by?: number | null;
  /** The dimension of load, from 1. */
  dimension?: number | null;
  /** Of `driving_time`, which limit of the rule: `driving` (without a break), `shift_driving`, or `duty`. */
  limit?: string | null;
  skills?: Array<string>;
  /** The vehicle that has it instead. */
  vehicle?: string | null;
  /** A short stable word. */
  what: string;
}

/** One exchange group of a plan. */
export interface GroupReason {
  /** False: its routes had changed meanwhile, and nothing of it came true. */
  accepted: boolean;
  /** How many orders it moved, placed or left out. */
  joint: number;
  orders: Array<OrderReason>;
  routes: Array<RouteReason>;
  /** By how much its routes became cheaper (negative: dearer), what orders on no route cost not counted. */
  saving: number | null;
  trigger: Trigger;
}

/** A slot that is kept. */
export interface Held {
  order_id: string;
  /** Which slot, by its place in the list. */
  slot: number;
  until: UnixMillis;
  /** Whose route it is on; none: it is in the log, and the answer is on its way. */
  vehicle: string | null;
}

/** The first message of the live feed. The others are put together in `kept.rs`: `snapshot` (the whole picture; `seq` is the number of the last delta in it), `delta` (what changed since the delta `prev`) and `resync` (the screen was too slow, a snapshot follows). Their `sent_at` is the wall clock. */
export interface Hello {
  /** Which start of the engine this is, so that a browser can ask for what it missed. Its name in the feed is older than the owner's epoch, with which it has nothing to do. */
  epoch: number;
  server: string;
  zone: string;
}

/** An order with one stop. */
export interface JobV1 {
  /** `delivery`: on board from the start of the tour; `pickup`: taken on here. */
  direction?: "delivery" | "pickup";
  /** The stop. */
  stop: StopV1;
}

/** Key figures. Times of answers are milliseconds of log time. */
export interface Kpi {
  answers: number;
  changes_per_hour: number;
  /** Entries a second. */
  events: number;
  /** Visits that will be late. */
  late: number;
  max: number;
  now: UnixMillis;
  on_time: number;
  open: number;
  orders: number;
  /** Level of overload, 0 to 4. */
  overload: number;
  /** Its epoch, if this engine owns the zone. */
  owner: number | null;
  p50: number;
  p99: number;
  searching: boolean;
  served: number;
  /** A vehicle at work that was not heard of for so long is silent, as the policy says; 0: none is. */
  silent_seconds: number;
  unassigned: number;
}

export interface Lateness {
  max_seconds: number;
  min_seconds: number;
  p50_seconds: number;
  p90_seconds: number;
  p99_seconds: number;
}

/** `/v1/features`: what was learned. */
export interface Learned {
  /** Observations that came behind the watermark. */
  late: number;
  /** The policy wants it to be used. */
  on: boolean;
  services: Array<LearnedService>;
  speeds: Array<LearnedSpeed>;
  version: number;
  watermark: UnixMillis | null;
}

export interface LearnedService {
  age_seconds: number;
  count: number;
  place: [number, number];
  service_seconds: number;
  /** Enough was seen, and learning is on. */
  used: boolean;
}

export interface LearnedSpeed {
  age_seconds: number;
  cell: [number, number] | null;
  class: string;
  count: number;
  hour: number;
  /** Factor on the travel time of the map. */
  travel_time: number;
  /** Enough was seen, and learning is on. */
  used: boolean;
  weight_seconds: number;
}

/** One entry of the log in the story of a retired order. `at` is log time. */
export interface Logged {
  at: UnixMillis;
  /** The facts that a decision answers, of the last decisions. */
  because?: Array<Because>;
  /** The number of the plan, for a decision. */
  decision?: number | null;
  seq: number;
  type: string;
  words: string;
}

/** Streets that a change of the roads would be about. */
export interface Matched {
  lines: Array<Array<[number, number]>>;
  names: Array<string>;
  streets: number;
}

/** A street by its name. */
export interface NamedStreet {
  /** A place on it. */
  at: [number, number];
  name: string;
  /** The ids by which events name it: a street may have several. */
  roads: Array<number>;
}

/** Streets that were found. */
export interface NamedStreets {
  streets: Array<NamedStreet>;
}

/** A street near a place. */
export interface Near {
  meters: number | null;
  /** Why no street serves it. */
  off_street?: string | null;
  /** The id by which events name it. */
  road: number | null;
  street: string | null;
}

/** A node as shown. */
export interface NodeShown {
  draining: boolean;
  /** Zones that it folds and does not own. */
  followed: number;
  http: string;
  node: string;
  /** Zones that it owns. */
  owned: number;
}

/** How a node stands with a zone. */
export type NodeState = "starting" | "standby" | "owner" | "draining";

/** What dispatchers say of something that needs attention. */
export interface NotedLine {
  at: UnixMillis;
  /** `acknowledged` or `snoozed`. */
  attention: string;
  by?: string | null;
  /** An entry of the log. */
  entry?: number | null;
  order?: string | null;
  /** The entry that says so. */
  seq: number;
  until?: UnixMillis | null;
  vehicle?: string | null;
  words?: string | null;
}

/** What a vehicle would make of an order. */
export interface Offer {
  /** What its route would come to more. */
  cost?: Cost | null;
  /** By how much more that is than the chosen vehicle's. */
  dearer_by?: number | null;
  delays?: Array<Delay>;
  /** Why a quote is not accepted. */
  limits_broken?: Array<string>;
  /** Somebody would be served later than promised who would not be otherwise, or more so. An answer takes that only where every vehicle would make somebody late, whatever it saves. */
  makes_late?: boolean;
  /** Where it cannot take the order: each list is enough if all in it gives. */
  needs?: Array<Array<Give>>;
  /** Its route breaks a rule already. */
  route_is_broken?: boolean;
  stops?: Array<StopTimes>;
  vehicle: string;
}

export interface Order {
  /** How often it was given to another vehicle. */
  changes: number;
  delivery: [number, number] | null;
  /** When its delivery was done. */
  done: UnixMillis | null;
  due: UnixMillis | null;
  /** When it was to begin as the first plan said that had a place for it since its customer last changed what he asks for, where that differs by a minute or more. */
  first_start?: UnixMillis | null;
  /** A slot that is kept until then for a customer who has not taken it yet. */
  held_until?: UnixMillis | null;
  id: string;
  /** What was promised of that stop. */
  late_due?: UnixMillis | null;
  /** By how many seconds, in whole minutes, a stop of it begins late in the plan, where one does. */
  late_seconds?: number | null;
  /** When its goods were taken on. */
  picked: UnixMillis | null;
  pickup: [number, number] | null;
  /** The vehicle that an operator pinned it to. */
  pinned?: string | null;
  /** When it was ordered. */
  placed: UnixMillis | null;
  priority: number | null;
  /** Why it is unassigned, in words. */
  reason: string | null;
  /** What it is called elsewhere. */
  reference?: string | null;
  /** When service begins at its last stop, as planned. */
  start?: UnixMillis | null;
  status: string;
  vehicle: string | null;
}

/** A customer no longer wants an order. */
export interface OrderCancelledEvent {
  /** `order.ready`, `order.cancelled`, `stop.unpinned`. */
  data: {
    order_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.order.cancelled.v1";
}

/** The customer takes a slot that was kept. */
export interface OrderConfirmedEvent {
  /** `order.ready`, `order.cancelled`, `stop.unpinned`. */
  data: {
    order_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.order.confirmed.v1";
}

/** A customer asked for something. */
export interface OrderCreatedEvent {
  /** `order.created`, and `order.updated` with only what changed. Exactly one of `job` and `shipment` when created. */
  data: {
    job?: JobV1 | null;
    /** Up to four dimensions. */
    load?: Array<number> | null;
    /** 1 to 64 visible characters. */
    order_id: string;
    /** When the customer asked (RFC 3339); the event's time where missing. */
    placed_time?: string | null;
    /** 0 to 100. */
    priority?: number | null;
    /** Latest start of service the customer was told (RFC 3339). */
    promised_time?: string | null;
    /** What the order is called elsewhere (a number of the shop, a name): dispatchers find it by that, and it decides nothing. At most 256 characters. */
    reference?: string | null;
    /** When the goods will be ready (RFC 3339). */
    release_time?: string | null;
    shipment?: ShipmentV1 | null;
    /** Skills the vehicle must have. */
    skills?: Array<string> | null;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.order.created.v1";
}

/** The goods of an order are ready. */
export interface OrderReadyEvent {
  /** `order.ready`, `order.cancelled`, `stop.unpinned`. */
  data: {
    order_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.order.ready.v1";
}

/** Why an order is where a decision put it. */
export interface OrderReason {
  /** What others would have made of it, with all else as decided. */
  alternatives: Array<Offer>;
  /** The rules that it breaks there because a dispatcher has tied it to that vehicle, each with by how much. */
  breaks?: Array<Give>;
  /** What its vehicle's route comes to more than without it; absent where that route could not be driven without it. */
  cost?: Cost | null;
  delays: Array<Delay>;
  from: string | null;
  /** Registered vehicles farther away, of which nothing is said. */
  not_asked: number;
  order: string;
  stops: Array<StopTimes>;
  /** Why it is on no route. */
  unassigned?: string | null;
  vehicle: string | null;
}

/** An order of which a stop failed is tried again. */
export interface OrderRetriedEvent {
  /** `order.retried`: an order of which a stop failed is tried again. */
  data: {
    order_id: string;
    /** The new promise; as before if not given. */
    promised_time?: string | null;
    /** Not before (RFC 3339); the time of the event if not given. */
    retry_at?: string | null;
    /** The new time of its last stop; as before if not given. */
    window?: WindowV1 | null;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.order.retried.v1";
}

/** A stop of an order: as it was asked for, as it is planned, and how far it has come. */
export interface OrderStop {
  /** As its producer says. */
  address?: string | null;
  /** As planned; once it is done, as the last plan said. */
  arrival: UnixMillis | null;
  arrived: UnixMillis | null;
  at: [number, number];
  /** Goods are taken on at it: it is the pickup of a shipment, or a job to be collected, whose only stop events call `delivery`. */
  collects?: boolean;
  completed: UnixMillis | null;
  departed: UnixMillis | null;
  due: UnixMillis | null;
  failed: UnixMillis | null;
  /** By how many seconds it begins, or was done, later than promised. */
  late_seconds: number;
  release: UnixMillis | null;
  service_seconds: number;
  setup_seconds: number;
  start: UnixMillis | null;
  stop: string;
  /** The street that serves it, and the metres to it; none where no street does, or the zone has none. */
  street?: string | null;
  street_meters?: number | null;
  windows: Array<[UnixMillis, UnixMillis]>;
}

/** `/v1/orders/{id}` with its story. */
export interface OrderStory {
  /** When its vehicle is at its last stop, as planned. */
  arrival?: UnixMillis | null;
  /** The rules that it breaks there for that, each with by how much, in words. */
  breaks?: string | null;
  /** How often it was given to another vehicle. */
  changes: number;
  /** The entry that created it. */
  created?: number;
  delivery: [number, number] | null;
  /** When its delivery was done. */
  done: UnixMillis | null;
  due: UnixMillis | null;
  /** When it was to begin as the first plan said that had a place for it since its customer last changed what he asks for, where that differs by a minute or more. */
  first_start?: UnixMillis | null;
  /** An operator forced it onto the vehicle that it is pinned to. */
  forced?: boolean;
  /** A slot that is kept until then for a customer who has not taken it yet. */
  held_until?: UnixMillis | null;
  id: string;
  /** What was promised of that stop. */
  late_due?: UnixMillis | null;
  /** By how many seconds, in whole minutes, a stop of it begins late in the plan, where one does. */
  late_seconds?: number | null;
  load?: Array<number>;
  /** The vehicle that its goods are on. */
  on_board?: string | null;
  /** When its goods were taken on. */
  picked: UnixMillis | null;
  pickup: [number, number] | null;
  /** The vehicle that an operator pinned it to. */
  pinned?: string | null;
  /** When it was ordered. */
  placed: UnixMillis | null;
  priority: number | null;
  /** Why it is unassigned, in words. */
  reason: string | null;
  /** What it is called elsewhere. */
  reference?: string | null;
  /** Drivers who would not take it. */
  rejected_by?: Array<string>;
  skills?: Array<string>;
  /** When service begins at its last stop, as planned. */
  start?: UnixMillis | null;
  status: string;
  stops?: Array<OrderStop>;
  story: Array<Told>;
  vehicle: string | null;
}

/** A customer changed an order. */
export interface OrderUpdatedEvent {
  /** `order.created`, and `order.updated` with only what changed. Exactly one of `job` and `shipment` when created. */
  data: {
    job?: JobV1 | null;
    /** Up to four dimensions. */
    load?: Array<number> | null;
    /** 1 to 64 visible characters. */
    order_id: string;
    /** When the customer asked (RFC 3339); the event's time where missing. */
    placed_time?: string | null;
    /** 0 to 100. */
    priority?: number | null;
    /** Latest start of service the customer was told (RFC 3339). */
    promised_time?: string | null;
    /** What the order is called elsewhere (a number of the shop, a name): dispatchers find it by that, and it decides nothing. At most 256 characters. */
    reference?: string | null;
    /** When the goods will be ready (RFC 3339). */
    release_time?: string | null;
    shipment?: ShipmentV1 | null;
    /** Skills the vehicle must have. */
    skills?: Array<string> | null;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.order.updated.v1";
}

/** All nodes and zones as shown. */
export interface Overview {
  nodes: Array<NodeShown>;
  zones: Array<ZoneShown>;
}

/** A page of one part of the state: the part by its name, and where the next page begins. */
export interface PageOf {
  alerts?: Array<Alert> | null;
  applied: number;
  decisions?: Array<Decision> | null;
  kpi?: Kpi | null;
  /** `after` of the next page, a name or a number; null at the end. */
  next: unknown;
  orders?: Array<Order> | null;
  part: string;
  refused?: Array<Refusal> | null;
  roads?: Array<Road> | null;
  vehicles?: Array<ShownVehicle> | null;
}

/** A pause of a shift. */
export interface Pause {
  closes: UnixMillis;
  opens: UnixMillis;
  seconds: number;
}

/** A person is to be forgotten: what was said of him in words can be read by nobody any more, and an order that is over leaves the state. */
export interface PersonForgottenEvent {
  /** `person.forgotten`. Exactly one of `order_id` and `vehicle_id`. */
  data: {
    /** The customer of this order. */
    order_id?: string | null;
    /** The driver who is known by this vehicle. */
    vehicle_id?: string | null;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.person.forgotten.v1";
}

/** Where an order is in one of two plans. */
export interface Place {
  /** The rules that it breaks there for a dispatcher's word, each with by how much, in words. */
  breaks?: string | null;
  late_seconds: number;
  start: UnixMillis | null;
  status: string;
  unassigned?: string | null;
  vehicle: string | null;
}

/** A geographical place: `lon` and `lat` in degrees, or `x_meters` and `y_meters` on a plane, whichever the zone was opened with. */
export interface PlaceV1 {
  /** Degrees north, WGS 84. */
  lat?: number | null;
  /** Degrees east, WGS 84. */
  lon?: number | null;
  /** Metres to the east. */
  x_meters?: number | null;
  /** Metres to the north. */
  y_meters?: number | null;
}

export interface PlanCost {
  routes: Cost;
  /** Routes and orders on no route. */
  total: number;
  unassigned: number;
  /** Routes that cannot be driven within their limits, and are not in the sum. */
  undrivable_routes: number;
  unserved: number;
}

/** One plan. */
export interface PlanReason {
  /** Zone time at which it was logged: everything is computed for this instant. */
  at: UnixMillis;
  /** The last entry that its engine knew. */
  based_on_seq: number;
  /** The number of the plan. */
  decision: number;
  groups: Array<GroupReason>;
  seq: number;
}

/** A break of a driver. */
export interface PlannedBreak {
  ends: UnixMillis;
  /** When it begins: before a stop as planned, or, while the vehicle has none, as soon as its window opens. */
  starts: UnixMillis;
  /** `taken`: he takes it; `planned`: it is the next one, of his shift or for the sake of driving times. */
  status: string;
}

/** A break on a route, as planned. */
export interface PlannedRest {
  ends: UnixMillis;
  starts: UnixMillis;
}

/** The zone is dispatched differently from now on. */
export interface PolicyChangedEvent {
  /** How a zone is dispatched; a field left out takes its default. Costs in the zone's currency. `policy.changed` carries it whole. */
  data: {
    /** A vehicle that has left for a pickup, or has goods of shipments on board, may be given more before it is empty; `true` if not given. */
    add_after_departure?: boolean | null;
    /** An order that is on no route so long before its deadline is an alert; 0: never. */
    alert_deadline_seconds?: number | null;
    /** An order that will be served so much after its deadline is an alert; 0: never. */
    alert_late_seconds?: number | null;
    /** A vehicle that should have been heard of and was not for so long is an alert; 0: never. */
    alert_silent_seconds?: number | null;
    /** Moving a stop a driver was told about. */
    change_cost?: number | null;
    /** An hour by which the way to where the next order is expected becomes longer because a vehicle leaves the place where it is free; 0, and if not given: where free vehicles are does not matter. */
    coverage_cost_per_hour?: number | null;
    /** What happens is answered at multiples of this span of zone time, a day at most; 0, and if not given: at once. */
    decide_every_seconds?: number | null;
    /** Goods on board may be delivered after the shift. */
    deliver_after_shift?: boolean | null;
    /** How long before the last moment a drive begins. */
    departure_margin_seconds?: number | null;
    /** When a vehicle on its way to a stop may be sent elsewhere first: `never`, `saves_promise` (if not given) or `saves_cost`. */
    diversion?: string | null;
    /** With `saves_cost`: how much cheaper the plan must become. */
    diversion_gain_min?: number | null;
    /** A customer is told another time of arrival when it has moved by so much; 0: customers are told none. */
    eta_change_seconds?: number | null;
    /** An hour from placement to completion (on-demand work). */
    flow_cost_per_hour?: number | null;
    /** Whose word fixes a visit: `departed` (if not given): its driver is on his way to it; `accepted`: he has accepted it. */
    freeze?: string | null;
    /** How long changes are gathered before a search. */
    gather_seconds?: number | null;
    /** Travel time in per cent of what the roads say, for each local hour from 0 to 23, by class of road: `motorway` (bridges too), `arterial` (straight lines too), `street`. */
    hour_percent?: Record<string, Array<number>>;
    /** An hour of lateness. */
    lateness_cost_per_hour?: number | null;
    /** Travel and service times are learned and used; `true` if not given. */
    learn?: boolean | null;
    /** How often searches may change the route that a driver was told, within an hour of zone time; if not given: as often as it is worth it. */
    max_changes_per_hour?: number | null;
    /** A driver is not given another next stop later than so long before the departure to it, unless that saves a promise, or a cancellation, a breakdown or a dispatcher asks for it; a day at most. 0, and if not given: until he departs. */
    notice_seconds?: number | null;
    /** `return` or `keep`. */
    on_cancelled_on_board?: string | null;
    /** `return` or `keep`. */
    on_failed_delivery?: string | null;
    /** Goods on board together come from one place, and all of them are taken on before the first is left; `false` if not given. */
    one_pickup_place?: boolean | null;
    /** Least gain for which an improvement is published. */
    publish_gain_min?: number | null;
    /** How long after its end an order leaves the engine's state; a day if not given. */
    retire_after_seconds?: number | null;
    /** Search rounds of an improvement; 0: immediate answers only. */
    search_rounds?: number | null;
    /** When a vehicle arrives it is settled what it does there and where it goes next; what it is given there later needs the set-up time again. `false` if not given. */
    settle_on_arrival?: boolean | null;
    /** Events with unknown fields are refused instead of taken with a warning; `false` if not given. */
    strict?: boolean | null;
    /** Not serving an order of priority 0. */
    unserved_cost?: number | null;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.policy.changed.v1";
}

/** How a zone is dispatched; a field left out takes its default. Costs in the zone's currency. `policy.changed` carries it whole. */
export interface PolicyV1 {
  /** A vehicle that has left for a pickup, or has goods of shipments on board, may be given more before it is empty; `true` if not given. */
  add_after_departure?: boolean | null;
  /** An order that is on no route so long before its deadline is an alert; 0: never. */
  alert_deadline_seconds?: number | null;
  /** An order that will be served so much after its deadline is an alert; 0: never. */
  alert_late_seconds?: number | null;
  /** A vehicle that should have been heard of and was not for so long is an alert; 0: never. */
  alert_silent_seconds?: number | null;
  /** Moving a stop a driver was told about. */
  change_cost?: number | null;
  /** An hour by which the way to where the next order is expected becomes longer because a vehicle leaves the place where it is free; 0, and if not given: where free vehicles are does not matter. */
  coverage_cost_per_hour?: number | null;
  /** What happens is answered at multiples of this span of zone time, a day at most; 0, and if not given: at once. */
  decide_every_seconds?: number | null;
  /** Goods on board may be delivered after the shift. */
  deliver_after_shift?: boolean | null;
  /** How long before the last moment a drive begins. */
  departure_margin_seconds?: number | null;
  /** When a vehicle on its way to a stop may be sent elsewhere first: `never`, `saves_promise` (if not given) or `saves_cost`. */
  diversion?: string | null;
  /** With `saves_cost`: how much cheaper the plan must become. */
  diversion_gain_min?: number | null;
  /** A customer is told another time of arrival when it has moved by so much; 0: customers are told none. */
  eta_change_seconds?: number | null;
  /** An hour from placement to completion (on-demand work). */
  flow_cost_per_hour?: number | null;
  /** Whose word fixes a visit: `departed` (if not given): its driver is on his way to it; `accepted`: he has accepted it. */
  freeze?: string | null;
  /** How long changes are gathered before a search. */
  gather_seconds?: number | null;
  /** Travel time in per cent of what the roads say, for each local hour from 0 to 23, by class of road: `motorway` (bridges too), `arterial` (straight lines too), `street`. */
  hour_percent?: Record<string, Array<number>>;
  /** An hour of lateness. */
  lateness_cost_per_hour?: number | null;
  /** Travel and service times are learned and used; `true` if not given. */
  learn?: boolean | null;
  /** How often searches may change the route that a driver was told, within an hour of zone time; if not given: as often as it is worth it. */
  max_changes_per_hour?: number | null;
  /** A driver is not given another next stop later than so long before the departure to it, unless that saves a promise, or a cancellation, a breakdown or a dispatcher asks for it; a day at most. 0, and if not given: until he departs. */
  notice_seconds?: number | null;
  /** `return` or `keep`. */
  on_cancelled_on_board?: string | null;
  /** `return` or `keep`. */
  on_failed_delivery?: string | null;
  /** Goods on board together come from one place, and all of them are taken on before the first is left; `false` if not given. */
  one_pickup_place?: boolean | null;
  /** Least gain for which an improvement is published. */
  publish_gain_min?: number | null;
  /** How long after its end an order leaves the engine's state; a day if not given. */
  retire_after_seconds?: number | null;
  /** Search rounds of an improvement; 0: immediate answers only. */
  search_rounds?: number | null;
  /** When a vehicle arrives it is settled what it does there and where it goes next; what it is given there later needs the set-up time again. `false` if not given. */
  settle_on_arrival?: boolean | null;
  /** Events with unknown fields are refused instead of taken with a warning; `false` if not given. */
  strict?: boolean | null;
  /** Not serving an order of priority 0. */
  unserved_cost?: number | null;
}

/** Where a vehicle is: a hint that is not folded. */
export interface PositionEvent {
  /** `shift.started`, `shift.ended`, `vehicle.lost`, `vehicle.back`, `position`. */
  data: {
    /** For `shift.ended`: when; in the future, the shift is shortened to it. */
    at_time?: string | null;
    /** Where it is, if known. */
    position?: PlaceV1 | null;
    /** For `shift.started`: another period than registered. */
    shift?: ShiftV1 | null;
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.position.v1";
}

/** The priority of an order changed. */
export interface PriorityRaisedEvent {
  /** `priority.raised`. */
  data: {
    order_id: string;
    priority: number;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.priority.raised.v1";
}

/** An error, as RFC 9457 has it. */
export interface Problem {
  /** A short stable word: see docs/HTTP.md. */
  code: "attribute" | "bad_request" | "bad_wait" | "body_too_slow" | "broker" | "cannot_be_explained" | "coordinates" | "engine_only" | "field" | "foreign_origin" | "head_too_large" | "id_reused" | "illegal_change" | "illegal_question" | "illegal_roads" | "log_is_read" | "log_not_read" | "log_too_large" | "map_not_read" | "media_type" | "method_not_allowed" | "no_change" | "no_effect" | "no_event" | "no_login" | "no_map" | "no_owner" | "no_such_entry" | "no_such_order" | "no_such_page" | "no_such_place" | "no_such_question" | "no_such_square" | "no_such_stretch" | "no_such_vehicle" | "nobody_named" | "not_a_batch" | "not_answered" | "not_cloudevent" | "not_found" | "not_our_name" | "not_our_page" | "not_ready" | "not_stored" | "nothing_to_look_for" | "nowhere" | "others_are_asking" | "overloaded" | "payload" | "payload_too_large" | "perhaps_stored" | "role" | "slot_gone" | "stopping" | "stream_not_made" | "token" | "too_large" | "too_many_requests" | "too_many_screens" | "too_many_to_wait_for" | "too_much_at_once" | "unknown_field" | "unknown_type" | "unnameable" | "unreadable" | "upgrade_required" | "work_goes_on";
  detail: string;
  status: number;
  title: string;
  type: string;
}

/** The sign of life of an engine in the live feed, once a second: whether it answers, and how fresh what it shows is. */
export interface Pulse {
  /** The last entry that was folded, and how long ago it came, seconds. */
  applied: number;
  entry_age_seconds?: number | null;
  /** Zone time. */
  now: UnixMillis;
  /** Level of overload, 0 to 4, and what it means. */
  overload: number;
  overload_words: string;
  /** The epoch in which this engine owns the zone; none: it follows another one. */
  owner?: number | null;
  /** Why no event is answered now; none: events are. */
  trouble?: string | null;
}

/** What is asked. */
export interface Question {
  accept?: Accept;
  hold?: AskedHold | null;
  /** The payload of an `order.created`; its `order_id` may be left out. */
  order: unknown;
  slots: Array<AskedSlot>;
  vehicles?: number | null;
}

/** The answer to a quote. */
export interface Quotes {
  applied: number;
  at: UnixMillis;
  /** The slot that costs least, by its place in the list, if any is accepted. */
  cheapest: number | null;
  /** The slot that is kept, if that was asked for. */
  held?: Held | null;
  slots: Array<SlotQuote>;
}

/** `/v1/offers/{order}`: who could take an order as things stand. */
export interface Ranked {
  applied: number;
  at: UnixMillis;
  /** What it means for the vehicle that has it. */
  holder?: Offer | null;
  not_asked: number;
  /** The others: the cheapest first of those that can take it, then those that cannot. A pin, and a driver's refusal, do not count: an operator may force the order onto any of them. */
  offers: Array<Offer>;
  on_board: string | null;
  order: string;
  pinned: string | null;
  vehicle: string | null;
}

/** A message that was rejected, or a fact that was refused. */
export interface Refusal {
  at: UnixMillis;
  detail: string;
  /** The order, vehicle or change of roads that it is about. */
  entity?: string | null;
  /** Its id in its source. */
  id?: string | null;
  reason: string;
  seq: number;
  /** Who wrote the event. */
  source?: string | null;
}

/** A line that is no legal event. Lines are counted from 1. */
export interface RejectedLine {
  code: string;
  detail: string;
  line: number;
}

/** A vehicle is loaded at a depot: the goods of its next trip are on board. */
export interface ReloadEndedEvent {
  /** `reload.started` and `reload.ended`. */
  data: {
    /** Where it is; the depot at which it is planned to call next if not given. */
    position?: PlaceV1 | null;
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.reload.ended.v1";
}

/** A vehicle is at a depot, to be loaded for its next trip. */
export interface ReloadStartedEvent {
  /** `reload.started` and `reload.ended`. */
  data: {
    /** Where it is; the depot at which it is planned to call next if not given. */
    position?: PlaceV1 | null;
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.reload.started.v1";
}

/** Depots of a vehicle, and how often it may call at them. */
export interface ReloadV1 {
  /** Most times in one shift; none: any number. */
  max_times?: number | null;
  /** The depots. */
  places: Array<DepotV1>;
}

/** What a vehicle is loaded at its depots. */
export interface Reloading {
  /** Where it may be loaded. */
  depots: Array<Depot>;
  /** How often it may be in one shift; `null`: any number. */
  max_times: number | null;
  /** It is at a depot since then, and being loaded; `null`: it is not. */
  since: UnixMillis | null;
  /** How often it was in this shift. */
  times: number;
}

/** All of a zone, or what has changed in it. */
export type ReplayFrame = State | Changes;

/** What is answered, for the document of the routes: it is put together from fragments. */
export interface Replayed {
  /** The first one is as `/v1/state`, the others have what changed. */
  frames: Array<ReplayFrame>;
  from: UnixMillis;
  /** Milliseconds from one frame to the next. */
  step: number;
}

/** What a driver did between two stops. */
export interface RestTaken {
  ends: UnixMillis;
  starts: UnixMillis;
  /** `break`, or `depot`: a call there. */
  what: string;
}

/** An order that the engine does not hold any more, as the log tells of it. */
export interface RetiredOrder {
  /** When its delivery was done. */
  done: UnixMillis | null;
  due: UnixMillis | null;
  id: string;
  /** By how many seconds, in whole minutes, a stop of it began later than promised, where one did. */
  late_seconds?: number | null;
  /** When it was ordered. */
  placed: UnixMillis | null;
  /** What it was called elsewhere. */
  reference?: string | null;
  /** Always true. */
  retired: boolean;
  status: string;
  /** As they were asked for, as the last plans that named them said, and as they came. */
  stops: Array<OrderStop>;
  story: Array<Logged>;
  /** Who came to it last. */
  vehicle: string | null;
}

/** A road that is closed or slowed. */
export interface Road {
  area: Array<[number, number]>;
  /** The `data` of the event that began it: under another `change_id` it begins again. */
  change: unknown;
  closed: boolean;
  id: string;
  lines: Array<Array<[number, number]>>;
  /** The streets that it is about, by name: some of them where they are many. */
  names: Array<string>;
  /** When it ends by itself. */
  until: UnixMillis | null;
}

/** Roads cannot be used. */
export interface RoadClosedEvent {
  /** `road.closed`, `road.slowed`, `road.reopened`. */
  data: {
    /** Or every road that crosses this ring, or lies in it. */
    area?: Array<PlaceV1>;
    /** Names the change; a reopening names the closure it ends. */
    change_id: string;
    /** Or edges (one direction between two junctions) by their numbers in the graph file. */
    edges?: Array<number>;
    from_time?: string | null;
    /** Or every road that comes within `within_meters` of this line. */
    line?: Array<PlaceV1>;
    /** Road ids of the network. Ways that an editor has not uploaded yet have negative ones. */
    roads?: Array<number>;
    /** For `road.slowed`: travel time in per cent of normal. */
    time_percent?: number | null;
    until_time?: string | null;
    /** For `line`; 15 if not given. */
    within_meters?: number | null;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.road.closed.v1";
}

/** A change of the roads ended. */
export interface RoadReopenedEvent {
  /** `road.closed`, `road.slowed`, `road.reopened`. */
  data: {
    /** Or every road that crosses this ring, or lies in it. */
    area?: Array<PlaceV1>;
    /** Names the change; a reopening names the closure it ends. */
    change_id: string;
    /** Or edges (one direction between two junctions) by their numbers in the graph file. */
    edges?: Array<number>;
    from_time?: string | null;
    /** Or every road that comes within `within_meters` of this line. */
    line?: Array<PlaceV1>;
    /** Road ids of the network. Ways that an editor has not uploaded yet have negative ones. */
    roads?: Array<number>;
    /** For `road.slowed`: travel time in per cent of normal. */
    time_percent?: number | null;
    until_time?: string | null;
    /** For `line`; 15 if not given. */
    within_meters?: number | null;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.road.reopened.v1";
}

/** Roads are slower than usual. */
export interface RoadSlowedEvent {
  /** `road.closed`, `road.slowed`, `road.reopened`. */
  data: {
    /** Or every road that crosses this ring, or lies in it. */
    area?: Array<PlaceV1>;
    /** Names the change; a reopening names the closure it ends. */
    change_id: string;
    /** Or edges (one direction between two junctions) by their numbers in the graph file. */
    edges?: Array<number>;
    from_time?: string | null;
    /** Or every road that comes within `within_meters` of this line. */
    line?: Array<PlaceV1>;
    /** Road ids of the network. Ways that an editor has not uploaded yet have negative ones. */
    roads?: Array<number>;
    /** For `road.slowed`: travel time in per cent of normal. */
    time_percent?: number | null;
    until_time?: string | null;
    /** For `line`; 15 if not given. */
    within_meters?: number | null;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.road.slowed.v1";
}

/** A line that changes roads, and how many streets that are. */
export interface RoadsLine {
  line: number;
  streets: number;
}

export interface RouteReason {
  after: Cost | null;
  /** What was left of its route to drive, and what it comes to now; `null` where it cannot be driven within its limits. */
  before: Cost | null;
  /** By how much the plan's times differ from those that are computed here. Not 0 where the engine had other roads, or positions that are not in the log. */
  off_seconds: number;
  vehicle: string;
}

export interface Row {
  /** The least that its clock is ahead of the log's (negative: behind, or its events are always late by as much). */
  clock_offset_seconds: number | null;
  duplicates: number;
  events: number;
  /** What is worth a look: `late`, `clock_ahead`, `duplicates`, `missing`. */
  flags: Array<string>;
  /** Log time of the last one, milliseconds. */
  last_at: UnixMillis | null;
  /** Of its last events: how long after their `time` the log took them. */
  lateness: Lateness | null;
  /** Of all events since the program began to read. */
  lateness_classes: Array<Class>;
  /** Numbers (`sequence`) that were passed over, by entity. */
  missing: number;
  /** Events with a number below one that came before. */
  out_of_order: number;
  positions: number;
  source: string;
}

/** A zone on a node as shown. */
export interface RunsShown {
  applied: number;
  epoch: number | null;
  /** Entries of the zone's stream that another node has folded and this one has not. */
  lag: number;
  node: string;
  /** Level of overload, 0 to 4. */
  overload: number;
  state: NodeState;
  unanswered: number;
}

/** A driver signed off. */
export interface ShiftEndedEvent {
  /** `shift.started`, `shift.ended`, `vehicle.lost`, `vehicle.back`, `position`. */
  data: {
    /** For `shift.ended`: when; in the future, the shift is shortened to it. */
    at_time?: string | null;
    /** Where it is, if known. */
    position?: PlaceV1 | null;
    /** For `shift.started`: another period than registered. */
    shift?: ShiftV1 | null;
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.shift.ended.v1";
}

/** A driver signed on: from now on the vehicle gets work. */
export interface ShiftStartedEvent {
  /** `shift.started`, `shift.ended`, `vehicle.lost`, `vehicle.back`, `position`. */
  data: {
    /** For `shift.ended`: when; in the future, the shift is shortened to it. */
    at_time?: string | null;
    /** Where it is, if known. */
    position?: PlaceV1 | null;
    /** For `shift.started`: another period than registered. */
    shift?: ShiftV1 | null;
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.shift.started.v1";
}

/** The period a vehicle works. */
export interface ShiftV1 {
  breaks?: Array<BreakV1>;
  ends: string;
  starts: string;
}

/** Pickup and delivery by the same vehicle. */
export interface ShipmentV1 {
  /** Where they are left. */
  delivery: StopV1;
  /** Where the goods are taken on. */
  pickup: StopV1;
}

export type Shown = {
  token: string;
} | {
  link: string;
};

/** A vehicle in a picture. */
export interface ShownVehicle {
  at: [number, number] | null;
  /** The first way in which its driver breaks the rule of driving times, or will on his route as it is planned and on his way home, as of the last full minute. */
  hours?: DrivingViolation | null;
  id: string;
  /** The way on the streets, one line for each leg, as it was when the vehicle's route, its state or its way last changed: the first one begins where the vehicle was then. */
  lines: Array<Array<[number, number]>>;
  /** How many orders. */
  on_board: number;
  /** The entry that last changed its route. */
  revision: number;
  /** When it was there. */
  seen: UnixMillis | null;
  status: string;
  stops_done: number;
  visits: Array<Visit>;
}

/** A slot is kept for a customer who thinks it over. */
export interface SlotHeldEvent {
  /** `slot.held`: a slot is kept for a customer who thinks it over. The order that he may place, and until when. */
  data: {
    job?: JobV1 | null;
    /** Up to four dimensions. */
    load?: Array<number> | null;
    /** 1 to 64 visible characters. */
    order_id: string;
    /** When the customer asked (RFC 3339); the event's time where missing. */
    placed_time?: string | null;
    /** 0 to 100. */
    priority?: number | null;
    /** Latest start of service the customer was told (RFC 3339). */
    promised_time?: string | null;
    /** What the order is called elsewhere (a number of the shop, a name): dispatchers find it by that, and it decides nothing. At most 256 characters. */
    reference?: string | null;
    /** When the goods will be ready (RFC 3339). */
    release_time?: string | null;
    shipment?: ShipmentV1 | null;
    /** Skills the vehicle must have. */
    skills?: Array<string> | null;
    /** It is given up then, unless it is confirmed (RFC 3339). */
    until_time: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.slot.held.v1";
}

export interface SlotQuote {
  /** A vehicle can take it within the limits. */
  accepted: boolean;
  closes: UnixMillis;
  not_asked: number;
  /** The cheapest first of those that keep the limits, then those that can at all, then what the others lack. */
  offers: Array<Offer>;
  opens: UnixMillis;
}

/** `/v1/picture`, the first message of the feed. */
export interface Snapshot {
  body: State;
  /** Which start of the engine this is. */
  epoch: number;
  /** Wall clock. */
  sent_at: UnixMillis;
  /** The number of the last delta in it. */
  seq: number;
  /** Always `snapshot`. */
  type: string;
}

/** `/v1/state`, for the document of the routes: it is put together from fragments (`kept.rs`). */
export interface State {
  alerts: Array<Alert>;
  /** The last entry that was folded. */
  applied: number;
  decisions: Array<Decision>;
  /** Digest of the fold. */
  digest: string;
  /** Orders of which a stop failed. */
  failed: Array<Order>;
  kpi: Kpi;
  noted: Array<NotedLine>;
  /** The open ones. */
  orders: Array<Order>;
  refused: Array<Refusal>;
  roads: Array<Road>;
  vehicles: Array<ShownVehicle>;
  zone: Zone;
}

/** The vehicle is at the stop. */
export interface StopArrivedEvent {
  /** `stop.departed` (the drive to it began), `stop.arrived`, `stop.completed`, `stop.failed`. */
  data: {
    order_id: string;
    position?: PlaceV1 | null;
    /** For `stop.failed`: `no_show`, `refused`, `no_access`, `goods`, `other`. */
    reason?: "no_show" | "refused" | "no_access" | "goods" | "other" | null;
    /** When a failed stop is tried again (RFC 3339); if not given, somebody has to make a new appointment. */
    retry_at?: string | null;
    /** `pickup` or `delivery`; a job's stop is its `delivery`. */
    stop: "pickup" | "delivery";
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.stop.arrived.v1";
}

/** The stop was served. */
export interface StopCompletedEvent {
  /** `stop.departed` (the drive to it began), `stop.arrived`, `stop.completed`, `stop.failed`. */
  data: {
    order_id: string;
    position?: PlaceV1 | null;
    /** For `stop.failed`: `no_show`, `refused`, `no_access`, `goods`, `other`. */
    reason?: "no_show" | "refused" | "no_access" | "goods" | "other" | null;
    /** When a failed stop is tried again (RFC 3339); if not given, somebody has to make a new appointment. */
    retry_at?: string | null;
    /** `pickup` or `delivery`; a job's stop is its `delivery`. */
    stop: "pickup" | "delivery";
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.stop.completed.v1";
}

/** The drive to a stop began. */
export interface StopDepartedEvent {
  /** `stop.departed` (the drive to it began), `stop.arrived`, `stop.completed`, `stop.failed`. */
  data: {
    order_id: string;
    position?: PlaceV1 | null;
    /** For `stop.failed`: `no_show`, `refused`, `no_access`, `goods`, `other`. */
    reason?: "no_show" | "refused" | "no_access" | "goods" | "other" | null;
    /** When a failed stop is tried again (RFC 3339); if not given, somebody has to make a new appointment. */
    retry_at?: string | null;
    /** `pickup` or `delivery`; a job's stop is its `delivery`. */
    stop: "pickup" | "delivery";
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.stop.departed.v1";
}

/** The stop could not be served. */
export interface StopFailedEvent {
  /** `stop.departed` (the drive to it began), `stop.arrived`, `stop.completed`, `stop.failed`. */
  data: {
    order_id: string;
    position?: PlaceV1 | null;
    /** For `stop.failed`: `no_show`, `refused`, `no_access`, `goods`, `other`. */
    reason?: "no_show" | "refused" | "no_access" | "goods" | "other" | null;
    /** When a failed stop is tried again (RFC 3339); if not given, somebody has to make a new appointment. */
    retry_at?: string | null;
    /** `pickup` or `delivery`; a job's stop is its `delivery`. */
    stop: "pickup" | "delivery";
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.stop.failed.v1";
}

/** A dispatcher wants an order to stay on a vehicle. */
export interface StopPinnedEvent {
  /** `stop.pinned`, `assignment.forced`. */
  data: {
    order_id: string;
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.stop.pinned.v1";
}

/** A stop as it would be served. */
export interface StopTimes {
  /** `None`: no road leads there. */
  arrival: UnixMillis | null;
  late_seconds: number;
  start: UnixMillis | null;
  stop: string;
}

/** The order may move to another vehicle again. */
export interface StopUnpinnedEvent {
  /** `order.ready`, `order.cancelled`, `stop.unpinned`. */
  data: {
    order_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.stop.unpinned.v1";
}

/** One place to serve once. */
export interface StopV1 {
  /** Where that is, in words for people: it is shown to dispatchers and decides nothing. At most 256 characters. */
  address?: string | null;
  /** Degrees north, WGS 84. */
  lat?: number | null;
  /** Degrees east, WGS 84. */
  lon?: number | null;
  /** Time spent serving. */
  service_seconds?: number;
  /** Time spent once on arrival (parking, docking). */
  setup_seconds?: number;
  /** When service may start, in order, not overlapping; none: any time. */
  windows?: Array<WindowV1>;
  /** Metres to the east. */
  x_meters?: number | null;
  /** Metres to the north. */
  y_meters?: number | null;
}

/** Where the name of a street can be written in a square: along its longest part in there that is nearly straight. */
export interface StreetName {
  /** `[x, y, x, y]` of that part's two ends, in 4,096ths of the square's side from its upper left corner. */
  line: Array<number>;
  name: string;
}

/** Names of streets in a square. */
export interface StreetNames {
  streets: Array<StreetName>;
}

/** The answer of `POST /v1/events`. */
export interface Submitted {
  accepted: number;
  /** With `?wait=answer`: what came of each fact, in their order. */
  answers?: Array<Answered>;
  duplicates: number;
  last_seq: number | null;
  rejected: Array<RejectedLine>;
  roads?: Array<RoadsLine>;
  warnings?: Array<WarnedLine>;
}

/** One line of a story. */
export interface Told {
  at: UnixMillis;
  /** The facts that a decision answers. */
  because?: Array<Because>;
  /** The number of the plan, for a decision. */
  decision?: number | null;
  /** Lines between the one before and this one that are not kept. */
  left_out?: number;
  /** The entry of the log that it is of. */
  seq: number;
  words: string;
}

/** A vehicle whose way a change of the roads touches. */
export interface Touched {
  /** The orders on its route when the change was told. */
  orders: Array<string>;
  vehicle: string;
}

export interface Tried {
  /** The event, as it would have been logged. */
  event: unknown;
  /** Why it makes no sense now, if it does not. */
  refused: string | null;
}

/** What made an engine decide. */
export interface Trigger {
  entries: Array<Cause>;
  /** `facts`: it answers these entries. `search`: a search found something better for routes that these entries had changed last. `watch`: no fact; the engine saw a promise break, times move, or room for an order that had none. */
  kind: string;
  /** Rounds of the search; 0 for an answer. */
  rounds: number;
}

/** A vehicle works again. */
export interface VehicleBackEvent {
  /** `shift.started`, `shift.ended`, `vehicle.lost`, `vehicle.back`, `position`. */
  data: {
    /** For `shift.ended`: when; in the future, the shift is shortened to it. */
    at_time?: string | null;
    /** Where it is, if known. */
    position?: PlaceV1 | null;
    /** For `shift.started`: another period than registered. */
    shift?: ShiftV1 | null;
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.vehicle.back.v1";
}

/** A vehicle broke down. */
export interface VehicleLostEvent {
  /** `shift.started`, `shift.ended`, `vehicle.lost`, `vehicle.back`, `position`. */
  data: {
    /** For `shift.ended`: when; in the future, the shift is shortened to it. */
    at_time?: string | null;
    /** Where it is, if known. */
    position?: PlaceV1 | null;
    /** For `shift.started`: another period than registered. */
    shift?: ShiftV1 | null;
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.vehicle.lost.v1";
}

/** A vehicle exists, or its properties changed. */
export interface VehicleRegisteredEvent {
  /** `vehicle.registered`: the vehicle as it is from now on. */
  data: {
    /** Up to four dimensions; none: no limit. */
    capacity?: Array<number> | null;
    costs?: CostsV1 | null;
    /** How long its driver may drive without a break, and in one shift; none: no limit. */
    driving_time?: DrivingTimeV1 | null;
    /** Where it must end; none: anywhere. */
    end?: PlaceV1 | null;
    /** Unloading is last in, first out. */
    lifo?: boolean;
    /** Where it may be loaded again between two trips; none: what its jobs deliver is always on board. */
    reload?: ReloadV1 | null;
    shift?: ShiftV1 | null;
    skills?: Array<string>;
    /** 1 is as the network says, 0.8 a fifth slower. */
    speed_factor?: number | null;
    /** Where it starts. */
    start: PlaceV1;
    stops_max?: number | null;
    vehicle_id: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.vehicle.registered.v1";
}

/** `/v1/vehicles/{id}` with its story. */
export interface VehicleStory {
  /** The last revision that its driver accepted. */
  accepted_revision?: number;
  at: [number, number] | null;
  /** The break that its driver takes, or its next one as planned. */
  break?: PlannedBreak | null;
  breaks?: Array<Pause>;
  breaks_taken?: number;
  capacity?: Array<number>;
  /** What it has served, oldest first. */
  done?: Array<DoneStop>;
  /** What its driver has driven, where the vehicle has a rule of driving times and he is at work. */
  driving_time?: DrivingTimeSeen | null;
  /** The first way in which its driver breaks the rule of driving times, or will on his route as it is planned and on his way home, as of the last full minute. */
  hours?: DrivingViolation | null;
  id: string;
  /** The way on the streets, one line for each leg, as it was when the vehicle's route, its state or its way last changed: the first one begins where the vehicle was then. */
  lines: Array<Array<[number, number]>>;
  /** How many orders. */
  on_board: number;
  /** Where it may be loaded again between two trips. */
  reload?: Reloading | null;
  /** The breaks that its driver took and the calls at depots that he made, as far as they are over, oldest first: the last 16. */
  rests?: Array<RestTaken>;
  /** The entry that last changed its route. */
  revision: number;
  /** When it was there. */
  seen: UnixMillis | null;
  /** Its start and its end. */
  shift?: [UnixMillis, UnixMillis] | null;
  skills?: Array<string>;
  status: string;
  stops_done: number;
  story: Array<Told>;
  visits: Array<Visit>;
}

export interface Visit {
  /** `None` where no road leads there now, and behind that. */
  arrival: UnixMillis | null;
  at: [number, number];
  /** The breaks before the drive here and on the way, in all, seconds. */
  break_seconds?: number | null;
  /** Each of these breaks, in the order of time. One for the sake of driving times lies where the driving time runs out. */
  breaks?: Array<PlannedRest>;
  /** Goods are taken on at it: it is the pickup of a shipment, or a job to be collected, whose only stop events call `delivery`. */
  collects?: boolean;
  depart_at: UnixMillis;
  departure: UnixMillis | null;
  due: UnixMillis | null;
  frozen: boolean;
  late: boolean;
  order: string;
  /** A new trip begins with it: the vehicle calls at this depot on the way here. */
  reload?: DepotCall | null;
  start: UnixMillis | null;
  stop: string;
  unreachable?: boolean;
}

/** One warning about one event. */
export interface Warned {
  /** The id that nobody knew, or the vehicle whose driver has driven too long. */
  about?: string | null;
  /** When this engine saw it first (wall clock, RFC 3339). */
  at: string;
  /** What kind of warning, as a short stable word. */
  code: string;
  /** What is odd about its value, and what is done with it. */
  detail?: string | null;
  /** The field that the warning is about, as a path in `data`, or the attribute `time`. */
  field: string;
  /** What was probably meant: a field, or an id. */
  hint?: string | null;
  /** The event's id in its source. */
  id: string;
  /** The event's position in the log; `None` until the reader of the log has met it. */
  seq?: number | null;
  /** By when a driver had driven too long (zone time, RFC 3339). */
  since?: string | null;
  /** Who wrote the event. */
  source: string;
  /** The name of its type. */
  type: string;
  /** It is withdrawn: what nobody knew has come, or what was told late shows that it was not so, as this entry of the log. */
  withdrawn_seq?: number | null;
}

/** A line with something that looks like a mistake. */
export interface WarnedLine {
  /** What kind of warning, as a short stable word. */
  code: string;
  /** What is odd about the value, and what is done with it. */
  detail?: string | null;
  field: string;
  /** The field that was probably meant. */
  hint: string | null;
  line: number;
}

/** `/v1/warnings`. */
export interface WarningList {
  counts: Record<string, number>;
  /** Position reports that were passed over since this engine started: no vehicle comes so far so fast, or a receiver had no fix. */
  positions_passed_over: number;
  warnings: Array<Warned>;
}

/** The answer to a what-if. */
export interface WhatIf {
  applied: number;
  at: UnixMillis;
  cost_after: PlanCost;
  cost_before: PlanCost;
  /** Orders that would change: how many by kind, and each of them. */
  counts: Record<string, number>;
  events: Array<Tried>;
  orders: Array<Difference>;
  /** True: the engine did not come to an end, so that this is not the whole of it. */
  unsettled: boolean;
}

/** A period in which service may start, both ends included. */
export interface WindowV1 {
  /** RFC 3339. */
  closes: string;
  /** RFC 3339. */
  opens: string;
}

export interface Zone {
  /** Zone seconds per log second. */
  rate: number;
  timezone: string;
}

/** A zone begins: how log time maps to zone time, how coordinates are read, how to dispatch. */
export interface ZoneOpenedEvent {
  /** `zone.opened`. */
  data: {
    /** `lonlat` or `planar`. */
    coordinates?: "lonlat" | "planar";
    /** Zone time at `log_start` (RFC 3339). */
    day_start: string;
    /** Log time at which zone time was `day_start` (RFC 3339). */
    log_start: string;
    policy?: PolicyV1;
    /** Zone seconds per log second. */
    rate?: number;
    /** IANA name. */
    timezone: string;
  };
  id: string;
  source: string;
  specversion: "1.0";
  subject?: string;
  time: string;
  type: "fleet.zone.opened.v1";
}

/** A zone as shown. */
export interface ZoneShown {
  /** Every node that runs it, the owner first. */
  nodes: Array<RunsShown>;
  /** The node that owns it. */
  owner: string | null;
  zone: string;
}

/** What a GET is answered with, by its path. */
export interface Gets {
  "v1/basemap": BasemapShown;
  "v1/decisions": Decisions;
  "v1/entries/{seq}": Entry;
  "v1/explain/decision/{n}": PlanReason;
  "v1/explain/order/{id}": ExplainedOrder;
  "v1/explain/vehicle/{id}": ExplainedVehicle;
  "v1/features": Learned;
  "v1/me": {
    name: string;
    role: "viewer" | "operator" | "admin";
    session: boolean;
  };
  "v1/offers/{order}": Ranked;
  "v1/orders/{id}": OrderStory | RetiredOrder;
  "v1/picture": Snapshot;
  "v1/replay": Replayed;
  "v1/search": FoundList;
  "v1/sources": Document;
  "v1/state": State | PageOf;
  "v1/streets": Array<[number | string, number | string, number | string, number | string, number | string, number | string, number | string]>;
  "v1/streets/named": NamedStreets;
  "v1/streets/near": Near;
  "v1/streets/{zoom}/{x}/{y}": [Array<number>, Array<number>, Array<number>];
  "v1/streets/{zoom}/{x}/{y}/names": StreetNames;
  "v1/vehicles/{id}": VehicleStory;
  "v1/warnings": WarningList;
  "v1/zones": Overview;
}

/** What a POST takes as JSON and is answered with, by its path. */
export interface Posts {
  "v1/events": { takes: ZoneOpenedEvent | OrderCreatedEvent | OrderUpdatedEvent | OrderReadyEvent | OrderCancelledEvent | OrderRetriedEvent | SlotHeldEvent | OrderConfirmedEvent | VehicleRegisteredEvent | ShiftStartedEvent | ShiftEndedEvent | VehicleLostEvent | VehicleBackEvent | PositionEvent | RoadClosedEvent | RoadSlowedEvent | RoadReopenedEvent | StopDepartedEvent | StopArrivedEvent | StopCompletedEvent | StopFailedEvent | BreakStartedEvent | BreakEndedEvent | ReloadStartedEvent | ReloadEndedEvent | AssignmentAcceptedEvent | AssignmentRejectedEvent | StopPinnedEvent | StopUnpinnedEvent | AssignmentForcedEvent | PriorityRaisedEvent | AttentionNotedEvent | PolicyChangedEvent | AlertAcknowledgedEvent | PersonForgottenEvent; answers: Submitted };
  "v1/forget": { takes: ForgetAsked; answers: Forgotten };
  "v1/quotes": { takes: Question; answers: Quotes };
  "v1/streets/matched": { takes: {
    /** Or every road that crosses this ring, or lies in it. */
    area?: Array<PlaceV1>;
    /** Names the change; a reopening names the closure it ends. */
    change_id?: string;
    /** Or edges (one direction between two junctions) by their numbers in the graph file. */
    edges?: Array<number>;
    from_time?: string | null;
    /** Or every road that comes within `within_meters` of this line. */
    line?: Array<PlaceV1>;
    /** Road ids of the network. Ways that an editor has not uploaded yet have negative ones. */
    roads?: Array<number>;
    /** For `road.slowed`: travel time in per cent of normal. */
    time_percent?: number | null;
    until_time?: string | null;
    /** For `line`; 15 if not given. */
    within_meters?: number | null;
  }; answers: Matched };
  "v1/what-if": { takes: {
    changes: Array<string | Record<string, unknown>>;
    /** Let searches run, too. */
    search?: boolean;
  }; answers: WhatIf };
}

