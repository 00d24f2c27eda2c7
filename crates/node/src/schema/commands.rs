//! `fleetfold schema`: versions of schemas, in the program and in the registry of a broker.

use std::collections::BTreeMap;
use std::process::ExitCode;

use fleetfold_wire::schema::{breaks, committed, same};
use fleetfold_wire::schemas;
use serde_json::{Value, json};

use super::{asyncapi, fields, pretty, types};
use crate::args::{Schema, SchemaCommand};
use crate::failure::Failure;
use crate::http::openapi;
use crate::log::{self, Log, LogChoice, LogError, Opened, Purpose};
use crate::out::say;

/// The versions of each type, by their numbers.
type Versions = BTreeMap<String, BTreeMap<u32, Value>>;

/// Does what is asked for.
pub(crate) async fn schema(args: Schema) -> Result<ExitCode, Failure> {
    match args.what.unwrap_or(SchemaCommand::Json) {
        SchemaCommand::Json => say!("{}", pretty(&json!(schemas()))),
        SchemaCommand::Asyncapi => say!("{}", pretty(&asyncapi())),
        SchemaCommand::Openapi { times } => say!("{}", pretty(&openapi::document(times))),
        SchemaCommand::Fields => say!("{}", fields::table()),
        SchemaCommand::Types => say!("{}", types::declarations()),
        SchemaCommand::List { log } => {
            let all = match log {
                Some(choice) => registered(&open(&choice, Purpose::Read).await?.log).await?,
                None => ours(),
            };
            for (subject, versions) in &all {
                let numbers: Vec<String> = versions.keys().map(ToString::to_string).collect();
                say!("{subject:<36} {}", numbers.join(" "));
            }
        }
        SchemaCommand::Diff { subject, from, to } => {
            let all = ours();
            let versions = all.get(&subject).ok_or_else(|| no_type(&subject))?;
            let to = to.or(versions.last_key_value().map(|(&last, _)| last)).unwrap_or(from);
            let version = |number: u32| {
                versions.get(&number).ok_or_else(|| {
                    Failure::new(format!("{subject} has no version {number}"), "see `fleetfold schema list`")
                })
            };
            let found = told(&subject, version(to)?, from, version(from)?);
            if found == 0 {
                say!("{subject}: versions {from} and {to} read each other's messages");
            }
            return Ok(code(found));
        }
        SchemaCommand::Check { file, subject, log } => {
            let mut later: Vec<(String, Value)> = Vec::new();
            if let (Some(path), Some(subject)) = (file, subject) {
                if !committed().contains_key(subject.as_str()) {
                    return Err(no_type(&subject));
                }
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    Failure::new(format!("{}: {error}", path.display()), "name a file with one schema")
                })?;
                let schema: Value = serde_json::from_str(&text)
                    .map_err(|error| Failure::new(format!("{}: {error}", path.display()), "a JSON Schema is needed"))?;
                later.push((subject, schema));
            } else {
                later.extend(schemas().into_iter().map(|(name, schema)| (name.to_owned(), schema)));
            }
            let mut found = 0;
            for (subject, schema) in &later {
                for (&number, earlier) in ours().get(subject).into_iter().flatten() {
                    found += told(subject, schema, number, earlier);
                }
            }
            if let Some(choice) = log {
                found += disagreements(&later, &registered(&open(&choice, Purpose::Read).await?.log).await?);
            }
            if found == 0 {
                say!("{} schemas read what every version wrote, and are read by every one", later.len());
            }
            return Ok(code(found));
        }
        SchemaCommand::Push { log } => return push(&log).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// Registers what is not registered yet. All is judged before anything is written.
