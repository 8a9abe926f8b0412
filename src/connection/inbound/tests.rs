//! Every judgement by example, and the properties that hold for any stream and any split.

use super::*;
use TransportFault::{Protocol, TooBig, Utf8};
use proptest::prelude::*;
use std::io::{Cursor, ErrorKind, Read, Write};
use tokio_tungstenite::tungstenite::{
    self, Message,
    protocol::{Role, WebSocket},
};

const CONTINUE: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const FIN: u8 = 0x80;
const MASK: [u8; 4] = [0xA5, 0x01, 0x7F, 0x3C];

/// The limits of a session, small enough to be met.
fn ready() -> Policy {
    Policy {
        first: None,
        message_bytes: 1_000,
        transport_bytes: 4_000,
        fragments: 8,
        binary: false,
    }
}

/// The same behind a budget for the first message.
fn awaiting(wire_bytes: u32, frames: u32) -> Policy {
    Policy { first: Some(FirstBudget { wire_bytes, frames }), ..ready() }
}

/// A header that claims `len` bytes, in the shortest form.
fn header(first: u8, len: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ ..126), _) => bytes.push(0x80 | len),
        (_, Ok(len)) => {
            bytes.push(0x80 | 126);
            bytes.extend(len.to_be_bytes());
        }
        (_, Err(_)) => {
            bytes.push(0x80 | 127);
            bytes.extend(len.to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload.len() as u64);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

fn text(payload: &str) -> Vec<u8> {
    frame(FIN | TEXT, payload.as_bytes())
}

/// Everything that arrives of a stream that is read in these chunks.
fn receive<'a>(policy: &Policy, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Incoming> {
    let mut contexts = Contexts::new();
    let mut inbound = Inbound::new(Arc::new(policy.clone()));
    let mut items = Vec::new();
    for mut chunk in chunks {
        while let Some(item) = inbound.next(&mut contexts, &mut chunk) {
            items.push(item);
        }
        assert!(chunk.is_empty(), "the input is used up");
    }
    items
}

fn all(policy: &Policy, frames: &[Vec<u8>]) -> Vec<Incoming> {
    let stream = frames.concat();
    let whole = receive(policy, [stream.as_slice()]);
    assert_eq!(whole, receive(policy, stream.chunks(1)), "byte by byte");
    whole
}

fn said(words: &str) -> Incoming {
    Incoming::Text(words.into())
}

fn fault(fault: TransportFault) -> Vec<Incoming> {
    vec![Incoming::Fault(fault)]
}

#[test]
fn messages_come_out_one_by_one_and_the_rest_stays() {
    let stream = [text("one"), text(""), text("three")].concat();
    let mut contexts = Contexts::new();
    let mut inbound = Inbound::new(Arc::new(ready()));
    let mut input = stream.as_slice();
    assert_eq!(inbound.next(&mut contexts, &mut input), Some(said("one")));
    assert_eq!(input, [text(""), text("three")].concat());
    assert_eq!(inbound.next(&mut contexts, &mut input), Some(said("")));
    assert_eq!(inbound.next(&mut contexts, &mut input), Some(said("three")));
    assert_eq!(inbound.next(&mut contexts, &mut input), None);
}

#[test]
fn fragments_are_joined_within_characters_too() {
    let euro = "€".as_bytes();
    let stream = [
        frame(TEXT, &euro[..1]),
        frame(CONTINUE, b""),
        frame(CONTINUE, &euro[1..2]),
        frame(FIN | CONTINUE, &euro[2..]),
    ];
    assert_eq!(all(&ready(), &stream), [said("€")]);
}

#[test]
fn a_ping_between_fragments_is_seen_at_once() {
    let stream = [
        frame(TEXT, b"be"),
        frame(FIN | PING, b"there?"),
        frame(FIN | PONG, b""),
        frame(FIN | CONTINUE, b"gun"),
    ];
    let ping = Incoming::Ping(ControlPayload::from_slice(b"there?"));
    let pong = Incoming::Pong(ControlPayload::new());
    assert_eq!(all(&ready(), &stream), [ping.clone(), pong, said("begun")]);
    assert_eq!(all(&ready(), &stream[..2]), [ping]);
}

#[test]
fn the_longest_control_frame_passes() {
    let payload = [7; 125];
    let ping = Incoming::Ping(ControlPayload::from_slice(&payload));
    assert_eq!(all(&ready(), &[frame(FIN | PING, &payload)]), [ping]);
}

