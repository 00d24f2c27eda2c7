//! Encoded polylines: lines on the map as text, as OSRM, VROOM and Google's "Encoded Polyline Algorithm Format" write them.
//!
//! Latitude and longitude of each point, each as the difference to the point before in units of so many decimals, in groups of five
//! bits with the lowest first, and the sign in the lowest bit.

/// Decimals of VROOM's and OSRM's lines.
const DECIMALS: i32 = 5;

/// A line, given by longitudes and latitudes, as text of five decimals.
pub fn encode_polyline(line: &[[f64; 2]]) -> String {
    let mut text = String::with_capacity(line.len() * 6);
    let mut before = [0i64; 2];
    for &[lon, lat] in line {
        for (before, degrees) in before.iter_mut().zip([lat, lon]) {
            let units = (degrees * 10f64.powi(DECIMALS)).round() as i64;
            let mut bits = (units - *before) << 1;
            if bits < 0 {
                bits = !bits;
            }
            *before = units;
            while bits >= 0x20 {
                text.push(char::from((0x20 | (bits & 0x1f)) as u8 + 63));
                bits >>= 5;
            }
            text.push(char::from(bits as u8 + 63));
        }
    }
    text
}

/// The points of a text of so many decimals, longitude first; `None` where it is none.
pub fn decode_polyline(text: &str, decimals: i32) -> Option<Vec<[f64; 2]>> {
    let mut bytes = text.bytes();
    let mut line = Vec::new();
    let mut sums = [0i64; 2];
    while bytes.len() > 0 {
        for sum in &mut sums {
            let (mut bits, mut shift) = (0i64, 0);
            loop {
                let group = i64::from(bytes.next()?.checked_sub(63).filter(|&group| group < 64)?);
                // No difference of two places has more than 32 bits.
                if shift > 35 {
                    return None;
                }
                bits |= (group & 0x1f) << shift;
                shift += 5;
                if group < 0x20 {
                    break;
                }
            }
            *sum += if bits & 1 == 1 { !(bits >> 1) } else { bits >> 1 };
        }
        line.push([sums[1], sums[0]].map(|units| units as f64 / 10f64.powi(decimals)));
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the format's description.
    #[test]
    fn the_example_of_the_format_is_written_and_read() {
        let line = [[-120.2, 38.5], [-120.95, 40.7], [-126.453, 43.252]];
        let text = "_p~iF~ps|U_ulLnnqC_mqNvxq`@";
        assert_eq!(encode_polyline(&line), text);
        assert_eq!(decode_polyline(text, 5).unwrap(), line);
        assert_eq!(decode_polyline("", 5).unwrap(), [[0.0; 2]; 0]);
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for text in ["_p~iF", "_p~iF~ps|", "é", " ", "~~~~~~~~~~~~~~~~~~~~?"] {
            assert_eq!(decode_polyline(text, 5), None, "{text}");
        }
    }

    #[test]
    fn a_line_of_random_places_comes_back() {
        let mut random = 7u64;
        let mut draw = |most: f64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((random >> 33) as f64 / f64::from(1u32 << 31) * 2.0 - 1.0) * most
        };
        let line: Vec<[f64; 2]> = (0..200).map(|_| [draw(180.0), draw(90.0)]).collect();
        let back = decode_polyline(&encode_polyline(&line), 5).unwrap();
        assert_eq!(back.len(), line.len());
        for (there, back) in line.iter().flatten().zip(back.iter().flatten()) {
            assert!((there - back).abs() <= 0.5e-5 + 1e-9, "{there} {back}");
        }
    }
}
