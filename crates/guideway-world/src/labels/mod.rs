//! Labels, counted from what was rendered.
