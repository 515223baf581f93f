//! The forms of money between an account and its provider: booking into its ledger, how it pays, its budget.

use super::Faults;
use crate::domain::billing::{EntryKind, Mode};
use crate::domain::error::{Error, Result};
use crate::domain::ids::AccountId;
use crate::domain::money::Money;
use serde::{Deserialize, Serialize};

/// Characters of a reference.
pub const REFERENCE_CHARS_MAX: usize = 64;
/// Characters of a note.
pub const NOTE_CHARS_MAX: usize = 200;

/// The provider's form that books into the ledger of an account.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BookForm {
    /// The account, a UUID.
    pub account: String,
    /// `top_up`, `credit` or `correction`.
    pub kind: String,
    /// How much, such as `12.50`.
    pub amount: String,
    /// What names it once, such as the number of a bank transfer.
    pub reference: String,
    /// The number of the statement that is corrected; for nothing else.
    pub statement: String,
    /// What the account is told about it; may be empty.
    pub note: String,
}

/// Book into a ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Book {
    /// Whose.
    pub account: AccountId,
    /// As what.
    pub kind: EntryKind,
    /// How much, more than zero.
    pub amount: Money,
    /// What names it once.
    pub reference: String,
    /// The statement that is corrected.
    pub statement: Option<u64>,
    /// What the account is told.
    pub note: String,
}

