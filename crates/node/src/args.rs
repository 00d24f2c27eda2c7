//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use fleetfold_formats::{Objective, Priorities, ProblemFormat};

use crate::log::{Layout, LogChoice, Placement, REPLICAS, Storage};
use crate::times::Times;

/// A streaming dispatch engine: the fleet is a fold of its event log.
#[derive(Parser)]
#[command(name = "fleetfold", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) access: crate::log::access::Access,
    #[command(flatten)]
    pub(crate) logging: crate::logging::Logging,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Play a generated city-day through the real engine, with a live map.
    Demo(Demo),
    /// Run the engine for one zone of a log, or those zones of many that are this node's.
    Serve(Serve),
    /// Say which node owns which zone, from what the nodes tell the broker.
    Zones(Zones),
    /// Ask a node to give its zones to the other nodes, and wait until it has.
    Drain(Drain),
    /// Move vehicles and orders from one zone to another.
    Zone(Zone),
    /// Play a recorded day into a log.
    Feed(Feed),
    /// Write a day file from a log.
    Record(Record),
    /// Fold a recorded day again: it must end in the recorded digest.
    Replay(Replay),
    /// Run a day's orders with simulated drivers in virtual time.
    Backtest(Backtest),
    /// Turn public recorded days into the day format, or a plan of another program into facts, on standard output.
    Import(Import),
    /// Recompute from the log alone how long every change waited for its plan.
    Audit(Audit),
    /// Fold a zone's log again and compare it with the digests that the live engines wrote into their plans.
    Verify(VerifyZone),
    /// Messages that were not taken: list them, show one byte by byte, send them again.
    Rejected(Rejected),
    /// Forget a person: what was said of a customer or a driver in words can be read by nobody any more.
    Forget(Forget),
    /// Say why an order, a vehicle or a plan is as it is: cost in parts, alternatives, and what would have to give.
    Explain(Explain),
    /// Say what would come of changes: who serves what, when, who becomes late, what it costs. Nothing enters the log.
    WhatIf(WhatIf),
    /// Say what is wrong, and the command that mends it.
    Doctor(Doctor),
    /// Ask a running engine whether it is well, for supervisors and images that have no other program: exit code 0 if it says so.
    Health {
        /// What is asked: `/livez` (it runs) or `/readyz` (it answers events).
        #[arg(default_value = "http://127.0.0.1:8080/readyz")]
        url: String,
    },
    /// Print the broker's settings for its users: what each role needs, and no more.
    Permissions(Permissions),
    /// Make a bearer token: prints the line for the token file, and the token on standard error.
    Token(Token),
    /// Solve one routing problem from a file.
    Solve(Solve),
    /// Street networks: build one from OpenStreetMap, ask it.
    Graph(Graph),
    /// Run a scenario of the simulator with every promise checked after every entry.
    Sim(Sim),
    /// Run many zones on many nodes in virtual time, with losses of nodes and a rush hour: balance, takeovers, waits.
    SimScale(SimScale),
    /// JSON Schemas of all events: print them, list their versions, compare them, register them.
    Schema(Schema),
    /// Print shell completions.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}

/// How a broker keeps what is made of a log. What is there already stays as it is.
#[derive(Args, Clone, Default)]
pub(crate) struct Kept {
    /// One stream of facts for all zones, or one for each; chosen when the log is made (default: as it is, in a new log `shared`).
    #[arg(long, value_enum, env = "FLEETFOLD__STREAMS")]
    pub(crate) streams: Option<Layout>,
    /// Replicas of each stream and bucket (default: 3 in a cluster of brokers, 1 on a single one).
    #[arg(long, value_parser = replicas, env = "FLEETFOLD__REPLICAS")]
    pub(crate) replicas: Option<u8>,
    /// Only brokers with all of these tags keep them.
    #[arg(long, value_delimiter = ',', value_name = "TAG", env = "FLEETFOLD__PLACEMENT")]
    pub(crate) placement: Vec<String>,
    /// Only brokers of this cluster keep them.
    #[arg(long, value_name = "CLUSTER", env = "FLEETFOLD__PLACEMENT_CLUSTER")]
    pub(crate) placement_cluster: Option<String>,
}

impl Kept {
    /// As the log is opened with it.
    pub(crate) fn storage(self) -> Storage {
        let placement = Placement { cluster: self.placement_cluster, tags: self.placement };
        Storage { layout: self.streams, replicas: self.replicas, placement }
    }
}

fn replicas(text: &str) -> Result<u8, String> {
    text.parse().ok().filter(|count| REPLICAS.contains(count)).ok_or_else(|| "1, 3 or 5 is needed".to_owned())
}

