//! All records as text that any engine can read back: the way out of an engine, and a backup a person can look into.
//!
//! JSON lines: a header `{"darkroom_dump":1,…}`, then `{"k":"<key, hexadecimal>","j":<value>}` per row (`"x":"<hexadecimal>"`
//! where a value is not JSON), then a trailer with the number of rows and the SHA-256 of all lines before it, so that a
//! dump that was cut short is refused. It must not know any record.

use super::table::is_json;
use super::{Batch, CommitError, Order, Row, Store, StoreError, Version};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::io::{BufRead, Write};

/// The only format so far.
const FORMAT: u32 = 1;
/// Rows read at once, and the most rows of one commit of an import.
const ROWS_MAX: u32 = 1000;
/// The most bytes of one commit of an import.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// After every key a store may hold.
const END: &[u8] = &[0xFF; super::KEY_BYTES_MAX + 1];

#[derive(Serialize, Deserialize)]
struct Header {
    darkroom_dump: u32,
    /// The newest commit in the dump, for people; an import counts anew.
    version: Version,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    k: String,
    #[serde(borrow, default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    j: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    x: Option<String>,
}

/// A `null` is a value here, not its absence.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trailer {
    rows: u64,
    sha256: String,
}

/// Writes all rows. Fails when anything is committed meanwhile, because the parts would not belong together.
pub fn export(store: &dyn Store, out: &mut dyn Write) -> Result<u64, StoreError> {
    let version = current(store)?;
    let mut out = Summed { out, digest: Sha256::new() };
    out.line(&Header { darkroom_dump: FORMAT, version })?;
    let mut start = vec![1];
    let mut n_rows = 0;
    loop {
        let rows = store.scan(&start, END, Order::Ascending, ROWS_MAX)?;
        let Some(last) = rows.last() else { break };
        start = [last.key.as_slice(), &[0]].concat();
        n_rows += rows.len() as u64;
        for row in &rows {
            export_row(row, &mut out)?;
        }
    }
    if current(store)? != version {
        return Err(StoreError::ChangedDuringExport);
    }
    let sha256 = hexadecimal(&out.digest.clone().finalize());
    out.line(&Trailer { rows: n_rows, sha256 })?;
    out.out.flush().map_err(writing)?;
    Ok(n_rows)
}

/// Reads a dump into a store that has no rows, and answers how many there were.
///
/// The whole dump is only known to be good at its last line, so a failed import leaves rows behind: start over with a new store.
pub fn import(store: &dyn Store, input: &mut dyn BufRead) -> Result<u64, StoreError> {
    if !store.scan(&[1], END, Order::Ascending, 1)?.is_empty() {
        return Err(StoreError::NotEmpty);
    }
    let mut lines = Lines { input, digest: Sha256::new(), text: String::new(), n_lines: 0 };
    lines.header()?;
    let mut batch = Batch::new();
    let mut batch_bytes = 0;
    let mut n_rows = 0;
    loop {
        let before = hexadecimal(&lines.digest.clone().finalize());
        if !lines.advance()? {
            return Err(lines.wrong("the dump ends here without its last line: it was cut short"));
        }
        if let Ok(trailer) = serde_json::from_str::<Trailer>(&lines.text) {
            lines.check_end(&trailer, n_rows, &before)?;
            commit(store, std::mem::take(&mut batch))?;
            return Ok(n_rows);
        }
        let (key, value) = lines.row()?;
        n_rows += 1;
        batch_bytes += key.len() + value.len();
        batch.puts.push((key, value));
        if batch_bytes >= BATCH_BYTES_MAX || batch.puts.len() >= ROWS_MAX as usize {
            commit(store, std::mem::take(&mut batch))?;
            batch_bytes = 0;
        }
    }
}

fn current(store: &dyn Store) -> Result<Version, StoreError> {
    commit(store, Batch::new())
}

fn commit(store: &dyn Store, batch: Batch) -> Result<Version, StoreError> {
    store.commit(batch).map_err(|error| match error {
        CommitError::Store(error) => error,
        CommitError::Conflict { .. } => {
            StoreError::Corrupt { what: "a batch without conditions conflicted".into() }
        }
    })
}

fn export_row(row: &Row, out: &mut Summed<'_>) -> Result<(), StoreError> {
    let text =
        std::str::from_utf8(&row.value).ok().filter(|text| is_json(text.as_bytes()) && !text.contains('\n'));
    // The value goes out byte by byte as it is stored: no number is rounded on the way.
    let j = text.and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
    let x = if j.is_none() { Some(hexadecimal(&row.value)) } else { None };
    out.line(&Line { k: hexadecimal(&row.key), j, x })
}

struct Summed<'a> {
    out: &'a mut dyn Write,
    digest: Sha256,
}

impl Summed<'_> {
    fn line(&mut self, line: &impl Serialize) -> Result<(), StoreError> {
        let mut text = serde_json::to_vec(line)
            .map_err(|source| StoreError::Encoding { key: "a line of the dump".into(), source })?;
        text.push(b'\n');
        self.digest.update(&text);
        self.out.write_all(&text).map_err(writing)
    }
}

fn writing(source: std::io::Error) -> StoreError {
    StoreError::from_io("writing the dump", source)
}

struct Lines<'a> {
    input: &'a mut dyn BufRead,
    digest: Sha256,
    text: String,
    n_lines: u64,
}

