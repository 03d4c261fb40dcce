//! Who goes where.
