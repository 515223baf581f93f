//! Measures the ingest of a raw disk file: `ingest_bench STORE_DIRECTORY FILE…` takes each file into the store and
//! prints what that took. With `--later` as the first argument the SHA-256 is left out. The store directory is created if needed and left as it is. A tool for people; the
//! product does not use it.

use std::path::Path;
use std::time::Instant;

use darkroom_chunks::{ContentHash, IngestOptions, RawFile, Settings, Store};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let later = arguments.next_if(|first| first == "--later").is_some();
    let content_hash = if later { ContentHash::Later } else { ContentHash::Now };
    let directory = arguments.next().ok_or("usage: ingest_bench STORE_DIRECTORY FILE…")?;
    let started = Instant::now();
    let store = Store::open(Path::new(&directory), Settings::default())?;
    println!("open {:.3} s, {:?}", started.elapsed().as_secs_f64(), store.recovery());
    for path in arguments {
        let hold = store.hold();
        let options = IngestOptions { content_hash, on_progress: &|_| {}, cancelled: &|| false, hold: &hold };
        let started = Instant::now();
        let ingested = store.ingest(&mut RawFile::open(Path::new(&path))?, &options)?;
        store.put_manifest(&ingested.manifest, &hold)?;
        let elapsed_s = started.elapsed().as_secs_f64();
        let sha256: String = ingested.sha256.iter().flatten().map(|byte| format!("{byte:02x}")).collect();
        println!(
            "ingest {elapsed_s:.3} s, {:.0} MB/s of {} bytes, data {} stored {} new {} known {} sha256 {sha256}",
            ingested.virtual_bytes as f64 / 1e6 / elapsed_s,
            ingested.virtual_bytes,
            ingested.data_bytes,
            ingested.new_stored_bytes,
            ingested.n_new_chunks,
            ingested.n_dedup_chunks,
        );
    }
    Ok(())
}