impl Lines<'_> {
    /// Reads one line; `false` at the end of the input.
    fn advance(&mut self) -> Result<bool, StoreError> {
        self.text.clear();
        let read = self.input.read_line(&mut self.text);
        let n_bytes = read.map_err(|source| StoreError::from_io("reading the dump", source))?;
        self.n_lines += 1;
        self.digest.update(self.text.as_bytes());
        Ok(n_bytes > 0)
    }

    fn header(&mut self) -> Result<(), StoreError> {
        self.advance()?;
        match serde_json::from_str::<Header>(&self.text) {
            Ok(header) if header.darkroom_dump == FORMAT => Ok(()),
            Ok(header) => Err(self.wrong(&format!(
                "the dump has format {}, this darkroom reads format {FORMAT}; use the one that wrote it",
                header.darkroom_dump
            ))),
            Err(_) => Err(self.wrong("this is not a dump made by `darkroom export`")),
        }
    }

    fn row(&self) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
        let line: Line<'_> = serde_json::from_str(&self.text)
            .map_err(|_| self.wrong("this is neither a record nor the last line"))?;
        let key = bytes(&line.k).ok_or_else(|| self.wrong("the key is not hexadecimal"))?;
        let value = match (line.j, line.x) {
            (Some(json), None) => json.get().as_bytes().to_vec(),
            (None, Some(text)) => bytes(&text).ok_or_else(|| self.wrong("the value is not hexadecimal"))?,
            _ => return Err(self.wrong("a record has exactly one of `j` and `x`")),
        };
        Ok((key, value))
    }

    fn check_end(&mut self, trailer: &Trailer, n_rows: u64, sha256: &str) -> Result<(), StoreError> {
        if trailer.rows != n_rows {
            let what = format!("the dump says it has {} records but {n_rows} came", trailer.rows);
            return Err(self.wrong(&what));
        }
        if trailer.sha256 != sha256 {
            return Err(self.wrong("the checksum differs: the dump was damaged or edited"));
        }
        if self.advance()? {
            return Err(self.wrong("something follows the last line of the dump"));
        }
        Ok(())
    }

    fn wrong(&self, what: &str) -> StoreError {
        StoreError::Dump { line: self.n_lines, what: what.to_owned() }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits =
        bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    digits.map(char::from).collect()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| if let &[high, low] = pair { Some(digit(high)? << 4 | digit(low)?) } else { None })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::MemoryStore;
    use super::*;

    const VALUES: [&[u8]; 6] = [
        br#"{"v":1,"r":{"b":1,"a":18446744073709551615,"f":0.1000000000000000055}}"#,
        br#""text \u00e9""#,
        b"null",
        b"not json",
        b"",
        b"{\n}",
    ];

    fn filled() -> MemoryStore {
        let store = MemoryStore::new();
        for (number, value) in VALUES.iter().enumerate() {
            store.commit(Batch::new().put(vec![b't', number as u8, 0xFF], *value)).unwrap();
        }
        let many =
            (0..2500_u32).map(|number| ([b"u".as_slice(), &number.to_be_bytes()].concat(), b"7".to_vec()));
        store.commit(Batch { puts: many.collect(), ..Batch::new() }).unwrap();
        store
    }

    fn dumped(store: &MemoryStore) -> String {
        let mut out = Vec::new();
        export(store, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn refused(dump: &str) -> String {
        import(&MemoryStore::new(), &mut dump.as_bytes()).expect_err("a bad dump").to_string()
    }

    #[test]
    fn what_is_exported_comes_back_byte_for_byte() {
        let (store, copy) = (filled(), MemoryStore::new());
        let dump = dumped(&store);
        assert_eq!(import(&copy, &mut dump.as_bytes()).unwrap(), 2506);
        let rows = |store: &MemoryStore| {
            let rows = store.scan(&[1], END, Order::Ascending, u32::MAX).unwrap();
            rows.into_iter().map(|row| (row.key, row.value)).collect::<Vec<_>>()
        };
        assert_eq!(rows(&copy), rows(&store));
        assert!(
            dump.lines()
                .nth(1)
                .unwrap()
                .ends_with(&format!("\"j\":{}}}", str::from_utf8(VALUES[0]).unwrap()))
        );
    }

    #[test]
    fn a_dump_that_was_cut_short_is_refused_wherever_it_was_cut() {
        let dump = dumped(&filled());
        for at in [0, 10, dump.len() / 2, dump.len() - 90, dump.len() - 2] {
            refused(&dump[..at]);
        }
        let last_line = dump.trim_end().rfind('\n').unwrap() + 1;
        assert_eq!(
            refused(&dump[..last_line]),
            "line 2508 of the dump: the dump ends here without its last line: it was cut short"
        );
    }

    #[test]
    fn a_damaged_dump_is_refused() {
        let dump = dumped(&filled());
        let lines: Vec<_> = dump.lines().collect();
        assert!(refused(&dump.replacen("null", "true", 1)).ends_with("the dump was damaged or edited"));
        let shorter = [&lines[..5], &lines[6..]].concat().join("\n");
        assert!(refused(&shorter).ends_with("says it has 2506 records but 2505 came"));
        assert!(refused(&format!("{dump}\n")).ends_with("something follows the last line of the dump"));
        assert!(refused(&dump.replacen("dump\":1", "dump\":2", 1)).contains("format 2"));
        assert!(refused("hello").contains("`darkroom export`"));
    }

    #[test]
    fn a_store_with_records_takes_no_dump() {
        let store = filled();
        let dump = dumped(&store);
        assert!(matches!(import(&store, &mut dump.as_bytes()), Err(StoreError::NotEmpty)));
    }

    #[test]
    fn a_change_during_the_export_is_noticed() {
        struct Meddle<'a>(&'a MemoryStore);
        impl Write for Meddle<'_> {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.commit(Batch::new().delete("t")).expect("the store works");
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let store = filled();
        assert!(matches!(export(&store, &mut Meddle(&store)), Err(StoreError::ChangedDuringExport)));
    }
}
