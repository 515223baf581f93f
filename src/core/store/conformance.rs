//! What every engine must do, as one function, so that the memory store and every adapter pass the same checks.
//! It panics with a sentence at the first thing that is wrong. It must not know any engine.

use super::{
    ATTEMPTS_MAX, Batch, CommitError, KEY_BYTES_MAX, Order, Record, Row, Store, StoreError, VALUE_BYTES_MAX,
    Version, Watch, dump, read, transact,
};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

const N_THREADS: u64 = 8;
const N_ROUNDS: u64 = 40;

/// Runs every check, each on a store of its own.
pub fn run(make: &dyn Fn() -> Box<dyn Store>) {
    let checks: [fn(&dyn Store); 13] = [
        reads_what_was_committed,
        a_batch_is_all_or_nothing,
        expects_versions,
        expects_absence,
        puts_come_before_deletes,
        scans_in_order_within_bounds_and_limit,
        an_empty_batch_answers_the_newest_version,
        keeps_empty_and_large_values_and_long_keys,
        refuses_what_is_too_large_without_writing,
        watchers_hear_every_commit_in_order,
        counters_lose_no_increment,
        money_is_neither_made_nor_lost,
        a_dump_goes_through,
    ];
    for check in checks {
        check(&*make());
    }
}

fn committed(store: &dyn Store, batch: Batch) -> Version {
    store.commit(batch).expect("the batch expects nothing that does not hold")
}

fn value(store: &dyn Store, key: &str) -> Option<Vec<u8>> {
    got(store, key).map(|row| row.value.to_vec())
}

fn got(store: &dyn Store, key: &str) -> Option<Row> {
    store.get(key.as_bytes()).expect("a read succeeds")
}

fn conflict(store: &dyn Store, batch: Batch) -> Vec<u8> {
    match store.commit(batch) {
        Err(CommitError::Conflict { key }) => key,
        other => panic!("a conflict was due, not {other:?}"),
    }
}

fn reads_what_was_committed(store: &dyn Store) {
    assert_eq!(got(store, "a"), None, "a new store is empty");
    let first = committed(store, Batch::new().put("a", "1").put("b", "2"));
    let second = committed(store, Batch::new().put("b", "3"));
    assert!(second > first, "versions grow");
    let row =
        |key: &str, version, value: &str| Row { key: key.into(), version, value: value.as_bytes().into() };
    assert_eq!(got(store, "a"), Some(row("a", first, "1")), "a row keeps the version that wrote it");
    assert_eq!(got(store, "b"), Some(row("b", second, "3")), "a row has the version that wrote it last");
    let third = committed(store, Batch::new().delete("a").delete("never there"));
    assert!(third > second, "a delete is a commit too");
    assert_eq!(got(store, "a"), None, "a deleted row is gone");
    assert!(committed(store, Batch::new().put("a", "4")) > third, "a row that comes back has a new version");
}

fn a_batch_is_all_or_nothing(store: &dyn Store) {
    let version = committed(store, Batch::new().put("a", "1"));
    let key = conflict(store, Batch::new().expect("a", None).put("a", "2").put("b", "2").delete("a"));
    assert_eq!(key, b"a", "the conflict names the row");
    let late = Batch::new().expect("a", Some(version)).expect("b", Some(version)).put("a", "2");
    assert_eq!(conflict(store, late), b"b", "every expectation counts");
    assert_eq!(value(store, "a").as_deref(), Some(b"1".as_slice()), "a refused batch writes nothing");
    assert_eq!(got(store, "b"), None, "a refused batch adds nothing");
    assert_eq!(committed(store, Batch::new()), version, "a refused batch is no commit");
}

fn expects_versions(store: &dyn Store) {
    let first = committed(store, Batch::new().put("a", "1"));
    let second = committed(store, Batch::new().expect("a", Some(first)).put("a", "2"));
    conflict(store, Batch::new().expect("a", Some(first)).put("a", "3"));
    // Writing the same value again is a change too: what was read is not what is there now.
    committed(store, Batch::new().expect("a", Some(second)).put("a", "2"));
    conflict(store, Batch::new().expect("a", Some(second)).delete("a"));
    assert_eq!(value(store, "a").as_deref(), Some(b"2".as_slice()), "the last commit that held");
}

fn expects_absence(store: &dyn Store) {
    let version = committed(store, Batch::new().expect("a", None).put("a", "1"));
    conflict(store, Batch::new().expect("a", None).put("a", "2"));
    committed(store, Batch::new().expect("a", Some(version)).delete("a"));
    conflict(store, Batch::new().expect("a", Some(version)).put("a", "3"));
    committed(store, Batch::new().expect("a", None).put("a", "4"));
    assert_eq!(value(store, "a").as_deref(), Some(b"4".as_slice()), "the insert after the delete");
}

fn puts_come_before_deletes(store: &dyn Store) {
    committed(store, Batch::new().delete("a").put("a", "1").put("b", "1").put("b", "2"));
    assert_eq!(got(store, "a"), None, "deletes are applied after puts");
    assert_eq!(value(store, "b").as_deref(), Some(b"2".as_slice()), "puts are applied in order");
}