/// Which log, whose zone.
#[derive(Args, Clone)]
pub(crate) struct Where {
    /// `nats://[USER:PASSWORD@]HOST:PORT`, `context:NAME` (of the `nats` command), `embedded` or `embedded:PATH`, `spawn`, or `auto` ($NATS_URL, else nats-server on PATH, else embedded).
    #[arg(long, default_value = "auto", env = "FLEETFOLD__LOG", hide_env_values = true)]
    pub(crate) log: LogChoice,
    /// The tenant.
    #[arg(long, default_value = "demo", env = "FLEETFOLD__TENANT")]
    pub(crate) tenant: String,
    /// The zone.
    #[arg(long, default_value = "city", env = "FLEETFOLD__ZONE")]
    pub(crate) zone: String,
}

/// Exit codes: 0, a plan was printed; 1, an error of ours; 2, the input is at fault; 3, a routing server is needed.
#[derive(Args)]
pub(crate) struct Solve {
    /// The problem: a file, or `-` for standard input. With --vroom also the problem itself as text.
    pub(crate) file: Option<PathBuf>,
    /// The problem, as VROOM has it.
    #[arg(short = 'i', long = "input", value_name = "FILE", conflicts_with = "file")]
    pub(crate) input: Option<PathBuf>,
    /// Write what would be printed into this file.
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print the version, as VROOM does.
    #[arg(short = 'v', long = "version")]
    pub(crate) version: bool,
    /// Do what the command `vroom` does: VROOM JSON in, VROOM JSON out (errors too), VROOM's flags and exit codes.
    #[arg(long, conflicts_with_all = ["routes", "serve"])]
    pub(crate) vroom: bool,
    /// Answer problems in VROOM JSON over HTTP at this address, as vroom-express does: POST / or /solve.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["file", "input", "output", "init", "plot", "json", "routes"])]
    pub(crate) serve: Option<SocketAddr>,
    /// A file with the bearer token that is asked for; needed off loopback.
    #[arg(long, requires = "serve")]
    pub(crate) token_file: Option<PathBuf>,
    /// Its format.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) format: ProblemFormat,
    /// What counts (default: the file's own: distance for benchmarks).
    #[arg(long, value_enum)]
    pub(crate) objective: Option<Objective>,
    /// Refuse unknown keys, and a plan to start from that has to be repaired.
    #[arg(long)]
    pub(crate) strict: bool,
    /// What priorities of a VROOM problem weigh where not every task can be served (`options.priorities` of the problem says the same).
    #[arg(long, value_name = "HOW")]
    pub(crate) priorities: Option<Priorities>,
    /// How long to search at most (default: 10; with --explore: as long as that takes).
    #[arg(short = 'l', long, visible_alias = "limit", value_parser = seconds)]
    pub(crate) seconds: Option<f64>,
    /// Search by rounds instead of the clock: the same result every time, on any number of threads.
    #[arg(long, conflicts_with_all = ["seconds", "explore"])]
    pub(crate) rounds: Option<u32>,
    /// How thoroughly to search, from 0 to 5: a number of rounds that grows with the problem (with --vroom: 5).
    #[arg(short = 'x', long, value_name = "LEVEL")]
    pub(crate) explore: Option<u32>,
    /// Threads (default: all cores).
    #[arg(short = 't', long, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=256))]
    pub(crate) threads: Option<usize>,
    /// Searches of a small problem side by side, the best counts (default: what threads are idle; 1 with --rounds or --explore).
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) replicas: Option<u32>,
    /// Everything random follows from it.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Start from these routes: one per line, as --routes prints them; the line of a vehicle without a route is `-`.
    #[arg(long)]
    pub(crate) init: Option<PathBuf>,
    /// Search nothing: say when the given routes (`steps` of the vehicles, or --init) arrive and what they cost.
    #[arg(short = 'c', long = "choose-eta")]
    pub(crate) choose_eta: bool,
    /// Add the line that is driven to each route, as an encoded polyline: with --graph or a routing server.
    #[arg(short = 'g', long = "geometry")]
    pub(crate) geometry: bool,
    /// Streets for vehicles of a VROOM problem that brings no matrix for them: `FILE` for all profiles, `PROFILE=FILE` for one.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["routing_host", "routing_port", "router"])]
    pub(crate) graph: Vec<String>,
    /// Routing server of a profile, as `car:HOST`: asked for what a VROOM problem brings no matrix for (default: 0.0.0.0).
    #[arg(short = 'a', value_name = "PROFILE:HOST")]
    pub(crate) routing_host: Vec<String>,
    /// Its port, as `car:PORT` (default: 5000).
    #[arg(short = 'p', value_name = "PROFILE:PORT")]
    pub(crate) routing_port: Vec<String>,
    /// What kind of routing server it is: osrm (default), valhalla or ors.
    #[arg(short = 'r', value_name = "ROUTER")]
    pub(crate) router: Option<String>,
    /// A known cost, in the file's units: the progress line and the summary say how far above it the plan is.
    #[arg(long, value_parser = positive)]
    pub(crate) best_known: Option<f64>,
    /// Show progress on stderr even where that is no terminal, a line for each report.
    #[arg(long)]
    pub(crate) progress: bool,
    /// What it costs that a stop of --init changes its vehicle, in the file's units: few moves for most of the gain.
    #[arg(long, requires = "init", value_parser = positive)]
    pub(crate) change_price: Option<f64>,
    /// At most so many stops of --init change their vehicle.
    #[arg(long, requires = "init")]
    pub(crate) changes_max: Option<u32>,
    /// Print one route per line and nothing else.
    #[arg(long, conflicts_with = "json")]
    pub(crate) routes: bool,
    /// Print the solution as JSON, or the error: {"code":2,"error":"…"}.
    #[arg(long)]
    pub(crate) json: bool,
    /// Draw the routes into this SVG file.
    #[arg(long)]
    pub(crate) plot: Option<PathBuf>,
}

