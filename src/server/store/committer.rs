//! The one place that writes. Of the threads that want to commit, one at a time leads: it takes all commits that wait, checks each against
//! what is stored and what the group has changed so far, applies the group as one atomic batch of sled, makes it durable with one sync, and
//! only then answers; then the first that came meanwhile leads. A thread of its own would cost a lone client two changes of threads.
//!
//! **One batch of sled per sync is what makes power loss survivable.** sled believes what it handed to
//! `sync_file_range` to be durable, and both its recovery and its reuse of space rest on that belief. While a batch is
//! open it does not move the belief forward, so with a sync between any two batches it never believes more than is true.

use super::open::engine_error;
use super::overlay::{Overlay, VERSION_KEY, pack, version_of};
use super::sled_store::{Shared, lock};
use darkroom_core::store::{Batch, CommitError, StoreError, Version};
use sled::IVec;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

/// The most rows of a group of several commits.
const GROUP_ROWS_MAX: usize = 512;
/// The most bytes of a group of several commits, as a part of a segment. sled writes several times what it is given, whole
/// nodes now and then, and what is written between two syncs should stay well below one segment.
const GROUP_SEGMENT_PART: usize = 16;

pub(super) type Answer = Result<Version, CommitError>;

/// What a thread hears that waits.
enum Word {
    /// Its commit is decided.
    Answer(Answer),
    /// It leads now: its commit is the first that waits.
    Lead,
}

/// One commit that waits.
struct Job {
    batch: Batch,
    word: mpsc::SyncSender<Word>,
}

/// The commits that wait, and what the leader works with.
pub(super) struct Line {
    queue: Mutex<Queue>,
    /// Locked by the leader alone.
    committer: Mutex<Committer>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    somebody_leads: bool,
}

impl Line {
    /// The line of a store whose newest commit is `version`.
    pub fn new(shared: Arc<Shared>, version: Version) -> Line {
        let group_bytes_max = shared.options.segment_bytes / GROUP_SEGMENT_PART;
        let committer = Committer { shared, group_bytes_max, version, failure: None };
        Line { queue: Mutex::default(), committer: Mutex::new(committer) }
    }

    /// Commits, as the leader of a group or as one of it.
    pub fn commit(&self, batch: Batch) -> Answer {
        let (word, heard) = mpsc::sync_channel(1);
        let leads = {
            let mut queue = lock(&self.queue);
            queue.jobs.push_back(Job { batch, word });
            !std::mem::replace(&mut queue.somebody_leads, true)
        };
        if leads {
            self.lead();
        }
        loop {
            match heard.recv() {
                Ok(Word::Answer(answer)) => return answer,
                Ok(Word::Lead) => self.lead(),
                // The leader of our group panicked where it cannot: what became of the commit is not known.
                Err(mpsc::RecvError) => return Err(CommitError::Store(StoreError::Closed)),
            }
        }
    }

    /// Commits the first group that waits, and lets the first of the next group lead.
    fn lead(&self) {
        let _next = NextLeader(self);
        let mut committer = lock(&self.committer);
        let group = self.take_group(committer.group_bytes_max);
        let (batches, words): (Vec<_>, Vec<_>) = group.into_iter().map(|job| (job.batch, job.word)).unzip();
        let answers = committer.commit_group(&batches);
        for (word, answer) in words.into_iter().zip(answers) {
            // Every thread of the group waits for its word, and there is room for it.
            drop(word.send(Word::Answer(answer)));
        }
    }

    fn take_group(&self, bytes_max: usize) -> Vec<Job> {
        let mut queue = lock(&self.queue);
        let (mut n_rows, mut n_bytes) = (0, 0);
        let mut group = Vec::new();
        while let Some(job) = queue.jobs.front() {
            n_rows += job.batch.puts.len() + job.batch.deletes.len();
            n_bytes += job.batch.puts.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
            if !group.is_empty() && (n_rows > GROUP_ROWS_MAX || n_bytes > bytes_max) {
                break;
            }
            group.extend(queue.jobs.pop_front());
        }
        group
    }
}

