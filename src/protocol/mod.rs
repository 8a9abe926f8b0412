//! The wire vocabulary: messages, codes, names and limits. Pure; `protocol.md` is its text.

pub mod client_message;
pub mod close_code;
pub mod credential;
pub mod error_code;
pub mod grant;
pub mod identity;
pub mod json;
pub mod limits;
pub mod room_name;
pub mod room_path;
pub mod room_rules;
pub mod server_message;
pub mod time;

/// The subprotocol of this version (`Sec-WebSocket-Protocol`).
pub const SUBPROTOCOL: &str = "vestibule.v1";
/// `v` in `auth_ok`.
pub const VERSION: u32 = 1;
