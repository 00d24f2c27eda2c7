//! Why a public recorded day could not be imported.

/// Why the tables of a public recorded day could not be turned into events. Every variant names the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// A table that must have rows has none.
    #[error("{file} is empty")]
    Empty {
        /// Name of the file.
        file: String,
    },
    /// The bytes are no table, or a line is no event.
    #[error("{file}, line {line}: {what}")]
    Malformed {
        /// Name of the file.
        file: String,
        /// Line of the file, from 1; 0 if the reader does not know it.
        line: u64,
        /// What the reader says.
        what: String,
    },
    /// A row has no cell in a column that is needed.
    #[error("{file}, line {line}: column {column:?} is missing")]
    Column {
        /// Name of the file.
        file: String,
        /// Line of the file, from 1.
        line: u64,
        /// Heading of the column.
        column: &'static str,
    },
    /// A cell holds a value that cannot be.
    #[error("{file}, line {line}, column {column:?}: {value:?} {what}")]
    Value {
        /// Name of the file.
        file: String,
        /// Line of the file, from 1.
        line: u64,
        /// Heading of the column.
        column: &'static str,
        /// The cell.
        value: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A cell names a row of another table, and that table has no such row.
    #[error("{file}, line {line}, column {column:?}: {value:?} is not in {table}")]
    Unknown {
        /// Name of the file.
        file: String,
        /// Line of the file, from 1.
        line: u64,
        /// Heading of the column.
        column: &'static str,
        /// The id that is not found.
        value: String,
        /// Name of the file that should have it.
        table: String,
    },
    /// More rows than an instance of this set can have.
    #[error("{file} has {rows} rows; {most} are the most")]
    TooLarge {
        /// Name of the file.
        file: String,
        /// Rows that it has.
        rows: usize,
        /// Rows that it may have.
        most: usize,
    },
}
