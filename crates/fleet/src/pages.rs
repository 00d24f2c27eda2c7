//! Tables that are cheap to copy: a copy shares everything, and whoever writes afterwards copies only the piece that it
//! writes to.
//!
//! The running engine gives a copy of the fleet to another thread for each snapshot, base and full check. A plain copy of
//! 300,000 orders would stop the engine for a tenth of a second; sharing costs one counter for each piece.
//!
//! Absent on purpose: everything but what the fold needs.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash};
use std::ops::{Index, IndexMut};
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Entries of one page of a table. A write after a copy clones this many (guess: 32 orders are about 20 kB).
const PAGE: usize = 32;
/// Parts of a map, a power of two. A write after a copy clones one part (guess: 300 of 300,000 entries).
const PARTS: usize = 1024;
/// Entries of one piece of a queue (guess: 8 kB of times and ids).
const PIECE: usize = 512;

/// An entry of a table whose numbers are used again: one that is nobody's.
pub(crate) trait Vacant {
    fn vacant() -> Self;
    fn is_vacant(&self) -> bool;
}

/// An array in pages of [`PAGE`] entries. Pages on which every entry is vacant are one and the same page, and there are none
/// of them at the end: reading behind the end gives a vacant entry.
#[derive(Clone, Debug)]
pub(crate) struct Pages<T> {
    table: Vec<Arc<Vec<T>>>,
    len: usize,
    blank: Arc<Vec<T>>,
}

impl<T: Clone + Vacant> Default for Pages<T> {
    fn default() -> Self {
        Self { table: Vec::new(), len: 0, blank: Arc::new(vec![T::vacant(); PAGE]) }
    }
}

impl<T: Clone + Vacant> Pages<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// A table of so many vacant entries.
    pub(crate) fn of_vacant(len: usize) -> Self {
        let mut pages = Self::default();
        pages.table.resize(len.div_ceil(PAGE), Arc::clone(&pages.blank));
        pages.len = len;
        if !len.is_multiple_of(PAGE)
            && let Some(last) = pages.table.last_mut()
        {
            Arc::make_mut(last).truncate(len % PAGE);
        }
        pages
    }

    /// An entry has become vacant: gives its page back when nothing else is on it. Returns true when the table became
    /// shorter.
    pub(crate) fn give_back(&mut self, index: usize) -> bool {
        let page = index / PAGE;
        let is_free = |page: &Arc<Vec<T>>| page.iter().all(Vacant::is_vacant);
        if page + 1 < self.table.len() {
            if is_free(&self.table[page]) {
                self.table[page] = Arc::clone(&self.blank);
            }
            return false;
        }
        let before = self.len;
        while self.table.last().is_some_and(is_free) {
            self.table.pop();
            self.len = self.table.len() * PAGE;
        }
        self.len != before
    }

    pub(crate) fn push(&mut self, value: T) {
        if self.len.is_multiple_of(PAGE) {
            self.table.push(Arc::new(Vec::with_capacity(PAGE)));
        }
        if let Some(page) = self.table.last_mut() {
            Arc::make_mut(page).push(value);
        }
        self.len += 1;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.table.iter().flat_map(|page| page.iter())
    }
}

impl<T> Index<usize> for Pages<T> {
    type Output = T;
    fn index(&self, index: usize) -> &T {
        self.table.get(index / PAGE).and_then(|page| page.get(index % PAGE)).unwrap_or(&self.blank[0])
    }
}

impl<T: Clone> IndexMut<usize> for Pages<T> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut Arc::make_mut(&mut self.table[index / PAGE])[index % PAGE]
    }
}

impl<T: Clone + Vacant + Serialize> Serialize for Pages<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.iter().collect::<Vec<_>>().serialize(serializer)
    }
}

impl<'de, T: Clone + Vacant + Deserialize<'de>> Deserialize<'de> for Pages<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut pages = Self::default();
        Vec::deserialize(deserializer)?.into_iter().for_each(|value| pages.push(value));
        Ok(pages)
    }
}

/// A map in [`PARTS`] hash tables. It has no order, and another one in each program: whoever walks it sorts, or does what no order
/// changes. The hash has a random key, so that nobody can send ids that all fall into one place.
#[derive(Clone, Debug)]
pub(crate) struct Parts<K, V> {
    tables: Vec<Arc<HashTable<(K, V)>>>,
    /// What every part without entries is, so that a copy of a map that was large once costs what one of a small map costs.
    empty: Arc<HashTable<(K, V)>>,
    len: usize,
    hasher: DefaultHashBuilder,
}

