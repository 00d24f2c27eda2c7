//! With which right a broker is asked, beside what its address says: files of credentials, keys and certificates, as the `nats` command
//! knows them. What is secret is in files or in the environment, and in no text that is made of this.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use async_nats::ConnectOptions;
use serde::Deserialize;

use super::LogError;

/// Flags of every command that asks a broker. The names in the environment are those of the `nats` command.
#[expect(clippy::struct_field_names, reason = "the flags are called so")]
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Access {
    /// A file with a JWT and its key (`.creds`).
    #[arg(long, global = true, value_name = "FILE", env = "NATS_CREDS", help_heading = "Broker")]
    nats_creds: Option<PathBuf>,
    /// A file with the seed of an NKey.
    #[arg(long, global = true, value_name = "FILE", env = "NATS_NKEY", help_heading = "Broker")]
    nats_nkey: Option<PathBuf>,
    /// A file with a token; or the token itself in $NATS_TOKEN.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Broker")]
    nats_token_file: Option<PathBuf>,
    /// A user, whose password is in $NATS_PASSWORD or --nats-password-file.
    #[arg(long, global = true, env = "NATS_USER", help_heading = "Broker")]
    nats_user: Option<String>,
    /// A file with the password of --nats-user.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Broker")]
    nats_password_file: Option<PathBuf>,
    /// What the names of our inboxes begin with (default: _INBOX): where each user may hear its own answers only.
    #[arg(long, global = true, value_name = "PREFIX", env = "NATS_INBOX_PREFIX", value_parser = inbox_prefix, help_heading = "Broker")]
    nats_inbox_prefix: Option<String>,
    /// Certificates of the authority that the broker's certificate is of, beside those of the system (PEM). The connection is encrypted.
    #[arg(long, global = true, value_name = "FILE", env = "NATS_CA", help_heading = "Broker")]
    nats_ca: Option<PathBuf>,
    /// Our own certificate, for brokers that ask for one (PEM).
    #[arg(long, global = true, value_name = "FILE", env = "NATS_CERT", requires = "nats_key", help_heading = "Broker")]
    nats_cert: Option<PathBuf>,
    /// The key of --nats-cert (PEM).
    #[arg(long, global = true, value_name = "FILE", env = "NATS_KEY", requires = "nats_cert", help_heading = "Broker")]
    nats_key: Option<PathBuf>,
}

/// What the command line and the environment say, once for the program.
static GIVEN: OnceLock<Access> = OnceLock::new();

/// Every connection of this program has this right from now on, where its address says none.
pub(crate) fn give(access: Access) {
    let _ = GIVEN.set(access);
}

pub(super) fn given() -> Access {
    GIVEN.get().cloned().unwrap_or_default()
}

/// A context of the `nats` command, as far as we need it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Context {
    pub(super) url: String,
    token: String,
    user: String,
    password: String,
    creds: String,
    nkey: String,
    cert: String,
    key: String,
    ca: String,
    inbox_prefix: String,
}

impl Context {
    /// The context of this name, in the folder where the `nats` command keeps them.
    ///
    /// # Errors
    ///
    /// Where it was looked for, and why it cannot be read.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".config"));
        let folder = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home).unwrap_or_default();
        let legal = !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.');
        if !legal {
            return Err("context:NAME needs the name of a context of the `nats` command (nats context ls)".to_owned());
        }
        let path = folder.join("nats/context").join(format!("{name}.json"));
        let text =
            std::fs::read_to_string(&path).map_err(|error| format!("context {name}, {}: {error}", path.display()))?;
        // What is wrong in it is not shown: it may hold a password.
        serde_json::from_str(&text)
            .map_err(|error| format!("context {name}, {}: line {}", path.display(), error.line()))
    }

    /// The files that it names.
    fn access(&self) -> Access {
        let file = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
        Access {
            nats_creds: file(&self.creds),
            nats_nkey: file(&self.nkey),
            nats_ca: file(&self.ca),
            nats_cert: file(&self.cert),
            nats_key: file(&self.key),
            ..Access::default()
        }
    }

    /// What the names of inboxes begin with.
    pub(super) fn inbox_prefix(&self) -> Option<String> {
        (!self.inbox_prefix.is_empty()).then(|| self.inbox_prefix.clone())
    }

    /// The secret in it.
    fn secret(&self) -> Secret {
        match (self.user.as_str(), self.token.as_str()) {
            ("", "") => Secret::None,
            ("", token) => Secret::Token(token.to_owned()),
            (user, _) => Secret::Password { user: user.to_owned(), password: self.password.clone() },
        }
    }
}

