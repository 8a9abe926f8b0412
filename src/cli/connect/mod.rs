//! `vestibule connect`: a client for terminals and pipes, which explains what does not work.

mod address;
mod explain;
mod input;
mod pages;
mod screen;
mod talk;
mod tokens;

use super::{args::ConnectArgs, outcome::Failure};
use crate::{
    client::{Options, Reconnecting},
    protocol::room_name::RoomRef,
};
use address::Address;
use screen::Screen;
use std::{
    cell::RefCell,
    io::{self, IsTerminal},
};
use talk::{Habits, Talk};
use tokens::Tokens;
use tokio::runtime::Builder;

pub(super) fn connect(args: ConnectArgs) -> Result<(), Failure> {
    let address = Address::parse(&args.url).map_err(Failure::Usage)?;
    for room in &args.rooms {
        RoomRef::parse(room).map_err(|why| Failure::Usage(format!("--room {room}: {why}")))?;
    }
    let tokens = RefCell::new(Tokens::new(args.token)?);
    let habits = Habits { terminal: io::stdin().is_terminal(), json: args.json, stay: args.stay };
    let screen = Screen::new();
    let watch = args.frames.then(|| screen.watch());
    let options = Options { origin: args.origin, watch, ..Options::default() };
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|why| Failure::Failed(why.to_string()))?;
    runtime.block_on(async {
        let next = async || tokens.borrow_mut().next();
        let mut chat = Reconnecting::new(address.as_str(), options, next);
        args.rooms.iter().for_each(|room| chat.join(room));
        let mut talk = Talk::new(&address, screen, habits, args.rooms);
        talk.run(&mut chat, &tokens).await?;
        // Whether the server takes leave of us is no matter any more.
        let _ = chat.close().await;
        Ok(())
    })
}
