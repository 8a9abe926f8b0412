//! The service as others meet it: real HTTP, real SQLite, a clock that stands still.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking, with the place in its message"
)]

mod code;
mod guard;
mod keys;
mod limits;
mod program;
mod refresh;
mod world;
