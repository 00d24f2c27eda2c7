//! Commands that read a zone's log to its end: record, audit, verify.
//!
//! They read to the end that they saw at the start, whatever the broker's pauses, or fail; and they fold through the same
//! gate as the engine does.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use fleetfold_fleet::{Change, Fleet, Tally};
use fleetfold_journal::{Begin, Covered, Gate, PolicyAt, Rejection, ZoneName, begin};
use fleetfold_model::{Event, LogEntry, LogSeq, Millis};
use fleetfold_sim::Report;
use fleetfold_wire::{DayFooter, DayHeader, DayLine};
use serde::Serialize;

use crate::args::{Audit, Record, VerifyZone};
use crate::days;
use crate::demo::zone_name;
use crate::failure::Failure;
use crate::gatekeeper::{self, Passed};
use crate::live::bases;
use crate::live::{log_gap, unseen};
use crate::log::{self, Log, LogChoice, Message, Read, Reader, Stream};
use crate::verify::{Evidence, Verify};

/// Without a message for this long, although more must come, the log is asked again what it holds.
const SILENT: Duration = Duration::from_secs(5);
/// Silent so often, reading is given up: a minute outlives a broker's restart and election.
const SILENT_TIMES: u32 = 12;

/// A zone's entries above a sequence, up to the last one that the log held at the start.
pub(crate) struct Whole {
    log: Log,
    stream: Stream,
    zone: ZoneName,
    reader: Option<Reader>,
    seen: u64,
    last: u64,
}

impl Whole {
    /// Begins to read what stands above `after`.
    ///
    /// # Errors
    ///
    /// When the log does not answer.
    pub(crate) async fn above(log: &Log, zone: &ZoneName, after: u64) -> Result<Self, Failure> {
        Self::of(log, Stream::Fleet, zone, after).await
    }

    /// Begins to read what stands above `after` in a stream.
    ///
    /// # Errors
    ///
    /// When the log does not answer.
    pub(crate) async fn of(log: &Log, stream: Stream, zone: &ZoneName, after: u64) -> Result<Self, Failure> {
        let last = log.zone_bounds(stream, zone).await?.map_or(0, |(_, last)| last);
        let reader = if last > after { Some(log.read(stream, zone, after).await?) } else { None };
        Ok(Self { log: log.clone(), stream, zone: zone.clone(), reader, seen: after, last })
    }

    /// The next entry; `None`: that was the last one.
    ///
    /// # Errors
    ///
    /// When the log cannot be read to its end.
    pub(crate) async fn next(&mut self) -> Result<Option<Message>, Failure> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        let mut silent = 0;
        while self.seen < self.last {
            match tokio::time::timeout(SILENT, reader.next()).await {
                Ok(Some(Read::Message(message))) => {
                    self.seen = message.seq;
                    return Ok((message.seq <= self.last).then_some(message));
                }
                Ok(Some(Read::Regressed(what))) => {
                    return Err(Failure::new(format!("LOG_REGRESSED: {what}"), "read it again"));
                }
                Ok(Some(Read::Gap(what) | Read::Unsure(what))) => {
                    return Err(Failure::new(format!("LOG_GAP: {what}"), "read it again"));
                }
                Ok(None) => return Err(cut(&self.zone, self.seen, self.last)),
                Err(_) => {
                    if let Ok(held) = self.log.zone_bounds(self.stream, &self.zone).await
                        && held.is_none_or(|(_, last)| last <= self.seen)
                    {
                        let (seen, last) = (self.seen + 1, self.last);
                        let what = format!("LOG_GAP: entries from {seen} to {last} were removed while they were read");
                        return Err(Failure::new(what, "read it again"));
                    }
                    silent += 1;
                    if silent >= SILENT_TIMES {
                        return Err(cut(&self.zone, self.seen, self.last));
                    }
                }
            }
        }
        Ok(None)
    }
}

fn cut(zone: &ZoneName, seen: u64, last: u64) -> Failure {
    let what = format!("the log of {zone} was read to entry {seen} only, it ends at {last}: the log does not answer");
    Failure::new(what, "check the broker, then read it again")
}

