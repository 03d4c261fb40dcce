//! Money in whole millionths, so that a ledger adds up to the last digit.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use crate::error::LabelError;

/// Millionths in one unit.
const UNIT: u64 = 1_000_000;
/// Decimals of a millionth.
const DECIMALS: usize = 6;

/// A currency, by its code in ISO 4217.
///
/// ```
/// use guideway_label::Currency;
/// assert_eq!(Currency::new("EUR")?.code(), "EUR");
/// assert!(Currency::new("euro").is_err());
/// # Ok::<(), guideway_label::LabelError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// Dollars of the United States.
    pub const USD: Self = Self(*b"USD");

    /// The currency of this code: three capital letters.
    ///
    /// # Errors
    /// [`LabelError::NoCurrency`] for anything else.
    pub fn new(code: &str) -> Result<Self, LabelError> {
        match <[u8; 3]>::try_from(code.as_bytes()) {
            Ok(letters) if letters.iter().all(u8::is_ascii_uppercase) => Ok(Self(letters)),
            _ => Err(LabelError::NoCurrency { text: code.to_owned() }),
        }
    }

    /// Its code.
    pub fn code(&self) -> &str {
        // Letters of ASCII are UTF-8.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// What is written before an amount, where that is the custom.
    fn symbol(self) -> Option<&'static str> {
        match &self.0 {
            b"USD" => Some("$"),
            b"EUR" => Some("€"),
            b"GBP" => Some("£"),
            b"INR" => Some("₹"),
            b"JPY" => Some("¥"),
            b"KRW" => Some("₩"),
            _ => None,
        }
    }

    /// Decimals of the smallest coin.
    fn decimals(self) -> usize {
        match &self.0 {
            b"JPY" | b"KRW" => 0,
            _ => 2,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl TryFrom<String> for Currency {
    type Error = LabelError;

    fn try_from(code: String) -> Result<Self, LabelError> {
        Self::new(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

/// An amount of money: whole millionths of a currency.
///
/// Amounts of different currencies are neither more nor less than each other, and do not add. It is written exactly, with at least
/// the decimals of the smallest coin; a precision rounds it.
///
/// ```
/// use guideway_label::{Currency, Money};
/// let price = Money::parse("0.036", Currency::USD)?;
/// let bill = price.times(1000)?.checked_add(Money::from_micros(12_000, Currency::USD))?;
/// assert_eq!(bill.to_string(), "$36.012");
/// assert_eq!(format!("{bill:.2}"), "$36.01");
/// assert!(bill > price);
/// # Ok::<(), guideway_label::LabelError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    micros: i64,
    currency: Currency,
}

impl Money {
    /// This many millionths.
    pub const fn from_micros(micros: i64, currency: Currency) -> Self {
        Self { micros, currency }
    }

    /// Nothing.
    pub const fn zero(currency: Currency) -> Self {
        Self::from_micros(0, currency)
    }

    /// Reads a decimal number with up to six decimals, with or without the currency's symbol or code: `12.50`, `-0.036`, `$3`,
    /// `3 CHF`.
    ///
    /// # Errors
    /// [`LabelError::Amount`] for another text, [`LabelError::TooMuchMoney`] for a number that is too large.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, LabelError> {
        let wrong = |allowed| LabelError::Amount {
            text: text.to_owned(),
            currency,
            allowed,
        };
        let trimmed = text.trim();
        let (negative, rest) = trimmed.strip_prefix('-').map_or((false, trimmed), |rest| (true, rest));
        let rest = currency.symbol().and_then(|s| rest.strip_prefix(s)).unwrap_or(rest);
        let rest = rest.strip_suffix(currency.code()).map_or(rest, str::trim_end);
        let (whole, part) = rest.split_once('.').unwrap_or((rest, "0"));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) {
            return Err(wrong("a decimal number, such as 12.50"));
        }
        let part = part.trim_end_matches('0');
        if part.len() > DECIMALS {
            return Err(wrong("up to six decimals"));
        }
        let too_much = || LabelError::TooMuchMoney { currency };
        // With nothing but digits left, only a number that is too large fails to parse.
        let micros = format!("{whole}{part:0<DECIMALS$}").parse::<i64>().ok();
        let micros = micros.ok_or_else(too_much)?;
        Ok(Self::from_micros(if negative { -micros } else { micros }, currency))
    }

    /// Millionths.
    pub const fn micros(self) -> i64 {
        self.micros
    }

    /// Of which currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The amount as a number, for plots and means. Ledgers add amounts.
    pub fn to_f64(self) -> f64 {
        self.micros as f64 / UNIT as f64
    }

    /// Both together.
    ///
    /// # Errors
    /// [`LabelError::Currencies`], or [`LabelError::TooMuchMoney`].
    pub fn checked_add(self, other: Self) -> Result<Self, LabelError> {
        self.both(other, i64::checked_add)
    }

    /// What is left when `other` is spent.
    ///
    /// # Errors
    /// [`LabelError::Currencies`], or [`LabelError::TooMuchMoney`].
    pub fn checked_sub(self, other: Self) -> Result<Self, LabelError> {
        self.both(other, i64::checked_sub)
    }

    /// This many times as much.
    ///
    /// # Errors
    /// [`LabelError::TooMuchMoney`].
    pub fn times(self, count: u64) -> Result<Self, LabelError> {
        let micros = i64::try_from(count).ok().and_then(|n| self.micros.checked_mul(n));
        self.with(micros)
    }

    /// All together; nothing when there are none.
    ///
    /// # Errors
    /// [`LabelError::Currencies`], or [`LabelError::TooMuchMoney`].
    pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Self>) -> Result<Self, LabelError> {
        amounts.into_iter().try_fold(Self::zero(currency), Self::checked_add)
    }

    /// The price `value` of a file; exact for what [`crate::LabelersFile::validate`] lets pass.
    pub(crate) fn from_price(value: f64, currency: Currency) -> Self {
        Self::from_micros((value * UNIT as f64).round() as i64, currency)
    }

    /// The next whole millionth above.
    pub(crate) fn at_least(micros: f64, currency: Currency) -> Result<Self, LabelError> {
        let whole = micros.ceil();
        // 2⁶³ as a float is one more than the largest amount.
        let fits = whole < i64::MAX as f64 && whole > i64::MIN as f64;
        Self::zero(currency).with(fits.then_some(whole as i64))
    }

    fn both(self, other: Self, of: fn(i64, i64) -> Option<i64>) -> Result<Self, LabelError> {
        if self.currency != other.currency {
            return Err(LabelError::Currencies {
                left: self,
                right: other,
            });
        }
        self.with(of(self.micros, other.micros))
    }

    fn with(self, micros: Option<i64>) -> Result<Self, LabelError> {
        let currency = self.currency;
        micros
            .map(|micros| Self { micros, currency })
            .ok_or(LabelError::TooMuchMoney { currency })
    }

    /// The number without sign and currency, rounded half up to `decimals` or written exactly.
    fn number(self, decimals: Option<usize>) -> String {
        let micros = self.micros.unsigned_abs();
        let kept = decimals.unwrap_or(DECIMALS).min(DECIMALS);
        let step = 10_u64.pow((DECIMALS - kept) as u32);
        let rounded = (micros + step / 2) / step * step;
        let mut text = format!("{}.{:06}", rounded / UNIT, rounded % UNIT);
        let point = text.len() - DECIMALS - 1;
        let least = decimals.unwrap_or(self.currency.decimals());
        let spare = match decimals {
            Some(_) => DECIMALS.saturating_sub(least),
            None => (text.len() - text.trim_end_matches('0').len()).min(DECIMALS - least),
        };
        text.truncate(text.len() - spare);
        if text.len() == point + 1 {
            text.truncate(point);
        }
        text.extend(std::iter::repeat_n('0', least.saturating_sub(DECIMALS)));
        text
    }
}

impl PartialOrd for Money {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        (self.currency == other.currency).then(|| self.micros.cmp(&other.micros))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number(f.precision());
        let sign = if self.micros < 0 { "-" } else { "" };
        let text = match self.currency.symbol() {
            Some(symbol) => format!("{sign}{symbol}{number}"),
            None => format!("{sign}{number} {}", self.currency),
        };
        // `pad` would take the precision for a length.
        let missing = f.width().unwrap_or(0).saturating_sub(text.chars().count());
        let before = match f.align() {
            Some(fmt::Alignment::Left) => 0,
            Some(fmt::Alignment::Center) => missing / 2,
            Some(fmt::Alignment::Right) | None => missing,
        };
        let fill = f.fill();
        (0..before).try_for_each(|_| f.write_char(fill))?;
        f.write_str(&text)?;
        (before..missing).try_for_each(|_| f.write_char(fill))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USD: Currency = Currency::USD;

    fn usd(micros: i64) -> Money {
        Money::from_micros(micros, USD)
    }

    #[test]
    fn amounts_are_written_exactly_and_read_again() {
        for (micros, text) in [
            (0, "$0.00"),
            (1, "$0.000001"),
            (36_000, "$0.036"),
            (500_000, "$0.50"),
            (1_230_000, "$1.23"),
            (-1_200_000, "-$1.20"),
            (100_000_000, "$100.00"),
            (i64::MAX, "$9223372036854.775807"),
        ] {
            assert_eq!(usd(micros).to_string(), text);
            assert_eq!(Money::parse(text, USD).unwrap(), usd(micros));
        }
        let chf = Currency::new("CHF").unwrap();
        assert_eq!(Money::from_micros(1_500_000, chf).to_string(), "1.50 CHF");
        assert_eq!(Money::parse("1.50 CHF", chf).unwrap().micros(), 1_500_000);
        let jpy = Currency::new("JPY").unwrap();
        assert_eq!(Money::from_micros(120_000_000, jpy).to_string(), "¥120");
        assert_eq!(Money::from_micros(120_500_000, jpy).to_string(), "¥120.5");
    }

    #[test]
    fn a_precision_rounds_and_a_width_fills() {
        assert_eq!(format!("{:.2}", usd(1_235_000)), "$1.24");
        assert_eq!(format!("{:.2}", usd(1_999_999)), "$2.00");
        assert_eq!(format!("{:.0}", usd(1_500_000)), "$2");
        assert_eq!(format!("{:.8}", usd(1)), "$0.00000100");
        assert_eq!(format!("{:.0}", usd(i64::MIN)), "-$9223372036855");
        assert_eq!(
            format!("{:>8}|{:<8}|{:*^8}", usd(0), usd(0), usd(0)),
            "   $0.00|$0.00   |*$0.00**"
        );
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in [
            "",
            "-",
            "$",
            "1,5",
            "1.",
            ".5",
            "1e3",
            "€3",
            "--1",
            "+1",
            "0.0000001",
            "NaN",
            "3 EUR",
        ] {
            assert!(
                matches!(Money::parse(text, USD), Err(LabelError::Amount { .. })),
                "{text}"
            );
        }
        let large = "9223372036854.775808";
        assert!(matches!(Money::parse(large, USD), Err(LabelError::TooMuchMoney { .. })));
        for code in ["", "usd", "US", "USDT", "U$D", "ÜS"] {
            assert!(Currency::new(code).is_err(), "{code}");
        }
    }

    #[test]
    fn sums_are_exact() {
        // A tenth is no binary fraction: ten thousand of them as floats miss the thousand.
        let tenth = Money::parse("0.1", USD).unwrap();
        assert_eq!(
            Money::sum(USD, std::iter::repeat_n(tenth, 10_000)).unwrap(),
            usd(1_000_000_000)
        );
        assert_eq!(tenth.times(10_000).unwrap(), usd(1_000_000_000));
        assert_eq!(usd(5).checked_sub(usd(7)).unwrap(), usd(-2));
        assert_eq!(Money::sum(USD, []).unwrap(), Money::zero(USD));
    }

    #[test]
    fn what_cannot_be_counted_is_an_error() {
        let eur = Money::zero(Currency::new("EUR").unwrap());
        assert!(matches!(usd(1).checked_add(eur), Err(LabelError::Currencies { .. })));
        assert_eq!(usd(1).partial_cmp(&eur), None);
        assert!(matches!(
            usd(i64::MAX).checked_add(usd(1)),
            Err(LabelError::TooMuchMoney { .. })
        ));
        assert!(usd(2).times(u64::MAX).is_err() && usd(i64::MAX).times(2).is_err());
        assert!(Money::at_least(1e19, USD).is_err() && Money::at_least(f64::NAN, USD).is_err());
        assert_eq!(Money::at_least(0.1, USD).unwrap(), usd(1));
    }

    #[test]
    fn json_keeps_every_digit() {
        let text = serde_json::to_string(&usd(i64::MAX)).unwrap();
        assert_eq!(text, r#"{"micros":9223372036854775807,"currency":"USD"}"#);
        assert_eq!(serde_json::from_str::<Money>(&text).unwrap(), usd(i64::MAX));
        assert!(serde_json::from_str::<Money>(r#"{"micros":1,"currency":"dollar"}"#).is_err());
    }
}