impl<K, V> Default for Parts<K, V> {
    fn default() -> Self {
        // All parts are one empty table until they are written to.
        let empty = Arc::new(HashTable::new());
        let tables = (0..PARTS).map(|_| Arc::clone(&empty)).collect();
        Self { tables, empty, len: 0, hasher: DefaultHashBuilder::default() }
    }
}

/// The part of a hash. A table looks at the lowest bits and at the seven highest ones of the same hash, so these are others.
fn part(hash: u64) -> usize {
    (hash >> 40) as usize % PARTS
}

impl<K: Hash + Eq + Clone, V: Clone> Parts<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let hash = self.hasher.hash_one(key);
        self.tables[part(hash)].find(hash, |(known, _)| known == key).map(|(_, value)| value)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let hash = self.hasher.hash_one(&key);
        let table = Arc::make_mut(&mut self.tables[part(hash)]);
        if let Some((_, standing)) = table.find_mut(hash, |(known, _)| *known == key) {
            return Some(std::mem::replace(standing, value));
        }
        table.insert_unique(hash, (key, value), |(key, _)| self.hasher.hash_one(key));
        self.len += 1;
        None
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let hash = self.hasher.hash_one(key);
        let table = &mut self.tables[part(hash)];
        table.find(hash, |(known, _)| known == key)?;
        let entry = Arc::make_mut(table).find_entry(hash, |(known, _)| known == key).ok()?;
        let ((_, old), _) = entry.remove();
        self.len -= 1;
        if table.is_empty() {
            *table = Arc::clone(&self.empty);
        }
        Some(old)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.tables.iter().flat_map(|table| table.iter().map(|(key, value)| (key, value)))
    }
}

impl<K: Hash + Eq + Clone + Serialize, V: Clone + Serialize> Serialize for Parts<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.iter().collect::<Vec<_>>().serialize(serializer)
    }
}

impl<'de, K: Hash + Eq + Clone + Deserialize<'de>, V: Clone + Deserialize<'de>> Deserialize<'de> for Parts<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut parts = Self::default();
        for (key, value) in Vec::<(K, V)>::deserialize(deserializer)? {
            parts.insert(key, value);
        }
        Ok(parts)
    }
}

/// A queue in pieces of [`PIECE`] entries: in at the back, out at the front.
#[derive(Clone, Debug)]
pub(crate) struct Queue<T> {
    line: VecDeque<Arc<Vec<T>>>,
    /// Entries of the first piece that are out already.
    out: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { line: VecDeque::new(), out: 0 }
    }
}

impl<T: Copy> Queue<T> {
    pub(crate) fn push(&mut self, value: T) {
        match self.line.back_mut() {
            Some(piece) if piece.len() < PIECE => Arc::make_mut(piece).push(value),
            _ => self.line.push_back(Arc::new(vec![value])),
        }
    }

    pub(crate) fn front(&self) -> Option<T> {
        self.line.front().map(|piece| piece[self.out])
    }

    pub(crate) fn pop(&mut self) {
        let Some(piece) = self.line.front() else { return };
        self.out += 1;
        if self.out == piece.len() {
            self.line.pop_front();
            self.out = 0;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.line.iter().flat_map(|piece| piece.iter().copied()).skip(self.out)
    }
}

impl<T: Copy + Serialize> Serialize for Queue<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.iter().collect::<Vec<_>>().serialize(serializer)
    }
}

impl<'de, T: Copy + Deserialize<'de>> Deserialize<'de> for Queue<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut queue = Self::default();
        Vec::deserialize(deserializer)?.into_iter().for_each(|value| queue.push(value));
        Ok(queue)
    }
}

/// A set of small numbers, one bit each, walked in ascending order: 300,000 numbers are 37 kB.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bits {
    words: Vec<u64>,
    count: usize,
    /// Words before this one are empty.
    first: usize,
}

impl Bits {
    pub(crate) fn set(&mut self, number: usize, member: bool) {
        let (word, bit) = (number / 64, 1 << (number % 64));
        if self.words.len() <= word {
            if !member {
                return;
            }
            self.words.resize(word + 1, 0);
        }
        let was = self.words[word] & bit != 0;
        if member && !was {
            self.words[word] |= bit;
            self.count += 1;
            self.first = self.first.min(word);
        } else if !member && was {
            self.words[word] &= !bit;
            self.count -= 1;
        }
    }

