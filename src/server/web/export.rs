//! Lists as CSV files (F15). What is in a list is core's; here it becomes lines that a spreadsheet reads and never runs.

use super::{Web, caller};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use darkroom_core::domain::event::AuditQuery;
use darkroom_core::domain::ids::{AccountId, ImageId};
use darkroom_core::domain::image::list::ImageQuery;
use darkroom_core::domain::statement::Line;
use darkroom_core::domain::{Error, Result};
use darkroom_core::ops::audit::{self, AuditExportRow};
use darkroom_core::ops::billing;
use darkroom_core::ops::images::{self, ExportRow};

/// My Images as CSV: what the address of the list finds, or of it the images that are picked.
pub async fn images(State(web): State<Web>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let pairs = pairs(query.as_deref().unwrap_or_default());
    let query = ImageQuery::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let picked: Vec<ImageId> =
        pairs.iter().filter(|(key, _)| key == "image").filter_map(|(_, id)| id.parse().ok()).collect();
    let rows = caller::run_with(&web, &headers, move |c| images::export(&c.ctx, &c.place, &query, &picked));
    answer("images", rows.await.and_then(|rows| file(PRIVATE, &rows)))
}

/// The provider's images as CSV.
pub async fn public_images(State(web): State<Web>, headers: HeaderMap) -> Response {
    let rows = caller::run_with(&web, &headers, |c| images::export_public(&c.ctx, &c.place)).await;
    answer("public-images", rows.and_then(|rows| file(PUBLIC, &rows)))
}

/// The audit trail as CSV: what the address of the page finds.
pub async fn audit(State(web): State<Web>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let pairs = pairs(query.as_deref().unwrap_or_default());
    let query = AuditQuery::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let rows = caller::run_with(&web, &headers, move |c| audit::export(&c.ctx, &c.place, &query)).await;
    answer("audit", rows.and_then(|rows| file(AUDIT, &rows)))
}

