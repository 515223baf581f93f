//! The audit trail: one event for every change, written in the same commit as the change, and chained to the one before it, so that nobody
//! can change, remove or insert one unnoticed. Hashing itself is done where events are written; what is hashed is said here.

mod query;

pub use query::AuditQuery;

use super::hashing::written;
use super::ids::{AccountId, EventId, ProjectId, RegionId, Subject, UserId};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An entry of the audit trail.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// Who, if a person.
    pub user: Option<UserId>,
    /// How the actor was called then.
    pub actor: String,
    /// The account concerned; `None` for the provider's own.
    pub account: Option<AccountId>,
    /// The project concerned.
    pub project: Option<ProjectId>,
    /// The region concerned.
    pub region: Option<RegionId>,
    /// What it is about.
    pub subject: Subject,
    /// The subject's name then.
    pub name: String,
    /// What was done, such as `image.delete`.
    pub action: String,
    /// The change in a sentence; empty when the action says it all.
    pub detail: String,
    /// Its place in the chain of its account, from 1; 0 for what was written before there were chains.
    pub number: u64,
    /// SHA-256 in lower-case hex over [`Event::chained`]; empty for what was written before there were chains.
    pub hash: String,
}

/// The head of a chain: rewritten in the commit of every event of its account, so that events of two commits never get the same place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Chain {
    /// Whose events; `None` for those that belong to no account.
    pub account: Option<AccountId>,
    /// How many there are, which is the number of the last one.
    pub n_events: u64,
    /// The hash of the last one.
    pub hash: String,
}

/// The group of actions that tell of meters: they follow from the changes that are told beside them, and are shown to who asks for them.
pub const CHARGE: &str = "charge";

impl Event {
    /// Whether it tells of a meter.
    pub fn of_charge(&self) -> bool {
        query::in_group(CHARGE, &self.action)
    }

    /// What is hashed: the hash of the event before it in its chain, then every field of this one but its hash.
    ///
    /// To recompute it, write these after one another: the previous hash, `number`, `id`, `at` (milliseconds), `user`, `actor`, `account`,
    /// `project`, `region`, the kind and the id of `subject`, `name`, `action`, `detail`. Each is written as the count of its bytes in
    /// decimal, a colon, its text in UTF-8, and a comma; one that is `null` as a minus sign and a comma. Ids are in lower case with dashes,
    /// numbers in decimal. The SHA-256 of the whole, in lower-case hex, is the event's hash. An `instance` that was started twice by
    /// `a@b.example` thus ends in `…,8:instance,36:…,3:web,14:instance.start,0:,`.
    ///
    /// The previous hash of number 1 is empty. Where events are older than the chain (their number is 0), it is what these give when they
    /// are chained in the order of their moments and ids, beginning with an empty hash, so that the chain vouches for them as well.
    pub fn chained(&self, previous: &str) -> String {
        let (number, id, at) = (self.number.to_string(), self.id.to_string(), self.at.0.to_string());
        let user = self.user.map(|id| id.to_string());
        let account = self.account.map(|id| id.to_string());
        let project = self.project.map(|id| id.to_string());
        let subject = self.subject.uuid().to_string();
        written([
            Some(previous),
            Some(&number),
            Some(&id),
            Some(&at),
            user.as_deref(),
            Some(&self.actor),
            account.as_deref(),
            project.as_deref(),
            self.region.as_ref().map(RegionId::as_str),
            Some(self.subject.kind()),
            Some(&subject),
            Some(&self.name),
            Some(&self.action),
            Some(&self.detail),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    /// Kept in records as hashes: another text would break every chain.
    #[test]
    fn what_is_hashed_never_changes() {
        let id = Uuid::from_u128(7);
        let event = Event {
            id: EventId(id),
            at: Timestamp(1_795_000_000_000),
            user: None,
            actor: "darkroom".to_owned(),
            account: Some(AccountId(id)),
            project: None,
            region: Some("north-1".into()),
            subject: Subject::Account(AccountId(id)),
            name: "Ac:me,".to_owned(),
            action: "account.limits".to_owned(),
            detail: "Those of “north-1”.".to_owned(),
            number: 12,
            hash: "not part of it".to_owned(),
        };
        let uuid = "36:00000000-0000-0000-0000-000000000007,";
        assert_eq!(
            event.chained("ab"),
            format!(
                "2:ab,2:12,{uuid}13:1795000000000,-,8:darkroom,{uuid}-,7:north-1,7:account,{uuid}6:Ac:me,,\
                 14:account.limits,23:Those of “north-1”.,"
            )
        );
    }
}
