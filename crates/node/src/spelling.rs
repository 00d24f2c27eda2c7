//! A name that is known and is spelt much like one that is not: what somebody probably meant.
//!
//! Instead of comparing the unknown name with every known one, the names one slip away from it are made, and each is looked up. So
//! it costs the same however many names there are.

/// Names of more letters get no hint: so many look-ups would take long.
const LETTERS_MAX: usize = 40;
/// Letters that a slip may put into a name, beside those that are in it.
const LETTERS: &str = "0123456789abcdefghijklmnopqrstuvwxyz-_";

/// A known name that one slip makes of this one: other capitals, two neighbours swapped, a letter replaced, lost or too many, or an
/// ending that starts with a separator (`-typo`) which the known name lacks.
pub(crate) fn alike(name: &str, is_known: impl Fn(&str) -> bool) -> Option<String> {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() > LETTERS_MAX {
        return None;
    }
    let known = |letters: &[char]| {
        let name: String = letters.iter().collect();
        is_known(&name).then_some(name)
    };
    let recased = [name.to_lowercase(), name.to_uppercase()].into_iter().find(|other| other != name && is_known(other));
    if recased.is_some() {
        return recased;
    }
    for at in 1..letters.len() {
        let mut swapped = letters.clone();
        swapped.swap(at - 1, at);
        if swapped != letters
            && let Some(found) = known(&swapped)
        {
            return Some(found);
        }
    }
    for at in 0..letters.len() {
        let mut shorter = letters.clone();
        shorter.remove(at);
        if let Some(found) = known(&shorter) {
            return Some(found);
        }
    }
    let mut alphabet: Vec<char> = LETTERS.chars().chain(letters.iter().copied()).collect();
    if letters.iter().any(|letter| letter.is_uppercase()) {
        alphabet.extend('A'..='Z');
    }
    alphabet.sort_unstable();
    alphabet.dedup();
    for at in 0..=letters.len() {
        for &letter in &alphabet {
            let mut longer = letters.clone();
            longer.insert(at, letter);
            let mut replaced = letters.clone();
            let is_other = replaced.get_mut(at).is_some_and(|old| std::mem::replace(old, letter) != letter);
            if is_other && let Some(found) = known(&replaced) {
                return Some(found);
            }
            if let Some(found) = known(&longer) {
                return Some(found);
            }
        }
    }
    let ends = (1..letters.len()).rev().filter(|&at| !letters[at].is_alphanumeric());
    ends.into_iter().find_map(|at| known(&letters[..at]))
}

#[cfg(test)]
mod tests {
    use super::alike;

    #[test]
    fn one_slip_is_found_and_two_are_not() {
        let is_known = |name: &str| ["ord-17", "veh 7", "K\u{f6}ln-1"].contains(&name);
        for slip in ["ord-71", "ord-1", "ord-177", "ord-27", "ORD-17", "ord17", "ord-17-typo", "ord_17"] {
            assert_eq!(alike(slip, is_known).as_deref(), Some("ord-17"), "{slip}");
        }
        assert_eq!(alike("K\u{f6}ln-2", is_known).as_deref(), Some("K\u{f6}ln-1"));
        for far in ["ord-", "order-18", "x", "", &"ord-17".repeat(20)] {
            assert_eq!(alike(far, is_known), None, "{far}");
        }
    }
}
