//! Commands that write to a log: serve, feed.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use fleetfold_journal::placement::NodeName;
use fleetfold_model::{Event, Millis, Timestamp};
use fleetfold_roads::Network;
use fleetfold_sim::{Driving, Phones, Pretend};
use serde::Deserialize;
use tokio::sync::watch;

use crate::args::{Drivers, Feed, Serve};
use crate::auth::{Auth, Lifetime, Settings};
use crate::await_broker::Waiting;
use crate::days;
use crate::demo::{bar, finish, wait_for_signal, zone_name};
use crate::failure::Failure;
use crate::feed::{append_fact, mapping, play, reopen};
use crate::http;
use crate::http::basemap::Basemap;
use crate::http::server::{Bounds, Transport};
use crate::http::tls::Tls;
use crate::live::{self, Live, Setup};
use crate::log::rights::{self, Scope};
use crate::log::{self, Layout, Log, LogChoice, LogError, Placement, REPLICAS, Storage, ZoneName};
use crate::nodes::{self, Node, Pattern, Runner, Template};
use crate::policy_file::{self, PolicyFile};
use crate::snapshot;
use crate::trace;

/// `fleetfold.toml`: each line may also be a flag or an environment variable, which win.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    log: Option<String>,
    tenant: Option<String>,
    zone: Option<String>,
    network: Option<String>,
    data: Option<PathBuf>,
    listen: Option<std::net::SocketAddr>,
    token_file: Option<PathBuf>,
    policy: Option<PathBuf>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    threads: Option<usize>,
    #[serde(deserialize_with = "patterns")]
    zones: Vec<Pattern>,
    node: Option<String>,
    advertise: Option<String>,
    streams: Option<Layout>,
    #[serde(deserialize_with = "replicas")]
    replicas: Option<u8>,
    placement: Vec<String>,
    placement_cluster: Option<String>,
}

fn replicas<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u8>, D::Error> {
    let count = u8::deserialize(from)?;
    let known = REPLICAS.contains(&count);
    known.then_some(Some(count)).ok_or_else(|| serde::de::Error::custom("replicas: 1, 3 or 5 is needed"))
}

fn patterns<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Pattern>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
}

fn config(path: Option<&PathBuf>) -> Result<Config, Failure> {
    let Some(path) = path else { return Ok(Config::default()) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display()), "give the path of a fleetfold.toml"))?;
    toml::from_str(&text).map_err(|error| {
        // The line itself is not shown: it may be the one of the log's address, with a password.
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        Failure::new(format!("{}, line {line}: {}", path.display(), error.message()), "mend that line")
    })
}