/// The lines of a statement as CSV: first the twelve fields that are hashed, in their order, then what is easier to read.
pub async fn statement(
    State(web): State<Web>,
    Path((account, number)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let name = format!("statement-{number}");
    // What is no id is of nobody.
    let account = account.parse().unwrap_or(AccountId(uuid::Uuid::nil()));
    let number = number.parse().unwrap_or(0);
    let lines = caller::run_with(&web, &headers, move |c| {
        billing::statement_lines(&c.ctx, &c.place, account, number)
    });
    let file = lines.await.and_then(|lines| file(STATEMENT, &lines));
    answer(if file.is_ok() { &name } else { "statement" }, file)
}

fn pairs(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn answer(name: &str, file: Result<Vec<u8>>) -> Response {
    match file {
        Ok(file) => {
            let kinds = [
                (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
                (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")),
                (header::CACHE_CONTROL, "no-store".to_owned()),
            ];
            (kinds, file).into_response()
        }
        Err(error) => super::refusal(&error),
    }
}

/// A column: its head, and what stands in it.
type Column<R> = (&'static str, fn(&R) -> String);

const PRIVATE: &[Column<ExportRow>] = &[
    ("Name", |row| row.name.clone()),
    ("ID", |row| row.id.clone()),
    ("Status", |row| row.status.clone()),
    ("OS", |row| row.os.clone()),
    ("Image type", |row| row.kind.to_owned()),
    ("Created", |row| row.created.clone()),
    ("Disk capacity (GiB)", |row| row.disks_gib.clone()),
    ("Shared with (projects)", |row| row.n_shared.to_string()),
    ("Image size (bytes stored)", |row| row.stored_bytes.to_string()),
    ("Encryption", |row| row.encryption.to_owned()),
    ("Region", |row| row.region.clone()),
    ("Family", |row| row.family.clone()),
    ("Tags", |row| row.tags.clone()),
];

const PUBLIC: &[Column<ExportRow>] = &[
    ("Name", |row| row.name.clone()),
    ("ID", |row| row.id.clone()),
    ("Status", |row| row.status.clone()),
    ("OS", |row| row.os.clone()),
    ("Image type", |row| row.kind.to_owned()),
    ("Created", |row| row.created.clone()),
    ("System disk (GiB)", |row| row.disks_gib.clone()),
    ("Minimum memory (MiB)", |row| row.min_memory_mib.to_string()),
    ("Region", |row| row.region.clone()),
];

const AUDIT: &[Column<AuditExportRow>] = &[
    ("When", |row| row.when.clone()),
    ("Who", |row| row.actor.clone()),
    ("Action", |row| row.action.clone()),
    ("Kind of subject", |row| row.subject_kind.to_string()),
    ("Subject ID", |row| row.subject_id.clone()),
    ("Subject", |row| row.name.clone()),
    ("Detail", |row| row.detail.clone()),
    ("Project", |row| row.project.clone()),
    ("Region", |row| row.region.clone()),
    ("Number in its chain", |row| row.number.to_string()),
    ("Hash", |row| row.hash.clone()),
];

const STATEMENT: &[Column<Line>] = &[
    ("Meter", |line| line.meter.to_string()),
    ("Kind of subject", |line| line.subject.kind().to_owned()),
    ("Subject ID", |line| line.subject.uuid().to_string()),
    ("Name", |line| line.name.clone()),
    ("Project", |line| line.project.to_string()),
    ("Region", |line| line.region.to_string()),
    ("Charge", |line| line.what.clone()),
    ("Kind", |line| line.of.clone()),
    ("Bytes", |line| line.quantity_bytes.to_string()),
    ("From (ms)", |line| line.from.0.to_string()),
    ("To (ms)", |line| line.to.0.to_string()),
    ("Millionths", |line| line.amount.0.to_string()),
    ("From", |line| line.from.rfc3339()),
    ("To", |line| line.to.rfc3339()),
    ("Seconds", |line| (line.to.seconds() - line.from.seconds()).to_string()),
    ("Amount", |line| line.amount.exact("")),
];

fn file<R>(columns: &[Column<R>], rows: &[R]) -> Result<Vec<u8>> {
    let broken =
        |error: &dyn std::fmt::Display| Error::internal(format!("The list could not be written: {error}."));
    let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    out.write_record(columns.iter().map(|(head, _)| head)).map_err(|error| broken(&error))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str) -> ExportRow {
        ExportRow {
            name: name.to_owned(),
            id: "1".to_owned(),
            status: "Available".to_owned(),
            os: "Debian 12".to_owned(),
            kind: "System disk",
            created: "2026-11-21T10:00:00Z".to_owned(),
            disks_gib: "40".to_owned(),
            n_shared: 2,
            stored_bytes: 9_410_000_000,
            encryption: "None",
            region: "north-1".to_owned(),
            family: String::new(),
            tags: "env=prod, web".to_owned(),
            min_memory_mib: 256,
        }
    }

    #[test]
    fn a_list_has_one_head_and_as_many_cells_in_each_row() {
        for columns in [PRIVATE, PUBLIC] {
            let text = String::from_utf8(file(columns, &[row("web")]).expect("written")).expect("text");
            let lines: Vec<&str> = text.trim_end().split("\r\n").collect();
            assert_eq!(lines.len(), 2, "{text}");
            assert!(columns.iter().all(|(head, _)| lines[0].contains(head)), "{text}");
        }
    }

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_is_never_a_formula() {
        let text = String::from_utf8(file(PRIVATE, &[row("-1+1")]).expect("written")).expect("text");
        assert!(text.contains("\r\n'-1+1,1,") && text.contains(",\"env=prod, web\""), "{text}");
    }

    #[test]
    fn an_address_is_read_as_a_form_sends_it() {
        let found = pairs("q=a+b&tag=env%3Dprod&image=x&image=y");
        let value = |n: usize| found[n].1.as_str();
        assert_eq!((value(0), value(1), value(3)), ("a b", "env=prod", "y"));
    }
}
