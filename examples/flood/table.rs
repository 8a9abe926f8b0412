//! The whole table: floods from few and many addresses, an office that comes back, memory.

use crate::{
    TOKEN_MS,
    attack::{self, Kind, Plan, attack},
    guests::{Home, Visit, Welcome, visit},
    house::{House, Pretender, beside},
    token::Signer,
    tokens, wire,
};
use serde_json::Value;
use std::{net::SocketAddr, process::Stdio, time::Duration};
use tokio::{process::Command, time::Instant};
use vestibule::token::Mint;

/// The secret of the servers that are started here.
const SECRET: &str = "a-secret-for-an-afternoon-of-floods";
/// Hostile attempts of a row.
const ATTEMPTS: u64 = 10_000;
/// Hostile attempts a second that nobody may feel.
const PROMISED_RATE: u32 = 1_000;
/// That rate, and one that fills all processors of a small machine.
const RATES: [u32; 2] = [PROMISED_RATE, 4_000];
/// How long a guest tries.
const PATIENCE: Duration = Duration::from_secs(2);
/// Guests of each home a second.
const GUESTS_PER_S: u32 = 25;
/// Members that chat meanwhile, and their rooms.
const MEMBERS: (u32, u32) = (500, 10);
/// Seconds that they chat: the flood and what it leaves behind.
const CHAT_S: u32 = 15;
/// People of one office.
const OFFICE: u32 = 2_000;
/// Sockets of a memory row.
const SOCKETS: u32 = 8_000;

/// Prints the table; true if every row at the first rate holds what is promised.
pub(crate) async fn print() -> Result<bool, String> {
    let mut good = true;
    println!(
        "| hostile attempts | a second | from addresses | guests from elsewhere in within 2 s (at \
         once), p99 | guests beside an attacker | members' messages lost, p99 | p99 beside a dummy |"
    );
    println!("|---|---|---|---|---|---|---|");
    for rate in RATES {
        for addresses in [1, 32, 64, 256] {
            let flood = flood(addresses, rate).await?;
            let control = control(addresses, rate).await?;
            let inside = flood.clean.share().min(flood.shared.share());
            good &= flood.chat.clean && (inside >= 0.99 || rate != PROMISED_RATE);
            println!(
                "| {ATTEMPTS} | {rate} | {addresses} | {} | {} | {}, {:.0} ms | {:.0} ms |",
                cell(&flood.clean),
                cell(&flood.shared),
                flood.chat.lost,
                flood.chat.p99_ms,
                control.p99_ms
            );
        }
    }
    let office = office().await?;
    let p99_ms = office.took_ms.value_at_quantile(0.99);
    good &= office.inside == office.guests && p99_ms < 5_000;
    println!("\n| people behind one address who come at once | in | p99 |");
    println!("|---|---|---|");
    println!("| {OFFICE} | {} | {p99_ms} ms |", office.inside);
    println!("\n| {SOCKETS} sockets without a verdict | bytes of memory for each |");
    println!("|---|---|");
    for (name, half) in [("silent", false), ("with half of a first message", true)] {
        println!("| {name} | {} |", memory(half).await?);
    }
    Ok(good)
}

fn cell(welcome: &Welcome) -> String {
    format!(
        "{} of {} ({}), {} ms",
        welcome.inside,
        welcome.guests,
        welcome.at_once,
        welcome.took_ms.value_at_quantile(0.99)
    )
}

/// How members fared.
struct Chat {
    clean: bool,
    lost: u64,
    p99_ms: f64,
}

struct Flood {
    clean: Welcome,
    shared: Welcome,
    chat: Chat,
}

/// One flood against a server with members inside and guests at the door.
async fn flood(addresses: u32, rate: u32) -> Result<Flood, String> {
    let house = House::start(SECRET, "")?;
    let chat = tokio::spawn(chat(house.addr));
    // The members are inside before it begins.
    tokio::time::sleep_until(Instant::now() + Duration::from_secs(4)).await;
    let flood = tokio::spawn(attack(hostile(house.addr, addresses, rate), ends()));
    let seconds = ATTEMPTS as u32 / rate;
    let visits = [("guest", GUESTS_PER_S * seconds), ("neighbour", GUESTS_PER_S * seconds)];
    let [clean, shared] = visits.map(|(name, guests)| guests_of(house.addr, name, guests));
    let (clean, shared) = tokio::join!(
        visit(clean?, Home::Clean),
        visit(shared?, move |_| Home::Shared(attack::address(0, addresses))),
    );
    flood.await.map_err(|why| why.to_string())?;
    let chat = chat.await.map_err(|why| why.to_string())??;
    Ok(Flood { clean, shared, chat })
}