fn scans_in_order_within_bounds_and_limit(store: &dyn Store) {
    let keys: Vec<Vec<u8>> =
        (1..=250_u8).flat_map(|first| [vec![first], vec![first, 0], vec![first, 0xFF]]).collect();
    committed(
        store,
        Batch { puts: keys.iter().map(|key| (key.clone(), key.clone())).collect(), ..Batch::new() },
    );
    committed(store, Batch::new().delete([100]).delete([100, 0xFF]));
    let left = |key: &&Vec<u8>| ![vec![100], vec![100, 0xFF]].contains(key);
    for (start, end) in [
        (vec![1], vec![0xFF]),
        (vec![99, 1], vec![101]),
        (vec![100], vec![100, 0xFF]),
        (vec![100, 0, 0], vec![100, 0xFE]),
        (vec![200], vec![200, 0]),
        (vec![9], vec![9]),
        (vec![9], vec![8]),
    ] {
        for limit in [0, 1, 2, 7, 1000] {
            for order in [Order::Ascending, Order::Descending] {
                let mut expected: Vec<_> =
                    keys.iter().filter(left).filter(|key| start <= **key && **key < end).cloned().collect();
                if order == Order::Descending {
                    expected.reverse();
                }
                expected.truncate(limit as usize);
                let rows = store.scan(&start, &end, order, limit).expect("a scan succeeds");
                assert!(rows.iter().all(|row| row.key == *row.value), "a row has the value of its key");
                let scanned: Vec<_> = rows.into_iter().map(|row| row.key).collect();
                assert_eq!(scanned, expected, "{start:?}..{end:?} {order:?} limit {limit}");
            }
        }
    }
}

fn an_empty_batch_answers_the_newest_version(store: &dyn Store) {
    let heard = Heard::on(store);
    committed(store, Batch::new());
    let version = committed(store, Batch::new().put("a", "1"));
    assert_eq!(committed(store, Batch::new()), version, "an empty batch is no commit");
    assert_eq!(committed(store, Batch::new().expect("a", Some(version))), version, "a check is no commit");
    assert_eq!(conflict(store, Batch::new().expect("a", None)), b"a", "a check can fail");
    assert_eq!(heard.versions(), [version], "nobody hears of a batch that writes nothing");
}

fn keeps_empty_and_large_values_and_long_keys(store: &dyn Store) {
    let large: Vec<u8> = (0..VALUE_BYTES_MAX).map(|at| u8::try_from(at % 251).expect("below 251")).collect();
    let long = vec![b'k'; KEY_BYTES_MAX];
    committed(
        store,
        Batch::new().put("empty", "").put("large", large.clone()).put(long.clone(), large.clone()),
    );
    assert_eq!(value(store, "empty").as_deref(), Some(b"".as_slice()), "an empty value is a value");
    assert!(value(store, "large").as_ref() == Some(&large), "a large value comes back whole");
    let row = store.get(&long).expect("a read succeeds");
    assert!(row.is_some_and(|row| *row.value == *large), "so does one under a long key");
    for _ in 0..20 {
        committed(store, Batch::new().put("large", large.clone()).put("other", large.clone()));
    }
    assert!(value(store, "other").as_ref() == Some(&large), "also after it was written many times");
}

fn refuses_what_is_too_large_without_writing(store: &dyn Store) {
    let too_large = store.commit(Batch::new().put("a", "1").put("b", vec![0; VALUE_BYTES_MAX + 1]));
    assert!(matches!(too_large, Err(CommitError::Store(StoreError::TooLarge { .. }))), "{too_large:?}");
    let bad_key = store.commit(Batch::new().put("a", "1").put([0], "1"));
    assert!(matches!(bad_key, Err(CommitError::Store(StoreError::BadKey { .. }))), "{bad_key:?}");
    assert_eq!(got(store, "a"), None, "a refused batch writes nothing");
    assert_eq!(store.get(&[0]).expect("a read succeeds"), None, "nothing under reserved keys is shown");
    committed(store, Batch::new().put("a", "1"));
}

struct Heard(Mutex<Vec<(Version, Batch)>>);

impl Heard {
    fn on(store: &dyn Store) -> Arc<Heard> {
        let heard = Arc::new(Heard(Mutex::new(Vec::new())));
        store.watch(Arc::clone(&heard) as Arc<dyn Watch>);
        heard
    }

    fn batches(&self) -> Vec<(Version, Batch)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn versions(&self) -> Vec<Version> {
        self.batches().into_iter().map(|(version, _)| version).collect()
    }
}

impl Watch for Heard {
    fn committed(&self, version: Version, batch: &Batch) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((version, batch.clone()));
    }
}

