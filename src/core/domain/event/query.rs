//! Which part of the audit trail is asked for: the query as it stands in the page's address.

use super::Event;
use crate::domain::ids::{AccountId, ProjectId, Subject};
use crate::domain::image::list::contains;
use crate::domain::page::address;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest word of an action in an address.
const ACTION_CHARS_MAX: usize = 64;

/// A query over the audit trail. On the wire a missing part is the default, which asks for everything.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditQuery {
    /// Only what is about this thing; never a project or an account, of which everything is asked for with the parts below.
    pub subject: Option<Subject>,
    /// Only what happened in this project, to whatever thing in it.
    pub project: Option<ProjectId>,
    /// Only what happened in this account, to whatever thing in it.
    pub account: Option<AccountId>,
    /// Only this action, such as `image.delete`, or this group of them, such as `image`; empty for all.
    pub action: String,
    /// Only by actors whose name has this text in it, in whatever case; empty for all.
    pub actor: String,
    /// The first day, as `2026-11-18`, in UTC; empty for no bound.
    pub from: String,
    /// The last day, as `2026-11-18`, in UTC; empty for no bound.
    pub until: String,
    /// Page, from 1.
    pub page: u32,
}

impl Default for AuditQuery {
    fn default() -> Self {
        Self {
            subject: None,
            project: None,
            account: None,
            action: String::new(),
            actor: String::new(),
            from: String::new(),
            until: String::new(),
            page: 1,
        }
    }
}

impl AuditQuery {
    /// Everything about one thing; of a project or an account, everything in it.
    pub fn about(subject: Subject) -> Self {
        match subject {
            Subject::Project(id) => Self { project: Some(id), ..Self::default() },
            Subject::Account(id) => Self { account: Some(id), ..Self::default() },
            _ => Self { subject: Some(subject), ..Self::default() },
        }
    }

    /// Reads the query from the pairs of an address; what cannot be read falls back to the default, so that an old link still works.
    pub fn from_pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut query = Self::default();
        for (key, value) in pairs {
            match key {
                "action" => query.action = action(value),
                "actor" => query.actor = value.trim().chars().take(200).collect(),
                "from" => query.from = day(value),
                "until" => query.until = day(value),
                "page" => query.page = value.parse().unwrap_or(1).max(1),
                kind => match Subject::read(kind, value) {
                    Some(Subject::Project(id)) => query.project = Some(id),
                    Some(Subject::Account(id)) => query.account = Some(id),
                    subject => query.subject = subject.or(query.subject),
                },
            }
        }
        query
    }

    /// The pairs of the query's address; none when it is the default. Reading them back gives the same query.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        let of = [self.account.map(Subject::Account), self.project.map(Subject::Project), self.subject];
        pairs.extend(of.into_iter().flatten().map(|thing| (thing.kind(), thing.uuid().to_string())));
        let texts =
            [("action", &self.action), ("actor", &self.actor), ("from", &self.from), ("until", &self.until)];
        pairs.extend(texts.into_iter().filter(|(_, text)| !text.is_empty()).map(|(k, t)| (k, t.clone())));
        if self.page > 1 {
            pairs.push(("page", self.page.to_string()));
        }
        pairs
    }

    /// The query as `?…`, or nothing when it is the default.
    pub fn address(&self) -> String {
        address(&self.pairs())
    }

    /// Whether it asks for less than everything, whatever the page.
    pub fn narrows(&self) -> bool {
        *self != Self { page: self.page, ..Self::default() }
    }

    /// Whether it asks for what is charged.
    pub fn of_charges(&self) -> bool {
        in_group(super::CHARGE, &self.action)
    }

    /// The first moment after what is asked for, if it has an end.
    pub fn end(&self) -> Option<Timestamp> {
        Timestamp::after_day(&self.until)
    }

    /// Tells which events pass.
    pub fn filter(&self) -> impl Fn(&Event) -> bool + '_ {
        let (from, end) = (Timestamp::of_day(&self.from), self.end());
        let actor = self.actor.to_lowercase();
        move |event| {
            self.subject.is_none_or(|subject| event.subject == subject)
                && self.project.is_none_or(|project| event.project == Some(project))
                && self.account.is_none_or(|account| event.account == Some(account))
                && in_group(&self.action, &event.action)
                && (actor.is_empty() || contains(&event.actor, &actor))
                && from.is_none_or(|from| event.at >= from)
                && end.is_none_or(|end| event.at < end)
        }
    }
}

/// Whether `action` is `wanted`, or of the group `wanted`.
pub(super) fn in_group(wanted: &str, action: &str) -> bool {
    wanted.is_empty()
        || action.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn action(text: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || matches!(c, '.' | '_' | '-');
    let text = text.trim();
    if text.len() <= ACTION_CHARS_MAX && text.chars().all(plain) { text.to_owned() } else { String::new() }
}

fn day(text: &str) -> String {
    Timestamp::of_day(text).map(Timestamp::iso_day).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::ImageId;
    use proptest::prelude::*;
    use uuid::Uuid;

    #[test]
    fn an_unreadable_address_falls_back_to_the_default() {
        let pairs =
            [("page", "x"), ("action", "Image!"), ("from", "yesterday"), ("image", "1"), ("what", "ever")];
        assert_eq!(AuditQuery::from_pairs(pairs.into_iter()), AuditQuery::default());
        assert_eq!(AuditQuery::default().address(), "");
    }

    #[test]
    fn a_group_holds_its_actions_and_nothing_that_only_begins_alike() {
        for (wanted, action, passes) in [
            ("", "image.delete", true),
            ("image", "image.delete", true),
            ("image.delete", "image.delete", true),
            ("image.del", "image.delete", false),
            ("image", "imagery.new", false),
        ] {
            assert_eq!(in_group(wanted, action), passes, "{wanted} {action}");
        }
    }

    proptest! {
        #[test]
        fn an_address_reads_back_as_the_same_query(
            about in any::<bool>(), of in any::<bool>(), action in "[a-z]{0,8}(\\.[a-z]{1,8})?", actor in "[a-zA-Z@äß&=]{0,12}",
            from in any::<bool>(), until in any::<bool>(), page in 1u32..50,
        ) {
            let day = |is: bool| if is { "2026-11-18".to_owned() } else { String::new() };
            let subject = about.then_some(Subject::Image(ImageId(Uuid::from_u128(5))));
            let id = of.then(|| Uuid::from_u128(6));
            let (project, account) = (id.map(ProjectId), id.map(AccountId));
            let query = AuditQuery { subject, project, account, action, actor, from: day(from), until: day(until), page };
            let pairs = query.pairs();
            prop_assert_eq!(AuditQuery::from_pairs(pairs.iter().map(|(k, v)| (*k, v.as_str()))), query);
        }
    }
}
