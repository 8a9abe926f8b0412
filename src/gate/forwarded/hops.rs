//! The addresses of a forwarding header, the nearest hop first; `None` is something else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The hops of one line of `X-Forwarded-For`. Empty elements do not count (RFC 9110 5.6.1).
pub(super) fn of_x_forwarded_for(line: &[u8]) -> impl Iterator<Item = Option<IpAddr>> {
    let elements = line.rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    elements.filter(|element| !element.is_empty()).map(node)
}

/// The hops of one line of `Forwarded` (RFC 7239 4).
pub(super) fn of_forwarded(line: &[u8]) -> impl Iterator<Item = Option<IpAddr>> {
    let elements = Elements(Some(line)).map(<[u8]>::trim_ascii);
    elements.filter(|element| !element.is_empty()).map(|element| node(&named(element)?))
}

/// The elements of a list with quoted strings, the last one first.
///
/// Read backwards, because a proxy adds its element behind what the client sent: a quote that the
/// client left open must not swallow it.
struct Elements<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let line = self.0.take()?;
        let mut quoted = false;
        for (at, byte) in line.iter().enumerate().rev() {
            match byte {
                b'"' if !is_escaped(line, at) => quoted = !quoted,
                b',' if !quoted => {
                    let (rest, element) = line.split_at_checked(at)?;
                    self.0 = Some(rest);
                    return element.get(1..);
                }
                _ => {}
            }
        }
        Some(line)
    }
}

/// Whether the byte at `at` stands behind an odd number of backslashes.
fn is_escaped(line: &[u8], at: usize) -> bool {
    let before = line.iter().take(at).rev();
    before.take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// The value of the one `for` of an element. Other parameters must be well-formed, too: an
/// element that is read in more than one way names nobody.
fn named(element: &[u8]) -> Option<Vec<u8>> {
    let mut found = None;
    let mut rest = element;
    while !rest.is_empty() {
        let at = rest.iter().position(|byte| *byte == b'=')?;
        let (name, value) = rest.split_at_checked(at)?;
        let (value, behind) = value_of(value.get(1..)?)?;
        let name = name.trim_ascii();
        if !is_token(name) || (name.eq_ignore_ascii_case(b"for") && found.replace(value).is_some())
        {
            return None;
        }
        rest = match behind.trim_ascii_start() {
            [] => &[],
            // An empty parameter is allowed, at the end as well.
            [b';', more @ ..] => {
                let more = more.trim_ascii_start();
                let empty = more.iter().take_while(|byte| **byte == b';').count();
                more.get(empty..)?.trim_ascii_start()
            }
            _ => return None,
        };
    }
    found
}

/// A value, and what stands behind it. Without quotes it goes up to the next parameter: proxies
/// write ports and brackets there, though the standard wants them quoted.
fn value_of(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let ends = |byte: &u8| matches!(byte, b';' | b'"') || byte.is_ascii_whitespace();
        let at = text.iter().position(ends).unwrap_or(text.len());
        let (value, behind) = text.split_at_checked(at)?;
        return (!value.is_empty()).then(|| (value.to_vec(), behind));
    };
    let mut value = Vec::new();
    let mut bytes = quoted.iter();
    loop {
        match bytes.next()? {
            b'"' => return Some((value, bytes.as_slice())),
            b'\\' => value.push(*bytes.next()?),
            byte => value.push(*byte),
        }
    }
}

/// Whether this is a token of HTTP (RFC 9110 5.6.2).
fn is_token(word: &[u8]) -> bool {
    let is = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !word.is_empty() && word.iter().all(is)
}

/// An address with or without a port. `unknown` and made-up names (RFC 7239 6.2, 6.3) are none.
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?;
    let (address, port) = if let Some(bracketed) = text.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        (address.parse::<Ipv6Addr>().ok()?.into(), port)
    } else if let Ok(address) = text.parse::<IpAddr>() {
        (address, "")
    } else {
        let (address, port) = text.split_at_checked(text.find(':')?)?;
        (address.parse::<Ipv4Addr>().ok()?.into(), port)
    };
    is_port(port).then(|| address.to_canonical())
}

/// Nothing, or a colon and a port, which may be made up as well.
fn is_port(text: &str) -> bool {
    let Some(port) = text.strip_prefix(':') else { return text.is_empty() };
    match port.strip_prefix('_') {
        Some(name) => is_token(name.as_bytes()),
        None => port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok(),
    }
}
