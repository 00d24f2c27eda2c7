//! `.osm.pbf` for programs that read nothing else: the repository's town, which is written one element a line, packed
//! as <https://wiki.openstreetmap.org/wiki/PBF_Format> says, without compression.

fn varint(mut value: u64, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// A field of a number.
fn number(field: u64, value: u64, into: &mut Vec<u8>) {
    varint(field << 3, into);
    varint(value, into);
}

/// A field of bytes: text, a message, packed numbers.
fn bytes(field: u64, body: &[u8], into: &mut Vec<u8>) {
    varint(field << 3 | 2, into);
    varint(body.len() as u64, into);
    into.extend(body);
}

fn packed(field: u64, values: impl IntoIterator<Item = u64>, into: &mut Vec<u8>) {
    let mut body = Vec::new();
    values.into_iter().for_each(|value| varint(value, &mut body));
    bytes(field, &body, into);
}

/// Each value less the one before it.
fn deltas(values: &[i64]) -> impl Iterator<Item = u64> {
    values.iter().scan(0, |last, &value| Some(zigzag(value - std::mem::replace(last, value))))
}

fn block(kind: &str, body: &[u8], into: &mut Vec<u8>) {
    let (mut blob, mut header) = (Vec::new(), Vec::new());
    bytes(1, body, &mut blob);
    bytes(1, kind.as_bytes(), &mut header);
    number(3, blob.len() as u64, &mut header);
    into.extend((header.len() as u32).to_be_bytes());
    into.extend(header);
    into.extend(blob);
}

/// The value of an attribute on a line.
fn attribute<'t>(line: &'t str, name: &str) -> Option<&'t str> {
    line.split_once(&format!(" {name}=\""))?.1.split('"').next()
}

/// Texts by number; 0 is the empty one.
struct Strings(Vec<String>);

impl Strings {
    fn of(&mut self, text: &str) -> u64 {
        let at = self.0.iter().position(|known| known == text).unwrap_or_else(|| {
            self.0.push(text.to_owned());
            self.0.len() - 1
        });
        at as u64
    }
}

/// A way or relation on its way.
#[derive(Default)]
struct Open {
    id: u64,
    keys: Vec<u64>,
    values: Vec<u64>,
    refs: Vec<i64>,
    roles: Vec<u64>,
    kinds: Vec<u64>,
}

impl Open {
    fn message(&self) -> Vec<u8> {
        let mut message = Vec::new();
        number(1, self.id, &mut message);
        packed(2, self.keys.iter().copied(), &mut message);
        packed(3, self.values.iter().copied(), &mut message);
        if self.roles.is_empty() {
            packed(8, deltas(&self.refs), &mut message);
        } else {
            packed(8, self.roles.iter().copied(), &mut message);
            packed(9, deltas(&self.refs), &mut message);
            packed(10, self.kinds.iter().copied(), &mut message);
        }
        message
    }
}

/// Packs an `.osm` text.
pub fn from_osm(text: &str) -> Vec<u8> {
    let mut strings = Strings(vec![String::new()]);
    let (mut nodes, mut ways, mut relations) = (Vec::new(), Vec::new(), Vec::new());
    let mut open = Open::default();
    for line in text.lines() {
        let of = |name: &str| attribute(line, name);
        let id = |name: &str| of(name).and_then(|value| value.parse::<i64>().ok()).unwrap_or_default();
        let degrees = |name: &str| (of(name).unwrap_or("0").parse::<f64>().unwrap_or_default() * 1e7).round() as i64;
        match line.trim_start().split([' ', '>']).next().unwrap_or_default() {
            "<node" => {
                let mut node = Vec::new();
                number(1, zigzag(id("id")), &mut node);
                number(8, zigzag(degrees("lat")), &mut node);
                number(9, zigzag(degrees("lon")), &mut node);
                bytes(1, &node, &mut nodes);
            }
            "<way" | "<relation" => open = Open { id: id("id") as u64, ..Open::default() },
            "<nd" => open.refs.push(id("ref")),
            "<member" => {
                open.refs.push(id("ref"));
                open.roles.push(strings.of(of("role").unwrap_or_default()));
                open.kinds.push(u64::from(of("type") == Some("way")));
            }
            "<tag" => {
                open.keys.push(strings.of(of("k").unwrap_or_default()));
                open.values.push(strings.of(of("v").unwrap_or_default()));
            }
            "</way" => bytes(3, &open.message(), &mut ways),
            "</relation" => bytes(4, &open.message(), &mut relations),
            _ => {}
        }
    }
    let (mut table, mut body, mut file) = (Vec::new(), Vec::new(), Vec::new());
    strings.0.iter().for_each(|text| bytes(1, text.as_bytes(), &mut table));
    bytes(1, &table, &mut body);
    for group in [nodes, ways, relations] {
        bytes(2, &group, &mut body);
    }
    let mut header = Vec::new();
    bytes(4, b"OsmSchema-V0.6", &mut header);
    block("OSMHeader", &header, &mut file);
    block("OSMData", &body, &mut file);
    file
}