    /// Numbers from here on are no members.
    pub(crate) fn truncate(&mut self, from: usize) {
        for number in from..self.words.len() * 64 {
            self.set(number, false);
        }
        self.words.truncate(from.div_ceil(64));
    }

    /// How many.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Takes the smallest number out.
    pub(crate) fn take_first(&mut self) -> Option<usize> {
        while self.first < self.words.len() && self.words[self.first] == 0 {
            self.first += 1;
        }
        let word = *self.words.get(self.first)?;
        let number = self.first * 64 + word.trailing_zeros() as usize;
        self.set(number, false);
        Some(number)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().filter(|(_, word)| **word != 0).flat_map(|(index, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(index * 64 + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet, VecDeque};

    use proptest::prelude::*;

    use super::{Bits, Pages, Parts, Queue, Vacant};

    impl Vacant for u64 {
        fn vacant() -> Self {
            u64::MAX
        }
        fn is_vacant(&self) -> bool {
            *self == u64::MAX
        }
    }

    #[test]
    fn vacant_pages_are_given_back_and_read_as_vacant() {
        let mut pages = Pages::default();
        (0..100u64).for_each(|number| pages.push(number));
        for number in (32..64).chain(70..100) {
            pages[number] = u64::MAX;
            assert_eq!(pages.give_back(number), number == 99, "the last page went with its last entry");
        }
        assert_eq!(pages.len(), 96);
        assert!(std::sync::Arc::ptr_eq(&pages.table[1], &pages.blank));
        for number in 64..70 {
            pages[number] = u64::MAX;
            pages.give_back(number);
        }
        assert_eq!((pages.len(), pages.table.len()), (32, 1), "pages that were shared before go too");
        assert_eq!((pages[31], pages[40], pages[1_000]), (31, u64::MAX, u64::MAX));
        assert_eq!(Pages::<u64>::of_vacant(40).iter().count(), 40);
    }

    proptest! {
        /// A copy keeps what it had when it was taken, whatever is written to the original later.
        #[test]
        fn tables_hold_what_plain_ones_hold_and_copies_do_not_change(
            steps in proptest::collection::vec((0u8..3, 0u64..200, 0u64..9), 1..400),
            copied_at in 0usize..400,
        ) {
            let (mut pages, mut plain) = (Pages::default(), Vec::new());
            let (mut parts, mut map) = (Parts::default(), BTreeMap::new());
            let (mut queue, mut deque) = (Queue::default(), VecDeque::new());
            let (mut bits, mut set) = (Bits::default(), BTreeSet::new());
            let mut copy = None;
            for (index, &(what, key, value)) in steps.iter().enumerate() {
                if index == copied_at {
                    copy = Some(((pages.clone(), parts.clone(), queue.clone()), (plain.clone(), map.clone(), deque.clone())));
                }
                if what == 0 && !plain.is_empty() {
                    let at = key as usize % plain.len();
                    pages[at] = value;
                    plain[at] = value;
                    prop_assert_eq!(parts.remove(&key), map.remove(&key));
                    queue.pop();
                    deque.pop_front();
                    prop_assert_eq!(bits.take_first(), set.pop_first());
                } else {
                    pages.push(value);
                    plain.push(value);
                    prop_assert_eq!(parts.insert(key, value), map.insert(key, value));
                    queue.push(value);
                    deque.push_back(value);
                    bits.set(key as usize, what == 1);
                    if what == 1 { set.insert(key as usize) } else { set.remove(&(key as usize)) };
                }
            }
            let last = ((pages, parts, queue), (plain, map, deque));
            for ((pages, parts, queue), (plain, map, deque)) in std::iter::once(last).chain(copy) {
                prop_assert_eq!(pages.iter().copied().collect::<Vec<_>>(), plain);
                prop_assert_eq!(parts.len(), map.len());
                let mut found: Vec<_> = parts.iter().map(|(&key, &value)| (key, value)).collect();
                found.sort_unstable();
                prop_assert_eq!(found, map.into_iter().collect::<Vec<_>>());
                prop_assert_eq!(queue.front(), deque.front().copied());
                prop_assert_eq!(queue.iter().collect::<VecDeque<_>>(), deque);
            }
            prop_assert_eq!(bits.count(), set.len());
            prop_assert_eq!(bits.iter().collect::<BTreeSet<_>>(), set);
        }
    }
}
