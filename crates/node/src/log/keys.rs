//! The keys under which words about a person stand in the log: one for each person of a zone, made when his first words come and
//! destroyed when he is forgotten. What was encrypted with a destroyed key can be read by nobody any more.
//!
//! A destroyed key leaves a mark, so that none is made for that person again.

use std::fmt;

use fleetfold_journal::address::token;
use fleetfold_model::Person;
use ring::rand::{SecureRandom, SystemRandom};

use super::LogError;

/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// How long a key is kept after it was made: longer than anything that is encrypted with it stands in a stream (14 days, 30 days), with
/// room for orders that are placed weeks ahead.
pub(crate) const KEYS_KEPT: std::time::Duration = std::time::Duration::from_secs(60 * 24 * 3_600);

/// A person's key. It is never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key([u8; KEY_BYTES]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// A new one, from the system's random numbers.
    ///
    /// # Errors
    ///
    /// When the system has none.
    pub(super) fn fresh() -> Result<Self, LogError> {
        let mut bytes = [0; KEY_BYTES];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| LogError::new("the system gives no random numbers for a key", "look at /dev/urandom"))?;
        Ok(Self(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What is kept of a person's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// None was made, or it has expired.
    Nothing,
    /// It is there.
    Key(Key),
    /// It was destroyed: he is forgotten.
    Destroyed,
}

impl Kept {
    /// What stands where a key is kept: the key, or a mark without bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match bytes.try_into() {
            Ok(key) => Self::Key(Key(key)),
            // Whatever else stands there opens nothing, and nothing is to be encrypted with it.
            Err(_) => Self::Destroyed,
        }
    }
}

/// The name of a person's key within his zone.
pub(crate) fn key_name(person: &Person) -> String {
    match person {
        Person::Order(name) => format!("order.{}", token(name.as_str())),
        Person::Driver(name) => format!("driver.{}", token(name.as_str())),
    }
}
