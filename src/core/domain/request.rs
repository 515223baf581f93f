//! Asking the provider: for more than the limits allow (U18), or for an image to be deployable in another region (U15); the states of such
//! a request, and what may be done in each. It must not know
//! who is asking: that is the policy's.

use super::error::Reason;
use super::ids::{AccountId, ImageId, RegionId, RequestId};
use super::page::{address, grouped};
use super::quota::Limits;
use super::text::{Name, counted};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The most GB that can be asked for: a petabyte.
const STORED_GB_ASKED_MAX: u32 = 1_000_000;

/// What more can be asked for of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuotaKind {
    /// Images of the account in the region.
    Images,
    /// Machines of the account in the region.
    Instances,
    /// Accepted shares of the account's images in the region.
    Shares,
    /// Stored GB of the account's images in the region.
    Storage,
    /// Snapshots of the account in the region.
    Snapshots,
    /// Images of the account being made at the same time in the region.
    Creates,
}

impl QuotaKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Images, Self::Instances, Self::Shares, Self::Storage, Self::Snapshots, Self::Creates];

    /// The word in addresses and forms.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Instances => "instances",
            Self::Shares => "shares",
            Self::Storage => "storage",
            Self::Snapshots => "snapshots",
            Self::Creates => "creates",
        }
    }

    /// The word for more of it: *more images*, *more images being made at once*.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Storage => "GB of images",
            Self::Creates => "images being made at once",
            Self::Images | Self::Instances | Self::Shares | Self::Snapshots => self.slug(),
        }
    }

    /// The kind of this word.
    pub fn read(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == slug)
    }

    /// So many of it: `1 image`, `30 images`, `30 GB of images`, `40 images being made at once`.
    pub fn counted(self, n: u32) -> String {
        match self {
            Self::Storage => format!("{} GB of images", grouped(n)),
            Self::Creates => format!("{} being made at once", counted(n, "image")),
            Self::Images | Self::Instances | Self::Shares | Self::Snapshots => {
                counted(n, self.slug().trim_end_matches('s'))
            }
        }
    }

    /// The most of it that can be asked for or given, where `n_max` is the most of what is counted one by one: GB are counted by thousands.
    pub const fn asked_max(self, n_max: u32) -> u32 {
        match self {
            Self::Storage => STORED_GB_ASKED_MAX,
            Self::Images | Self::Instances | Self::Shares | Self::Snapshots | Self::Creates => n_max,
        }
    }

    /// Its limit among these.
    pub const fn limit(self, limits: &Limits) -> u32 {
        match self {
            Self::Images => limits.n_images_max,
            Self::Instances => limits.n_instances_max,
            Self::Shares => limits.n_shares_max,
            Self::Storage => limits.stored_gb_max,
            Self::Snapshots => limits.n_snapshots_max,
            Self::Creates => limits.n_creates_max,
        }
    }

    /// The same limits but for this one.
    #[must_use]
    pub const fn with_limit(self, limits: Limits, n: u32) -> Limits {
        match self {
            Self::Images => Limits { n_images_max: n, ..limits },
            Self::Instances => Limits { n_instances_max: n, ..limits },
            Self::Shares => Limits { n_shares_max: n, ..limits },
            Self::Storage => Limits { stored_gb_max: n, ..limits },
            Self::Snapshots => Limits { n_snapshots_max: n, ..limits },
            Self::Creates => Limits { n_creates_max: n, ..limits },
        }
    }
}

/// Where a request stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The provider has not decided.
    Pending,
    /// The provider gave more.
    Approved,
    /// The provider gave nothing, and the note says why.
    Declined,
    /// The account took it back.
    Withdrawn,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Approved, Self::Declined, Self::Withdrawn];

    /// The word people see.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "Waiting",
            Self::Approved => "Approved",
            Self::Declined => "Declined",
            Self::Withdrawn => "Withdrawn",
        }
    }

    /// The word in addresses.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// How a request ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// Who ended it, by their e-mail address.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What they said about it; empty for nothing.
    pub note: String,
    /// The limit that holds from then on, where more was given.
    pub granted: Option<u32>,
}

/// What a request is for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "lowercase")]
pub enum Wish {
    /// A higher limit in the region.
    More {
        /// Of what.
        kind: QuotaKind,
        /// The limit that was in force.
        limit: u32,
        /// The limit that is asked for.
        wanted: u32,
    },
    /// An image of another region that can be deployed in the region (U15).
    Reach {
        /// The image.
        image: ImageId,
        /// Its name then.
        name: Name,
        /// The region it is in.
        home: RegionId,
    },
}

impl Wish {
    /// What keeps the same wish from waiting twice in a region.
    pub fn key(&self) -> String {
        match self {
            Self::More { kind, .. } => kind.slug().to_owned(),
            Self::Reach { image, .. } => format!("reach {image}"),
        }
    }

    /// The region of the image that is wanted in another one.
    pub const fn home(&self) -> Option<&RegionId> {
        match self {
            Self::More { .. } => None,
            Self::Reach { home, .. } => Some(home),
        }
    }

    /// `30 images`, or `web-1 to be deployed in south-1`.
    pub fn words(&self, region: &RegionId) -> String {
        match self {
            Self::More { kind, wanted, .. } => kind.counted(*wanted),
            Self::Reach { name, .. } => format!("{name} to be deployed in {region}"),
        }
    }

