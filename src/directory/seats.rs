//! How many passwords are judged at a time, apart from the other questions.

/// Passwords are judged beside the other questions, a part of their number at a time: a quarter.
pub const PASSWORD_SHARE: usize = 4;
/// Passwords that are judged or wait for it at a time; beyond there is no answer at once. Less than
/// the lookups of a server, so that passwords never keep tokens from theirs.
pub const PASSWORDS: usize = 32;

/// How many passwords are judged at a time beside so many other questions.
pub(super) fn password_seats(concurrency: usize) -> usize {
    (concurrency / PASSWORD_SHARE).clamp(1, PASSWORDS)
}
