//! Tells `ZONES` how this node stands with its zones, one key after the other and only the newest of each: a broker that was away is
//! not told the past, and an older value never overwrites a newer one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use crate::log::Nodes;

/// Pause after the broker did not take a key.
const AGAIN: Duration = Duration::from_millis(100);

/// What is still to be told, by key; `None`: the key is to be removed.
#[derive(Default)]
struct Waiting {
    keys: Mutex<BTreeMap<String, Option<Bytes>>>,
    news: Notify,
}

impl Waiting {
    /// Tells a key again, unless something newer is to be told of it meanwhile.
    fn put_back(&self, key: String, value: Bytes) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(Some(value));
    }
}

/// The sending end.
#[derive(Clone)]
pub(super) struct Teller(Arc<Waiting>);

impl Teller {
    /// Starts the task. It ends with the program.
    pub(super) fn start(buckets: Nodes) -> Self {
        let waiting = Arc::new(Waiting::default());
        let teller = Self(Arc::clone(&waiting));
        tokio::spawn(async move {
            loop {
                let next = waiting.keys.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
                match next {
                    None => waiting.news.notified().await,
                    Some((key, None)) => buckets.untell(&key).await,
                    Some((key, Some(value))) => {
                        if let Err(error) = buckets.tell(&key, value.clone()).await {
                            tracing::debug!(%error, key, "told again");
                            waiting.put_back(key, value);
                            tokio::time::sleep(AGAIN).await;
                        }
                    }
                }
            }
        });
        teller
    }

    /// Tells a key, or removes it.
    pub(super) fn tell(&self, key: String, value: Option<Bytes>) {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner).insert(key, value);
        self.0.news.notify_one();
    }
}
