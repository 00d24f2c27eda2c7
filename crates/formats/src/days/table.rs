//! Tables of text with a heading line: comma-separated or tab-separated values (RFC 4180), read by column name.

use csv::{ReaderBuilder, StringRecord, Trim};

use super::error::ImportError;

/// The text of a file with the name that errors give it.
#[derive(Clone, Copy, Debug)]
pub struct NamedText<'t> {
    /// Name of the file, for people.
    pub name: &'t str,
    /// Its text.
    pub text: &'t str,
}

/// The rows of a table that are not blank.
pub(super) struct Table<'t> {
    file: NamedText<'t>,
    columns: StringRecord,
    records: Vec<StringRecord>,
}

impl<'t> Table<'t> {
    /// Reads a table whose cells are separated by a character. White space around cells does not count; a row may be
    /// shorter or longer than the heading line.
    pub(super) fn read(file: NamedText<'t>, separator: u8) -> Result<Self, ImportError> {
        let malformed = |error: csv::Error| ImportError::Malformed {
            file: file.name.to_owned(),
            line: error.position().map_or(0, |at| line_of(file.text, at)),
            what: error.to_string(),
        };
        let mut reader =
            ReaderBuilder::new().delimiter(separator).trim(Trim::All).flexible(true).from_reader(file.text.as_bytes());
        let columns = reader.headers().map_err(malformed)?.clone();
        let mut records = Vec::new();
        for record in reader.records() {
            let record = record.map_err(malformed)?;
            // No column of these sets has cells of several lines; a quotation mark that is not closed makes one.
            if record.iter().any(|cell| cell.contains('\n')) {
                return Err(ImportError::Malformed {
                    file: file.name.to_owned(),
                    line: record.position().map_or(0, |at| line_of(file.text, at)),
                    what: "a cell goes on in the next line; is a quotation mark not closed?".to_owned(),
                });
            }
            if !record.iter().all(str::is_empty) {
                records.push(record);
            }
        }
        Ok(Self { file, columns, records })
    }

    /// Name of the file.
    pub(super) fn file(&self) -> &'t str {
        self.file.name
    }

    /// Its rows, in the order of the file.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.records.iter().map(|record| Row { file: self.file, columns: &self.columns, record })
    }

    /// Refuses a table with more rows than an instance can have.
    pub(super) fn at_most(self, most: usize) -> Result<Self, ImportError> {
        let rows = self.records.len();
        if rows > most {
            return Err(ImportError::TooLarge { file: self.file.name.to_owned(), rows, most });
        }
        Ok(self)
    }

    /// Refuses a table without rows.
    pub(super) fn not_empty(self) -> Result<Self, ImportError> {
        if self.records.is_empty() {
            return Err(ImportError::Empty { file: self.file.name.to_owned() });
        }
        Ok(self)
    }
}

/// The line of the record that begins at or right behind a position, from 1. The reader's own count is taken before it has
/// passed the end of the line before and blank lines.
fn line_of(text: &str, at: &csv::Position) -> u64 {
    let (before, rest) = text.split_at_checked(at.byte() as usize).unwrap_or((text, ""));
    let blank = rest.chars().take_while(|char| matches!(char, '\r' | '\n'));
    1 + before.chars().chain(blank).filter(|&char| char == '\n').count() as u64
}

/// One row of a table.
#[derive(Clone, Copy)]
pub(super) struct Row<'r> {
    file: NamedText<'r>,
    columns: &'r StringRecord,
    record: &'r StringRecord,
}

impl<'r> Row<'r> {
    fn line(&self) -> u64 {
        self.record.position().map_or(0, |at| line_of(self.file.text, at))
    }

    /// The cell under a heading.
    pub(super) fn text(&self, column: &'static str) -> Result<&'r str, ImportError> {
        let at = self.columns.iter().position(|heading| heading == column);
        at.and_then(|at| self.record.get(at)).ok_or_else(|| ImportError::Column {
            file: self.file.name.to_owned(),
            line: self.line(),
            column,
        })
    }

    /// The number in the cell under a heading, which must lie between two bounds, both included.
    pub(super) fn number(&self, column: &'static str, least: f64, most: f64) -> Result<f64, ImportError> {
        let number: f64 = self.text(column)?.parse().map_err(|_| self.refuse(column, "is no number"))?;
        if (least..=most).contains(&number) { Ok(number) } else { Err(self.refuse(column, "is out of range")) }
    }

    /// An error about the cell under a heading.
    pub(super) fn refuse(&self, column: &'static str, what: &'static str) -> ImportError {
        let value = self.text(column).unwrap_or_default().to_owned();
        ImportError::Value { file: self.file.name.to_owned(), line: self.line(), column, value, what }
    }

    /// The error that the cell under a heading names no row of another table.
    pub(super) fn unknown(&self, column: &'static str, table: &str) -> ImportError {
        let value = self.text(column).unwrap_or_default().to_owned();
        ImportError::Unknown {
            file: self.file.name.to_owned(),
            line: self.line(),
            column,
            value,
            table: table.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NamedText, Table};
    use crate::days::ImportError;

    fn table(text: &str) -> Table<'_> {
        Table::read(NamedText { name: "t.csv", text }, b',').unwrap()
    }

    #[test]
    fn cells_are_found_by_their_heading_whatever_surrounds_them() {
        let table = table("\u{feff}b , a\r\n 1 ,\"x, y\" , more\r\n\r\n  \t \r\n2\r\n");
        let rows: Vec<_> = table.rows().collect();
        assert_eq!(rows.len(), 2, "blank lines are no rows");
        assert_eq!((rows[0].text("a"), rows[0].number("b", 0.0, 1.0)), (Ok("x, y"), Ok(1.0)));
        assert_eq!(rows[1].number("b", 0.0, 9.0), Ok(2.0));
        assert_eq!(rows[1].text("a"), Err(ImportError::Column { file: "t.csv".into(), line: 5, column: "a" }));
    }

    #[test]
    fn numbers_that_cannot_be_used_are_refused_with_their_line_and_column() {
        let wrong = "is no number";
        for (cell, what) in [("12x", wrong), ("", wrong), ("NaN", "is out of range"), ("2e9", "is out of range")] {
            let text = format!("id,n\nv,{cell}\n");
            let refused = table(&text).rows().next().unwrap().number("n", 0.0, 1e9).unwrap_err();
            assert_eq!(refused.to_string(), format!("t.csv, line 2, column \"n\": {cell:?} {what}"));
        }
    }

    #[test]
    fn a_quotation_mark_that_is_not_closed_swallows_no_rows() {
        let text = "id,n\n1,2\n\"2,3\n3,4\n";
        let refused = Table::read(NamedText { name: "t.csv", text }, b',').err().unwrap();
        assert!(matches!(refused, ImportError::Malformed { line: 3, .. }), "{refused}");
    }
}