#[test]
fn broken_frames_are_protocol_faults_at_the_byte_that_shows_it() {
    let unmasked = [FIN | TEXT, 0x02, b'h', b'i'];
    let long_as_16 = [FIN | TEXT, 0x80 | 126, 0, 125, 0, 0, 0, 0];
    let mut long_as_64 = vec![FIN | TEXT, 0x80 | 127];
    long_as_64.extend(0xFFFF_u64.to_be_bytes());
    long_as_64.extend(MASK);
    let mut negative = vec![FIN | BINARY, 0x80 | 127];
    negative.extend((1_u64 << 63).to_be_bytes());
    negative.extend(MASK);
    let table: &[(&str, &[u8], usize)] = &[
        ("first reserved bit", &[FIN | 0x40 | TEXT], 1),
        ("second reserved bit", &[FIN | 0x20 | TEXT], 1),
        ("third reserved bit", &[FIN | 0x10 | TEXT], 1),
        ("reserved bit of a control frame", &[FIN | 0x40 | PING], 1),
        ("reserved data opcode", &[FIN | 3], 1),
        ("the last reserved data opcode", &[FIN | 7], 1),
        ("reserved control opcode", &[FIN | 11], 1),
        ("the last opcode", &[FIN | 15], 1),
        ("fragmented ping", &[PING], 1),
        ("fragmented pong", &[PONG], 1),
        ("fragmented close", &[CLOSE], 1),
        ("continuation of nothing", &[CONTINUE], 1),
        ("last continuation of nothing", &[FIN | CONTINUE], 1),
        ("no mask", &unmasked, 2),
        ("no mask on a ping", &[FIN | PING, 0], 2),
        ("control frame over 125 bytes", &[FIN | PING, 0x80 | 126], 2),
        ("close frame over 125 bytes", &[FIN | CLOSE, 0x80 | 127], 2),
        ("16-bit length for a short one", &long_as_16, 8),
        ("64-bit length for a short one", &long_as_64, 14),
        ("length over 63 bits", &negative, 14),
    ];
    for (what, bytes, shown_at) in table {
        assert_eq!(receive(&ready(), [*bytes]), fault(Protocol), "{what}");
        assert_eq!(receive(&ready(), bytes.chunks(1)), fault(Protocol), "{what}");
        assert_eq!(receive(&ready(), [&bytes[..*shown_at]]), fault(Protocol), "{what}");
        assert_eq!(receive(&ready(), [&bytes[..shown_at - 1]]), [], "{what}: too early");
    }
}

#[test]
fn a_new_message_within_a_message_is_a_protocol_fault() {
    for first in [TEXT, FIN | TEXT, BINARY, FIN | BINARY] {
        let stream = [frame(TEXT, b"a"), frame(first, b"b")];
        assert_eq!(all(&ready(), &stream), fault(Protocol));
    }
}

#[test]
fn binary_is_refused_by_its_header_unless_allowed() {
    let header = header(FIN | BINARY, 100_000);
    assert_eq!(all(&ready(), &[header]), fault(TransportFault::Binary));
    let allowed = Policy { binary: true, ..ready() };
    let stream = [frame(BINARY, &[0xFF]), frame(FIN | CONTINUE, &[0xFE])];
    let expected = Incoming::Binary(Bytes::from_static(&[0xFF, 0xFE]));
    assert_eq!(all(&allowed, &stream), [expected]);
}

#[test]
fn text_that_is_not_utf8_is_a_fault() {
    for payload in [&[0xFF_u8][..], b"\xed\xa0\x80", b"cut \xe2\x82", b"\xc0\xaf"] {
        assert_eq!(all(&ready(), &[frame(FIN | TEXT, payload)]), fault(Utf8), "{payload:?}");
    }
    let stream = [frame(TEXT, b"fine"), frame(CONTINUE, b"\xff"), frame(FIN | CONTINUE, b"")];
    assert_eq!(all(&ready(), &stream), fault(Utf8));
    assert_eq!(all(&ready(), &stream[..2]), fault(Utf8), "before the message ends");
}

#[test]
fn faults_of_one_frame_are_judged_in_order() {
    let huge = u64::from(ready().transport_bytes) + 1;
    let reserved = header(FIN | 0x40 | BINARY, huge);
    assert_eq!(all(&ready(), &[reserved]), fault(Protocol), "1002 before 1003 and 1009");
    let binary = header(FIN | BINARY, huge);
    assert_eq!(all(&ready(), &[binary]), fault(TransportFault::Binary), "1003 before 1009");
    let mut not_text = header(FIN | TEXT, huge);
    not_text.push(0xFF);
    assert_eq!(all(&ready(), &[not_text]), fault(TooBig), "1009 before 1007");
}

