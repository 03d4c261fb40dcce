//! Readers and writers of other people's formats, with damage counted and memory bounded.