pub(crate) async fn serve(args: Serve) -> Result<ExitCode, Failure> {
    let config = config(args.config.as_ref())?;
    let choice = match (args.of.log, config.log) {
        (Some(choice), _) => choice,
        (None, None) => LogChoice::Auto,
        // What may be an address with a password is no error of form, so it is not shown.
        (None, Some(log)) => log.parse().map_err(|what: String| Failure::new(format!("log = {log:?}"), what))?,
    };
    let zones = if args.zones.is_empty() { config.zones } else { args.zones };
    let or = |flag: Option<String>, file: Option<String>, default: &str| flag.or(file).unwrap_or(default.to_owned());
    let tenant = or(args.of.tenant, config.tenant, "demo");
    let zone = zone_name(&tenant, &or(args.of.zone, config.zone, "city"))?;
    let network = match args.network.or(config.network) {
        Some(source) => days::network_of(&source)?,
        None => days::build(&fleetfold_model::NetworkSpec::default())?,
    };
    let token_file = args.token_file.or(config.token_file);
    let listen = args.listen.or(config.listen).unwrap_or_else(|| std::net::SocketAddr::from(([127, 0, 0, 1], 8080)));
    let data = args.data.or(config.data).unwrap_or_else(|| PathBuf::from("fleetfold-data"));
    let tags = if args.kept.placement.is_empty() { config.placement } else { args.kept.placement };
    let storage = Storage {
        layout: args.kept.streams.or(config.streams),
        replicas: args.kept.replicas.or(config.replicas),
        placement: Placement { cluster: args.kept.placement_cluster.or(config.placement_cluster), tags },
    };
    not_without_its_log(&choice, &data, &zone)?;
    if let Some(collector) = args.otlp.as_deref().filter(|collector| !collector.is_empty()) {
        trace::send_to(collector)?;
    }
    let bound = http::bind(listen, token_file.is_some())?;
    let address = bound.address;
    let lifetime = Lifetime {
        idle: Duration::from_secs_f64(60.0 * args.session_idle),
        whole: Duration::from_secs_f64(60.0 * args.session_max),
    };
    let tls = match (args.tls_cert.or(config.tls_cert), args.tls_key.or(config.tls_key)) {
        (Some(certificate), Some(key)) => Some(Tls::of_files(&certificate, &key)?),
        (None, None) => None,
        (Some(_), None) => return Err(Failure::new("a TLS certificate needs its key", "give --tls-key KEY.pem, too")),
        (None, Some(_)) => {
            return Err(Failure::new("a TLS key needs its certificate", "give --tls-cert CHAIN.pem, too"));
        }
    };
    if tls.is_none() && !address.ip().is_loopback() {
        tracing::warn!(
            "tokens and all that is told cross the network in the clear: give --tls-cert and --tls-key, or put TLS in front"
        );
    }
    let default = Bounds::default();
    let transport = Transport {
        bounds: Bounds {
            connections: args.connections.unwrap_or(default.connections),
            of_one_address: args.connections_per_address.unwrap_or(default.of_one_address),
        },
        tls,
    };
    let settings =
        Settings { lifetime, requests_per_second: args.requests_per_second, is_encrypted: transport.tls.is_some() };
    let basemap = match &args.basemap {
        Some(place) => Some(Basemap::of(place, &args.basemap_attribution).await?),
        None => None,
    };
    let auth = Auth::of_file(token_file.as_ref(), &address.to_string(), settings)?;
    if let Some(basemap) = basemap {
        auth.allow_basemap(basemap);
    }
    let scope = |tenant: Option<&String>, zone: Option<&String>| Scope {
        tenant: tenant.cloned(),
        zone: zone.cloned(),
        vehicle: None,
        layout: storage.layout.unwrap_or(Layout::Shared),
        is_node: !zones.is_empty(),
        inbox: String::new(),
    };
    let scopes: Vec<Scope> = if zones.is_empty() {
        vec![scope(Some(&tenant), Some(&zone.zone().to_owned()))]
    } else {
        zones.iter().map(|pattern| scope(pattern.tenant.as_ref(), pattern.zone.as_ref())).collect()
    };
    let threads = args.threads.or(config.threads);
    let policy = match args.policy.or(config.policy) {
        Some(_) if !zones.is_empty() => {
            return Err(Failure::new(
                "--policy is for one zone, and this node runs several",
                "post `policy.changed` to each zone",
            ));
        }
        Some(path) => Some(PolicyFile::of(path, &data.join(zone.key()))?),
        None => None,
    };
    let hangups = policy.as_ref().and_then(|_| policy_file::hangups());
    let base_every = Millis((args.base_hours * 3_600_000.0) as i64);
    let pool = live::search_pool(threads)?;
    let mut stopped = told_to_end();
    let start = Start {
        choice,
        scopes,
        storage,
        zone: zones.is_empty().then(|| OneZone {
            zone: zone.clone(),
            network: Arc::clone(&network),
            data: data.clone(),
            pool: Arc::clone(&pool),
            base_every,
            accept_gap: args.accept_gap,
        }),
    };
    let mut waiting = Waiting::new(&start.choice, &auth, bound, &transport);
    let started = async {
        loop {
            match start.attempt().await {
                Ok(started) => return Ok::<_, Failure>(started),
                Err(error) => waiting.met(error).await?,
            }
        }
    };
    let (opened, live) = tokio::select! {
        started = started => started?,
        _ = stopped.wait_for(|stopped| *stopped) => return Ok(ExitCode::SUCCESS),
    };
    crate::out::say!("log   {}", opened.why);
    warn_of_replicas(&opened.log).await;
    let Some(live) = live else {
        let template = Template { network, data, pool, base_every, accept_gap: args.accept_gap, auth };
        let named = Named {
            node: args.node.or(config.node),
            advertise: args.advertise.or(config.advertise),
            login_link: args.login_link,
        };
        return serve_zones(opened, template, &zones, named, (waiting, transport, stopped)).await;
    };
    let listener = waiting.over()?;
    if let Some(policy) = policy {
        tokio::spawn(policy.follow(live.clone(), hangups));
    }
    http::serve(live.clone(), listener, Arc::clone(&auth), transport);
    crate::out::say!("zone  {zone}");
    crate::out::say!("map   {}", auth.address());
    say_login_link(&auth, args.login_link);
    if let Log::Embedded(embedded) = &opened.log {
        embedded.announce(&address.to_string())?;
    }
    tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => {}
        () = live.ended() => return Err(Failure::new("the engine has stopped; its last words are above", "start it again: it folds anew from the log")),
    }
    finish(&live, &opened.log).await;
    if let Some(broker) = opened.broker {
        broker.stop().await;
    }
    Ok(ExitCode::SUCCESS)
}

/// True once a signal has told the program to end.
pub(crate) fn told_to_end() -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        wait_for_signal().await;
        let _ = stop.send(true);
    });
    stopped
}