fn minutes(text: &str) -> Result<f64, String> {
    match positive(text)? {
        minutes if minutes <= 525_600.0 => Ok(minutes),
        _ => Err("at most 525600 minutes, a year".to_owned()),
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err("a number above 0 is needed".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && (0.0..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0 to 86400 is needed".to_owned()),
    }
}

#[derive(Args)]
pub(crate) struct Token {
    /// What its holder may do.
    #[arg(value_enum)]
    pub(crate) role: crate::auth::Role,
    /// His name: it stands in every event that he sends.
    pub(crate) name: String,
}

#[derive(Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) of: Where,
    /// Zone seconds per second.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) speed: u32,
    /// Seed of the city and its day.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// A smaller day: this many orders and a vehicle for every fifteen.
    #[arg(long, default_value_t = 600)]
    pub(crate) orders: u32,
    /// Streets to drive on (`fleetfold graph build`); without: a generated city.
    #[arg(long)]
    pub(crate) graph: Option<PathBuf>,
    /// Where the map is served.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Stay after the day is over, until Ctrl-C.
    #[arg(long)]
    pub(crate) stay: bool,
    /// Print the figures as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Zones {
    /// `nats://HOST:PORT`.
    #[arg(long, default_value = "auto", env = "FLEETFOLD__LOG", hide_env_values = true)]
    pub(crate) log: LogChoice,
    /// Print them as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Drain {
    /// Which node.
    pub(crate) node: String,
    /// `nats://HOST:PORT`.
    #[arg(long, default_value = "auto", env = "FLEETFOLD__LOG", hide_env_values = true)]
    pub(crate) log: LogChoice,
    /// Let it take zones again.
    #[arg(long)]
    pub(crate) undo: bool,
}

#[derive(Args)]
pub(crate) struct Zone {
    #[command(subcommand)]
    pub(crate) what: ZoneCommand,
}

#[derive(Subcommand)]
pub(crate) enum ZoneCommand {
    /// Make the stream of a new zone, so that producers can write and nodes find it. Needed only where each zone has a stream of its
    /// own and nobody serves the zone by its name.
    Create {
        /// The new zone.
        zone: String,
        /// Which log.
        #[arg(long, default_value = "auto", env = "FLEETFOLD__LOG", hide_env_values = true)]
        log: LogChoice,
        /// Its tenant.
        #[arg(long, default_value = "demo", env = "FLEETFOLD__TENANT")]
        tenant: String,
        /// How its stream is kept.
        #[command(flatten)]
        kept: Kept,
    },
    /// Hand a vehicle over to another zone: its shift ends in one and starts in the other. Run again after a crash, it completes
    /// what was begun.
    Handover {
        /// Which vehicle.
        #[arg(long)]
        vehicle: String,
        /// The zone it leaves.
        #[arg(long)]
        from: String,
        /// The zone it comes to.
        #[arg(long)]
        to: String,
        /// Open that zone, with the clock and the coordinates of the first one, if the log holds nothing of it.
        #[arg(long)]
        open: bool,
        /// Which log.
        #[arg(long, default_value = "auto", env = "FLEETFOLD__LOG", hide_env_values = true)]
        log: LogChoice,
        /// The tenant of both zones.
        #[arg(long, default_value = "demo", env = "FLEETFOLD__TENANT")]
        tenant: String,
        /// Print what was done as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Hand the open orders of an area, and the vehicles in it, over to another zone, which is opened if it is new. Run it again until
    /// nothing stays; after a crash it completes what was begun.
    Split {
        /// The zone that is too large.
        from: String,
        /// The zone that takes the area.
        #[arg(long)]
        into: String,
        /// The area: a file with a GeoJSON polygon, or its corners: "LON,LAT LON,LAT LON,LAT".
        #[arg(long, allow_hyphen_values = true)]
        area: String,
        /// Which log.
        #[arg(long, default_value = "auto", env = "FLEETFOLD__LOG", hide_env_values = true)]
        log: LogChoice,
        /// The tenant of both zones.
        #[arg(long, default_value = "demo", env = "FLEETFOLD__TENANT")]
        tenant: String,
        /// Print what was done as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Which log, whose zone, where a file of settings may say so too.
#[derive(Args, Clone)]
pub(crate) struct WhereIfGiven {
    /// `nats://[USER:PASSWORD@]HOST:PORT`, `context:NAME` (of the `nats` command), `embedded` or `embedded:PATH`, `spawn`, or `auto` ($NATS_URL, else nats-server on PATH, else embedded) [default: auto]
    #[arg(long, env = "FLEETFOLD__LOG", hide_env_values = true)]
    pub(crate) log: Option<LogChoice>,
    /// The tenant [default: demo]
    #[arg(long, env = "FLEETFOLD__TENANT")]
    pub(crate) tenant: Option<String>,
    /// The zone [default: city]
    #[arg(long, env = "FLEETFOLD__ZONE")]
    pub(crate) zone: Option<String>,
}

#[derive(Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) of: WhereIfGiven,
    #[command(flatten)]
    pub(crate) kept: Kept,
    /// Run all zones of these names that are this node's, instead of one: `acme/*`, `*/*`, `acme/porto,acme/braga`. Any number of
    /// nodes share them; needs a broker.
    #[arg(long, value_delimiter = ',', env = "FLEETFOLD__ZONES")]
    pub(crate) zones: Vec<crate::nodes::Pattern>,
    /// The name of this node among the others (with --zones; default: host and port).
    #[arg(long, env = "FLEETFOLD__NODE", requires = "zones")]
    pub(crate) node: Option<String>,
    /// Where other nodes send those who ask for a zone of this one (with --zones; default: http:// and the address of --listen).
    #[arg(long, requires = "zones")]
    pub(crate) advertise: Option<String>,
    /// Settings; flags and environment win over it.
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
    /// Where travel times come from: a graph, matrix or day file, `osrm:http://HOST:PORT` or `valhalla:http://HOST:PORT`;
    /// without: straight lines.
    #[arg(long, visible_alias = "graph")]
    pub(crate) network: Option<String>,
    /// Where snapshots are kept.
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// Where map and HTTP are served.
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
    /// A file with a bearer token, or with a line `ROLE NAME TOKEN` for each who may ask; needed off loopback. It is read again when it changes.
    #[arg(long)]
    pub(crate) token_file: Option<PathBuf>,
    /// Dispatch as this file says: the fields of `fleet.policy.changed` as TOML (docs/EVENTS.md). It is looked at each second and on SIGHUP, and a
    /// change of it goes into the log as `policy.changed`; one that is wrong is told, and the policy in force stays.
    #[arg(long, value_name = "FILE", conflicts_with = "zones")]
    pub(crate) policy: Option<PathBuf>,
    /// Encrypt HTTP with this certificate and its chain (PEM). A renewed file is taken up within seconds.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert (PEM).
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Show this map below the streets: a PMTiles file of pictures or vector tiles, which needs no internet, or the address of such tiles elsewhere, with {z}, {x} and {y}.
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) basemap: Option<String>,
    /// Whose map that is, shown on it; a file says it itself.
    #[arg(long, value_name = "TEXT", requires = "basemap", default_value = "")]
    pub(crate) basemap_attribution: String,
    /// Most connections of HTTP at a time [default: 2048]
    #[arg(long, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(16..=1_000_000))]
    pub(crate) connections: Option<usize>,
    /// Most of them from one address, this machine left out [default: 512]
    #[arg(long, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    pub(crate) connections_per_address: Option<usize>,
    /// Most requests a second of one address, token or login; twice as many at once.
    #[arg(long, default_value_t = crate::auth::REQUESTS_PER_SECOND, value_parser = positive)]
    pub(crate) requests_per_second: f64,
    /// Minutes after which a login ends in which nobody has done anything.
    #[arg(long, default_value_t = 60.0, value_parser = minutes)]
    pub(crate) session_idle: f64,
    /// Minutes after which a login ends in any case.
    #[arg(long, default_value_t = 720.0, value_parser = minutes)]
    pub(crate) session_max: f64,
    /// Send spans of traced events, decisions and assignments to a collector that speaks OTLP over HTTP.
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true)]
    pub(crate) otlp: Option<String>,
    /// Print a link that logs an administrator in once, also where standard output is no terminal.
    #[arg(long)]
    pub(crate) login_link: bool,
    /// Threads for searching.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Begin with the newest snapshot or base although needed entries have expired (LOG_GAP). What came between is unknown then:
    /// for a zone of version 0.1 whose log is older than 14 days, or where bases were lost.
    #[arg(long)]
    pub(crate) accept_gap: bool,
    /// How often a base is stored, hours of log time: where a reader begins whose older entries have expired.
    #[arg(long, default_value_t = 24.0, value_parser = positive)]
    pub(crate) base_hours: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Drivers {
    /// The day's own reports are played.
    Recorded,
    /// The day's orders are played, and drivers answer to the assignments.
    Simulated,
}

#[derive(Args)]
pub(crate) struct Feed {
    /// The day file.
    pub(crate) day: PathBuf,
    #[command(flatten)]
    pub(crate) of: Where,
    #[command(flatten)]
    pub(crate) kept: Kept,
    /// Zone seconds per second.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) speed: u32,
    /// Who drives.
    #[arg(long, value_enum, default_value = "recorded")]
    pub(crate) drivers: Drivers,
    /// Seed of the simulated drivers.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Args)]
pub(crate) struct Graph {
    #[command(subcommand)]
    pub(crate) what: GraphCommand,
}

#[derive(Subcommand)]
pub(crate) enum GraphCommand {
    /// Build a graph file from an OpenStreetMap extract (.osm.pbf, .osm, .osm.gz, .osm.bz2).
    Build {
        /// The extract (`.osm.pbf`, `.osm.gz`, `.osm.bz2`, `.osm`); or a day file that brings streets, as `fleetfold sim --day` writes.
        extract: PathBuf,
        /// Where the graph is written.
        #[arg(long, short)]
        output: PathBuf,
        /// What drives.
        #[arg(long, value_enum, default_value = "car")]
        profile: Vehicle,
        /// How large it is, and how far from a street a stop may lie.
        #[command(flatten)]
        size: Size,
    },
    /// Say what a graph file holds.
    Info {
        /// The graph file.
        graph: PathBuf,
    },
    /// The way from one place to another, by street, or as GeoJSON.
    Route {
        /// The graph file.
        graph: PathBuf,
        /// Where it begins: LON,LAT in degrees.
        #[arg(value_parser = degrees, allow_hyphen_values = true)]
        from: (f64, f64),
        /// Where it ends: LON,LAT in degrees.
        #[arg(value_parser = degrees, allow_hyphen_values = true)]
        to: (f64, f64),
        /// Print GeoJSON.
        #[arg(long)]
        geojson: bool,
        /// A place further than this from every street, in metres, is unreachable; as the graph file says if it is not given.
        #[arg(long, value_name = "METRES", value_parser = clap::value_parser!(u32).range(1..=100_000))]
        snap_limit: Option<u32>,
    },
    /// Seconds and metres between all places, as JSON.
    Matrix {
        /// The graph file, or `osrm:URL`, `valhalla:URL`.
        network: String,
        /// Places, one LON,LAT a line; `-`: standard input.
        places: PathBuf,
        /// A place further than this from every street, in metres, is unreachable; as the graph file says if it is not given.
        #[arg(long, value_name = "METRES", value_parser = clap::value_parser!(u32).range(1..=100_000))]
        snap_limit: Option<u32>,
    },
}

/// The size of a vehicle, where it is not the usual one of its profile.
#[derive(Args)]
pub(crate) struct Size {
    /// Height in metres, as `maxheight` limits it; 0, here and for the other sizes: no limit is for it.
    #[arg(long, value_name = "METRES", value_parser = size)]
    pub(crate) height: Option<f64>,
    /// Width in metres, as `maxwidth` limits it.
    #[arg(long, value_name = "METRES", value_parser = size)]
    pub(crate) width: Option<f64>,
    /// Length in metres, as `maxlength` limits it.
    #[arg(long, value_name = "METRES", value_parser = size)]
    pub(crate) length: Option<f64>,
    /// Largest permitted mass in tonnes, as `maxweight` and `maxweightrating` limit it.
    #[arg(long, value_name = "TONNES", value_parser = size)]
    pub(crate) weight: Option<f64>,
    /// Load of the heaviest axle in tonnes, as `maxaxleload` limits it.
    #[arg(long, alias = "axleload", value_name = "TONNES", value_parser = size)]
    pub(crate) axle_load: Option<f64>,
    /// A place further than this from every street, in metres, is unreachable. 500 if it is not given.
    #[arg(long, value_name = "METRES", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) snap_limit: Option<u32>,
}

/// A size in metres or tonnes. Zero: no limit is for it.
fn size(text: &str) -> Result<f64, String> {
    let value: f64 =
        text.trim().parse().map_err(|_| format!("`{text}` is no number of metres or tonnes, as in 4.0"))?;
    if (0.0..=1_000.0).contains(&value) { Ok(value) } else { Err(format!("{value} is not between 0 and 1,000")) }
}

/// Whose streets.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Vehicle {
    /// A car.
    Car,
    /// A van: a car, at most 110 km/h.
    Van,
    /// A lorry: at most 80 km/h, not where goods vehicles may not go.
    Truck,
    /// A bicycle.
    Bike,
}

pub(crate) fn degrees(text: &str) -> Result<(f64, f64), String> {
    let (lon, lat) = text.split_once(',').ok_or("LON,LAT in degrees is needed, as in -8.61,41.15")?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| format!("`{text}` is no number of degrees"));
    let (lon, lat) = (number(lon)?, number(lat)?);
    if lon.abs() <= 180.0 && lat.abs() <= 90.0 {
        Ok((lon, lat))
    } else {
        Err(format!("longitude {lon}, latitude {lat}: outside -180..180 and -90..90; longitude comes first"))
    }
}

