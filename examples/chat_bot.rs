//! A chat bot that stays: it greets, answers, and comes back after every interruption.
//!
//! ```sh
//! cargo run --example chat_bot -- --secret "$SECRET" --room lobby
//! ```
//! Say `!ping`, `!say WORDS` or `!count` in the room and it answers.

#[path = "common/token.rs"]
mod token;

use clap::Parser;
use std::process::ExitCode;
use token::Signer;
use vestibule::{
    client::{Error, Event, MessageReceived, Options, Reconnecting},
    token::Mint,
};

/// How long a token lives; a new one is made before it ends and for every connection.
const TOKEN_MS: u64 = 300_000;

/// A bot that answers in a room.
#[derive(Debug, Parser)]
struct Args {
    /// Where the server listens.
    #[arg(long, default_value = "ws://127.0.0.1:7000/ws")]
    url: String,
    /// The secret that signs the bot's tokens, as the server has it.
    #[arg(long, env = "VESTIBULE_ISSUER__0__SECRET", hide_env_values = true)]
    secret: String,
    /// Who the bot is.
    #[arg(long, default_value = "chat-bot")]
    sub: String,
    /// Where it chats.
    #[arg(long, default_value = "lobby")]
    room: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    let signer = match Signer::new(&args.secret) {
        Ok(signer) => signer,
        Err(message) => {
            eprintln!("chat_bot: {message}");
            return ExitCode::from(2);
        }
    };
    tokio::select! {
        Err(error) = chat(&args, &signer) => {
            eprintln!("chat_bot: {error}");
            ExitCode::FAILURE
        }
        _ = tokio::signal::ctrl_c() => ExitCode::SUCCESS,
    }
}

/// Chats until there is no way back.
async fn chat(args: &Args, signer: &Signer) -> Result<(), Error> {
    let mint = Mint {
        rooms: Some(serde_json::json!({ &args.room: "*" })),
        ..Mint::new(args.sub.as_str(), TOKEN_MS)
    };
    let tokens = async || signer.sign(&mint).map_err(Into::into);
    let mut line = Reconnecting::new(&args.url, Options::default(), tokens);
    line.join(&args.room);
    let mut heard = 0u64;
    loop {
        match line.next().await? {
            Event::SignedIn(welcome) => println!("* signed in as {}", welcome.user),
            Event::Joined(joined) => {
                println!("* in {}, recovered: {:?}", joined.room, joined.recovered);
                if joined.recovered.is_none() {
                    line.publish(&joined.room, "Hello! Try !ping, !say WORDS or !count.")?;
                }
            }
            Event::Message(message) => {
                heard += 1;
                println!("{} {} {}", message.room, author(&message), message.payload);
                if author(&message) != args.sub
                    && let Some(answer) = answer(&message, heard)
                {
                    line.publish(&message.room, &answer)?;
                }
            }
            // It asks for no history.
            Event::Published(_) | Event::History(_) | Event::HistoryRefused { .. } => {}
            Event::Removed { room, code } => println!("* out of {room}: {code}"),
            Event::Unpublished { refused, .. } => println!("* {refused}"),
            Event::Interrupted { error, wait } => {
                println!("* {error}; trying again in {} ms", wait.as_millis());
            }
            other => println!("* {other:?}"),
        }
    }
}

fn author(message: &MessageReceived) -> &str {
    message.from.as_ref().map_or("system", |from| &from.user)
}

/// What the bot says to a message, if anything.
fn answer(message: &MessageReceived, heard: u64) -> Option<String> {
    let text: String = serde_json::from_str(message.payload.get()).ok()?;
    match text.trim().split_once(' ').unwrap_or((text.trim(), "")) {
        ("!ping", _) => Some("pong".to_owned()),
        ("!say", words) => Some(words.to_owned()),
        ("!count", _) => Some(format!("{heard} messages since I came")),
        _ => None,
    }
}
