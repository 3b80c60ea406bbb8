//! A real listener, its friendly clients and its hostile ones.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a broken fixture fails its test")]

mod attacks;
mod calls;
mod client;
mod listener;
mod raw;
mod store;
