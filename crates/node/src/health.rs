//! `fleetfold health`: is a running engine well? An image with nothing but the program in it has no other way to ask.

use std::process::ExitCode;
use std::time::Duration;

use crate::failure::Failure;
use crate::out::say;

/// An engine that is well answers at once.
const WITHIN: Duration = Duration::from_secs(4);

/// Asks, and says what was answered.
pub(crate) fn health(url: &str) -> Result<ExitCode, Failure> {
    let failed = |what: String| Failure::new(format!("{url}: {what}"), "is it running? is that its address?");
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(WITHIN)).http_status_as_error(false).build().into();
    let mut answer = agent.get(url).call().map_err(|error| failed(error.to_string()))?;
    let words = answer.body_mut().read_to_string().unwrap_or_default();
    say!("{}", words.trim());
    Ok(if answer.status().is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