impl BookForm {
    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<Book> {
        let mut faults = Faults::default();
        let account = faults.take("account", account(&self.account));
        let kind =
            faults.take("kind", EntryKind::read(&self.kind).ok_or_else(|| "Choose what it is.".to_owned()));
        let amount = Money::of_cents(&self.amount).and_then(|amount| match amount {
            Money::ZERO => Err("Nothing is no amount. Write one such as 12.50.".to_owned()),
            amount => Ok(amount),
        });
        let amount = faults.take("amount", amount);
        let reference = match self.reference.trim() {
            "" => {
                Err("A reference is missing. Write what names this once, such as the number of the transfer."
                    .to_owned())
            }
            _ => line(&self.reference, REFERENCE_CHARS_MAX),
        };
        let reference = faults.take("reference", reference);
        let statement = match (kind, self.statement.trim()) {
            (Some(EntryKind::Correction), number) => number.parse().map(Some).map_err(|_| {
                format!("“{number}” is not the number of a statement. Write the one that is corrected.")
            }),
            (_, "") => Ok(None),
            (_, _) => Err("Only a correction names a statement. Leave this empty.".to_owned()),
        };
        let statement = faults.take("statement", statement);
        let note = faults.take("note", line(&self.note, NOTE_CHARS_MAX));
        match (account, kind, amount, reference, statement, note) {
            (Some(account), Some(kind), Some(amount), Some(reference), Some(statement), Some(note)) => {
                Ok(Book { account, kind, amount, reference, statement, note })
            }
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

/// The provider's form that says how an account pays.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PaymentForm {
    /// The account, a UUID.
    pub account: String,
    /// `invoice` or `prepaid`.
    pub mode: String,
    /// How far below zero a prepaid balance may fall, such as `20.00`; empty for not at all.
    pub credit_limit: String,
    /// The balance below which a prepaid account is told; empty for never.
    pub low_balance: String,
}

/// Say how an account pays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Payment {
    /// Which account.
    pub account: AccountId,
    /// How it pays.
    pub mode: Mode,
    /// The balance below which it is told.
    pub low_balance: Option<Money>,
}

impl PaymentForm {
    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<Payment> {
        let mut faults = Faults::default();
        let account = faults.take("account", account(&self.account));
        let credit_limit = faults.take("credit_limit", optional(&self.credit_limit));
        let low_balance = faults.take("low_balance", optional(&self.low_balance));
        let mode = match self.mode.as_str() {
            "invoice" => Ok(Mode::Invoice),
            "prepaid" => Ok(Mode::Prepaid { credit_limit: credit_limit.flatten().unwrap_or_default() }),
            _ => Err("Choose how the account pays.".to_owned()),
        };
        let mode = faults.take("mode", mode);
        match (account, mode, credit_limit, low_balance) {
            (Some(account), Some(mode), Some(_), Some(low_balance)) => {
                Ok(Payment { account, mode, low_balance })
            }
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

/// The form of the budget of an account: that of whoever sends it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BudgetForm {
    /// How much a month may cost, such as `500`; empty for no budget.
    pub budget: String,
}

impl BudgetForm {
    /// Parses the form; `None` is no budget.
    ///
    /// # Errors
    /// `Invalid` at `budget`.
    pub fn parse(&self) -> Result<Option<Money>> {
        let budget =
            optional(&self.budget).map_err(|message| Error::field("budget", "invalid_input", message))?;
        Ok(budget.filter(|budget| *budget > Money::ZERO))
    }
}

fn account(text: &str) -> Result<AccountId, String> {
    text.parse().map_err(|_| "This account is not known. Open it again.".to_owned())
}

fn optional(text: &str) -> Result<Option<Money>, String> {
    if text.trim().is_empty() { Ok(None) } else { Money::of_cents(text).map(Some) }
}

/// One line of text of at most so many characters.
fn line(text: &str, n_max: usize) -> Result<String, String> {
    let text = text.trim();
    let n = text.chars().count();
    if n > n_max {
        return Err(format!("This is {n} characters long. It may have {n_max}."));
    }
    if text.chars().any(char::is_control) {
        return Err("This has a character that cannot be shown. Write one line of text.".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> BookForm {
        BookForm {
            account: "00000000-0000-0000-0000-000000000007".to_owned(),
            kind: "top_up".to_owned(),
            amount: "12.50".to_owned(),
            reference: " R-1 ".to_owned(),
            ..BookForm::default()
        }
    }

    #[test]
    fn a_booking_names_its_amount_and_its_reference() {
        let book = form().parse().expect("valid");
        assert_eq!((book.amount, book.reference.as_str()), (Money(12_500_000), "R-1"));
        let wrong = BookForm {
            amount: "0".to_owned(),
            reference: " ".to_owned(),
            statement: "1".to_owned(),
            ..form()
        };
        let fields = wrong.parse().expect_err("refused").fields;
        assert_eq!(
            fields.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(),
            ["amount", "reference", "statement"]
        );
        let wrong = BookForm { kind: "charge".to_owned(), note: "a\u{7}".to_owned(), ..form() };
        let fields = wrong.parse().expect_err("refused").fields;
        assert_eq!(fields.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(), ["kind", "note"]);
    }

    #[test]
    fn a_correction_names_its_statement() {
        let correction = BookForm { kind: "correction".to_owned(), ..form() };
        assert_eq!(correction.parse().expect_err("refused").fields[0].field, "statement");
        let correction = BookForm { statement: "12".to_owned(), ..correction };
        assert_eq!(correction.parse().expect("valid").statement, Some(12));
    }

    #[test]
    fn what_is_left_empty_is_none() {
        let form =
            PaymentForm { account: form().account, mode: "prepaid".to_owned(), ..PaymentForm::default() };
        let payment = form.parse().expect("valid");
        assert_eq!((payment.mode, payment.low_balance), (Mode::Prepaid { credit_limit: Money::ZERO }, None));
        let form = PaymentForm { mode: "later".to_owned(), low_balance: "x".to_owned(), ..form };
        assert_eq!(form.parse().expect_err("refused").fields.len(), 2);
        for (typed, budget) in [("", None), ("0", None), ("500", Some(Money(500_000_000)))] {
            assert_eq!(BudgetForm { budget: typed.to_owned() }.parse(), Ok(budget), "{typed}");
        }
        assert!(BudgetForm { budget: "-1".to_owned() }.parse().is_err());
    }
}