/// A zone folded from its log alone.
pub(crate) struct Folded {
    /// What was folded so far.
    pub(crate) fleet: Fleet,
    tally: Tally,
    /// The last entry that was folded. What was rejected may stand behind it.
    last: LogSeq,
    lines: Vec<DayLine>,
    gate: Gate,
    plans: u64,
    rejected: Vec<(LogSeq, Rejection)>,
    /// The base it began with.
    base: Option<Vec<u8>>,
    /// Entries of the stream, of any zone, that were removed behind where it began.
    removed: u64,
    evidence: Evidence,
    causes: Vec<(LogSeq, Millis, &'static str)>,
    verify: Verify,
}

async fn fold(log: &Log, zone: &ZoneName, keep_lines: bool) -> Result<Folded, Failure> {
    let Some((mut folded, after)) = Folded::begin(log, zone).await? else {
        return Err(Failure::new(
            format!("the log holds nothing of zone {zone}"),
            "check --log, --tenant and --zone; `fleetfold doctor` shows what a log holds",
        ));
    };
    let mut kinds = std::collections::BTreeMap::new();
    let mut whole = Whole::above(log, zone, after).await?;
    while let Some(message) = whole.next().await? {
        let Some(entry) = folded.pass(log, &message).await? else { continue };
        kinds.insert(entry.seq, fleetfold_wire::event_type(&entry.event));
        folded.apply(&entry);
        if keep_lines {
            let logged_at =
                jiff::Timestamp::from_millisecond(message.at.0).map(|at| at.to_string()).unwrap_or_default();
            // What could be decoded is text.
            let text = String::from_utf8_lossy(&message.bytes).into_owned();
            folded.lines.push(DayLine::Recorded { seq: message.seq, logged_at, message: text });
        }
    }
    for &(seq, wait) in &folded.tally.slow {
        folded.causes.push((seq, wait, kinds.get(&seq).copied().unwrap_or("unknown")));
    }
    Ok(folded)
}

impl Folded {
    /// Where the fold of a zone begins: with nothing, or with a base; and the sequence after which it is to be read on. `None`: the
    /// log holds nothing of the zone.
    ///
    /// # Errors
    ///
    /// When the log does not answer, or entries have expired and no base covers them.
    pub(crate) async fn begin(log: &Log, zone: &ZoneName) -> Result<Option<(Self, u64)>, Failure> {
        let (held, base) = bases::look_far(log, zone).await?;
        if held.zone.is_none() && base.is_none() {
            return Ok(None);
        }
        let (fleet, tally, after, base) = match (begin(Covered::default(), held), base) {
            (Begin::After { after, .. }, _) => (Fleet::new(), Tally::default(), after, None),
            (Begin::AtBase { applied }, Some(base)) => {
                eprintln!(
                    "note: entries up to {applied} have expired or were removed; beginning with the base made of them"
                );
                if let Some(unseen) = unseen(applied, held) {
                    eprintln!("note: {unseen}");
                }
                (base.fleet, base.tally, applied, Some(base.document))
            }
            (Begin::Expired { needed }, _) => {
                return Err(Failure::new(log_gap(needed, held), "they have expired, and no base covers them"));
            }
            (Begin::Regressed { applied, last, by_base }, _) => {
                return Err(bases::log_regressed(zone, applied, last, by_base).into());
            }
            (Begin::AtBase { .. }, None) => unreachable!("whoever begins at a base has one"),
        };
        let gate = gatekeeper::gate(log, zone, PolicyAt::of(&fleet)).await?;
        let (removed, evidence) = log.evidence(zone, after).await?;
        let folded = Self {
            verify: Verify::from(&fleet),
            last: fleet.applied(),
            fleet,
            tally,
            lines: Vec::new(),
            gate,
            plans: 0,
            rejected: Vec::new(),
            base,
            removed: removed.count,
            evidence,
            causes: Vec::new(),
        };
        Ok(Some((folded, after)))
    }

