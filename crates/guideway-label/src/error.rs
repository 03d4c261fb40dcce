//! What can go wrong between an order of labels and its answers.

use guideway_core::Hint;

use crate::money::{Currency, Money};

/// A labeler outside this crate failed: a labelling service wraps its own error.
pub type ServiceError = Box<dyn std::error::Error + Send + Sync>;

/// Labels that cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// The labelers file is not the TOML that it should be.
    #[error("the labelers file is not valid: {message}")]
    Syntax {
        /// What the parser said, with line and column.
        message: String,
        /// The known key nearest to an unknown one.
        suggestion: Option<String>,
    },
    /// A parameter outside its range.
    #[error("parameter `{parameter}` is {value}, allowed is {allowed}")]
    Parameter {
        /// Dotted path, with the labeler's name: `labelers.ann.miss_rate`.
        parameter: String,
        /// The value as given.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// A frame without pixels.
    #[error("frame {frame_id} has {width}×{height} px: there is nothing to label")]
    EmptyImage {
        /// The frame.
        frame_id: String,
        /// Width, px.
        width: u32,
        /// Height, px.
        height: u32,
    },
    /// A true box with a number that makes no sense.
    #[error("label {label_id} of frame {frame_id} has `{field}` {value}, allowed is {allowed}")]
    Truth {
        /// The frame.
        frame_id: String,
        /// The label.
        label_id: String,
        /// `bbox`, `occlusion` or `truncation`.
        field: &'static str,
        /// The value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Two true boxes of one frame with the same id.
    #[error("frame {frame_id} has two labels {label_id}")]
    RepeatedLabel {
        /// The frame.
        frame_id: String,
        /// The id.
        label_id: String,
    },
    /// Amounts of two currencies in one sum.
    #[error("{left} and {right} cannot be added: the currencies differ")]
    Currencies {
        /// One amount.
        left: Money,
        /// The other.
        right: Money,
    },
    /// An amount beyond what can be counted exactly.
    #[error("the amount is beyond {}", Money::from_micros(i64::MAX, *currency))]
    TooMuchMoney {
        /// The currency.
        currency: Currency,
    },
    /// A text that is no amount of money.
    #[error("{text:?} is no amount of {currency}: allowed is {allowed}")]
    Amount {
        /// The text.
        text: String,
        /// The currency that was expected.
        currency: Currency,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A text that is no currency.
    #[error("the currency is {text:?}, allowed is a code of three capital letters, such as USD")]
    NoCurrency {
        /// The text.
        text: String,
    },
    /// A labeler that is not simulated failed.
    #[error("{labeler} could not label frame {frame_id}")]
    Service {
        /// The labeler's name.
        labeler: String,
        /// The frame.
        frame_id: String,
        /// Its own error.
        #[source]
        source: ServiceError,
    },
}

impl Hint for LabelError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Syntax {
                suggestion: Some(name), ..
            } => return Some(format!("did you mean `{name}`?")),
            Self::Syntax { .. } => {
                "the file holds `seed`, `currency` and a list of [[labelers]]; each key has a default and may be left out"
            }
            Self::Parameter { .. } => "give a value in the range that the message names, or leave the key out",
            Self::EmptyImage { .. } => "leave the frame out, or ingest it again with its size",
            Self::Truth { .. } => "repair the label, or leave the frame out",
            Self::RepeatedLabel { .. } => "give each label an id of its own, or leave the frame out",
            Self::Currencies { .. } => "keep one ledger for each currency",
            Self::TooMuchMoney { .. } => "order the labels in smaller parts, or check the prices",
            Self::Amount { .. } => "write an amount as in 12.50",
            Self::NoCurrency { .. } => "codes are those of ISO 4217: USD, EUR, GBP, JPY",
            Self::Service { .. } => return None,
        };
        Some(text.to_owned())
    }
}