    /// What there is instead: `Instead of 10 in north-1`, or `It is in north-1`.
    pub fn instead(&self, region: &RegionId) -> String {
        match self {
            Self::More { limit, .. } => format!("Instead of {} in {region}", grouped(*limit)),
            Self::Reach { home, .. } => format!("It is in {home}"),
        }
    }
}

/// An account asks for something in a region. Of each [`Wish::key`] at most one waits there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// Who asks.
    pub account: AccountId,
    /// Where.
    pub region: RegionId,
    /// For what.
    pub wish: Wish,
    /// What it is needed for.
    pub reason: String,
    /// The person who asked, by their e-mail address.
    pub by: String,
    /// When it was asked.
    pub at: Timestamp,
    /// Where it stands.
    pub state: State,
    /// How it ended; `None` while it waits.
    pub decision: Option<Decision>,
}

impl Request {
    /// Ends the request. Only one that waits can end.
    ///
    /// # Errors
    /// The rule, the current value and the way out.
    pub fn end(&mut self, state: State, decision: Decision) -> Result<(), Reason> {
        if self.state != State::Pending || state == State::Pending {
            let day = self.decision.as_ref().map(|d| format!(" on {}", d.at.day())).unwrap_or_default();
            return Err(Reason::new(
                "request_ended",
                "Only a request that waits can be decided or withdrawn.",
                format!("This one was {}{day}.", self.state.word().to_lowercase()),
                "If it is still needed, it can be asked again.",
            ));
        }
        (self.state, self.decision) = (state, Some(decision));
        Ok(())
    }

    /// `30 images instead of 10 in north-1`, or `web-1 of north-1 to be deployed in south-1`.
    pub fn words(&self) -> String {
        match &self.wish {
            Wish::More { kind, limit, wanted } => {
                format!("{} instead of {limit} in {}", kind.counted(*wanted), self.region)
            }
            Wish::Reach { name, home, .. } => format!("{name} of {home} to be deployed in {}", self.region),
        }
    }
}

/// A query over all requests. On the wire a missing part is the default, which asks for everything.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestQuery {
    /// Only in this state.
    pub state: Option<State>,
    /// Page, from 1.
    pub page: u32,
}

impl Default for RequestQuery {
    fn default() -> Self {
        Self { state: None, page: 1 }
    }
}

impl RequestQuery {
    /// Reads the query from the pairs of an address; what cannot be read falls back to the default, so that an old link still works.
    pub fn from_pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut query = Self::default();
        for (key, value) in pairs {
            match key {
                "state" => query.state = State::ALL.into_iter().find(|state| state.slug() == value),
                "page" => query.page = value.parse().unwrap_or(1).max(1),
                _ => {}
            }
        }
        query
    }

    /// The pairs of the query's address; none when it is the default. Reading them back gives the same query.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        pairs.extend(self.state.map(|state| ("state", state.slug().to_owned())));
        if self.page > 1 {
            pairs.push(("page", self.page.to_string()));
        }
        pairs
    }

    /// The query as `?…`, or nothing when it is the default.
    pub fn address(&self) -> String {
        address(&self.pairs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn request() -> Request {
        Request {
            id: RequestId(Uuid::nil()),
            account: AccountId(Uuid::nil()),
            region: "north-1".into(),
            wish: Wish::More { kind: QuotaKind::Images, limit: 1, wanted: 30 },
            reason: "A test farm.".to_owned(),
            by: "owner@acme.example".to_owned(),
            at: Timestamp(0),
            state: State::Pending,
            decision: None,
        }
    }

    #[test]
    fn what_is_asked_for_reads_as_a_phrase() {
        assert_eq!(request().words(), "30 images instead of 1 in north-1");
        assert_eq!(QuotaKind::Instances.counted(1), "1 instance");
        assert_eq!(QuotaKind::Storage.counted(2000), "2,000 GB of images");
        assert_eq!(QuotaKind::Creates.counted(1), "1 image being made at once");
        for kind in QuotaKind::ALL {
            assert!(kind.counted(7).ends_with(kind.noun()), "{kind:?}");
            assert_eq!(QuotaKind::read(kind.slug()), Some(kind));
        }
        let name = Name::parse("web").expect("valid");
        let wish = Wish::Reach { image: ImageId(Uuid::nil()), name, home: "south-1".into() };
        assert_eq!(Request { wish, ..request() }.words(), "web of south-1 to be deployed in north-1");
    }

    #[test]
    fn an_address_reads_back_as_the_same_query() {
        for state in State::ALL.into_iter().map(Some).chain([None]) {
            let query = RequestQuery { state, page: 3 };
            let pairs = query.pairs();
            assert_eq!(RequestQuery::from_pairs(pairs.iter().map(|(k, v)| (*k, v.as_str()))), query);
        }
    }

    proptest! {
        /// Whatever is tried in whatever order: the first end holds, and it has its decision.
        #[test]
        fn a_request_ends_once(tries in proptest::collection::vec(proptest::sample::select(State::ALL.to_vec()), 0..8)) {
            let mut request = request();
            let mut model = None;
            for (n, state) in tries.into_iter().enumerate() {
                let at = Timestamp(i64::try_from(n).expect("few"));
                let decision = Decision { by: String::new(), at, note: String::new(), granted: None };
                let done = request.end(state, decision);
                let may = model.is_none() && state != State::Pending;
                prop_assert_eq!(done.is_ok(), may);
                if may {
                    model = Some((state, at));
                }
                prop_assert_eq!(model, request.decision.as_ref().map(|d| (request.state, d.at)));
                prop_assert_eq!(model.is_none(), request.state == State::Pending);
            }
        }
    }
}