#[derive(Args)]
pub(crate) struct Record {
    #[command(flatten)]
    pub(crate) of: Where,
    /// The network the zone was run with, to be kept in the day.
    #[arg(long)]
    pub(crate) network: Option<PathBuf>,
    /// Where the day is written; standard output without.
    #[arg(long, short)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Replay {
    /// The day file.
    pub(crate) day: PathBuf,
    /// Print the figures as JSON.
    #[arg(long, conflicts_with = "listen")]
    pub(crate) json: bool,
    /// Show the day on the page, which is served here: its reports are played into a log of their own, and an engine answers them.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Zone seconds per second (with --listen).
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600), requires = "listen")]
    pub(crate) speed: u32,
    /// Keep the log of the played day in this folder (with --listen; without: a temporary one, which goes at the end). A day that is there
    /// is not played again.
    #[arg(long, value_name = "FOLDER", requires = "listen")]
    pub(crate) data: Option<PathBuf>,
    /// Travel times from elsewhere than the day: a graph, matrix or day file, `osrm:URL` or `valhalla:URL` (with --listen).
    #[arg(long, visible_alias = "graph", requires = "listen")]
    pub(crate) network: Option<String>,
}

#[derive(Args)]
pub(crate) struct Backtest {
    /// The day file.
    pub(crate) day: PathBuf,
    /// Travel times from elsewhere than the day: a graph, matrix or day file, `osrm:URL` or `valhalla:URL`.
    #[arg(long, visible_alias = "graph")]
    pub(crate) network: Option<String>,
    /// Print the figures as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Seed of the simulated drivers.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Threads for searching: changes the time it takes, never the result.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Learn travel and service times from what happens?
    #[arg(long, value_enum, default_value = "day")]
    pub(crate) learn: Learn,
    /// Write the log of the run as a day file.
    #[arg(long)]
    pub(crate) record: Option<PathBuf>,
    /// Who drives. `closed`: simulated drivers, who follow the plans of the policy that is tried: what would have come of it. `open`: the drivers
    /// and dispatchers of the recording, who do what they did: what would have been decided at each moment.
    #[arg(long = "loop", value_enum, default_value = "closed")]
    pub(crate) driven_by: DrivenBy,
    /// A policy to compare: a TOML file with fields of `fleet.policy.changed` (docs/EVENTS.md), on top of the day's own; `day` is that
    /// one as it is. Give two or more. The first is what the others are compared with.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "learn"])]
    pub(crate) policy: Vec<PathBuf>,
    /// How many seeds of the drivers each policy is run with, from --seed on.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000), requires = "policy")]
    pub(crate) seeds: u64,
    /// Write the comparison as a page (HTML) that needs nothing but itself.
    #[arg(long, value_name = "FILE", requires = "policy")]
    pub(crate) report: Option<PathBuf>,
}

