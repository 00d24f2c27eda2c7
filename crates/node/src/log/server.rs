//! The address of a broker, and who asks it. The password is known to the connection alone: it is in no text that is made of this.

use std::fmt;

use percent_encoding::percent_decode_str;

/// Where a broker is, and with which right it is asked. Both as one text: `nats://[USER:PASSWORD@]HOST:PORT[,HOST:PORT…]`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// Addresses without credentials: brokers of one cluster.
    addresses: Vec<String>,
    credentials: Credentials,
}

#[derive(Clone, PartialEq, Eq)]
enum Credentials {
    None,
    Token(String),
    Password { user: String, password: String },
}

impl Server {
    /// Reads an address. `None`: it is none; what is wrong is not said, because a part of it may be a password.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let scheme = ["nats://", "tls://"].into_iter().find(|scheme| text.starts_with(scheme))?;
        let (mut addresses, mut credentials) = (Vec::new(), Credentials::None);
        for part in text[scheme.len()..].split(',') {
            let part = part.trim().trim_start_matches(scheme).trim_end_matches('/');
            // A password may hold an `@`.
            let (given, address) = part.rsplit_once('@').map_or((None, part), |(given, at)| (Some(given), at));
            if let Some(given) = given.filter(|_| credentials == Credentials::None) {
                let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
                credentials = match given.split_once(':') {
                    Some((user, password)) => {
                        Credentials::Password { user: decoded(user), password: decoded(password) }
                    }
                    None => Credentials::Token(decoded(given)),
                };
            }
            let address = format!("{scheme}{address}");
            address.parse::<async_nats::ServerAddr>().ok().filter(|address| !address.host().is_empty())?;
            addresses.push(address);
        }
        Some(Self { addresses, credentials })
    }

    /// The addresses, without credentials.
    pub(crate) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// `HOST:PORT` of each address.
    pub(crate) fn sockets(&self) -> Vec<String> {
        let parsed = self.addresses.iter().filter_map(|address| address.parse::<async_nats::ServerAddr>().ok());
        parsed.map(|address| format!("{}:{}", address.host(), address.port())).collect()
    }

    /// The options of a connection with these credentials. They are given as options and not as a part of the address, because the
    /// client learns the addresses of the other brokers from the first one, without credentials.
    pub(crate) fn options(&self) -> async_nats::ConnectOptions {
        let options = async_nats::ConnectOptions::new();
        match &self.credentials {
            Credentials::None => options,
            Credentials::Token(token) => options.token(token.clone()),
            Credentials::Password { user, password } => options.user_and_password(user.clone(), password.clone()),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, address) in self.addresses.iter().enumerate() {
            match (number, address.split_once("://")) {
                (0, Some((scheme, rest))) => match &self.credentials {
                    Credentials::None => write!(f, "{address}")?,
                    Credentials::Token(_) => write!(f, "{scheme}://***@{rest}")?,
                    Credentials::Password { user, .. } => write!(f, "{scheme}://{user}:***@{rest}")?,
                },
                (0, None) => write!(f, "{address}")?,
                (_, Some((_, rest))) => write!(f, ",{rest}")?,
                (_, None) => write!(f, ",{address}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Credentials, Server};

    #[test]
    fn an_address_is_read_and_no_text_of_it_has_the_password() {
        let server = Server::parse("nats://ann:p%40ss:w@rd@a:4222,b:4223").expect("an address");
        assert_eq!(server.addresses(), ["nats://a:4222", "nats://b:4223"]);
        assert_eq!(server.sockets(), ["a:4222", "b:4223"]);
        let password = "p@ss:w@rd".to_owned();
        assert!(server.credentials == Credentials::Password { user: "ann".to_owned(), password });
        for text in [server.to_string(), format!("{server:?}")] {
            assert_eq!(text, "nats://ann:***@a:4222,b:4223");
        }
        let token = Server::parse("tls://secret@host").expect("an address");
        assert_eq!((token.to_string(), token.sockets()), ("tls://***@host".to_owned(), vec!["host:4222".to_owned()]));
        assert_eq!(Server::parse("nats://h:1").expect("an address").to_string(), "nats://h:1");
        for wrong in ["http://h", "h:4222", "nats://", "nats://h:port", "nats://u:p@"] {
            assert!(Server::parse(wrong).is_none(), "{wrong}");
        }
    }
}
