//! What the facts of a log said, by their ids: so that another fact under a used id is told apart from a repeat.
//!
//! The fold refuses both alike, and its memory has no content. What is known here is of what this program has read since it started, the
//! last [`MOST`] facts; anything older counts as a repeat.

use std::collections::{BTreeMap, VecDeque};

use fleetfold_model::MessageHash;

/// Most facts whose content is remembered. (A few MB.)
const MOST: usize = 100_000;

#[derive(Default)]
pub(super) struct Contents {
    /// By the hash of source and id: what the first one said.
    of: BTreeMap<u64, MessageHash>,
    /// The ids, the oldest first.
    ids: VecDeque<u64>,
}

impl Contents {
    /// A fact is to be folded. True: one that came before under its id said something else.
    pub(super) fn is_reused(&mut self, id: u64, content: MessageHash) -> bool {
        if let Some(first) = self.of.get(&id) {
            return *first != content;
        }
        if self.ids.len() == MOST
            && let Some(oldest) = self.ids.pop_front()
        {
            self.of.remove(&oldest);
        }
        self.ids.push_back(id);
        self.of.insert(id, content);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_content_counts_and_the_oldest_are_let_go() {
        let mut contents = Contents::default();
        let said = [(1, 10, false), (1, 10, false), (1, 11, true), (1, 10, false), (2, 11, false)];
        for (id, content, reused) in said {
            assert_eq!(contents.is_reused(id, MessageHash(content)), reused, "{id} {content}");
        }
        for id in 3..=MOST as u64 + 1 {
            contents.is_reused(id, MessageHash(0));
        }
        assert_eq!((contents.of.len(), contents.ids.len()), (MOST, MOST));
        assert!(!contents.is_reused(1, MessageHash(12)), "what is forgotten is no other event");
    }
}
