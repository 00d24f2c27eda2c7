//! The address of a broker, and who asks it. The password is known to the connection alone: it is in no text that is made of this.

use std::fmt;

use percent_encoding::percent_decode_str;

use super::LogError;
use super::access::{self, Context, Secret};

/// Where a broker is, and with which right it is asked. Both as one text: `nats://[USER:PASSWORD@]HOST:PORT[,HOST:PORT…]`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// Addresses without credentials: brokers of one cluster.
    addresses: Vec<String>,
    credentials: Secret,
    /// The context of the `nats` command that it was taken from.
    context: Option<Box<Context>>,
}

impl Server {
    /// Reads an address. `None`: it is none; what is wrong is not said, because a part of it may be a password.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let scheme = ["nats://", "tls://"].into_iter().find(|scheme| text.starts_with(scheme))?;
        let (mut addresses, mut credentials) = (Vec::new(), Secret::None);
        for part in text[scheme.len()..].split(',') {
            let part = part.trim().trim_start_matches(scheme).trim_end_matches('/');
            // A password may hold an `@`.
            let (given, address) = part.rsplit_once('@').map_or((None, part), |(given, at)| (Some(given), at));
            if let Some(given) = given.filter(|_| credentials == Secret::None) {
                let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
                credentials = match given.split_once(':') {
                    Some((user, password)) => Secret::Password { user: decoded(user), password: decoded(password) },
                    None => Secret::Token(decoded(given)),
                };
            }
            let address = format!("{scheme}{address}");
            address.parse::<async_nats::ServerAddr>().ok().filter(|address| !address.host().is_empty())?;
            addresses.push(address);
        }
        Some(Self { addresses, credentials, context: None })
    }

    /// The broker of a context of the `nats` command.
    ///
    /// # Errors
    ///
    /// Why there is none; no part of it is shown, because it may be a password.
    pub(crate) fn of_context(name: &str) -> Result<Self, String> {
        let context = Context::named(name)?;
        let wrong = || format!("context {name}: its `url` is no address: nats://HOST:PORT");
        let mut server = Self::parse(&context.url).ok_or_else(wrong)?;
        server.context = Some(Box::new(context));
        Ok(server)
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

    /// What the names of our inboxes begin with, where somebody has said so.
    pub(crate) fn inbox_prefix(&self) -> Option<String> {
        access::given().inbox_prefix(self.context.as_deref())
    }

    /// The options of a connection with these credentials, and with those that flags and environment give. They are options and not a
    /// part of the address, because the client learns the addresses of the other brokers from the first one, without credentials.
    ///
    /// # Errors
    ///
    /// Which file of credentials cannot be used.
    pub(crate) fn options(&self) -> Result<async_nats::ConnectOptions, LogError> {
        access::given().options(&self.credentials, self.context.as_deref())
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, address) in self.addresses.iter().enumerate() {
            match (number, address.split_once("://")) {
                (0, Some((scheme, rest))) => match &self.credentials {
                    Secret::None => write!(f, "{address}")?,
                    Secret::Token(_) => write!(f, "{scheme}://***@{rest}")?,
                    Secret::Password { user, .. } => write!(f, "{scheme}://{user}:***@{rest}")?,
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
    use super::{Secret, Server};

    #[test]
    fn an_address_is_read_and_no_text_of_it_has_the_password() {
        let server = Server::parse("nats://ann:p%40ss:w@rd@a:4222,b:4223").expect("an address");
        assert_eq!(server.addresses(), ["nats://a:4222", "nats://b:4223"]);
        assert_eq!(server.sockets(), ["a:4222", "b:4223"]);
        let password = "p@ss:w@rd".to_owned();
        assert!(server.credentials == Secret::Password { user: "ann".to_owned(), password });
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