    /// Takes a message through the gate; `None`: it is not folded.
    pub(crate) async fn pass(&mut self, log: &Log, message: &Message) -> Result<Option<LogEntry>, Failure> {
        loop {
            match gatekeeper::judge(log, &mut self.gate, message).await? {
                Passed::Entry(entry, _) => return Ok(Some(*entry)),
                Passed::Skipped { on_plan_subject } => {
                    self.fleet.skip(LogSeq(message.seq), on_plan_subject);
                    return Ok(None);
                }
                Passed::Rejected(rejection) => {
                    self.reject(message.seq, rejection);
                    return Ok(None);
                }
                // Everything before this message has been folded.
                Passed::WhichPolicy { .. } => self.gate.policy(PolicyAt::of(&self.fleet)),
            }
        }
    }

    /// An entry that no engine has judged yet: it would be rejected, so it is not folded here either.
    fn reject(&mut self, seq: u64, rejection: Rejection) {
        self.fleet.skip(LogSeq(seq), rejection.on_plan_subject);
        self.rejected.push((LogSeq(seq), rejection));
    }

    /// What shows that entries are missing, in words; `None`: nothing does.
    fn missing(&self) -> Option<String> {
        let gaps = self.verify.gaps(self.removed > 0);
        let gap = gaps.first().map(|gap| format!("plans are missing {gap}"));
        let what = gap.or_else(|| self.verify.lacks(self.evidence))?;
        Some(if self.removed > 0 {
            what
        } else {
            format!(
                "{what}. No entry was removed from this stream: either somebody without right has written plans, or it is a copy \
                 that lacks some"
            )
        })
    }

