//! Which zones a node may run: `acme/porto`, `acme/*` or `*/*`.

use std::fmt;

use crate::ZoneName;

/// Zones by their names: one, all of a tenant, all of one name, or all.
///
/// ```
/// use fleetfold_journal::{Pattern, ZoneName};
///
/// let pattern: Pattern = "acme/*".parse().expect("tenant and zone");
/// assert!(pattern.names(&ZoneName::new("acme", "porto").expect("letters, digits, - and _")));
/// assert!(!pattern.names(&ZoneName::new("other", "porto").expect("letters, digits, - and _")));
/// assert_eq!(pattern.to_string(), "acme/*");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// `None`: every tenant.
    pub tenant: Option<String>,
    /// `None`: every zone.
    pub zone: Option<String>,
}

impl Pattern {
    /// Whether a zone has a name of this kind.
    pub fn names(&self, zone: &ZoneName) -> bool {
        let fits = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
        fits(&self.tenant, zone.tenant()) && fits(&self.zone, zone.zone())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
        write!(f, "{}/{}", part(&self.tenant), part(&self.zone))
    }
}

impl std::str::FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let part = |part: &str| (part != "*").then(|| part.to_owned());
        let legal = |part: &Option<String>| part.as_ref().is_none_or(|part| ZoneName::new(part, "zone").is_some());
        let found = text.split_once('/').map(|(tenant, zone)| Self { tenant: part(tenant), zone: part(zone) });
        found
            .filter(|found| legal(&found.tenant) && legal(&found.zone))
            .ok_or_else(|| "TENANT/ZONE is needed, either of which may be `*`, as in acme/* or */*".to_owned())
    }
}