#[test]
fn a_message_over_its_cap_goes_by_and_the_session_lives() {
    let cap = usize::try_from(ready().message_bytes).expect("a size");
    let fits = "x".repeat(cap);
    let over = "x".repeat(cap + 1);
    let stream = [text(&fits), text(&over), text("after")];
    assert_eq!(all(&ready(), &stream), [said(&fits), Incoming::TooBig, said("after")]);

    let half = "x".repeat(cap / 2);
    let stream = [
        frame(TEXT, half.as_bytes()),
        frame(CONTINUE, half.as_bytes()),
        frame(CONTINUE, b"y"),
        frame(FIN | PING, b""),
        frame(FIN | CONTINUE, &[0xFF]),
        text("after"),
    ];
    let ping = Incoming::Ping(ControlPayload::new());
    assert_eq!(all(&ready(), &stream), [ping, Incoming::TooBig, said("after")]);
}

#[test]
fn a_message_over_the_transport_cap_ends_the_connection_by_its_header() {
    let cap = u64::from(ready().transport_bytes);
    assert_eq!(all(&ready(), &[header(FIN | TEXT, cap)]), []);
    assert_eq!(all(&ready(), &[header(FIN | TEXT, cap + 1)]), fault(TooBig));
    assert_eq!(all(&ready(), &[header(FIN | TEXT, u64::MAX >> 1)]), fault(TooBig));
    let stream = [frame(TEXT, &[b'x'; 3_000]), header(CONTINUE, cap - 3_000 + 1)];
    assert_eq!(all(&ready(), &stream), fault(TooBig));
}

#[test]
fn fragments_are_counted_empty_ones_too() {
    let mut stream = vec![frame(TEXT, b"")];
    stream.extend((1..7).map(|_| frame(CONTINUE, b"")));
    stream.push(frame(FIN | CONTINUE, b"eight"));
    stream.extend(stream.clone());
    assert_eq!(all(&ready(), &stream), [said("eight"), said("eight")]);
    stream.truncate(7);
    stream.extend([header(CONTINUE, 0), header(CONTINUE, 0)]);
    assert_eq!(all(&ready(), &stream), fault(TooBig));
}

#[test]
fn the_first_message_pays_for_every_byte_on_the_wire() {
    // 6 bytes of header for each.
    let stream = [frame(FIN | PING, b"1234"), frame(TEXT, b"abc"), frame(FIN | CONTINUE, b"d")];
    let wire = u32::try_from(stream.concat().len()).expect("a size");
    let ping = Incoming::Ping(ControlPayload::from_slice(b"1234"));
    assert_eq!(all(&awaiting(wire, 3), &stream), [ping.clone(), said("abcd")]);
    let refused = [ping, Incoming::Fault(TooBig)];
    assert_eq!(all(&awaiting(wire - 1, 3), &stream), refused);
    assert_eq!(all(&awaiting(wire, 2), &stream), refused);
    let headers_only = [stream[0].clone(), stream[1].clone(), header(FIN | CONTINUE, 1)];
    assert_eq!(all(&awaiting(wire - 1, 3), &headers_only), refused, "by the header");
}

#[test]
fn floods_before_the_first_message_run_out_of_frames() {
    let empty = vec![frame(FIN | PONG, b""); 65];
    let items = all(&awaiting(20 * 1024, 64), &empty);
    assert_eq!(items.len(), 65);
    assert_eq!(items.last(), Some(&Incoming::Fault(TooBig)));
    let mut fragments = vec![frame(CONTINUE, b""); 65];
    fragments[0] = frame(TEXT, b"");
    assert_eq!(all(&awaiting(20 * 1024, 64), &fragments), fault(TooBig));
}

#[test]
fn behind_the_first_message_the_session_limits_hold() {
    let long = "x".repeat(900);
    let stream = [text("first"), text(&long), text(&"x".repeat(1_001)), text("last")];
    let expected = [said("first"), said(&long), Incoming::TooBig, said("last")];
    assert_eq!(all(&awaiting(100, 2), &stream), expected);
    let first = "y".repeat(2_000);
    assert_eq!(all(&awaiting(2_100, 2), &[text(&first)]), [said(&first)], "its own budget");
}

