//! The address of a server, as people write it.

use std::fmt;

/// A `ws://` address in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// As it was given.
    url: String,
    /// A name or an address, without the brackets of IPv6.
    pub(super) host: String,
    pub(super) port: String,
    /// With its slash, without a query.
    pub(super) path: String,
}

impl Address {
    /// Takes `url` apart.
    ///
    /// # Errors
    /// What is wrong with it and what to write, for people.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
            None => {
                return Err(format!(
                    "{url}: write the whole address, such as ws://{url}{}",
                    tail(url)
                ));
            }
        };
        match scheme.as_str() {
            "ws" => {}
            "wss" | "https" => {
                return Err(format!(
                    "{url}: this client does not speak TLS yet. Connect to the server behind the \
                     proxy that does, from its own machine (ws://127.0.0.1:7000/ws) or through a \
                     tunnel (ssh -L 7000:127.0.0.1:7000 HOST)"
                ));
            }
            "http" => return Err(format!("{url}: write ws://{rest}{} instead", tail(rest))),
            other => {
                return Err(format!(
                    "{url}: {other}:// is no WebSocket address: write ws://HOST:PORT/ws"
                ));
            }
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let (host, port) = split(authority)
            .ok_or_else(|| format!("{url}: there is no host in it: write ws://HOST:PORT/ws"))?;
        Ok(Self {
            url: url.to_owned(),
            host: host.to_owned(),
            port: port.to_owned(),
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
        })
    }

    /// The same server under another path.
    pub(super) fn with_path(&self, path: &str) -> String {
        let host = &self.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        format!("ws://{host}:{}{path}", self.port)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.url
    }
}

/// The endpoint, where `rest` has no path.
fn tail(rest: &str) -> &'static str {
    if rest.contains('/') { "" } else { "/ws" }
}

/// Host and port of `HOST`, `HOST:PORT`, `[V6]:PORT`.
fn split(authority: &str) -> Option<(&str, &str)> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = rest.strip_prefix(':').unwrap_or("80");
    (!host.is_empty()).then_some((host, port))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_apart() {
        let cases = [
            ("ws://a:7000/ws", ("a", "7000", "/ws")),
            ("WS://a", ("a", "80", "/")),
            ("ws://[::1]:7000/ws?x=1", ("::1", "7000", "/ws")),
            ("ws://a/b/c#d", ("a", "80", "/b/c")),
        ];
        for (url, (host, port, path)) in cases {
            let address = Address::parse(url).unwrap();
            assert_eq!((&*address.host, &*address.port, &*address.path), (host, port, path));
        }
        assert_eq!(Address::parse("ws://[::1]/x").unwrap().with_path("/ws"), "ws://[::1]:80/ws");
    }

    #[test]
    fn what_is_no_address_is_mended() {
        let cases = [
            ("localhost:7000", "such as ws://localhost:7000/ws"),
            ("localhost:7000/ws", "such as ws://localhost:7000/ws"),
            ("http://a:7000/ws", "write ws://a:7000/ws instead"),
            ("http://a:7000", "write ws://a:7000/ws instead"),
            ("wss://a/ws", "does not speak TLS yet"),
            ("https://a/ws", "does not speak TLS yet"),
            ("ftp://a", "ftp:// is no WebSocket address"),
            ("ws://", "there is no host"),
            ("ws://:80/ws", "there is no host"),
        ];
        for (url, text) in cases {
            let why = Address::parse(url).unwrap_err();
            assert!(why.contains(text), "{why}");
        }
    }
}
