//! One cell of the state table: what the machine did, in a few words.

use super::{
    super::{Action, Phase},
    bench::Bench,
    rows::Row,
};
use crate::protocol::server_message::ServerMessage;

/// Runs `row` in `phase` and says what came of it.
pub(super) fn render(row: &Row, phase: Phase) -> String {
    let mut bench = Bench::new(phase, row.rules);
    let event = (row.event)(&mut bench);
    let ended = matches!(phase, Phase::Closing | Phase::Closed);
    if event.is_input() && !ended && !bench.session.wants_input() {
        return "waits".into();
    }
    let before = bench.session.phase();
    let actions = bench.session.handle(bench.now, event);
    let done: Vec<String> = actions.iter().filter_map(words).collect();
    let after = bench.session.phase();
    let moved = if after == before || after == Phase::Closing {
        String::new()
    } else {
        format!("→ {after}")
    };
    match (done.is_empty(), moved.is_empty()) {
        (true, true) => "-".into(),
        (true, false) => moved,
        (false, true) => done.join(", "),
        (false, false) => format!("{} {moved}", done.join(", ")),
    }
}

/// The words of one action; `None` for what another action implies.
fn words(action: &Action<'_>) -> Option<String> {
    match action {
        Action::Verify(_) => Some("verify".into()),
        Action::CancelVerify => Some("cancel verify".into()),
        Action::VerifyPass(_) => Some("verify room token".into()),
        Action::CancelVerifyPass => Some("cancel verify room token".into()),
        Action::Send(message) => said(message),
        Action::Ping { text: false } => Some("Ping".into()),
        Action::Ping { text: true } => Some("Ping, `ping`".into()),
        Action::Pong(_) => Some("Pong".into()),
        Action::Join { .. } => Some("join".into()),
        Action::Leave { .. } => Some("leave".into()),
        Action::Evict { .. } => Some("evict".into()),
        Action::Publish { ephemeral: true, .. } => Some("pass on".into()),
        Action::Publish { ephemeral: false, .. } => Some("publish".into()),
        Action::History { .. } => Some("look back".into()),
        Action::Cut => Some("cut".into()),
        Action::Close { code, .. } => Some(format!("close {}", code.code())),
        Action::EchoClose(_) => Some("close echoed".into()),
        Action::Abandon => None,
    }
}

/// The words of one message: its type, and the code of an error or of a forced `left`.
fn said(message: &ServerMessage<'_>) -> Option<String> {
    if let ServerMessage::Error(error) = message {
        return Some(format!("error {}", error.code.as_str()));
    }
    if matches!(message, ServerMessage::Fatal { .. }) {
        // The Close with the same code follows.
        return None;
    }
    let kind = message.kind();
    if let ServerMessage::Left { code: Some(code), .. } = message {
        return Some(format!("`{kind}` {}", code.as_str()));
    }
    Some(format!("`{kind}`"))
}
