//! The token file: who has which token, and with it which role.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use ring::rand::SecureRandom;

use super::{ALONE, Role};
use crate::args::Token;
use crate::failure::Failure;

/// Shortest token with a role. Ours have 43 characters.
const LENGTH_MIN: usize = 16;
/// Longest name of a holder.
const NAME_MAX: usize = 64;
/// What a token begins with of which the file has the digest only.
const DIGEST: &str = "sha256:";
/// Bytes of a new token.
const RANDOM_BYTES: usize = 32;

/// SHA-256. What is compared is never the secret itself, so that the time which it takes says nothing of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Digest([u8; 32]);

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digest(…)")
    }
}

pub(super) fn digest(secret: &[u8]) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, secret).as_ref());
    Digest(bytes)
}

/// A secret that nobody can guess.
pub(super) fn random_secret() -> String {
    let mut bytes = [0; RANDOM_BYTES];
    ring::rand::SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Who holds a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) name: Arc<str>,
    pub(super) role: Role,
}

/// All tokens of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tokens(BTreeMap<Digest, Holder>);

impl Tokens {
    /// Reads a file. What is wrong is told with its line, and never with what stands in it.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(
                format!("token file {}: {error}", path.display()),
                "give the path of a file with the bearer token",
            )
        })?;
        Self::parse(&text).map_err(|what| {
            let hint =
                "write a line `ROLE NAME TOKEN` for each holder (viewer, operator, admin); `fleetfold token` makes one";
            Failure::new(format!("token file {}{what}", path.display()), hint)
        })
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let is_told = |line: &str| !line.is_empty() && !line.starts_with('#');
        let lines: Vec<(usize, &str)> =
            (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| is_told(line)).collect();
        let mut tokens = BTreeMap::new();
        if let [(_, only)] = lines[..]
            && only.split_whitespace().count() == 1
            && Role::named(only).is_none()
        {
            // A file with nothing but a token: it may do everything.
            tokens.insert(digest(only.as_bytes()), Holder { name: ALONE.into(), role: Role::Admin });
            return Ok(Self(tokens));
        }
        for (number, line) in lines {
            let (token, holder) = holder(line).map_err(|what| format!(", line {number}: {what}"))?;
            if tokens.insert(token, holder).is_some() {
                return Err(format!(", line {number}: this token stands in a line before"));
            }
        }
        if tokens.is_empty() { Err(": no token is in it".to_owned()) } else { Ok(Self(tokens)) }
    }

    pub(super) fn holder(&self, token: Digest) -> Option<&Holder> {
        self.0.get(&token)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// A token of an administrator: whose link `serve` prints.
    pub(super) fn first_admin(&self) -> Option<Digest> {
        self.0.iter().find(|(_, holder)| holder.role == Role::Admin).map(|(&token, _)| token)
    }
}

fn holder(line: &str) -> Result<(Digest, Holder), String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [role, name, token] = fields[..] else {
        return Err(format!("role, name and token are needed, and {} words stand here", fields.len()));
    };
    let role = Role::named(role).ok_or("the first word is no role: viewer, operator or admin")?;
    let name = legal_name(name)?.into();
    let token = match token.strip_prefix(DIGEST) {
        Some(hexadecimal) => Digest(bytes_of(hexadecimal).ok_or("64 hexadecimal digits are needed after sha256:")?),
        None if token.len() < LENGTH_MIN => {
            return Err(format!("the token has fewer than {LENGTH_MIN} characters and can be guessed"));
        }
        None => digest(token.as_bytes()),
    };
    Ok((token, Holder { name, role }))
}

/// A name that can stand in an event, in a line of a log and in a cookie without being mistaken for anything else.
fn legal_name(name: &str) -> Result<&str, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._@+-".contains(c);
    if (1..=NAME_MAX).contains(&name.len()) && name.chars().all(legal) {
        return Ok(name);
    }
    Err(format!("a name has 1 to {NAME_MAX} letters, digits, and . _ @ + -"))
}

fn bytes_of(hexadecimal: &str) -> Option<[u8; 32]> {
    if hexadecimal.len() != 64 || !hexadecimal.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hexadecimal[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

/// `fleetfold token`: a new token for its holder, and the line for the file, which has its digest only.
pub(crate) fn command(args: &Token) -> Result<ExitCode, Failure> {
    let name = legal_name(&args.name).map_err(|what| Failure::new(what, "fleetfold token operator ann"))?;
    let token = random_secret();
    let mut hexadecimal = String::new();
    for byte in digest(token.as_bytes()).0 {
        let _ = write!(hexadecimal, "{byte:02x}");
    }
    crate::out::say!("{} {name} {DIGEST}{hexadecimal}", args.role.name());
    // The line alone can be appended to the file, and the token alone kept in another one.
    if std::io::stderr().is_terminal() {
        eprintln!("the token of {name}, which is shown this once: {token}");
    } else {
        eprintln!("{token}");
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_a_token_alone_is_an_administrators() {
        for text in ["s3cret", "s3cret\n", "# ours\n\n  s3cret \n"] {
            let tokens = Tokens::parse(text).unwrap();
            assert_eq!(tokens.holder(digest(b"s3cret")).map(|holder| holder.role), Some(Role::Admin), "{text:?}");
        }
        assert_eq!(Tokens::parse("").unwrap_err(), ": no token is in it");
    }

    #[test]
    fn a_digest_stands_for_its_token() {
        // `printf abc | sha256sum`
        let line = "viewer wall sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let tokens = Tokens::parse(line).unwrap();
        assert_eq!(tokens.holder(digest(b"abc")).map(|holder| &*holder.name), Some("wall"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_without_the_token() {
        let wrong = [
            ("viewer", "1 words"),
            ("viewer wall", "2 words"),
            ("Viewer wall 1234567890123456", "no role"),
            ("viewer wall 1234567890123456 more", "4 words"),
            ("viewer wall tooshort", "fewer than 16"),
            ("viewer w\u{e4}nd 1234567890123456", "a name has"),
            ("viewer a/b 1234567890123456", "a name has"),
            ("viewer wall sha256:12", "64 hexadecimal"),
            ("viewer wall sha256:zz7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "64 hexadecimal"),
            ("driver wall 1234567890123456\nviewer b 1234567890123457", "no role"),
        ];
        for (line, what) in wrong {
            let said = Tokens::parse(&format!("# head\n{line}")).unwrap_err();
            assert!(said.starts_with(", line 2: ") && said.contains(what), "{line}: {said}");
            assert!(!said.contains("1234") && !said.contains("tooshort"), "{said}");
        }
        let twice = "viewer a 1234567890123456\nadmin b 1234567890123456";
        assert!(Tokens::parse(twice).unwrap_err().contains("line 2: this token stands"));
    }
}
