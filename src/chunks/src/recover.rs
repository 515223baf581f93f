//! Building the memory of a store from its files at open, and repairing what a crash left.
//! A pack with a good index is taken at its word; any other is scanned, and only whole records are believed.

use std::collections::hash_map::Entry as Slot;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use crate::dead;
use crate::error::{Error, Result, io_error};
use crate::index::{Location, PackInfo, State};
use crate::pack::{Entry, OpenPack, Scan, is_foreign, number_of, read_index, scan};
use crate::store::Recovery;

/// Reads every pack of the store in this directory.
pub(crate) fn load(directory: &Path, packs_directory: &File) -> Result<(State, Recovery)> {
    let mut state = State { dead: dead::load(directory)?, ..State::default() };
    let mut recovery = Recovery::default();
    let path = directory.join("packs");
    let mut numbers = Vec::new();
    for entry in fs::read_dir(&path).map_err(io_error("list", &path))? {
        let entry = entry.map_err(io_error("list", &path))?;
        numbers.extend(entry.file_name().to_str().and_then(number_of).map(|number| (number, entry.path())));
    }
    numbers.sort_unstable();
    for (number, path) in numbers {
        state.next_pack = state.next_pack.max(number + 1);
        load_pack(&mut state, &mut recovery, number, &path)?;
    }
    // The names of recovered packs, and the removal of empty ones, must be durable before anything relies on them.
    if recovery != Recovery::default() {
        packs_directory.sync_all().map_err(io_error("sync", &path))?;
    }
    Ok((state, recovery))
}

fn load_pack(state: &mut State, recovery: &mut Recovery, number: u32, path: &Path) -> Result<()> {
    let fail = |action| io_error(action, path);
    let file = File::options().read(true).write(true).open(path).map_err(fail("open"))?;
    let length = file.metadata().map_err(fail("read"))?.len();
    if is_foreign(&file, length).map_err(fail("read"))? {
        return Err(Error::Unsupported { path: path.to_owned(), why: "a pack is of an unknown version" });
    }
    if let Some(entries) = read_index(&file, number, length).map_err(fail("read"))? {
        add(state, number, &entries);
        state.packs.insert(number, PackInfo { bytes: length, busy: false });
        return Ok(());
    }
    let found: Scan = scan(&file, number, length).map_err(fail("read"))?;
    recovery.n_scanned_packs += 1;
    if found.entries.is_empty() {
        recovery.n_removed_packs += 1;
        return fs::remove_file(path).map_err(fail("remove"));
    }
    recovery.cut_bytes += length.saturating_sub(found.end);
    if length > found.end {
        file.set_len(found.end).map_err(fail("truncate"))?;
    }
    // After a mere crash of the process the records may still be in memory only.
    file.sync_all().map_err(fail("sync"))?;
    add(state, number, &found.entries);
    state.packs.insert(number, PackInfo { bytes: found.end, busy: false });
    let open = OpenPack::resume(number, path.to_owned(), file, found);
    state.open.insert(number, Arc::new(open));
    state.idle.push(number);
    Ok(())
}

/// A chunk can be in two packs, after a crash between the copying of a pack and its removal: the first one counts.
fn add(state: &mut State, pack: u32, entries: &[Entry]) {
    for entry in entries {
        if let Slot::Vacant(slot) = state.index.entry(entry.id.key()) {
            slot.insert(Location::new(pack, entry.offset, entry.stored_bytes));
        }
    }
}
