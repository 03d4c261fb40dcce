//! Time is `i64` nanoseconds, with its clock named.

use std::fmt;

/// Nanoseconds since the clock's epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct TimeNs(pub i64);

impl TimeNs {
    /// From whole seconds and nanoseconds, as ROS and protobuf write a stamp. `None` when it does not fit.
    pub fn from_parts(secs: i64, nanos: i64) -> Option<Self> {
        secs.checked_mul(1_000_000_000)?.checked_add(nanos).map(Self)
    }

    /// Seconds as a float: for display and plots, never for arithmetic on stamps.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 * 1e-9
    }
}

impl fmt::Display for TimeNs {
    /// `seconds.nanoseconds`, exact.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, abs) = if self.0 < 0 {
            ("-", self.0.unsigned_abs())
        } else {
            ("", self.0.unsigned_abs())
        };
        f.pad(&format!("{sign}{}.{:09}", abs / 1_000_000_000, abs % 1_000_000_000))
    }
}

/// The clock that a stamp was read from. Stamps of two clocks must not be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The recorder's clock when the message arrived (MCAP `log_time`).
    Log,
    /// The stamp that the sensor or its driver wrote into the message header.
    Sensor,
    /// UTC from a GNSS receiver or from files that name a date.
    Utc,
    /// Only the order within the recording is known (frame numbers).
    Sequence,
    /// Independent images: no time at all.
    None,
}

impl Clock {
    /// The name used in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Sensor => "sensor",
            Self::Utc => "utc",
            Self::Sequence => "sequence",
            Self::None => "none",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_exact() {
        assert_eq!(TimeNs(1_234_567_890_123_456_789).to_string(), "1234567890.123456789");
        assert_eq!(TimeNs(-1).to_string(), "-0.000000001");
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        assert_eq!(TimeNs::from_parts(i64::MAX, 0), None);
        assert_eq!(TimeNs::from_parts(1, 5), Some(TimeNs(1_000_000_005)));
    }
}