/// Who drives in a backtest.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DrivenBy {
    /// The drivers of the recording.
    Open,
    /// Simulated drivers.
    Closed,
}

/// Whether travel and service times are learned.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Learn {
    /// As the day's policy says.
    Day,
    /// Switched on.
    On,
    /// Switched off.
    Off,
    /// The day twice, without and with, side by side.
    Compare,
}

/// By whose rules an imported day is dispatched.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DayRules {
    /// As usual here.
    Usual,
    /// By those that the set was published with: bundles of one restaurant and nothing added after departure (mdrp); docks with queues, decisions
    /// every ten minutes, destinations that are kept (dpdp).
    Published,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Grubhub's meal delivery routing problem: a folder with orders.txt, couriers.txt, restaurants.txt.
    Mdrp,
    /// The ICAPS 2021 dynamic pickup and delivery problem: a folder instance_N beside factory_info.csv and route_info.csv.
    Dpdp,
    /// A plan of another program, to take a running day over: a solution in VROOM's JSON, or a table (.csv).
    Plan,
}

#[derive(Args)]
pub(crate) struct Import {
    /// Which public set, or a plan.
    #[arg(value_enum)]
    pub(crate) format: Format,
    /// The folder of the instance, or the file of the plan.
    pub(crate) folder: PathBuf,
    /// With a public recorded day: by whose rules it is dispatched.
    #[arg(long, value_enum, default_value = "usual")]
    pub(crate) rules: DayRules,
    /// With a plan in VROOM's JSON: the problem that it solves, for windows, amounts, skills and capacities.
    #[arg(long)]
    pub(crate) problem: Option<PathBuf>,
    /// With a plan: what ended before is done (RFC 3339). Without it: now.
    #[arg(long)]
    pub(crate) now: Option<String>,
    /// With a plan: times that count from the beginning of the day count from here (RFC 3339). Without it: midnight UTC of the day of --now.
    #[arg(long)]
    pub(crate) day_start: Option<String>,
}