fn watchers_hear_every_commit_in_order(store: &dyn Store) {
    committed(store, Batch::new().put("before", "1"));
    let heard = Heard::on(store);
    let also = Heard::on(store);
    std::thread::scope(|scope| {
        for thread in 0..N_THREADS {
            let heard = &heard;
            scope.spawn(move || {
                for round in 0..N_ROUNDS {
                    let batch = Batch::new().put(format!("t{thread}"), round.to_string());
                    let version = committed(store, batch.clone());
                    assert!(
                        heard.batches().contains(&(version, batch)),
                        "a watcher hears before the commit returns"
                    );
                }
            });
        }
    });
    let versions = heard.versions();
    assert_eq!(versions.len() as u64, N_THREADS * N_ROUNDS, "every commit is heard of once");
    assert!(versions.windows(2).all(|pair| pair[0] < pair[1]), "in commit order");
    assert_eq!(also.versions(), versions, "by every watcher");
    let last = versions.last().copied();
    let newest = store.scan(b"t", b"u", Order::Ascending, 100).expect("a scan succeeds");
    assert_eq!(newest.iter().map(|row| row.version).max(), last, "the last heard of is the newest stored");
}

#[derive(Debug, Serialize, Deserialize)]
struct Purse {
    owner: u64,
    coins: i64,
}

impl Record for Purse {
    const TABLE: &'static str = "purse";
    const VERSION: u32 = 1;
    type Key = u64;

    fn key(&self) -> u64 {
        self.owner
    }
}

fn coins(store: &dyn Store, owner: u64) -> i64 {
    read::<Purse>(store, &owner).expect("a read succeeds").expect("the purse is there").coins
}

fn counters_lose_no_increment(store: &dyn Store) {
    std::thread::scope(|scope| {
        for _ in 0..N_THREADS {
            scope.spawn(move || {
                for round in 0..N_ROUNDS {
                    let done = transact(store, ATTEMPTS_MAX, |tx| {
                        let owner = round % 2;
                        let coins = tx.get::<Purse>(&owner)?.map_or(0, |purse| purse.coins);
                        tx.put(&Purse { owner, coins: coins + 1 })
                    });
                    done.expect("so few threads do not starve one another");
                }
            });
        }
    });
    let n_increments = i64::try_from(N_THREADS * N_ROUNDS / 2).expect("a small number");
    assert_eq!([coins(store, 0), coins(store, 1)], [n_increments; 2], "no increment is lost");
}

fn money_is_neither_made_nor_lost(store: &dyn Store) {
    const N_PURSES: u64 = 5;
    let total = transact(store, ATTEMPTS_MAX, |tx| {
        (0..N_PURSES).try_for_each(|owner| tx.insert(&Purse { owner, coins: 100 }))?;
        Ok::<i64, StoreError>(500)
    });
    let total = total.expect("the purses are new");
    std::thread::scope(|scope| {
        for thread in 0..N_THREADS {
            scope.spawn(move || {
                for round in 0..N_ROUNDS {
                    let (from, to) = ((thread + round) % N_PURSES, (thread * 3 + round * 2 + 1) % N_PURSES);
                    move_coins(store, from, to, i64::try_from(round % 7).expect("below 7"));
                    // A scan shows one moment: half a move would change the sum.
                    assert_eq!(scanned_total(store), total, "a reader never sees half of a commit");
                }
            });
        }
    });
    let sum: i64 = (0..N_PURSES).map(|owner| coins(store, owner)).sum();
    assert_eq!(sum, total, "money only moves");
    assert!(
        (0..N_PURSES).all(|owner| coins(store, owner) >= 0),
        "a rule that held in a transaction holds after it"
    );
}

fn move_coins(store: &dyn Store, from: u64, to: u64, amount: i64) {
    let moved = transact(store, ATTEMPTS_MAX, |tx| {
        let mut payer = tx.get::<Purse>(&from)?.expect("the purse is there");
        if from == to || payer.coins < amount {
            return Ok(());
        }
        let mut taker = tx.get::<Purse>(&to)?.expect("the purse is there");
        payer.coins -= amount;
        taker.coins += amount;
        tx.put(&payer)?;
        tx.put(&taker)
    });
    moved.map_err(|error: StoreError| error.to_string()).expect("so few threads do not starve one another");
}

fn scanned_total(store: &dyn Store) -> i64 {
    let rows = super::list::<Purse>(store, &(), Order::Ascending, 100, None).expect("a scan succeeds");
    rows.items.iter().map(|purse| purse.coins).sum()
}

fn a_dump_goes_through(store: &dyn Store) {
    let source = super::MemoryStore::new();
    for owner in 0..3 {
        transact(&source, 1, |tx| tx.put(&Purse { owner, coins: 7 })).expect("the memory store works");
    }
    let (mut first, mut second) = (Vec::new(), Vec::new());
    dump::export(&source, &mut first).expect("an export succeeds");
    assert_eq!(
        dump::import(store, &mut first.as_slice()).expect("an import succeeds"),
        3,
        "every record is counted"
    );
    dump::export(store, &mut second).expect("an export succeeds");
    let rows =
        |dump: &[u8]| String::from_utf8_lossy(dump).lines().skip(1).take(3).collect::<Vec<_>>().join("\n");
    assert_eq!(rows(&first), rows(&second), "the records come out as they went in");
}