    /// Folds an entry, and says what it changed.
    pub(crate) fn apply(&mut self, entry: &LogEntry) -> Change {
        self.plans += u64::from(matches!(entry.event, Event::PlanProposed(_)));
        let change = self.fleet.apply(entry);
        self.last = entry.seq;
        self.tally.observe(entry, &change, &self.fleet);
        self.verify.folded(entry, &change, &self.fleet);
        change
    }
}

pub(crate) async fn record(args: Record) -> Result<ExitCode, Failure> {
    let zone = zone_name(&args.of.tenant, &args.of.zone)?;
    let network = match args.network {
        None => None,
        Some(path) => {
            let bytes = std::fs::read(&path)
                .map_err(|error| Failure::new(format!("{}: {error}", path.display()), "give a network or day file"))?;
            if fleetfold_roads::is_graph_file(&bytes) {
                return Err(Failure::new(
                    format!("{}: a graph file is not kept in a day", path.display()),
                    "leave --network out here, and give the file to `fleetfold backtest DAY --graph FILE`",
                ));
            }
            Some(days::network_in(&path, bytes)?.0)
        }
    };
    let opened = open_existing(&args.of.log, &zone).await?;
    let folded = fold(&opened.log, &zone, true).await?;
    let base = folded.base.as_deref().map(serde_json::from_slice).transpose().map_err(std::io::Error::other)?;
    let header = DayHeader { network, base, skipped: folded.gate.skipped(), ..DayHeader::new(zone.to_string()) };
    let mut out: Box<dyn Write> = match &args.output {
        Some(path) => Box::new(std::io::BufWriter::new(std::fs::File::create(path)?)),
        None => Box::new(crate::out::out()),
    };
    writeln!(out, "{}", DayLine::Header(Box::new(header)).to_text())?;
    for line in &folded.lines {
        writeln!(out, "{}", line.to_text())?;
    }
    let fleet = &folded.fleet;
    // Rejected messages have no line, so a replay ends at the last entry.
    let footer = DayFooter::new(fleet.digest(), fleet.facts_digest(), folded.last.0);
    writeln!(out, "{}", DayLine::Footer(footer).to_text())?;
    out.flush()?;
    if let Some(what) = folded.missing() {
        return Err(Failure::new(
            format!("LOG_GAP: the day is written as the log has it, and that is not what happened: {what}"),
            REMOVED,
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// What to do about a log that lacks entries, or seems to.
const REMOVED: &str = "where entries were removed, restore the log from its backup; where they were not, look who may publish on the \
                       plan subject. `fleetfold audit` lists the gaps";

/// What `audit --json` prints.
#[derive(Serialize)]
struct Audited<'a> {
    #[serde(flatten)]
    report: Report,
    /// Numbers of plans whose predecessor is missing from the log.
    chain_gaps: Vec<u64>,
    /// Entries of the stream, of any zone, that were removed behind where this began.
    removed: u64,
    /// Plans that do not follow the chain, such as copies: the fold refused them.
    outside_chain: u64,
    /// Facts (their entries) that no accepted plan answers.
    unanswered: &'a [u64],
    over_10_seconds: Vec<SlowAnswer>,
    /// Entries that are not folded.
    skipped: Vec<u64>,
    /// Number of the last plan.
    last_plan: u64,
}

/// A fact whose answer came late.
#[derive(Serialize)]
struct SlowAnswer {
    seq: u64,
    waited_seconds: f64,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// What `verify --json` prints. Digests are hexadecimal; the numbers count plans.
#[derive(Serialize)]
struct Verified {
    applied_seq: u64,
    digest: String,
    plans: u64,
    compared: u64,
    other_format: u64,
    outside_chain: u64,
    before_the_base: u64,
    from_base: bool,
    /// Numbers of plans whose predecessor is missing from the log.
    chain_gaps: Vec<u64>,
    /// Entries of the stream, of any zone, that were removed behind where this began.
    removed: u64,
    mismatch: Option<VerifiedMismatch>,
}

/// The first plan that was made from another fleet than the fold has.
#[derive(Serialize)]
struct VerifiedMismatch {
    seq: u64,
    rev: u64,
    based_on_seq: u64,
    live_digest: String,
    folded_digest: String,
}

pub(crate) async fn audit(args: Audit) -> Result<ExitCode, Failure> {
    let zone = zone_name(&args.of.tenant, &args.of.zone)?;
    let opened = open_existing(&args.of.log, &zone).await?;
    let folded = fold(&opened.log, &zone, false).await?;
    let report = Report::new(&folded.tally, folded.fleet.digest(), folded.fleet.facts_digest());
    let unanswered: Vec<u64> = folded.fleet.unanswered().keys().map(|seq| seq.0).collect();
    let found = folded.verify.result();
    let lacks = folded.verify.lacks(folded.evidence);
    let gaps = folded.verify.gaps(folded.removed > 0);
    let good = gaps.is_empty() && lacks.is_none() && unanswered.is_empty() && folded.causes.is_empty();
    if args.json {
        let slow = |&(seq, wait, kind): &(LogSeq, Millis, &'static str)| SlowAnswer {
            seq: seq.0,
            waited_seconds: wait.0 as f64 / 1000.0,
            kind,
        };
        let audited = Audited {
            report,
            chain_gaps: gaps.iter().map(|gap| gap.rev).collect(),
            removed: folded.removed,
            outside_chain: found.outside_chain,
            unanswered: &unanswered,
            over_10_seconds: folded.causes.iter().map(slow).collect(),
            skipped: folded.gate.skipped(),
            last_plan: folded.fleet.chain().rev,
        };
        crate::out::say!("{}", serde_json::to_string_pretty(&audited).unwrap_or_default());
    } else {
        crate::out::write_out(format_args!("{}", report.table()));
        crate::out::say!(
            "  {:<26} {} plans, gaps: {}",
            "plan chain",
            folded.plans - found.outside_chain,
            if gaps.is_empty() {
                lacks.clone().unwrap_or_else(|| "none".to_owned())
            } else {
                gaps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
        );
        if folded.removed > 0 {
            crate::out::say!(
                "  {:<26} {} of the stream, of this zone or of another",
                "entries removed",
                folded.removed
            );
        }
        if found.outside_chain > 0 {
            crate::out::say!("  {:<26} {}", "plans outside the chain", found.outside_chain);
        }
        crate::out::say!(
            "  {:<26} {}",
            "never answered",
            if unanswered.is_empty() { "none".to_owned() } else { format!("{unanswered:?}") }
        );
        for (seq, wait, kind) in &folded.causes {
            crate::out::say!("  over 10 s: entry {} ({kind}) waited {:.1} s", seq.0, wait.0 as f64 / 1000.0);
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// Folds a zone's log again and compares it with the digests that the live engines wrote into their plans.
pub(crate) async fn verify(args: VerifyZone) -> Result<ExitCode, Failure> {
    let zone = zone_name(&args.of.tenant, &args.of.zone)?;
    let opened = open_existing(&args.of.log, &zone).await?;
    let folded = fold(&opened.log, &zone, false).await?;
    let (found, fleet) = (folded.verify.result(), &folded.fleet);
    let gaps = folded.verify.gaps(folded.removed > 0);
    if args.json {
        let hexadecimal = |digest: u64| format!("{digest:016x}");
        let mismatch = found.mismatch.as_ref().map(|mismatch| VerifiedMismatch {
            seq: mismatch.seq.0,
            rev: mismatch.rev,
            based_on_seq: mismatch.based_on.0,
            live_digest: hexadecimal(mismatch.live),
            folded_digest: hexadecimal(mismatch.folded),
        });
        let value = Verified {
            applied_seq: fleet.applied().0,
            digest: hexadecimal(fleet.digest()),
            plans: folded.plans,
            compared: found.compared,
            other_format: found.other_format,
            outside_chain: found.outside_chain,
            before_the_base: found.too_early,
            from_base: folded.base.is_some(),
            chain_gaps: gaps.iter().map(|gap| gap.rev).collect(),
            removed: folded.removed,
            mismatch,
        };
        crate::out::say!("{}", serde_json::to_string_pretty(&value).unwrap_or_default());
    } else {
        crate::out::say!("  {:<26} {:016x} after entry {}", "digest", fleet.digest(), fleet.applied().0);
        crate::out::say!("  {:<26} {} of {} plans", "compared with live engines", found.compared, folded.plans);
        if found.other_format > 0 {
            crate::out::say!(
                "  {:<26} {} (their digests cannot be compared)",
                "plans of version 0.1",
                found.other_format
            );
        }
        if found.outside_chain > 0 {
            crate::out::say!("  {:<26} {}", "plans outside the chain", found.outside_chain);
        }
    }
    let none_compared = found.compared + found.other_format + found.too_early == 0;
    match &found.mismatch {
        None => match folded.missing() {
            Some(what) => Err(Failure::new(
                format!("LOG_GAP: {what}: what engines had folded of it is not in this fold"),
                REMOVED,
            )),
            None if none_compared && found.outside_chain > 0 => Err(Failure::new(
                "LOG_GAP: no plan of the log follows the chain: what engines had folded is not in this fold",
                REMOVED,
            )),
            None => Ok(ExitCode::SUCCESS),
        },
        Some(mismatch) => Err(Failure::new(
            mismatch.to_string(),
            "keep the log (`fleetfold record`) and report it; a snapshot of that engine may be damaged, or somebody without right wrote the plan",
        )),
    }
}

/// Opens a log for reading: what is not there is said and is not made.
pub(crate) async fn open_existing(choice: &LogChoice, zone: &ZoneName) -> Result<log::Opened, Failure> {
    let opened = log::open(choice, log::Purpose::Read).await?;
    for name in opened.log.missing(zone) {
        if name == opened.log.stream_name(Stream::Fleet, zone) {
            let of = if name == Stream::Fleet.name() { String::new() } else { format!(" of {zone}") };
            return Err(Failure::new(
                format!("stream {name} is missing: there is no log{of}"),
                "restore it from its backup; nothing was made in its place",
            ));
        }
        eprintln!("note: {name} is missing; an engine makes it, reading does not");
    }
    Ok(opened)
}