async fn push(choice: &LogChoice) -> Result<ExitCode, Failure> {
    let opened = open(choice, Purpose::Write).await?;
    let known = registered(&opened.log).await?;
    let found = disagreements(&all_of(&ours()), &known);
    if found > 0 {
        return Err(Failure::new(
            format!("nothing was pushed: {found} changes would keep programs from reading each other's messages"),
            "give such a type another major version (`….v2`)",
        ));
    }
    let mut pushed = 0;
    for (subject, versions) in ours() {
        let registered = known.get(&subject);
        let mut next = registered.and_then(|all| all.last_key_value()).map_or(1, |(&last, _)| last + 1);
        for schema in versions.values() {
            if registered.is_some_and(|all| all.values().any(|known| same(known, schema))) {
                continue;
            }
            if let Log::JetStream(broker) = &opened.log {
                broker.register_schema(&subject, next, schema.to_string().into()).await?;
            }
            say!("{subject} version {next}");
            (next, pushed) = (next + 1, pushed + 1);
        }
    }
    if pushed == 0 {
        say!("everything is registered already");
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses to start beside a registry in which others have registered what this program would read in another way.
///
/// # Errors
///
/// When a registered version and ours do not read each other's messages.
pub(crate) async fn check_at_start(log: &Log) -> Result<(), LogError> {
    let known = match registered(log).await {
        Ok(known) => known,
        Err(error) => {
            tracing::warn!("the registry of schemas is not compared: {}", error.what);
            return Ok(());
        }
    };
    match disagreements(&all_of(&ours()), &known) {
        0 => Ok(()),
        found => Err(LogError::new(
            format!(
                "the registry of schemas (bucket SCHEMAS) has versions that this program does not read alike: {found} differences, above"
            ),
            "run the version that was pushed there; or, if they were registered by mistake, remove them: nats kv del SCHEMAS TYPE/VERSION",
        )),
    }
}

/// Every version of every type.
fn all_of(versions: &Versions) -> Vec<(String, Value)> {
    let all = versions.iter().flat_map(|(name, of)| of.values().map(move |schema| (name.clone(), schema.clone())));
    all.collect()
}

/// Tells where registered versions and these schemas do not read each other's messages, and counts them. Which of two is the later one
/// nobody knows: another program may be ahead of this one. A field that only one of them has is one that was added.
fn disagreements(schemas: &[(String, Value)], known: &Versions) -> usize {
    let mut found = 0;
    for (subject, schema) in schemas {
        for (&number, registered) in known.get(subject).into_iter().flatten() {
            if !breaks(schema, registered).is_empty() {
                found += told(subject, schema, number, registered);
            }
        }
    }
    found
}

/// Tells what keeps two versions from reading each other's messages; says how much it is.
fn told(subject: &str, later: &Value, number: u32, earlier: &Value) -> usize {
    let found = breaks(earlier, later);
    for broken in &found {
        eprintln!("{subject}, against version {number}: {broken}");
    }
    found.len()
}

fn code(found: usize) -> ExitCode {
    if found == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) }
}

fn no_type(subject: &str) -> Failure {
    Failure::new(format!("there is no type {subject:?}"), "see `fleetfold schema list`")
}

fn ours() -> Versions {
    let all = committed().iter();
    all.map(|(name, versions)| {
        ((*name).to_owned(), versions.iter().map(|of| (of.version, of.schema.clone())).collect())
    })
    .collect()
}

async fn open(choice: &LogChoice, purpose: Purpose) -> Result<Opened, Failure> {
    let opened = log::open(choice, purpose).await?;
    if matches!(opened.log, Log::JetStream(_)) {
        return Ok(opened);
    }
    Err(Failure::new("the registry is kept by a broker", "give --log nats://HOST:PORT"))
}

/// The versions that are registered at a broker. What is no schema there is passed over, with a warning.
async fn registered(log: &Log) -> Result<Versions, LogError> {
    let mut all = Versions::new();
    let Log::JetStream(broker) = log else { return Ok(all) };
    for (key, bytes) in broker.registered_schemas().await? {
        let named = key.rsplit_once('/').and_then(|(subject, number)| Some((subject, number.parse::<u32>().ok()?)));
        if let (Some((subject, number)), Ok(schema @ Value::Object(_))) = (named, serde_json::from_slice(&bytes)) {
            all.entry(subject.to_owned()).or_default().insert(number, schema);
        } else {
            tracing::warn!("the registry of schemas has an entry that is none: {key:?}");
        }
    }
    Ok(all)
}
