//! The version of the format that a workspace is written in.

use std::fmt;

use guideway_core::Hint;
use thiserror::Error;

/// The version that this build writes.
pub const FORMAT_VERSION: FormatVersion = FormatVersion { major: 1, minor: 3 };

/// Major: readers of another major cannot read it. Minor: columns or tables were added; an older build may read, but must
/// not write, since it would drop what it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct FormatVersion {
    /// Raised when old readers would misread.
    pub major: u32,
    /// Raised when a table or a column is added.
    pub minor: u32,
}

/// A workspace in a format that this build cannot use.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VersionError {
    /// Another major version.
    #[error("the workspace has format {found}, this build reads {supported}")]
    NotReadable {
        /// In the workspace.
        found: FormatVersion,
        /// In this build.
        supported: FormatVersion,
    },
    /// A newer minor version: reading is fine, writing would lose what this build does not know.
    #[error(
        "the workspace has the newer format {found}, this build writes {supported} and would drop what it does not know"
    )]
    NotWritable {
        /// In the workspace.
        found: FormatVersion,
        /// In this build.
        supported: FormatVersion,
    },
}

impl Hint for VersionError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotReadable { found, supported } if found > supported => "use a newer guideway".to_owned(),
            Self::NotReadable { .. } => "use the guideway release that wrote it, and export what you need".to_owned(),
            Self::NotWritable { .. } => "use a newer guideway to write; reading works with this one".to_owned(),
        })
    }
}

impl FormatVersion {
    /// May this build read a workspace of that version?
    pub fn check_readable(self) -> Result<(), VersionError> {
        if self.major == FORMAT_VERSION.major {
            Ok(())
        } else {
            Err(VersionError::NotReadable {
                found: self,
                supported: FORMAT_VERSION,
            })
        }
    }

    /// May this build write to a workspace of that version?
    pub fn check_writable(self) -> Result<(), VersionError> {
        self.check_readable()?;
        if self.minor.saturating_sub(FORMAT_VERSION.minor) == 0 {
            Ok(())
        } else {
            Err(VersionError::NotWritable {
                found: self,
                supported: FORMAT_VERSION,
            })
        }
    }
}

impl fmt::Display for FormatVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_minor_is_read_only() {
        let newer = FormatVersion {
            minor: FORMAT_VERSION.minor + 1,
            ..FORMAT_VERSION
        };
        assert!(newer.check_readable().is_ok());
        assert!(matches!(newer.check_writable(), Err(VersionError::NotWritable { .. })));
    }

    #[test]
    fn other_major_is_refused() {
        let other = FormatVersion {
            major: FORMAT_VERSION.major + 1,
            minor: 0,
        };
        assert!(matches!(other.check_readable(), Err(VersionError::NotReadable { .. })));
    }
}