/// The same members beside a flood that hits nothing but this program.
async fn control(addresses: u32, rate: u32) -> Result<Chat, String> {
    let house = House::start(SECRET, "")?;
    let pretender = Pretender::start().await.map_err(|why| why.to_string())?;
    let chat = tokio::spawn(chat(house.addr));
    tokio::time::sleep_until(Instant::now() + Duration::from_secs(4)).await;
    attack(hostile(pretender.addr, addresses, rate), ends()).await;
    chat.await.map_err(|why| why.to_string())?
}

fn hostile(to: SocketAddr, addresses: u32, rate: u32) -> Plan {
    Plan {
        to,
        kinds: Kind::ALL.to_vec(),
        addresses,
        attempts: ATTEMPTS,
        per_second: rate,
        open: 4_000,
        stay: Duration::from_secs(15),
    }
}

/// When a flood that begins now is called off.
fn ends() -> Instant {
    Instant::now() + Duration::from_secs(u64::from(CHAT_S))
}

fn guests_of(to: SocketAddr, name: &str, guests: u32) -> Result<Visit, String> {
    Ok(Visit {
        to,
        tokens: tokens(&Signer::new(SECRET)?, &Mint::new(name, TOKEN_MS), guests)?,
        guests,
        per_second: GUESTS_PER_S,
        patience: PATIENCE,
        stay: false,
    })
}

/// Members that chat: the load bots, who check what they hear.
async fn chat(to: SocketAddr) -> Result<Chat, String> {
    let (members, rooms) = MEMBERS;
    let bots = Command::new(beside("load_bots")?)
        .args(["--json", "--url", &format!("ws://{to}/ws"), "--secret", SECRET])
        .args(["--connections", &members.to_string(), "--rooms", &rooms.to_string()])
        .args(["--duration", &CHAT_S.to_string()])
        .stderr(Stdio::inherit())
        .output();
    let bots = bots.await.map_err(|why| format!("load_bots: {why}"))?;
    let report: Value = serde_json::from_slice(&bots.stdout).map_err(|why| why.to_string())?;
    let number = |path: &str| report.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN);
    Ok(Chat {
        clean: report.pointer("/clean").and_then(Value::as_bool).unwrap_or(false),
        lost: number("/lost") as u64,
        p99_ms: number("/latency_us/p99") / 1_000.0,
    })
}

/// Everybody of an office at once, all behind one address.
async fn office() -> Result<Welcome, String> {
    let house = House::start(SECRET, "")?;
    let plan = guests_of(house.addr, "colleague", OFFICE)?;
    let patience = Duration::from_secs(30);
    let plan = Visit { per_second: OFFICE * 1_000, patience, stay: true, ..plan };
    Ok(visit(plan, |_| Home::Shared(attack::address(0, 1))).await)
}

/// Bytes for each socket that waits: memory with them, less memory without.
async fn memory(half: bool) -> Result<u64, String> {
    let places =
        "[gate]\nplaces = 9000\nhard_places = 18000\nshare = 9000\n[auth]\ndeadline_ms = 120000";
    let house = House::start(SECRET, places)?;
    let before = house.memory().map_err(|why| why.to_string())?;
    let mut lines = Vec::new();
    for number in 0..SOCKETS {
        let from = attack::address(u64::from(number), 64);
        let opened = async {
            let stream = wire::dial(from, house.addr).await?;
            wire::open(stream, house.addr).await
        };
        match opened.await {
            Ok(wire::Opened::Upgraded(mut line)) => {
                if half {
                    let message = wire::frame(0x81, attack::forged().as_bytes());
                    let sent = message.get(..message.len() / 2).unwrap_or_default();
                    line.send(sent).await.map_err(|why| why.to_string())?;
                }
                lines.push(line);
            }
            Ok(wire::Opened::Refused(status)) => return Err(format!("socket {number}: {status}")),
            Err(why) => return Err(format!("socket {number}: {why}")),
        }
    }
    // What was sent last has been read once a plain request is answered.
    let stream = wire::dial(attack::address(0, 1), house.addr).await;
    let _ = wire::open(stream.map_err(|why| why.to_string())?, house.addr).await;
    let after = house.memory().map_err(|why| why.to_string())?;
    Ok(after.saturating_sub(before) / u64::from(SOCKETS))
}
