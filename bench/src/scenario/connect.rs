//! Many connections at once: a storm of new ones, and most of them coming back after a cut.

use super::{Case, Meter, Plan, Work, enter, fan, peers, people};
use crate::{
    generator::{
        Generator, Goal,
        link::Who,
        load::{Load, Pace, Watch},
    },
    results::Run,
    server::{Peer, Start},
    token,
};
use jsonwebtoken::{Algorithm, EncodingKey};
use std::{fs, io, path::PathBuf, process::Command, time::Duration};

/// Members of a room.
const MEMBERS: u32 = 10;
/// Tokens that share a signature's price among users, below the cap of connections of a user.
const SHARED_BY: usize = 20;
/// How many stay while the others are cut: a tenth.
const STAY: u32 = 10;
/// Connections that come back at a time.
const RETURNING: usize = 256;

/// Everybody comes in: handshake, sign-in, join.
///
/// # Errors
/// Why it could not be done.
pub fn storm(case: &Case, plan: &Plan, algorithm: Algorithm) -> io::Result<Run> {
    let mut people = people(plan.many / MEMBERS, MEMBERS, 1)?;
    let mut case = case.clone();
    if algorithm != Algorithm::HS256 {
        case.start.key = Some(sign(&mut people, plan, algorithm)?);
    }
    let server = case.server(plan)?;
    let count = people.len();
    let mut generator = Generator::new(server.target.clone(), people, 1)?;
    let mut meter = Meter::new(server.pid());
    meter.open();
    let connected = generator.connect(0..count, plan.connecting, Goal::Member)?;
    meter.close();
    if let Some(fault) = connected.fault {
        let failed = connected.failed;
        return Err(io::Error::other(format!("{failed} did not come in; the first: {fault}")));
    }
    let mut run = Run {
        connections: Some(count as u64),
        connects_per_s: Some(count as f64 / connected.took.as_secs_f64()),
        seconds: Some(connected.took.as_secs_f64()),
        ..Run::default()
    };
    if let Some(spent) = meter.spent {
        run.cpu_us_per_connect = Some(spent.server.as_secs_f64() * 1e6 / count as f64);
        spent.note(&mut run);
    }
    Ok(run)
}

/// Makes a key pair, signs everybody's token with it, and says where the public key is.
fn sign(people: &mut [Who], plan: &Plan, algorithm: Algorithm) -> io::Result<(PathBuf, String)> {
    let name = format!("{algorithm:?}");
    let folder = plan.places.logs.join("keys").join(&name);
    let (private, public) = (folder.join("private.pem"), folder.join("public.pem"));
    if !private.is_file() {
        fs::create_dir_all(&folder)?;
        let output = Command::new(&plan.places.vestibule)
            .args(["keygen", &name, "--out"])
            .arg(&private)
            .arg("--public-out")
            .arg(&public)
            .output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
    }
    let pem = fs::read(&private)?;
    let key = if algorithm == Algorithm::RS256 {
        EncodingKey::from_rsa_pem(&pem)
    } else if algorithm == Algorithm::ES256 {
        EncodingKey::from_ec_pem(&pem)
    } else {
        EncodingKey::from_ed_pem(&pem)
    };
    let key = key.map_err(io::Error::other)?;
    for (user, people) in people.chunks_mut(SHARED_BY).enumerate() {
        let token = token::mint(&format!("u{user}"), algorithm, &key)?;
        people.iter_mut().for_each(|who| who.token.clone_from(&token));
    }
    Ok((fs::canonicalize(public)?, name))
}

/// A tenth talks on in one room while all the others are cut and come back at once.
///
/// # Errors
/// Why it could not be done.
pub fn reconnect(case: &Case, plan: &Plan) -> io::Result<Run> {
    let server = case.server(plan)?;
    let staying = plan.many / STAY;
    let mut who = people(1, staying, 1)?;
    who.extend(people(1 + (plan.many - staying) / MEMBERS, MEMBERS, 1)?.into_iter().skip(10));
    let (staying, all) = (staying as usize, who.len());
    let mut generator = Generator::new(server.target.clone(), who, 1)?;
    enter(&mut generator, plan)?;
    let load = |window| Load {
        pace: Pace::Open { per_s: 50 },
        authors: vec![(0, staying as u64)],
        payload_bytes: plan.payload_bytes,
        warm_up: Duration::ZERO,
        window,
    };
    generator.run(&load(Duration::from_secs(1)), &mut ())?;
    let calm = generator.book.latency.value_at_quantile(0.99) as f64 / 1000.0;
    generator.book.latency.reset();
    generator.drop_all(staying..all);
    generator.begin_connecting(staying..all, RETURNING, Goal::Member);
    let mut meter = Meter::new(server.pid());
    let outcome = generator.run(&load(plan.window), &mut meter)?;
    while generator.go_on_connecting()? {
        generator.turn(Duration::from_millis(10))?;
    }
    let connected = generator.connected();
    if let Some(fault) = connected.fault {
        let failed = connected.failed;
        return Err(io::Error::other(format!("{failed} did not come back; the first: {fault}")));
    }
    let mut run = Run { connections: Some(all as u64), ..Run::default() };
    fan::note(&mut run, &generator, &outcome);
    let back = (all - staying) as f64;
    run.connects_per_s = Some(back / connected.took.as_secs_f64());
    if let Some(spent) = meter.spent {
        spent.note(&mut run);
    }
    run.notes.push(format!("latency of the {staying} that stayed; their p99 before: {calm:.2} ms"));
    Ok(run)
}

/// Every case of many at once.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for peer in peers().filter(|peer| *peer != Peer::Floor) {
        cases.push(Case::plain("connect", peer, Work::Connect(Algorithm::HS256)));
        if peer != Peer::Vestibule {
            continue;
        }
        for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
            let case = Case::plain("connect", peer, Work::Connect(algorithm));
            let variant = format!("{algorithm:?}");
            cases.push(Case { variant, start: Start::default(), ..case });
        }
    }
    let back = |peer| Case::plain("reconnect", peer, Work::Reconnect);
    cases.extend(peers().filter(|peer| *peer != Peer::Floor).map(back));
    cases
}
