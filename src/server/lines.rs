//! Lists as lines of text: CSV that a spreadsheet reads and never runs, and JSON lines for programs. What is in a list is core's; who
//! fetches it, by HTTP or by the command line, is the edges'.

use darkroom_core::domain::view::{ExportLine, ExportPage};
use darkroom_core::domain::{Error, Result};
use serde::{Deserialize, Serialize};

/// A column: its head, and what stands in it.
pub type Column<R> = (&'static str, fn(&R) -> String);

/// Whether the heads of the columns stand above the rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// They do.
    Shown,
    /// The rows go on after others.
    Left,
}

/// What the lines of usage of all accounts are written as.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Cells separated by commas.
    Csv,
    /// One JSON object in each line.
    Jsonl,
}

fn broken(error: &dyn std::fmt::Display) -> Error {
    Error::internal(format!("The list could not be written: {error}."))
}

/// Rows as CSV.
///
/// # Errors
/// `Internal` when they cannot be written.
pub fn csv<R>(columns: &[Column<R>], rows: &[R], head: Head) -> Result<Vec<u8>> {
    let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    if head == Head::Shown {
        out.write_record(columns.iter().map(|(head, _)| head)).map_err(|error| broken(&error))?;
    }
    for row in rows {
        out.write_record(columns.iter().map(|(_, cell)| harmless(cell(row))))
            .map_err(|error| broken(&error))?;
    }
    out.into_inner().map_err(|error| broken(&error))
}

/// A cell that a spreadsheet takes as text: what begins like a formula gets an apostrophe before it.
fn harmless(cell: String) -> String {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{cell}"),
        _ => cell,
    }
}

/// Lines of usage of all accounts. The names of columns and of fields are the same.
///
/// # Errors
/// `Internal` when they cannot be written.
pub fn usage(page: &ExportPage, format: Format, head: Head) -> Result<Vec<u8>> {
    if format == Format::Csv {
        return csv(USAGE, &page.lines, head);
    }
    let mut out = Vec::new();
    for line in &page.lines {
        serde_json::to_writer(&mut out, line).map_err(|error| broken(&error))?;
        out.push(b'\n');
    }
    Ok(out)
}

/// Columns are only ever added, at the end: other programs read them (`docs/OPERATIONS.md`).
const USAGE: &[Column<ExportLine>] = &[
    ("cursor", |line| line.cursor.clone()),
    ("account_id", |line| line.account_id.clone()),
    ("account", |line| line.account.clone()),
    ("project_id", |line| line.project_id.clone()),
    ("project", |line| line.project.clone()),
    ("region", |line| line.region.clone()),
    ("section", |line| line.section.to_owned()),
    ("charge", |line| line.charge.to_owned()),
    ("charge_kind", |line| line.charge_kind.clone()),
    ("subject_kind", |line| line.subject_kind.to_owned()),
    ("subject_id", |line| line.subject_id.clone()),
    ("name", |line| line.name.clone()),
    ("meter", |line| line.meter.clone()),
    ("from", |line| line.from.clone()),
    ("until", |line| line.until.clone()),
    ("seconds", |line| line.seconds.to_string()),
    ("quantity", |line| line.quantity.to_string()),
    ("formula", |line| line.formula.clone()),
    ("amount_millionths", |line| line.amount_millionths.to_string()),
    ("currency", |line| line.currency.clone()),
    ("statement", |line| line.statement.map(|number| number.to_string()).unwrap_or_default()),
];

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_core::domain::time::Timestamp;
    use darkroom_core::domain::usage::Period;

    fn page() -> ExportPage {
        let line = ExportLine {
            cursor: "a.m".to_owned(),
            account_id: "a".to_owned(),
            account: "Acme, Inc.".to_owned(),
            project_id: "p".to_owned(),
            project: "prod".to_owned(),
            region: "north-1".to_owned(),
            section: "images",
            charge: "storage",
            charge_kind: String::new(),
            subject_kind: "image",
            subject_id: "i".to_owned(),
            name: "=1+1".to_owned(),
            meter: "m".to_owned(),
            from: "2026-11-01T00:00:00Z".to_owned(),
            until: "2026-11-02T00:00:00Z".to_owned(),
            seconds: 86_400,
            quantity: 1_000_000_000,
            formula: "1 GB × €0.05".to_owned(),
            amount_millionths: 1_644,
            currency: "€".to_owned(),
            statement: Some(7),
        };
        let open = ExportLine { statement: None, ..line.clone() };
        let period = Period { from: Timestamp(0), until: Timestamp(1) };
        ExportPage { period, lines: vec![line, open], next: None }
    }

    fn written(format: Format, head: Head) -> String {
        String::from_utf8(usage(&page(), format, head).expect("written")).expect("text")
    }

    #[test]
    fn the_schema_of_usage_lines_is_what_was_promised_and_the_same_in_both_formats() {
        let csv = written(Format::Csv, Head::Shown);
        let head = csv.split("\r\n").next().expect("a head");
        assert_eq!(
            head,
            "cursor,account_id,account,project_id,project,region,section,charge,charge_kind,subject_kind,subject_id,\
             name,meter,from,until,seconds,quantity,formula,amount_millionths,currency,statement"
        );
        let json = written(Format::Jsonl, Head::Shown);
        let first = json.lines().next().expect("a line");
        let mut at = 0;
        for name in head.split(',') {
            let found = first[at..].find(&format!("\"{name}\":"));
            at += found.unwrap_or_else(|| panic!("{name} is not after what is before it: {first}"));
        }
        assert_eq!(first.matches("\":").count(), head.split(',').count(), "{first}");
        assert!(first.contains("\"name\":\"=1+1\"") && first.ends_with("\"statement\":7}"), "{first}");
        assert!(json.lines().nth(1).is_some_and(|line| line.ends_with("\"statement\":null}")), "{json}");
    }

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_is_never_a_formula() {
        let csv = written(Format::Csv, Head::Left);
        let rows: Vec<&str> = csv.trim_end().split("\r\n").collect();
        assert!(rows.len() == 2 && rows[0].starts_with("a.m,a,\"Acme, Inc.\",p,"), "{csv}");
        assert!(rows[0].contains(",i,'=1+1,m,") && rows[0].ends_with(",1644,€,7"), "{csv}");
        assert!(rows[1].ends_with(",1644,€,"), "{csv}");
    }
}
