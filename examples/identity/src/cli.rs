//! The command line.

use crate::{
    clock::{Clock, ShiftedClock, SystemClock},
    error::Error,
    keys,
    secret::Secret,
    service::Service,
    store::Store,
    tokens::Issuer,
    users::{self, Login},
    vestibule::Vestibule,
    web::{self, Site},
};
use clap::{Args, Parser, Subcommand};
use std::{
    fs,
    io::{self, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What this is not; it stands first wherever somebody may begin to read.
pub const WARNING: &str = "NOT an identity provider for production";

/// NOT an identity provider for production: a small one, beside Vestibule, to read and to copy from.
#[derive(Parser)]
#[command(name = "identity")]
pub struct Cli {
    /// Where the database and the outbox are
    #[arg(long, global = true, default_value = "identity-data", value_name = "FOLDER")]
    data: PathBuf,
    /// For tests: a file with a number of seconds that is added to the clock
    #[arg(long, global = true, value_name = "FILE")]
    clock_file: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve logins, pages, keys and the user directory
    Serve(Serve),
    /// Add somebody, disable somebody
    #[command(subcommand)]
    User(UserCommand),
    /// Publish the next key; it signs ten minutes later
    RotateKey {
        /// A key has leaked: forget all keys now, and sign with a new one at once
        #[arg(long)]
        leaked: bool,
    },
}

#[derive(Args)]
struct Serve {
    /// Where to listen; port 0 picks one
    #[arg(long, default_value = "127.0.0.1:8100", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Where browsers find it, through a proxy with TLS; also the issuer of tokens
    #[arg(long, value_name = "https://HOST")]
    origin: String,
    /// The audience of tokens: `aud` in the configuration of Vestibule
    #[arg(long, default_value = "chat", value_name = "NAME")]
    audience: String,
    /// Where Vestibule gives tickets
    #[arg(long, default_value = "http://127.0.0.1:7000", value_name = "http://HOST:PORT")]
    vestibule: String,
    /// The key that Vestibule shows when it asks the user directory; without it nobody may ask
    #[arg(long, value_name = "FILE")]
    directory_key_file: Option<PathBuf>,
}

#[derive(Subcommand)]
enum UserCommand {
    /// Add somebody; the password is made up and printed once, or read from standard input
    Add {
        /// The name, which is the subject of tokens for ever
        name: String,
        /// Where codes go; they can sign in by it, too
        #[arg(long)]
        email: Option<String>,
        /// A pattern of rooms to open; may be repeated
        #[arg(long = "room", default_value = "lobby", value_name = "PATTERN")]
        rooms: Vec<String>,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Let nobody in by this name any more, and end all sessions
    Disable {
        /// The name
        name: String,
    },
    /// Let somebody in again
    Enable {
        /// The name
        name: String,
    },
}

impl Cli {
    /// Does what was asked for.
    pub fn run(self) -> Result<(), Error> {
        let clock: Arc<dyn Clock> = match self.clock_file {
            Some(file) => {
                tracing::warn!(file = %file.display(), "the clock is moved by a file: for tests only");
                Arc::new(ShiftedClock(file))
            }
            None => Arc::new(SystemClock),
        };
        match self.command {
            Command::Serve(options) => serve(&self.data, options, clock),
            Command::User(command) => user(&Store::open(&self.data)?, command),
            Command::RotateKey { leaked } => {
                rotate(&Store::open(&self.data)?, leaked, clock.as_ref())
            }
        }
    }
}

fn serve(data: &Path, options: Serve, clock: Arc<dyn Clock>) -> Result<(), Error> {
    tracing_subscriber::fmt().json().flatten_event(true).with_writer(io::stderr).init();
    tracing::warn!("{WARNING}");
    let issuer = Issuer { iss: options.origin.clone(), aud: options.audience };
    let site = Site {
        service: Service::open(data, issuer, clock)?,
        vestibule: Vestibule::at(&options.vestibule)?,
        origin: origin(options.origin)?,
        directory_key: options.directory_key_file.as_deref().map(read_key).transpose()?,
    };
    tokio::runtime::Runtime::new()
        .and_then(|runtime| runtime.block_on(web::serve(site, options.listen)))
        .map_err(|why| Error::internal(why.to_string()))
}

fn origin(text: String) -> Result<String, Error> {
    let host = text.strip_prefix("https://").unwrap_or_default();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]".contains(c);
    match host.is_empty() || !host.chars().all(plain) {
        true => Err(Error::BadRequest(
            "--origin must be https://HOST, in lower case, without a path: browsers take the \
             session cookie (__Host-) over https only",
        )),
        false => Ok(text),
    }
}

fn read_key(path: &Path) -> Result<Secret, Error> {
    let text = fs::read_to_string(path)
        .map_err(|why| Error::internal(format!("{}: {why}", path.display())))?;
    match text.trim() {
        key if key.len() < 16 => Err(Error::BadRequest("a directory key has 16 bytes or more")),
        key => Ok(Secret::new(key)),
    }
}

fn user(store: &Store, command: UserCommand) -> Result<(), Error> {
    match command {
        UserCommand::Add { name, email, rooms, password_stdin } => {
            let password = if password_stdin { read_password()? } else { Secret::random("")? };
            let name = Login::parse(&name)?;
            let email = email.as_deref().map(Login::parse).transpose()?;
            store.transact(|tx| users::add(tx, &name, email.as_ref(), &password, &rooms))?;
            if !password_stdin {
                println!("{}", password.reveal());
            }
            Ok(())
        }
        UserCommand::Disable { name } => {
            store.transact(|tx| users::disable(tx, &Login::parse(&name)?))
        }
        UserCommand::Enable { name } => {
            store.transact(|tx| users::enable(tx, &Login::parse(&name)?))
        }
    }
}

/// The first line, without its end. It is never an argument: other programs see those.
fn read_password() -> Result<Secret, Error> {
    let mut text = String::new();
    let read = io::stdin().take(4_096).read_to_string(&mut text);
    read.map_err(|why| Error::internal(format!("standard input: {why}")))?;
    Ok(Secret::new(text.lines().next().unwrap_or_default()))
}

fn rotate(store: &Store, leaked: bool, clock: &dyn Clock) -> Result<(), Error> {
    let now = clock.now();
    if leaked {
        store.transact(|tx| keys::replace_all(tx, now))?;
        println!("all keys are forgotten; a new one signs");
    } else {
        let signs = store.transact(|tx| keys::rotate(tx, now))?;
        println!("the next key is published; it signs in {} s", signs - now);
    }
    Ok(())
}