/// Hands the lead on when the leader is done, also when it panicked: nobody may wait for a leader there is not.
struct NextLeader<'a>(&'a Line);

impl Drop for NextLeader<'_> {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.queue);
        match queue.jobs.front() {
            // It waits, has heard nothing yet, and there is room for one word.
            Some(first) => drop(first.word.send(Word::Lead)),
            None => queue.somebody_leads = false,
        }
    }
}

/// What the leader works with.
struct Committer {
    shared: Arc<Shared>,
    group_bytes_max: usize,
    /// The newest version.
    version: Version,
    /// Why nothing more is written.
    failure: Option<String>,
}

/// A group as far as it is decided: what each job will hear, and the change they make together.
#[derive(Default)]
struct Group {
    answers: Vec<Answer>,
    /// Rows as they are stored, read at most once.
    before: HashMap<Vec<u8>, Option<IVec>>,
    /// Rows as the group leaves them, packed.
    after: BTreeMap<Vec<u8>, Option<(Version, Vec<u8>)>>,
}

impl Committer {
    fn commit_group(&mut self, batches: &[Batch]) -> Vec<Answer> {
        if let Some(why) = &self.failure {
            return batches.iter().map(|_| Err(read_only(why))).collect();
        }
        let first = self.version;
        // sled asserts where others return errors.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.decide_and_write(batches)));
        let failed = match outcome {
            Ok(Ok(group)) => {
                self.tell_watchers(batches, &group.answers);
                return group.answers;
            }
            Ok(Err(Refused::Untouched(error))) => {
                // Nothing was written, so the numbers were not used either.
                self.version = first;
                return same_for_all(batches.len(), error);
            }
            Ok(Err(Refused::Uncertain(error))) => error,
            Err(_) => StoreError::Corrupt { what: "sled failed an assertion of its own".into() },
        };
        // What sled holds now may or may not be on the disk. Going on could acknowledge what rests on lost writes, so
        // nothing more is written, and the overlay stays: readers keep seeing what is surely durable.
        tracing::error!(error = %failed, source = ?std::error::Error::source(&failed), "a write to the store failed; it is read-only now");
        self.failure = Some(failed.to_string());
        same_for_all(batches.len(), failed)
    }

    fn decide_and_write(&mut self, batches: &[Batch]) -> Result<Group, Refused> {
        let mut group = Group::default();
        for batch in batches {
            let answer = self.decide(batch, &mut group).map_err(Refused::Untouched)?;
            group.answers.push(answer);
        }
        if !group.after.is_empty() {
            self.check_space().map_err(Refused::Untouched)?;
            self.write(&mut group)?;
        }
        Ok(group)
    }

    /// Compares and, if all is as expected, adds the batch to the group.
    fn decide(&mut self, batch: &Batch, group: &mut Group) -> Result<Answer, StoreError> {
        for expect in &batch.expects {
            let version = match group.after.get(&expect.key) {
                Some(changed) => changed.as_ref().map(|(version, _)| *version),
                None => self.stored(&expect.key, group)?.as_deref().map(version_of).transpose()?,
            };
            if version != expect.version {
                return Ok(Err(CommitError::Conflict { key: expect.key.clone() }));
            }
        }
        if batch.is_read_only() {
            return Ok(Ok(self.version));
        }
        self.version += 1;
        for (key, value) in &batch.puts {
            self.stored(key, group)?;
            group.after.insert(key.clone(), Some((self.version, pack(self.version, value))));
        }
        for key in &batch.deletes {
            self.stored(key, group)?;
            group.after.insert(key.clone(), None);
        }
        Ok(Ok(self.version))
    }

    /// Only the leader writes, so what it reads cannot change under it.
    fn stored(&self, key: &[u8], group: &mut Group) -> Result<Option<IVec>, StoreError> {
        if let Some(before) = group.before.get(key) {
            return Ok(before.clone());
        }
        let before = self.shared.db.get(key).map_err(|error| engine_error("reading a record", error))?;
        group.before.insert(key.to_vec(), before.clone());
        Ok(before)
    }

