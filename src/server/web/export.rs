//! Lists as files (F15). What is in a list is core's, and how it is written is `server/lines.rs`; here is who asks for which.

use super::{Web, caller};
use crate::server::lines::{self, Column, Format, Head, csv};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use darkroom_core::domain::Result;
use darkroom_core::domain::event::AuditQuery;
use darkroom_core::domain::ids::{AccountId, ImageId};
use darkroom_core::domain::image::list::ImageQuery;
use darkroom_core::domain::statement::Line;
use darkroom_core::domain::usage::{ExportQuery, UsageQuery};
use darkroom_core::domain::view::UsageExportRow;
use darkroom_core::ops::audit::{self, AuditExportRow};
use darkroom_core::ops::billing;
use darkroom_core::ops::images::{self, ExportRow};
use darkroom_core::ops::{provider, usage};

/// My Images as CSV: what the address of the list finds, or of it the images that are picked.
pub async fn images(State(web): State<Web>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let pairs = pairs(query.as_deref().unwrap_or_default());
    let query = ImageQuery::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let picked: Vec<ImageId> =
        pairs.iter().filter(|(key, _)| key == "image").filter_map(|(_, id)| id.parse().ok()).collect();
    let rows = caller::run_with(&web, &headers, move |c| images::export(&c.ctx, &c.place, &query, &picked));
    answer("images", rows.await.and_then(|rows| csv(PRIVATE, &rows, Head::Shown)))
}

/// The provider's images as CSV.
pub async fn public_images(State(web): State<Web>, headers: HeaderMap) -> Response {
    let rows = caller::run_with(&web, &headers, |c| images::export_public(&c.ctx, &c.place)).await;
    answer("public-images", rows.and_then(|rows| csv(PUBLIC, &rows, Head::Shown)))
}

/// The audit trail as CSV: what the address of the page finds.
pub async fn audit(State(web): State<Web>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let pairs = pairs(query.as_deref().unwrap_or_default());
    let query = AuditQuery::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let rows = caller::run_with(&web, &headers, move |c| audit::export(&c.ctx, &c.place, &query)).await;
    answer("audit", rows.and_then(|rows| csv(AUDIT, &rows, Head::Shown)))
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
    let file = lines.await.and_then(|lines| csv(STATEMENT, &lines, Head::Shown));
    answer(if file.is_ok() { &name } else { "statement" }, file)
}

/// Usage as CSV: every line of the period that the address of the page says.
pub async fn usage(State(web): State<Web>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let rows = usage_rows(&web, query, &headers).await;
    answer("usage", rows.and_then(|rows| csv(USAGE, &rows, Head::Shown)))
}

/// The same as JSON: a list of objects.
pub async fn usage_json(State(web): State<Web>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    match usage_rows(&web, query, &headers).await {
        Ok(rows) => ([(header::CACHE_CONTROL, "no-store")], axum::Json(rows)).into_response(),
        Err(error) => super::refusal(&error),
    }
}

async fn usage_rows(web: &Web, query: Option<String>, headers: &HeaderMap) -> Result<Vec<UsageExportRow>> {
    let pairs = pairs(query.as_deref().unwrap_or_default());
    let query = UsageQuery::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    caller::run_with(web, headers, move |c| usage::export(&c.ctx, &c.place, &query)).await
}

/// The header that says after which line the next request for usage lines goes on.
const NEXT_CURSOR: &str = "x-next-cursor";

/// Lines of usage of all accounts as CSV, for a system that writes invoices.
pub async fn all_usage_csv(
    State(web): State<Web>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    all_usage(&web, query, &headers, Format::Csv).await
}

/// The same as JSON lines.
pub async fn all_usage_jsonl(
    State(web): State<Web>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    all_usage(&web, query, &headers, Format::Jsonl).await
}

async fn all_usage(web: &Web, query: Option<String>, headers: &HeaderMap, format: Format) -> Response {
    let pairs = pairs(query.as_deref().unwrap_or_default());
    let query = ExportQuery::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let page = caller::run_with(web, headers, move |c| {
        let page = provider::usage_lines(&c.ctx, &query)?;
        Ok((lines::usage(&page, format, Head::Shown)?, page.period, page.next))
    });
    let (file, period, next) = match page.await {
        Ok(page) => page,
        Err(error) => return super::refusal(&error),
    };
    let (kind, ending) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
        Format::Jsonl => ("application/x-ndjson", "jsonl"),
    };
    let days = (period.from.iso_day(), period.until.plus_ms(-1).iso_day());
    let kinds = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"usage-{}-{}.{ending}\"", days.0, days.1),
        ),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    let mut response = (kinds, file).into_response();
    if let Some(next) = next.and_then(|next| HeaderValue::try_from(next).ok()) {
        response.headers_mut().insert(NEXT_CURSOR, next);
    }
    response
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

const USAGE: &[Column<UsageExportRow>] = &[
    ("Meter", |row| row.meter.clone()),
    ("Section", |row| row.section.to_owned()),
    ("Kind of subject", |row| row.subject_kind.to_owned()),
    ("Subject ID", |row| row.subject_id.clone()),
    ("Name", |row| row.name.clone()),
    ("Project", |row| row.project.clone()),
    ("Region", |row| row.region.clone()),
    ("From", |row| row.from.clone()),
    ("Until", |row| row.until.clone()),
    ("Seconds", |row| row.seconds.to_string()),
    ("Quantity (bytes, or 1)", |row| row.quantity.to_string()),
    ("Formula", |row| row.formula.clone()),
    ("Amount (millionths)", |row| row.amount_millionths.to_string()),
    ("Currency", |row| row.currency.clone()),
    ("Tags", |row| row.tags.clone()),
    ("Family", |row| row.family.clone()),
];

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
            let text =
                String::from_utf8(csv(columns, &[row("web")], Head::Shown).expect("written")).expect("text");
            let lines: Vec<&str> = text.trim_end().split("\r\n").collect();
            assert_eq!(lines.len(), 2, "{text}");
            assert!(columns.iter().all(|(head, _)| lines[0].contains(head)), "{text}");
        }
    }

    #[test]
    fn an_address_is_read_as_a_form_sends_it() {
        let found = pairs("q=a+b&tag=env%3Dprod&image=x&image=y");
        let value = |n: usize| found[n].1.as_str();
        assert_eq!((value(0), value(1), value(3)), ("a b", "env=prod", "y"));
    }
}
