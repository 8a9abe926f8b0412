//! What a socket says first: read up to the end of its request head.

use super::{
    handshake::House,
    head::Head,
    http::{Reception, Refusal, Upgrade, receive},
};
use crate::gate::{
    forwarded::{Finding, proxy_v2},
    refusals::Agent,
};
use std::{io, net::IpAddr};
use tokio::net::TcpStream;

/// What a socket says first.
pub(super) enum Heard {
    /// It wants a WebSocket, for this client.
    Upgrade(IpAddr, Box<Upgrade>),
    /// Something that is refused.
    Refuse { client: IpAddr, why: Refusal, response: Vec<u8>, agent: Option<Agent> },
    /// Any other request.
    Plain,
    /// Nothing more.
    Gone,
}

impl House {
    /// Reads the head of the request that `ip` sends, for itself or for whom it introduced.
    pub(super) async fn listen(
        &self,
        stream: &mut TcpStream,
        head: &mut Head,
        ip: IpAddr,
        introduced: Option<IpAddr>,
    ) -> io::Result<Heard> {
        loop {
            if !head.is_empty() {
                match receive(head, &self.site, ip) {
                    Reception::NeedMore => {}
                    Reception::Refuse { why, response, agent, client } => {
                        if proxy_v2::is_header(head) {
                            self.doubts.about_uncalled_header(ip);
                        }
                        let client = introduced.or(client).unwrap_or(ip);
                        return Ok(Heard::Refuse { client, why, response, agent });
                    }
                    Reception::Plain => return Ok(Heard::Plain),
                    Reception::Upgrade(upgrade) => {
                        let Finding { client, doubt } = upgrade.finding;
                        if let Some(doubt) = doubt {
                            self.doubts.about(ip, doubt);
                        }
                        return Ok(Heard::Upgrade(introduced.unwrap_or(client), upgrade));
                    }
                }
            }
            if head.read(stream).await? == 0 {
                return Ok(Heard::Gone);
            }
        }
    }
}