/// What is needed to start, as often as it takes.
struct Start {
    choice: LogChoice,
    scopes: Vec<Scope>,
    storage: Storage,
    /// `None`: a node of several zones, which starts their engines itself.
    zone: Option<OneZone>,
}

struct OneZone {
    zone: ZoneName,
    network: Arc<Network>,
    data: PathBuf,
    pool: Arc<rayon::ThreadPool>,
    base_every: Millis,
    accept_gap: bool,
}

impl Start {
    /// Opens the log, and starts the engine of the one zone if there is one. One that fails leaves nothing running.
    async fn attempt(&self) -> Result<(log::Opened, Option<Live>), Failure> {
        if let LogChoice::Nats(server) = &self.choice {
            rights::demand(server, &self.scopes).await?;
        }
        let opened = log::open_with(&self.choice, log::Purpose::Serve, self.storage.clone()).await?;
        let line = match &opened.log {
            Log::JetStream(broker) => Some(broker.line()),
            Log::Embedded(_) => None,
            #[cfg(test)]
            Log::Simulated(_) => None,
        };
        let judged = |error: LogError| line.as_ref().map_or(error.clone(), |line| line.judged(error));
        crate::schema::check_at_start(&opened.log).await?;
        let live = match &self.zone {
            None => None,
            Some(one) => Some(live::start(one.setup(opened.log.clone())).await.map_err(judged)?),
        };
        if let Log::JetStream(broker) = &opened.log {
            broker.watch_rights(self.scopes.clone());
        }
        Ok((opened, live))
    }
}

impl OneZone {
    fn setup(&self, log: Log) -> Setup {
        Setup {
            log,
            zone: self.zone.clone(),
            network: Arc::clone(&self.network),
            data: Some(self.data.clone()),
            pool: Arc::clone(&self.pool),
            owner: None,
            own: true,
            base_every: self.base_every,
            accept_gap: self.accept_gap,
        }
    }
}

/// Says by which link an administrator logs in once. On a terminal, or where somebody asks for it: elsewhere what is printed is mostly
/// kept, and others read it.
fn say_login_link(auth: &Auth, is_asked_for: bool) {
    if !is_asked_for && !std::io::stdout().is_terminal() {
        return;
    }
    if let Some(path) = auth.login_link() {
        crate::out::say!("login {}{path} (once, within ten minutes)", auth.address());
    }
}

/// Refuses to make an empty log where snapshots tell that there was another.
fn not_without_its_log(choice: &LogChoice, data: &Path, zone: &ZoneName) -> Result<(), Failure> {
    let LogChoice::Embedded(Some(file)) = choice else { return Ok(()) };
    let folder = data.join(zone.key());
    if file.exists() || snapshot::list(&folder).is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        format!(
            "LOG_REGRESSED: the log file {} is missing, but snapshots of {zone} are in {}",
            file.display(),
            folder.display()
        ),
        "put the log file and its `.head` file back; if the log was meant to be thrown away, remove the snapshots too",
    ))
}

/// Says which streams have other replicas than they should have. They are left as they are.
async fn warn_of_replicas(log: &Log) {
    let Log::JetStream(broker) = log else { return };
    for odd in broker.odd_replicas().await.unwrap_or_default() {
        let (name, has, wanted) = (odd.name.as_str(), odd.has, odd.wanted);
        tracing::warn!(name, has, wanted, "it has other replicas than it should have: {}", odd.mend());
    }
}

/// How a node is known to the others.
struct Named {
    node: Option<String>,
    advertise: Option<String>,
    /// A link that logs in once is asked for.
    login_link: bool,
}

