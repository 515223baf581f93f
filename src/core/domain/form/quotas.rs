//! The forms of requests: asking for more, asking for an image in another region, and the provider's answer.

use super::Faults;
use crate::domain::error::{Error, Result};
use crate::domain::ids::{ImageId, RegionId, RequestId};
use crate::domain::request::QuotaKind;
use crate::domain::text;
use serde::{Deserialize, Serialize};

/// The dialog *Request increase*. It is for the account of whoever sends it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct QuotaRequestForm {
    /// The region, such as `north-1`.
    pub region: String,
    /// The word of what more is wanted of ([`QuotaKind::slug`]), such as `images`, or `storage`, which is in GB.
    pub kind: String,
    /// The limit that is asked for.
    pub wanted: String,
    /// What it is needed for.
    pub reason: String,
}

/// Ask for more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuotaAsk {
    /// Where.
    pub region: RegionId,
    /// Of what.
    pub kind: QuotaKind,
    /// The limit that is asked for.
    pub wanted: u32,
    /// What it is needed for.
    pub reason: String,
}

impl QuotaRequestForm {
    /// Parses the form. `n_max` is the most that can be asked for.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self, n_max: u32) -> Result<QuotaAsk> {
        let mut faults = Faults::default();
        let kind = QuotaKind::read(&self.kind).ok_or_else(|| "Choose what you need more of.".to_owned());
        let kind = faults.take("kind", kind);
        let most = kind.map_or(n_max, |kind| kind.asked_max(n_max));
        let wanted = faults.take("wanted", number(&self.wanted, most));
        let reason = faults.take("reason", text::reason(&self.reason));
        match (kind, wanted, reason) {
            (Some(kind), Some(wanted), Some(reason)) => {
                Ok(QuotaAsk { region: RegionId(self.region.clone()), kind, wanted, reason })
            }
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

/// The dialog *Deploy elsewhere*: asks for an image to be deployable in another region (U15).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ReachForm {
    /// The image, a UUID.
    pub image: String,
    /// The region, such as `south-1`.
    pub region: String,
    /// What it is needed for.
    pub reason: String,
}

/// Ask for an image to be deployable in another region.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReachAsk {
    /// The image.
    pub image: ImageId,
    /// Where.
    pub region: RegionId,
    /// What it is needed for.
    pub reason: String,
}

impl ReachForm {
    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<ReachAsk> {
        let mut faults = Faults::default();
        let image = self.image.parse().map_err(|_| "This image is not known. Open it again.".to_owned());
        let image = faults.take("image", image);
        let region = match self.region.trim() {
            "" => Err("Choose a region.".to_owned()),
            chosen => Ok(RegionId(chosen.to_owned())),
        };
        let region = faults.take("region", region);
        let reason = faults.take("reason", text::reason(&self.reason));
        match (image, region, reason) {
            (Some(image), Some(region), Some(reason)) => Ok(ReachAsk { image, region, reason }),
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

/// The provider's answer to a request.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct QuotaDecisionForm {
    /// The request, a UUID.
    pub request: String,
    /// `approve` or `decline`.
    pub verdict: String,
    /// What the account is told; one that is declined is told why.
    pub note: String,
    /// The new limit, where the verdict is `approve` and more was asked for.
    pub granted: String,
}

/// Decide about a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuotaDecision {
    /// The request.
    pub request: RequestId,
    /// What the account is told; empty for nothing.
    pub note: String,
    /// The answer.
    pub verdict: Verdict,
}

/// How a request is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Yes; with the new limit, where one was written.
    Approve(Option<u32>),
    /// No.
    Decline,
}

impl QuotaDecisionForm {
    /// Parses the form. `kind` is what more is asked for of, if it is more of something, and `n_max` the most that can be given.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self, kind: Option<QuotaKind>, n_max: u32) -> Result<QuotaDecision> {
        let n_max = kind.map_or(n_max, |kind| kind.asked_max(n_max));
        let mut faults = Faults::default();
        let request = faults.take("request", known_request(&self.request));
        let (note, verdict) = match self.verdict.as_str() {
            "approve" => {
                let granted = match self.granted.trim() {
                    "" => Some(None),
                    typed => faults.take("granted", number(typed, n_max)).map(Some),
                };
                (faults.take("note", text::note(&self.note)), granted.map(Verdict::Approve))
            }
            "decline" => (faults.take("note", text::reason(&self.note)), Some(Verdict::Decline)),
            _ => (None, faults.take("verdict", Err("Choose whether to approve or to decline.".to_owned()))),
        };
        match (request, note, verdict) {
            (Some(request), Some(note), Some(verdict)) => Ok(QuotaDecision { request, note, verdict }),
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

fn known_request(id: &str) -> Result<RequestId, String> {
    id.parse().map_err(|_| "This request is not known. Open it again.".to_owned())
}

fn number(typed: &str, n_max: u32) -> Result<u32, String> {
    let range = format!("Write a whole number from 1 to {n_max}.");
    match typed.trim().parse::<u32>() {
        Ok(n) if (1..=n_max).contains(&n) => Ok(n),
        Ok(n) => Err(format!("{n} cannot be asked for. {range}")),
        Err(_) if typed.trim().is_empty() => Err(format!("A number is missing. {range}")),
        Err(_) => Err(format!("“{}” is no number. {range}", typed.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_says_what_is_wrong_with_it() {
        let form = QuotaRequestForm {
            region: "north-1".into(),
            kind: "money".into(),
            wanted: "10001".into(),
            reason: "please".into(),
        };
        let refused = form.parse(10_000).expect_err("all three are wrong");
        let said: Vec<(&str, &str)> =
            refused.fields.iter().map(|f| (f.field.as_str(), f.message.as_str())).collect();
        assert_eq!(
            said,
            [
                ("kind", "Choose what you need more of."),
                ("wanted", "10001 cannot be asked for. Write a whole number from 1 to 10000."),
                ("reason", "Too short: 6 characters. Say it in 10 to 500 characters."),
            ]
        );
        let form = QuotaRequestForm { wanted: " 40 ".into(), ..form };
        let form = QuotaRequestForm { kind: "images".into(), reason: "A farm of tests.\r\n".into(), ..form };
        let asked = form.parse(10_000).expect("all three are right");
        assert_eq!((asked.wanted, asked.reason.as_str()), (40, "A farm of tests."));
    }

    #[test]
    fn declining_needs_a_note_and_what_approving_gives_is_a_number() {
        let request = "00000000-0000-4000-8000-000000000001";
        let form = |verdict: &str, note: &str, granted: &str| {
            let form = QuotaDecisionForm {
                request: request.into(),
                verdict: verdict.into(),
                note: note.into(),
                granted: granted.into(),
            };
            form.parse(Some(QuotaKind::Images), 10_000)
                .map_err(|e| e.fields.into_iter().map(|f| f.field).collect::<Vec<_>>())
        };
        assert_eq!(form("approve", "", "40").map(|d| d.verdict), Ok(Verdict::Approve(Some(40))));
        assert_eq!(form("approve", "", "many"), Err(vec!["granted".to_owned()]));
        assert_eq!(
            form("approve", "", " ").map(|d| d.verdict),
            Ok(Verdict::Approve(None)),
            "of an image in a region"
        );
        assert_eq!(form("decline", "There is no room.", "40").map(|d| d.verdict), Ok(Verdict::Decline));
        assert_eq!(form("decline", "", ""), Err(vec!["note".to_owned()]));
        assert_eq!(form("", "", ""), Err(vec!["verdict".to_owned()]));
    }
}
