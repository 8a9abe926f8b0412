//! Not an identity provider for production: the whole life of a login beside Vestibule, in small.
//!
//! | to see | open |
//! |---|---|
//! | what it can be asked, over HTTP | [`web`] |
//! | what it does then, step by step | [`service`] |
//! | sessions, and refresh tokens that work once | [`sessions`] |
//! | one-time codes | [`codes`] |
//! | keys that are published before they sign | [`keys`] |
//! | what is kept | `schema.sql`, by [`store`] |
//!
//! Everything below [`web`] is plain code that blocks; `web` runs it on threads of its own, a few
//! at a time. Nothing but [`clock`] knows what time it is.

pub mod cli;
pub mod clock;
pub mod codes;
pub mod error;
pub mod keys;
pub mod limits;
pub mod post;
pub mod secret;
pub mod service;
pub mod sessions;
pub mod store;
pub mod tokens;
pub mod users;
pub mod vestibule;
pub mod web;
