//! Why a file could not be read as a routing problem.

/// Most tasks or vehicles of a problem: more than the largest public instance has, fewer than would fill the memory.
const TASKS_MAX: usize = 1_000_000;

/// A part of a file, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// A line, from 1.
    Line(usize),
    /// A node, by its number in the file.
    Node(u64),
    /// A field of a JSON document.
    Field(String),
    /// A task or vehicle, by its kind and its id in the file.
    Item(&'static str, u64),
}

impl std::fmt::Display for Spot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Node(node) => write!(f, "node {node}"),
            Self::Field(field) => write!(f, "`{field}`"),
            Self::Item(kind, id) => write!(f, "{kind} {id}"),
        }
    }
}

/// Why a file could not be read as a routing problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The first words of the file belong to none of the formats.
    #[error("this is none of the formats that are read")]
    UnknownFormat,
    /// The file does not have the form of its format: a number, a section or a field is missing or is something else.
    #[error("{}{what}", prefix(at.as_ref()))]
    Malformed {
        /// Where, if one part of the file can be named.
        at: Option<Spot>,
        /// What is wrong.
        what: String,
    },
    /// A value that cannot be: out of its range, or in contradiction to another value of the file.
    #[error("{}{what}", prefix(at.as_ref()))]
    Impossible {
        /// Where, if one part of the file can be named.
        at: Option<Spot>,
        /// What is wrong.
        what: String,
    },
    /// The format allows it and this program does not read it.
    #[error("{}{what}", prefix(at.as_ref()))]
    Unsupported {
        /// Where, if one part of the file can be named.
        at: Option<Spot>,
        /// What is not read.
        what: String,
    },
    /// Streets were asked, and there is no answer.
    #[error("{what}")]
    Routing {
        /// Why.
        what: String,
    },
    /// More than can be held in memory.
    #[error("{count} {what}; {most} are the most: split the problem by zone")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How many the file has.
        count: usize,
        /// How many it may have.
        most: usize,
    },
    /// The file was read, and the solver refuses the problem.
    #[error(transparent)]
    Refused(#[from] fleetfold_solver::Invalid),
}

fn prefix(at: Option<&Spot>) -> String {
    at.map_or_else(String::new, |at| format!("{at}: "))
}

impl ReadError {
    pub(crate) fn malformed(at: impl Into<Option<Spot>>, what: impl Into<String>) -> Self {
        Self::Malformed { at: at.into(), what: what.into() }
    }

    pub(crate) fn impossible(at: impl Into<Option<Spot>>, what: impl Into<String>) -> Self {
        Self::Impossible { at: at.into(), what: what.into() }
    }

    pub(crate) fn unsupported(at: impl Into<Option<Spot>>, what: impl Into<String>) -> Self {
        Self::Unsupported { at: at.into(), what: what.into() }
    }

    /// Refuses a problem with more tasks or vehicles than can be held.
    pub(crate) fn unless_few(what: &'static str, count: usize) -> Result<(), Self> {
        if count > TASKS_MAX {
            return Err(Self::TooLarge { what, count, most: TASKS_MAX });
        }
        Ok(())
    }
}

/// VROOM's codes of what can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VroomCode {
    /// This program is wrong.
    Internal = 1,
    /// The document is wrong.
    Input = 2,
    /// No ways could be found between locations.
    Routing = 3,
}

/// What VROOM answers where there is no solution.
pub fn vroom_failure(code: VroomCode, what: &str) -> serde_json::Value {
    serde_json::json!({ "code": code as u8, "error": what })
}

/// What VROOM answers to a document that it cannot read, or about whose places no streets are known.
pub fn vroom_error(error: &ReadError) -> serde_json::Value {
    let code = if matches!(error, ReadError::Routing { .. }) { VroomCode::Routing } else { VroomCode::Input };
    vroom_failure(code, &error.to_string())
}
