//! What a loop costs: labels as they are paid, computing by the image.

use guideway_label::{Currency, LabelError, Money};
use serde::{Deserialize, Serialize};

/// Prices of computing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prices {
    pub(super) per_1000_trained: Money,
    pub(super) per_1000_predicted: Money,
}

/// Images that models looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Work {
    /// In training: images × epochs × models.
    pub trained: u64,
    /// In prediction: images × models.
    pub predicted: u64,
}

impl Work {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            trained: self.trained.saturating_add(other.trained),
            predicted: self.predicted.saturating_add(other.predicted),
        }
    }
}

impl Prices {
    /// What some work costs, to the next whole millionth above.
    pub(super) fn of(&self, work: Work) -> Result<Money, LabelError> {
        let part = |price: Money, images: u64| {
            let whole = price.times(images)?.micros();
            Ok(Money::from_micros(
                whole / 1000 + i64::from(whole % 1000 > 0),
                price.currency(),
            ))
        };
        part(self.per_1000_trained, work.trained)?.checked_add(part(self.per_1000_predicted, work.predicted)?)
    }
}

/// What a round, or a whole loop, costs. Exact, in millionths of the currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cost {
    /// Labels, in millionths.
    pub labels_micros: i64,
    /// Computing, in millionths.
    pub compute_micros: i64,
}

impl Cost {
    /// Both together, in millionths.
    pub fn total_micros(self) -> i64 {
        self.labels_micros.saturating_add(self.compute_micros)
    }

    /// The labels.
    pub fn labels(self, currency: Currency) -> Money {
        Money::from_micros(self.labels_micros, currency)
    }

    /// Computing.
    pub fn compute(self, currency: Currency) -> Money {
        Money::from_micros(self.compute_micros, currency)
    }

    /// Both together.
    pub fn total(self, currency: Currency) -> Money {
        Money::from_micros(self.total_micros(), currency)
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            labels_micros: self.labels_micros.saturating_add(other.labels_micros),
            compute_micros: self.compute_micros.saturating_add(other.compute_micros),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_priced_by_the_image_and_rounded_up() {
        let usd = |text| Money::parse(text, Currency::USD).unwrap();
        let prices = Prices {
            per_1000_trained: usd("0.0012"),
            per_1000_predicted: usd("0.5"),
        };
        let cost = |trained, predicted| prices.of(Work { trained, predicted }).unwrap().micros();
        assert_eq!(cost(0, 0), 0);
        assert_eq!(cost(1000, 1000), 1200 + 500_000);
        // 1.2 millionths are 2.
        assert_eq!(cost(1, 0), 2);
        assert_eq!(cost(3, 7), 4 + 3500);
    }
}