/// Runs those zones that are this node's, until it is told to end.
async fn serve_zones(
    opened: log::Opened,
    template: Template,
    patterns: &[Pattern],
    named: Named,
    (waiting, transport, stopped): (Waiting, Transport, watch::Receiver<bool>),
) -> Result<ExitCode, Failure> {
    let Log::JetStream(broker) = &opened.log else {
        return Err(Failure::new("several zones need a broker, and this log is none", "give --log nats://HOST:PORT"));
    };
    // Producers need the stream before there is a zone. Where there are bases there was a log: its name is left free for the backup.
    if opened.log.list_objects("").await?.is_empty() {
        broker.make_shared().await?;
    }
    if broker.layout() == Layout::PerZone {
        // The same for the stream of each zone that is named; a zone whose log was deleted is told of by its engine.
        let named =
            patterns.iter().filter_map(|pattern| ZoneName::new(pattern.tenant.as_ref()?, pattern.zone.as_ref()?));
        for zone in named {
            if let Err(error) = opened.log.make_zone(&zone).await {
                tracing::error!(%zone, %error, "the zone has no stream");
            }
        }
    }
    // Who finds the door open finds the streams: a producer that waits for this node can publish at once.
    let listener = waiting.over()?;
    let buckets = broker.nodes(log::Purpose::Serve).await?;
    let port = template.auth.address().rsplit(':').next().unwrap_or("").to_owned();
    let default = || {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "node".to_owned());
        let legal = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        format!("{}-{}", host.trim().chars().take(50).map(legal).collect::<String>(), port)
    };
    let name = named.node.unwrap_or_else(default);
    let name = NodeName::new(&name).ok_or_else(|| {
        Failure::new(format!("`{name}` is no name of a node"), "use 1 to 64 letters, digits, - and _")
    })?;
    let advertised = named.advertise.unwrap_or_else(|| template.auth.address().to_owned());
    let node = Node::new(name.clone(), advertised, opened.log.clone(), buckets, patterns.to_vec());
    let router = nodes::http::router(Arc::clone(&node), Arc::clone(&template.auth), &template.network);
    let (ended, end) = watch::channel(false);
    let mut served = end.clone();
    tokio::spawn(async move {
        let ended = async move {
            let _ = served.wait_for(|ended| *ended).await;
        };
        http::server::serve(listener, router, transport, ended).await;
    });
    crate::out::say!("node  {name}");
    crate::out::say!("zones {}/v1/zones", template.auth.address());
    say_login_link(&template.auth, named.login_link);
    let ran = Runner::new(node, template).run(stopped).await;
    let _ = ended.send(true);
    if let Some(broker) = opened.broker {
        broker.stop().await;
    }
    ran.map(|()| ExitCode::SUCCESS)
}

pub(crate) async fn feed(args: Feed) -> Result<ExitCode, Failure> {
    let zone = zone_name(&args.of.tenant, &args.of.zone)?;
    let day = days::read(&args.day)?;
    day.is_whole(&args.day)?;
    let opened = log::open_with(&args.of.log, log::Purpose::Write, args.kept.storage()).await?;
    opened.log.make_zone(&zone).await?;
    eprintln!("log   {}", opened.why);
    let stopped = told_to_end();
    let (timezone, day_start) = opening(&day);
    let mapping = mapping(day_start, args.speed, day.space(), &timezone);
    let simulated = args.drivers == Drivers::Simulated;
    let bar = bar(false);
    let sent = if simulated {
        let mut facts = day.exogenous();
        reopen(&mut facts, &mapping);
        let driving = if day.header.exact_drivers {
            Driving::EXACT
        } else {
            Driving { varied: true, positions: true, reject_share: 0.0, tells_of_depots: true }
        };
        let world = Pretend::new(facts, &day.no_shows(), day.network()?, driving, Phones::default(), args.seed);
        play(world, &opened.log, &zone, &mapping, true, stopped, |done| bar.set_position(done)).await?
    } else {
        let mut facts = day.events.clone();
        facts.sort_by_key(|&(at, ..)| at);
        reopen(&mut facts, &mapping);
        replay_into(&facts, &opened.log, &zone, &mapping, stopped, |done| bar.set_position(done)).await?
    };
    bar.finish_and_clear();
    crate::out::say!("{sent} facts are in the log");
    if let Some(broker) = opened.broker {
        broker.stop().await;
    }
    Ok(ExitCode::SUCCESS)
}

/// Time zone and first instant of a day.
pub(crate) fn opening(day: &days::Day) -> (String, Timestamp) {
    let opened = day.events.iter().find_map(|(_, _, event)| {
        if let Event::ZoneOpened(zone) = event { Some((zone.timezone.clone(), zone.day_start)) } else { None }
    });
    opened.unwrap_or_else(|| ("UTC".to_owned(), day.events.iter().map(|&(at, ..)| at).min().unwrap_or_default()))
}

/// Plays recorded facts as they were, at their zone times.
pub(crate) async fn replay_into(
    facts: &[(Timestamp, u64, Event)],
    log: &Log,
    zone: &ZoneName,
    mapping: &fleetfold_fleet::Zone,
    mut stopped: watch::Receiver<bool>,
    progress: impl Fn(u64),
) -> Result<u64, LogError> {
    let clock = crate::clock::LogClock::new();
    let source = format!("/recorded/{zone}");
    let mut sent = 0;
    for (index, (at, id, event)) in facts.iter().enumerate() {
        let wait = (mapping.log_time(*at) - clock.now()).0.max(0) as u64;
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => break,
            () = tokio::time::sleep(Duration::from_millis(wait)) => {}
        }
        append_fact(log, zone, event, mapping.space, &source, &format!("{id:016x}"), *at).await?;
        sent += 1;
        progress(index as u64 * 1000 / facts.len() as u64);
    }
    Ok(sent)
}