/// A secret that stands in no file of its own.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    None,
    Token(String),
    Password { user: String, password: String },
}

impl Access {
    /// The secret that the files and the environment give.
    fn secret(&self) -> Result<Secret, LogError> {
        if let Some(path) = &self.nats_token_file {
            return Ok(Secret::Token(read(path, "token")?));
        }
        if let Some(user) = self.nats_user.clone() {
            let password = match &self.nats_password_file {
                Some(path) => read(path, "password")?,
                None => std::env::var("NATS_PASSWORD").unwrap_or_default(),
            };
            return Ok(Secret::Password { user, password });
        }
        Ok(std::env::var("NATS_TOKEN").map_or(Secret::None, Secret::Token))
    }

    /// What the names of inboxes begin with, where somebody has said so.
    pub(super) fn inbox_prefix(&self, context: Option<&Context>) -> Option<String> {
        self.nats_inbox_prefix.clone().or_else(|| context.and_then(Context::inbox_prefix))
    }

    /// True where a file or the environment says who we are.
    fn names_us(&self, secret: &Secret) -> bool {
        *secret != Secret::None || self.nats_creds.is_some() || self.nats_nkey.is_some()
    }

    /// The options of a connection. Who we are is what the address of the broker says (`secret`); else what flags and environment say; else
    /// what the context says.
    ///
    /// # Errors
    ///
    /// Which file cannot be used, and why; never what is in it.
    pub(super) fn options(&self, secret: &Secret, context: Option<&Context>) -> Result<ConnectOptions, LogError> {
        let of_context = context.map(Context::access).unwrap_or_default();
        let is_in_address = *secret != Secret::None;
        let mut said = if is_in_address { secret.clone() } else { self.secret()? };
        let mut files = self;
        if !is_in_address && !self.names_us(&said) {
            said = context.map_or(Secret::None, Context::secret);
            files = &of_context;
        }
        let mut options = ConnectOptions::new();
        options = match said {
            Secret::Token(token) => options.token(token),
            Secret::Password { user, password } => options.user_and_password(user, password),
            Secret::None => options,
        };
        if !is_in_address {
            if let Some(path) = &files.nats_creds {
                let hint = "give a file with a user's JWT and key, as `nsc generate creds` writes it";
                options = options
                    .credentials(&format!("{}\n", read(path, "credentials")?))
                    .map_err(|_| LogError::new(format!("{}: no credentials are in it", path.display()), hint))?;
            }
            if let Some(path) = &files.nats_nkey {
                let seed = read(path, "NKey")?;
                if !is_seed(&seed) {
                    return Err(LogError::new(
                        format!("{}: this is no seed of an NKey of a user", path.display()),
                        "give a file that begins with SU and holds nothing but the seed, as `nk -gen user` writes it",
                    ));
                }
                options = options.nkey(seed);
            }
        }
        if let Some(prefix) = self.inbox_prefix(context) {
            options = options.custom_inbox_prefix(prefix);
        }
        let ca = self.nats_ca.as_ref().or(of_context.nats_ca.as_ref());
        let own = self.nats_cert.as_ref().zip(self.nats_key.as_ref());
        let own = own.or(of_context.nats_cert.as_ref().zip(of_context.nats_key.as_ref()));
        let (cert, key) = own.unzip();
        for (path, what, begins) in
            [(ca, "certificate", "CERTIFICATE"), (cert, "certificate", "CERTIFICATE"), (key, "key", "PRIVATE KEY")]
        {
            let Some(path) = path else { continue };
            if !read(path, what)?.contains(&format!("{begins}-----")) {
                return Err(LogError::new(
                    format!("{}: no {what} is in it", path.display()),
                    format!("give a file in PEM form: it has a line that ends with {begins}-----"),
                ));
            }
        }
        if let Some(path) = ca {
            options = options.add_root_certificates(path.clone()).require_tls(true);
        }
        if let Some((cert, key)) = own {
            options = options.add_client_certificate(cert.clone(), key.clone()).require_tls(true);
        }
        Ok(options)
    }
}