#[derive(Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    pub(crate) of: Where,
    /// Print the figures as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct VerifyZone {
    #[command(flatten)]
    pub(crate) of: Where,
    /// Print the figures as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Exit codes: 0, forgotten; 2, forgotten, and entries of the log hold words in the clear until they expire; 1, an error.
#[derive(Args)]
pub(crate) struct Forget {
    /// Who.
    #[arg(value_enum)]
    pub(crate) what: ForgetWhat,
    /// The id of the order, or of the vehicle by which the driver is known.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) of: Where,
    /// Also while the order is open, or somebody has signed on to the vehicle.
    #[arg(long)]
    pub(crate) even_if_open: bool,
    /// Print what came of it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Who is to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ForgetWhat {
    /// The customer of an order.
    Order,
    /// The driver of a vehicle.
    Driver,
}

#[derive(Args)]
pub(crate) struct Rejected {
    #[command(subcommand)]
    pub(crate) what: RejectedCommand,
}

#[derive(Subcommand)]
pub(crate) enum RejectedCommand {
    /// List them, oldest first.
    List {
        #[command(flatten)]
        of: Where,
        /// Only those with this reason, as `unknown_vehicle`.
        #[arg(long)]
        reason: Option<String>,
        /// Only those that name this order.
        #[arg(long)]
        order: Option<String>,
        /// Only those behind this entry of the log.
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        after: u64,
        /// Print each as JSON, one a line.
        #[arg(long)]
        json: bool,
    },
    /// Show one: why it was not taken, its headers, its bytes.
    Show {
        /// Its entry in the log.
        seq: u64,
        #[command(flatten)]
        of: Where,
        /// Write its bytes as they were published, and nothing else.
        #[arg(long)]
        raw: bool,
    },
    /// Send some again, each under a new id, after what was wrong is mended. What was rejected stays rejected; this appends anew.
    #[command(group(clap::ArgGroup::new("which").required(true).args(["seqs", "reason"])))]
    Replay {
        /// Their entries in the log.
        seqs: Vec<u64>,
        #[command(flatten)]
        of: Where,
        /// All that have this reason.
        #[arg(long, conflicts_with = "seqs")]
        reason: Option<String>,
        /// Send the event in this file in place of the one that was rejected.
        #[arg(long, value_name = "FILE", requires = "seqs")]
        file: Option<PathBuf>,
        /// Send also what stood on the subject of something else, on the subject where it belongs. Look at it first: whoever may write
        /// on one subject only may have tried to speak for others.
        #[arg(long = "move")]
        moves: bool,
        /// Say what would be sent, and send nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// What is to be explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainWhat {
    /// An order: the decision that put it where it is, and what would have to give where it is on no route.
    Order,
    /// A vehicle: its route, and the decision that last changed it.
    Vehicle,
    /// A plan, by its number.
    Decision,
}

#[derive(Args)]
pub(crate) struct Explain {
    /// What is to be explained.
    #[arg(value_enum)]
    pub(crate) what: ExplainWhat,
    /// The id of the order or the vehicle, or the number of the plan.
    pub(crate) id: String,
    /// A recording (`fleetfold record`, `fleetfold backtest --record`); without: the log.
    pub(crate) day: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) of: Where,
    /// As things stood then: an instant of zone time, as 2026-06-01T09:00:00Z.
    #[arg(long)]
    pub(crate) at: Option<String>,
    /// The network that the zone was run with: a graph, matrix or day file, `osrm:URL` or `valhalla:URL` (default: the recording's own,
    /// else straight lines).
    #[arg(long, visible_alias = "graph")]
    pub(crate) network: Option<String>,
    /// How many other vehicles are asked about each order, the nearest first.
    #[arg(long, default_value_t = 6, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(0..=1_000))]
    pub(crate) vehicles: usize,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct WhatIf {
    /// A recording (`fleetfold record`, `fleetfold backtest --record`); without: the log.
    pub(crate) day: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) of: Where,
    /// A change in words, such as 'vehicle v7 lost' or 'order ord-1 cancelled'; may be given several times.
    #[arg(long, required_unless_present = "event")]
    pub(crate) change: Vec<String>,
    /// A file with CloudEvents: one, a list, or one a line; may be given several times. They follow the changes in words.
    #[arg(long, value_name = "FILE")]
    pub(crate) event: Vec<PathBuf>,
    /// As things stood then: an instant of zone time, as 2026-06-01T09:00:00Z.
    #[arg(long)]
    pub(crate) at: Option<String>,
    /// The network that the zone was run with: a graph, matrix or day file, `osrm:URL` or `valhalla:URL` (default: the recording's own,
    /// else straight lines).
    #[arg(long, visible_alias = "graph")]
    pub(crate) network: Option<String>,
    /// Let searches run after the answers, as a running engine does within some seconds.
    #[arg(long)]
    pub(crate) search: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Permissions {
    /// For which users (default: all).
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) role: Vec<crate::log::rights::BrokerRole>,
    /// The tenant.
    #[arg(long, default_value = "demo", env = "FLEETFOLD__TENANT")]
    pub(crate) tenant: String,
    /// The zone (default: all zones of the tenant).
    #[arg(long, env = "FLEETFOLD__ZONE")]
    pub(crate) zone: Option<String>,
    /// Whose phone the driver's user is for (default: of any vehicle).
    #[arg(long)]
    pub(crate) vehicle: Option<String>,
    /// How the log is laid out in streams.
    #[arg(long, value_enum, default_value = "shared", env = "FLEETFOLD__STREAMS")]
    pub(crate) streams: Layout,
    /// The engine is a node that runs several zones (`serve --zones`).
    #[arg(long)]
    pub(crate) nodes: bool,
    /// The public key of the user's NKey, in place of a name and a password. With one role.
    #[arg(long, value_name = "U…", value_parser = nkey)]
    pub(crate) nkey: Option<String>,
}

