//! The open data engine for self-driving perception: the workspace and the use cases that join its parts.