    fn check_space(&self) -> Result<(), StoreError> {
        let Shared { directory, options, .. } = &*self.shared;
        let free = options.disk.free_bytes(directory);
        let free = free.map_err(|source| StoreError::from_io("looking for free space", source))?;
        if free < options.free_bytes_min {
            let source =
                format!("{free} bytes are free, {} are kept in reserve", options.free_bytes_min).into();
            return Err(StoreError::NoSpace { source });
        }
        Ok(())
    }

    fn write(&self, group: &mut Group) -> Result<(), Refused> {
        let mut overlay = Overlay::new();
        let mut batch = sled::Batch::default();
        batch.insert(VERSION_KEY, &self.version.to_be_bytes());
        let n_bytes: usize = group.after.values().flatten().map(|(_, packed)| packed.len()).sum();
        let is_large = group.after.len() > GROUP_ROWS_MAX || n_bytes > self.group_bytes_max;
        let keys: Vec<_> = group.after.keys().cloned().collect();
        for (key, changed) in std::mem::take(&mut group.after) {
            match changed {
                Some((_, packed)) => batch.insert(key.as_slice(), packed),
                None => batch.remove(key.as_slice()),
            }
            let before = group.before.remove(&key).flatten();
            overlay.insert(key, before);
        }
        *self.shared.overlay.write().unwrap_or_else(PoisonError::into_inner) = overlay;
        self.shared.db.apply_batch(batch).map_err(|error| Refused::uncertain("writing records", error))?;
        if is_large {
            // The tidying below is not part of the batch; together they might be more than sled can tell apart from
            // durable data after a power loss, so they get a sync each.
            self.sync()?;
        }
        self.tidy(&keys)?;
        self.sync()?;
        self.shared.overlay.write().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    /// Reads what was written, because sled splits and merges its nodes when a reader next comes by: this way it
    /// happens here, before the sync, and readers never write.
    fn tidy(&self, keys: &[Vec<u8>]) -> Result<(), Refused> {
        for key in keys {
            self.shared.db.contains_key(key).map_err(|error| Refused::uncertain("tidying records", error))?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Refused> {
        self.shared.db.flush().map_err(|error| Refused::uncertain("writing records", error))?;
        // sled's flush only starts and awaits the transfer; this also empties the disk's cache and saves the file's length.
        let synced = self.shared.options.disk.sync(&self.shared.data);
        synced.map_err(|source| Refused::Uncertain(StoreError::from_io("syncing records", source)))
    }

    fn tell_watchers(&self, batches: &[Batch], answers: &[Answer]) {
        let watchers = lock(&self.shared.watchers).clone();
        for (batch, answer) in batches.iter().zip(answers) {
            let Ok(version) = answer else { continue };
            if batch.is_read_only() {
                continue;
            }
            for watcher in &watchers {
                // The commit is durable whatever a watcher does, and the next one must not wait for ever.
                let told = catch_unwind(AssertUnwindSafe(|| Arc::clone(watcher).committed(*version, batch)));
                if told.is_err() {
                    tracing::error!(version, "a watcher of the store panicked");
                }
            }
        }
    }
}

enum Refused {
    /// Nothing was handed to sled.
    Untouched(StoreError),
    /// The group may or may not survive a restart.
    Uncertain(StoreError),
}

impl Refused {
    fn uncertain(doing: &'static str, error: sled::Error) -> Refused {
        Refused::Uncertain(engine_error(doing, error))
    }
}

fn read_only(why: &str) -> CommitError {
    CommitError::Store(StoreError::ReadOnly { why: why.to_owned() })
}

/// The first to wait hears the error with its source, the others hear its text.
fn same_for_all(n_jobs: usize, error: StoreError) -> Vec<Answer> {
    let text = error.to_string();
    let is_no_space = matches!(error, StoreError::NoSpace { .. });
    let again = move || match is_no_space {
        true => StoreError::NoSpace { source: text.clone().into() },
        false => StoreError::Io { doing: "writing a group of commits", source: text.clone().into() },
    };
    std::iter::once(error)
        .chain(std::iter::repeat_with(again))
        .take(n_jobs)
        .map(|error| Err(error.into()))
        .collect()
}