#[test]
fn a_close_ends_the_stream() {
    let mut closing = 1000_u16.to_be_bytes().to_vec();
    closing.extend(b"bye");
    let stream = [frame(TEXT, b"ha"), frame(FIN | CLOSE, &closing), text("more"), vec![0xFF; 9]];
    assert_eq!(all(&ready(), &stream), [Incoming::Close(Some(1000))]);
    assert_eq!(all(&ready(), &[frame(FIN | CLOSE, b"")]), [Incoming::Close(None)]);
    assert_eq!(all(&ready(), &[frame(FIN | CLOSE, b"\x03"), text("no")]), fault(Protocol));
    assert_eq!(all(&ready(), &[frame(FIN | CLOSE, b"\x03\xed")]), fault(Protocol));
    assert_eq!(all(&ready(), &[frame(FIN | CLOSE, b"\x03\xe8\xff")]), fault(Utf8));
}

#[test]
fn a_connection_owns_a_context_only_within_a_message() {
    let mut contexts = Contexts::new();
    let mut inbound = Inbound::new(Arc::new(ready()));
    let mut feed = |bytes: &[u8]| {
        let mut input = bytes;
        let item = inbound.next(&mut contexts, &mut input);
        (item, inbound.context.is_some(), contexts.idle())
    };
    assert_eq!(feed(&header(FIN | TEXT, 2)), (None, false, 0), "a header alone costs nothing");
    let body = &text("ok")[6..];
    assert_eq!(feed(&body[..1]), (None, true, 0));
    assert_eq!(feed(&body[1..]), (Some(said("ok")), false, 1));
    assert_eq!(feed(&text("again")), (Some(said("again")), false, 1));
    let ping = Incoming::Ping(ControlPayload::new());
    assert_eq!(feed(&frame(FIN | PING, b"")), (Some(ping), false, 1));
    assert_eq!(feed(&frame(TEXT, b"a")), (None, true, 0));
    let skipped = frame(CONTINUE, &[b'x'; 2_000]);
    assert_eq!(feed(&skipped), (None, false, 0), "a skipped message gives it up");
    assert_eq!(feed(&frame(FIN | CONTINUE, b"")), (Some(Incoming::TooBig), false, 0));
    assert_eq!(feed(&frame(TEXT, b"a")), (None, true, 0));
    let broken = Some(Incoming::Fault(Protocol));
    assert_eq!(feed(&text("b")), (broken, false, 0), "a fault drops it");
}

#[test]
fn a_context_that_has_grown_is_not_kept() {
    let policy = Policy { message_bytes: 100_000, transport_bytes: 100_000, ..ready() };
    let mut contexts = Contexts::new();
    let mut inbound = Inbound::new(Arc::new(policy));
    let mut feed = |len: usize| {
        let bytes = text(&"x".repeat(len));
        let mut input = bytes.as_slice();
        assert!(inbound.next(&mut contexts, &mut input).is_some());
        contexts.idle()
    };
    assert_eq!(feed(16_000), 1);
    assert_eq!(feed(17_000), 0);
    for _ in 0..20 {
        assert_eq!(feed(1_000), 1, "many small ones leave it small");
    }
}

#[test]
fn the_pool_is_bounded_and_serves_any_connection() {
    let mut contexts = Contexts::new();
    let policy = Arc::new(ready());
    let message = text("hello");
    let (front, back) = message.split_at(message.len() - 1);
    let mut connections: Vec<_> = (0..40).map(|_| Inbound::new(policy.clone())).collect();
    for inbound in &mut connections {
        assert_eq!(inbound.next(&mut contexts, &mut { front }), None);
    }
    for inbound in &mut connections {
        assert_eq!(inbound.next(&mut contexts, &mut { back }), Some(said("hello")));
    }
    assert_eq!(contexts.idle(), 16);
}

/// One frame of a generated stream: first byte and payload.
type Sketch = (u8, Vec<u8>);

/// A whole message in fragments, with control frames between them.
fn message() -> impl Strategy<Value = Vec<Sketch>> {
    let control = prop_oneof![Just(FIN | PING), Just(FIN | PONG)];
    let control = (control, prop::collection::vec(any::<u8>(), 0..=125));
    let cuts = prop::collection::vec((any::<prop::sample::Index>(), control), 0..5);
    let words = prop_oneof![Just(String::new()), "\\PC{0,40}", "[a-zé€😀]{100,400}"];
    (words, any::<bool>(), cuts).prop_map(|(words, binary, cuts)| {
        let bytes = words.into_bytes();
        let mut ends: Vec<_> =
            cuts.iter().map(|(cut, control)| (cut.index(bytes.len() + 1), control)).collect();
        ends.sort();
        let mut frames = Vec::new();
        let mut opcode = if binary { BINARY } else { TEXT };
        let mut start = 0;
        for (end, control) in ends {
            frames.push((opcode, bytes[start..end].to_vec()));
            frames.push(control.clone());
            (opcode, start) = (CONTINUE, end);
        }
        frames.push((FIN | opcode, bytes[start..].to_vec()));
        frames
    })
}

