//! What can go wrong before anything is checked.

use guideway_core::Hint;

use crate::ticket::State;

/// Rules that cannot be used, or a ticket that is not there. Bad observations are no errors: they are counted as warnings.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AssertError {
    /// The rules are not the TOML that they should be.
    #[error("the rules are not valid: {message}")]
    Syntax {
        /// What the parser said, with line and column.
        message: String,
        /// The known key nearest to an unknown one.
        suggestion: Option<String>,
    },
    /// A parameter outside its range.
    #[error("`{key}` is {value}, allowed is {allowed}")]
    Parameter {
        /// Dotted path: `labels.size_jump.ratio`.
        key: String,
        /// The value as given.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A class name that stands in two groups.
    #[error("class {name:?} stands in two groups, `classes.{first}` and `classes.{second}`")]
    Ambiguous {
        /// The name, normalised.
        name: String,
        /// One group.
        first: String,
        /// The other.
        second: String,
    },
    /// A pair in `may_overlap` that names no group.
    #[error("`{key}` names the class group {name:?}, which does not exist")]
    UnknownGroup {
        /// Dotted path.
        key: String,
        /// The name.
        name: String,
        /// The nearest group.
        suggestion: Option<String>,
    },
    /// Walls that cannot be read.
    #[error("{message}")]
    Solids {
        /// What is wrong, and at which feature.
        message: String,
        /// What to do.
        hint: &'static str,
    },
    /// No ticket has this id.
    #[error("there is no ticket {id}")]
    UnknownTicket {
        /// The id.
        id: String,
    },
    /// A ticket that is closed or dismissed already.
    #[error("ticket {id} is {state} already")]
    AlreadyClosed {
        /// The id.
        id: String,
        /// What it is.
        state: State,
    },
    /// A ticket that cannot be opened again, for it is open.
    #[error("ticket {id} is open")]
    StillOpen {
        /// The id.
        id: String,
    },
}

impl Hint for AssertError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Syntax {
                suggestion: Some(key), ..
            } => Some(format!("did you mean `{key}`?")),
            Self::Syntax { .. } => Some("compare with the shipped rules, where every key is explained".to_owned()),
            Self::Parameter { .. } => Some("give a value in the range that the message names".to_owned()),
            Self::Ambiguous { first, .. } => Some(format!(
                "take the name out of one of them; a list in your file replaces the shipped one, so name `classes.{first}.names` again without it"
            )),
            Self::UnknownGroup {
                suggestion: Some(name), ..
            } => Some(format!("did you mean {name:?}?")),
            Self::UnknownGroup { name, .. } => Some(format!("add a table [classes.{name}]")),
            Self::Solids { hint, .. } => Some((*hint).to_owned()),
            Self::UnknownTicket { .. } => Some("`guideway ticket ls --state all` lists them".to_owned()),
            Self::AlreadyClosed {
                state: State::Dismissed,
                ..
            } => Some("`guideway ticket reopen` opens it again".to_owned()),
            Self::StillOpen { .. } => Some("only closed and dismissed tickets can be opened again".to_owned()),
            Self::AlreadyClosed { .. } => Some("it opens again by itself when the problem is seen again".to_owned()),
        }
    }
}
