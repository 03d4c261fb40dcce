//! What is asserted, how bad it is when it does not hold, and what counts as one cause.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An assertion. Its parameters stand under its name in the rules' TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Length, width and height of a cuboid are possible for its class.
    Size,
    /// Width by height of a box in the image is possible for its class.
    Aspect,
    /// The speed over ground is possible for its class.
    Speed,
    /// An object goes on from where it was.
    Teleport,
    /// An object keeps its size.
    SizeJump,
    /// An object in plain view is seen in every frame.
    Flicker,
    /// An object keeps its class.
    ClassFlip,
    /// What drives faces where it goes, and turns no faster than it can.
    Heading,
    /// What stands on the ground is neither in it nor above it.
    Ground,
    /// Nothing is inside walls.
    Solid,
    /// What a camera sees close by is hit by the lidar.
    Lidar,
    /// No object is found twice.
    Duplicate,
    /// What appears comes from the border of the image, from afar or from behind something.
    Appearance,
    /// Sizes and motion are those that were learned for the class.
    Prior,
    /// The stamps of a signal ascend, with the clock of the log.
    Clock,
    /// A signal or sensor with a steady rate is not silent.
    Gap,
    /// A signal changes while the vehicle moves.
    Frozen,
    /// The values of a signal are possible for a vehicle on a road.
    SignalRange,
    /// A signal goes on from where it was.
    SignalJump,
    /// Signals agree about how fast the vehicle is.
    Disagree,
}

impl Rule {
    /// Every rule: first those about objects, then those about signals.
    pub const ALL: [Self; 20] = [
        Self::Size,
        Self::Aspect,
        Self::Speed,
        Self::Teleport,
        Self::SizeJump,
        Self::Flicker,
        Self::ClassFlip,
        Self::Heading,
        Self::Ground,
        Self::Solid,
        Self::Lidar,
        Self::Duplicate,
        Self::Appearance,
        Self::Prior,
        Self::Clock,
        Self::Gap,
        Self::Frozen,
        Self::SignalRange,
        Self::SignalJump,
        Self::Disagree,
    ];

    /// Is it about the samples of signals and the stamps of frames? The others are about objects.
    pub fn is_of_signals(self) -> bool {
        matches!(
            self,
            Self::Clock | Self::Gap | Self::Frozen | Self::SignalRange | Self::SignalJump | Self::Disagree
        )
    }

    /// Its name in TOML and tables: `size`, `size_jump`, ….
    pub fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Aspect => "aspect",
            Self::Speed => "speed",
            Self::Teleport => "teleport",
            Self::SizeJump => "size_jump",
            Self::Flicker => "flicker",
            Self::ClassFlip => "class_flip",
            Self::Heading => "heading",
            Self::Ground => "ground",
            Self::Solid => "solid",
            Self::Lidar => "lidar",
            Self::Duplicate => "duplicate",
            Self::Appearance => "appearance",
            Self::Prior => "prior",
            Self::Clock => "clock",
            Self::Gap => "gap",
            Self::Frozen => "frozen",
            Self::SignalRange => "signal_range",
            Self::SignalJump => "signal_jump",
            Self::Disagree => "disagree",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a look when there is time.
    Low,
    /// Costs accuracy.
    Medium,
    /// Would disturb a driver.
    High,
    /// Nobody should drive with it.
    Critical,
}

impl Severity {
    /// Its name in TOML and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What one ticket is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One object, or one signal, of one recording: what went wrong there and then. The key is rule, recording and object.
    Object,
    /// One class in one recording. The key is rule, recording and class.
    Recording,
    /// One class wherever it is seen: what the detector believes of it. The key is rule and class, so that it recurs over recordings.
    Class,
}

impl Scope {
    /// Its name in TOML and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Recording => "recording",
            Self::Class => "class",
        }
    }
}

/// Whose boxes are checked. Labels come from people who look twice and have no scores: the rules are stricter with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// What a detector or tracker found.
    Detections,
    /// What was labelled.
    Labels,
}
