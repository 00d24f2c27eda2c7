//! Who has sent an event stands in it, as CloudEvents has it (extension "Auth Context"): `authtype` is `user` for a person who has logged
//! in and `api_key` for a program with a token, `authid` is the name beside the token. What a producer says of it himself is taken out.

use bytes::Bytes;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Identity;

/// The attributes that only we write.
const ATTRIBUTES: [&str; 2] = ["authtype", "authid"];

/// The members of an object as they stand there, also those that stand there twice, which somebody else judges.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Reader)
    }
}

/// The event with the name of who sends it. The payload keeps its bytes. What is no JSON object comes back as it is: whoever decodes it says
/// what is wrong.
pub(crate) fn stamped(event: Bytes, who: &Identity) -> Bytes {
    // Where nobody is asked who he is, most events have nothing to be taken out. (An attribute may be written with escapes.)
    if !who.is_known() && !event.windows(4).any(|four| four == b"auth") && !event.contains(&b'\\') {
        return event;
    }
    let Ok(Members(members)) = serde_json::from_slice::<Members>(&event) else { return event };
    let mut stamped = Vec::with_capacity(event.len() + 64);
    stamped.push(b'{');
    let mut add = |name: &str, value: &[u8]| {
        if stamped.len() > 1 {
            stamped.push(b',');
        }
        stamped.extend_from_slice(&serde_json::to_vec(name).expect("a string is JSON"));
        stamped.push(b':');
        stamped.extend_from_slice(value);
    };
    for (name, value) in members.iter().filter(|(name, _)| !ATTRIBUTES.contains(&name.as_str())) {
        add(name, value.get().as_bytes());
    }
    if who.is_known() {
        add(ATTRIBUTES[0], if who.is_person() { b"\"user\"" } else { b"\"api_key\"" });
        add(ATTRIBUTES[1], &serde_json::to_vec(&*who.name).expect("a string is JSON"));
    }
    stamped.push(b'}');
    Bytes::from(stamped)
}

#[cfg(test)]
mod tests {
    use super::super::{Proof, Role, digest};
    use super::*;

    fn who(proof: Proof) -> Identity {
        Identity { name: "ann".into(), role: Role::Operator, proof }
    }

    fn text(event: &'static str, proof: Proof) -> String {
        String::from_utf8(stamped(Bytes::from(event), &who(proof)).to_vec()).unwrap()
    }

    #[test]
    fn the_name_is_ours_and_the_payload_its_own() {
        let (person, program) = (Proof::Session(digest(b"c")), Proof::Token(digest(b"t")));
        let event = "{\"id\":\"1\", \"data\":{\"a\":1.50,\"authid\":\"in the payload\"}}";
        assert_eq!(
            text(event, person),
            "{\"id\":\"1\",\"data\":{\"a\":1.50,\"authid\":\"in the payload\"},\"authtype\":\"user\",\"authid\":\"ann\"}"
        );
        for forged in [
            "{\"authid\":\"root\",\"id\":\"1\",\"authtype\":\"user\"}",
            "{\"\\u0061uthid\":\"root\",\"id\":\"1\",\"authid\":7}",
        ] {
            assert_eq!(text(forged, program), "{\"id\":\"1\",\"authtype\":\"api_key\",\"authid\":\"ann\"}");
            assert_eq!(text(forged, Proof::None), "{\"id\":\"1\"}", "nobody is anybody where nobody is asked");
        }
        for odd in ["[1]", "{\"id\":", "", "{\"authid\":1"] {
            assert_eq!(text(odd, person), odd);
        }
        let plain = "{\"id\": \"1\"}";
        assert_eq!(text(plain, Proof::None), plain, "byte for byte");
        assert_eq!(text("{\"id\":1,\"id\":2}", Proof::Token(digest(b"t"))).matches("\"id\"").count(), 2);
    }
}