/// A valid stream.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(message(), 0..6).prop_map(|messages| {
        messages.concat().iter().flat_map(|(first, payload)| frame(*first, payload)).collect()
    })
}

/// A stream that is valid, or was until something struck it.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let struck =
        (stream(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut s, at, b)| {
            if !s.is_empty() {
                let at = at.index(s.len());
                s[at] = b;
            }
            s
        });
    prop_oneof![stream(), struck, prop::collection::vec(any::<u8>(), 0..400)]
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let first = prop::option::of((1..2_000_u32, 1..20_u32));
    (first, 0..1_500_u32, 0..3_000_u32, 1..10_u32, any::<bool>()).prop_map(
        |(first, message_bytes, transport_bytes, fragments, binary)| Policy {
            first: first.map(|(wire_bytes, frames)| FirstBudget { wire_bytes, frames }),
            message_bytes,
            transport_bytes,
            fragments,
            binary,
        },
    )
}

/// What tungstenite alone makes of a valid stream.
fn oracle(stream: &[u8]) -> Vec<Incoming> {
    struct Wire(Cursor<Vec<u8>>);
    impl Read for Wire {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(into)? {
                0 => Err(ErrorKind::WouldBlock.into()),
                read => Ok(read),
            }
        }
    }
    impl Write for Wire {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let wire = Wire(Cursor::new(stream.to_vec()));
    let mut websocket = WebSocket::from_raw_socket(wire, Role::Server, None);
    let mut items = Vec::new();
    loop {
        items.push(match websocket.read() {
            Ok(Message::Text(text)) => Incoming::Text(text),
            Ok(Message::Binary(bytes)) => Incoming::Binary(bytes),
            Ok(Message::Ping(payload)) => Incoming::Ping(ControlPayload::from_slice(&payload)),
            Ok(Message::Pong(payload)) => Incoming::Pong(ControlPayload::from_slice(&payload)),
            Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break,
            other => panic!("a valid stream gave {other:?}"),
        });
    }
    items
}

proptest! {
    #[test]
    fn valid_streams_read_as_by_tungstenite(stream in stream()) {
        let open = Policy {
            message_bytes: u32::MAX,
            transport_bytes: u32::MAX,
            binary: true,
            ..ready()
        };
        prop_assert_eq!(receive(&open, [stream.as_slice()]), oracle(&stream));
    }

    #[test]
    fn the_split_of_the_stream_does_not_matter(
        stream in any_stream(),
        policy in any_policy(),
        sizes in prop::collection::vec(1..60_usize, 1..20),
    ) {
        let whole = receive(&policy, [stream.as_slice()]);
        let mut rest = stream.as_slice();
        let mut chunks = Vec::new();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, behind) = rest.split_at(rest.len().min(*size));
            chunks.push(chunk);
            rest = behind;
        }
        prop_assert_eq!(&receive(&policy, chunks), &whole);
        prop_assert_eq!(&receive(&policy, stream.chunks(1)), &whole);
    }

    #[test]
    fn nothing_follows_an_end_and_no_message_is_over_its_cap(
        stream in any_stream(),
        policy in any_policy(),
    ) {
        let items = receive(&policy, [stream.as_slice()]);
        let is_end = |item: &Incoming| matches!(item, Incoming::Close(_) | Incoming::Fault(_));
        let ends = items.iter().filter(|item| is_end(item)).count();
        prop_assert!(ends == 0 || ends == 1 && items.last().is_some_and(is_end));
        let cap = policy.message_bytes.max(policy.first.map_or(0, |first| first.wire_bytes));
        for item in &items {
            let len = match item {
                Incoming::Text(text) => text.len(),
                Incoming::Binary(bytes) if policy.binary => bytes.len(),
                Incoming::Binary(_) => panic!("binary is not allowed"),
                Incoming::TooBig
                | Incoming::Ping(_)
                | Incoming::Pong(_)
                | Incoming::Close(_)
                | Incoming::Fault(_) => 0,
            };
            prop_assert!(len <= cap as usize);
        }
    }

    #[test]
    fn a_connection_at_a_message_border_owns_nothing(stream in stream()) {
        let policy = Policy { message_bytes: 600, binary: true, ..ready() };
        let mut contexts = Contexts::new();
        let mut inbound = Inbound::new(Arc::new(policy));
        let mut input = stream.as_slice();
        while inbound.next(&mut contexts, &mut input).is_some() {}
        prop_assert!(inbound.context.is_none() && inbound.control.is_none());
    }
}