fn inbox_prefix(text: &str) -> Result<String, String> {
    let legal = |token: &str| !token.is_empty() && token.chars().all(|c| c.is_ascii_graphic() && c != '*' && c != '>');
    text.split('.')
        .all(legal)
        .then(|| text.to_owned())
        .ok_or_else(|| "a subject without `*` and `>` is needed".to_owned())
}

fn read(path: &Path, what: &str) -> Result<String, LogError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        LogError::new(
            format!("the {what} of the broker, {}: {error}", path.display()),
            "give the path of a file that this user can read",
        )
    })?;
    let text = text.trim();
    if text.is_empty() {
        return Err(LogError::new(
            format!("the {what} of the broker, {}: the file is empty", path.display()),
            "put it into the file, or leave the option out",
        ));
    }
    Ok(text.to_owned())
}

/// True where a text looks like the seed of an NKey of a user: 58 letters of Base32 that begin with SU.
fn is_seed(text: &str) -> bool {
    text.len() == 58
        && text.starts_with("SU")
        && text.chars().all(|letter| letter.is_ascii_uppercase() || ('2'..='7').contains(&letter))
}

/// What goes wrong where two programs do not come to an encrypted connection, or to one that is signed: a part of the error's words,
/// what it means, and what mends it. The first that fits counts.
const HANDSHAKES: [(&[&str], &str, &str); 10] = [
    (
        &["UnknownIssuer", "UnhandledCriticalExtension", "CaUsedAsEndEntity"],
        "answers with a certificate of an authority that is not known here",
        "give the certificates of its authority: --nats-ca FILE, NATS_CA, or `ca` of a context",
    ),
    (
        &["NotValidForName"],
        "answers with a certificate that is for another name",
        "ask for the broker by a name that stands in its certificate",
    ),
    (
        // What the broker says of ours comes as an alert.
        &["fatal alert: CertificateExpired", "AlertReceived(CertificateExpired)"],
        "does not take our certificate, which is not valid now",
        "renew the certificate of --nats-cert, or set the clock of this machine or of the broker's",
    ),
    (
        &["certificate expired", "Expired", "NotValidYet"],
        "answers with a certificate that is not valid now",
        "renew the broker's certificate, or set this machine's clock",
    ),
    (
        &["CertificateRequired"],
        "wants to see a certificate of ours",
        "give one of an authority that it knows, and its key: --nats-cert FILE --nats-key FILE, or `cert`, `key` of a context",
    ),
    (
        &["could not add certificate or key", "InconsistentKeys", "KeyMismatch"],
        "is not asked: the key of --nats-key is not that of the certificate of --nats-cert, or one of them cannot be read",
        "give the certificate and the key that it was made for",
    ),
    (
        &[
            "UnknownCA",
            "BadCertificate",
            "DecryptError",
            "AccessDenied",
            "UnsupportedCertificate",
            "CertificateUnknown",
        ],
        "does not take our certificate",
        "give one of an authority that it knows: --nats-cert FILE --nats-key FILE, or `cert`, `key` of a context; renew it if it is not valid \
         any more",
    ),
    (
        &["failed signing nonce"],
        "wants its question signed, and the key at hand cannot do that",
        "look at the file of --nats-nkey (a seed that begins with SU) or --nats-creds",
    ),
    (
        &["InvalidContentType", "corrupt message", "tls handshake eof", "TLS not supported", "not supported by server"],
        "does not speak TLS there",
        "leave out --nats-ca, --nats-cert and tls://, or switch TLS on at the broker",
    ),
    (
        &["HandshakeFailure", "ProtocolVersion"],
        "and this program have no TLS version or cipher in common",
        "allow TLS 1.2 or 1.3 at the broker",
    ),
];

/// What an error means that came up when the connection was to be encrypted or signed, and what mends it; `None`: it is another one.
pub(super) fn handshake(words: &str) -> Option<(&'static str, &'static str)> {
    let fits = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    HANDSHAKES.iter().find(|(parts, ..)| fits(parts)).map(|&(_, meaning, mend)| (meaning, mend))
}
