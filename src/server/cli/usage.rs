//! `darkroom admin usage`: lines of usage of all accounts for a system that writes invoices, to standard output and a page at a time, so that
//! neither side ever holds all of them.

use super::command::{AdminCommand, Reply};
use crate::server::lines::{self, Format, Head};
use clap::{Args, ValueEnum};
use darkroom_core::domain::usage::ExportQuery;
use darkroom_core::domain::{Error, Result};
use darkroom_core::ops::ctx::Ctx;
use darkroom_core::ops::provider as ops;
use serde::{Deserialize, Serialize};

/// Lines that one answer has at most, so that it stays far below what a client reads.
const PAGE_LINES: u32 = 2_000;

#[derive(Args)]
pub struct UsageArgs {
    /// The first day, in UTC
    #[arg(long, value_name = "DAY")]
    from: String,
    /// The last day, in UTC
    #[arg(long, value_name = "DAY")]
    until: String,
    /// Go on after the line with this cursor; without the heads of the columns, so that it can be appended
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// Lines at most; all of them when it is missing
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// csv, or jsonl for one JSON object in each line
    #[arg(long, value_enum, default_value = "csv")]
    format: Written,
}

#[derive(Clone, Copy, ValueEnum)]
enum Written {
    Csv,
    Jsonl,
}

/// The lines that are still wanted.
#[derive(Debug, Serialize, Deserialize)]
pub struct UsageLines {
    query: ExportQuery,
    /// How many; `None` for all.
    n_wanted: Option<u64>,
    format: Format,
    head: Head,
}

impl From<UsageArgs> for UsageLines {
    fn from(args: UsageArgs) -> Self {
        let head = if args.after.is_some() { Head::Left } else { Head::Shown };
        let after = args.after.unwrap_or_default();
        Self {
            query: ExportQuery { from: args.from, until: args.until, after, limit: String::new() },
            n_wanted: args.limit,
            format: match args.format {
                Written::Csv => Format::Csv,
                Written::Jsonl => Format::Jsonl,
            },
            head,
        }
    }
}

impl UsageLines {
    /// One page of them, and what to ask for the next.
    pub fn page(mut self, ctx: &Ctx) -> Result<Reply> {
        let most = u64::from(PAGE_LINES.min(ctx.app.settings.export_lines_max));
        self.query.limit = self.n_wanted.map_or(most, |wanted| wanted.min(most)).to_string();
        let page = ops::usage_lines(ctx, &self.query)?;
        let text = String::from_utf8(lines::usage(&page, self.format, self.head)?)
            .map_err(|e| Error::internal(format!("The lines are not UTF-8: {e}.")))?;
        let n_lines = u64::try_from(page.lines.len()).unwrap_or(u64::MAX);
        let left = self.n_wanted.map(|wanted| wanted.saturating_sub(n_lines));
        let next = page.next.filter(|_| left != Some(0)).map(|after| {
            let query = ExportQuery { after, ..self.query };
            Box::new(AdminCommand::Usage(Self { query, n_wanted: left, head: Head::Left, ..self }))
        });
        Ok(Reply { text, next })
    }
}