fn nkey(text: &str) -> Result<String, String> {
    let legal =
        text.len() == 56 && text.starts_with('U') && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    // What may be a seed is not shown.
    legal
        .then(|| text.to_owned())
        .ok_or_else(|| "the public key of a user: U and 55 capital letters and digits".to_owned())
}

#[derive(Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) of: Where,
    /// As which user of the broker: has it its rights?
    #[arg(long = "as", value_enum, default_value = "engine")]
    pub(crate) role: crate::log::rights::BrokerRole,
    /// Replicas that each stream and bucket should have (default: more than one in a cluster of brokers).
    #[arg(long, value_parser = replicas, env = "FLEETFOLD__REPLICAS")]
    pub(crate) replicas: Option<u8>,
    /// Where `serve` would keep its snapshots: could the zone be begun with them?
    #[arg(long, default_value = "fleetfold-data")]
    pub(crate) data: PathBuf,
    /// What `serve` would take travel times from: does it open, does it answer?
    #[arg(long, visible_alias = "graph")]
    pub(crate) network: Option<String>,
    /// The address that would be served.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Print the findings as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Sim {
    /// A folder of `scenarios/`, or its scenario.toml.
    pub(crate) scenario: PathBuf,
    /// Another seed than the scenario's own.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Print the figures as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the day it generated, for `feed` and `backtest`.
    #[arg(long)]
    pub(crate) day: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct SimScale {
    /// Nodes.
    #[arg(long, default_value_t = 50, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=500))]
    pub(crate) nodes: usize,
    /// Zones.
    #[arg(long, default_value_t = 1_000, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    pub(crate) zones: usize,
    /// Virtual seconds.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(30..=86_400))]
    pub(crate) seconds: u32,
    /// Everything random follows from it.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Args)]
pub(crate) struct Schema {
    #[command(subcommand)]
    pub(crate) what: Option<SchemaCommand>,
}

#[derive(Subcommand)]
pub(crate) enum SchemaCommand {
    /// Print the JSON Schemas (2020-12) of this program, by type. This is what is done without a word.
    Json,
    /// Print the AsyncAPI 3 document.
    Asyncapi,
    /// Print the OpenAPI 3.1 document of the routes of HTTP.
    Openapi {
        /// How the times are written in the answers that it describes.
        #[arg(long, default_value = "unix")]
        times: Times,
    },
    /// Print the fields of every event as a table (docs/FIELDS.md).
    Fields,
    /// Print what HTTP and the live feed send and take as TypeScript declarations.
    Types,
    /// List all types with their versions: of this program, or of a broker's registry.
    List {
        /// The broker whose registry is meant.
        #[arg(long)]
        log: Option<LogChoice>,
    },
    /// Say what has changed between two versions of a type, and who cannot read whose messages. Exit code 2: somebody cannot.
    Diff {
        /// The type, as `fleet.order.created.v1`.
        subject: String,
        /// The earlier version.
        from: u32,
        /// The later version [default: the last one]
        to: Option<u32>,
    },
    /// Judge schemas against every version: of a file, of this program's types, or of a broker's registry. Exit code 2: some do not read
    /// each other's messages.
    Check {
        /// A file with the schema of one type's payload.
        #[arg(long, value_name = "FILE", requires = "subject")]
        file: Option<PathBuf>,
        /// The type that the file is of.
        #[arg(long, value_name = "TYPE", requires = "file")]
        subject: Option<String>,
        /// Judge against the registry of this broker, too.
        #[arg(long)]
        log: Option<LogChoice>,
    },
    /// Register this program's versions at a broker. Nothing is pushed if one of them does not read what is registered there.
    Push {
        /// The broker.
        #[arg(long, default_value = "auto", env = "FLEETFOLD__LOG", hide_env_values = true)]
        log: LogChoice,
    },
}
