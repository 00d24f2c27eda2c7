//! Ids of roads in JSON. A road's id is 64 bits wide; ways of OpenStreetMap that are not uploaded yet have negative ids, which are
//! written with their sign and kept as the same bits.

use serde::{Deserialize, Deserializer, Serializer};

/// One id, with a sign or too large for one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Signed(i64),
    Unsigned(u64),
}

pub(crate) fn serialize<S: Serializer>(ids: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.iter().map(|&id| id as i64))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    let ids = Vec::<Id>::deserialize(deserializer)?;
    Ok(ids
        .into_iter()
        .map(|id| match id {
            Id::Signed(id) => id as u64,
            Id::Unsigned(id) => id,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use crate::event_v1::RoadV1;

    #[test]
    fn negative_ids_of_roads_are_read_and_written_with_their_sign() {
        let text = r#"{"change_id":"c","roads":[1207,-10,18446744073709551615]}"#;
        let road: RoadV1 = serde_json::from_str(text).unwrap();
        assert_eq!(road.roads, [1207, 10u64.wrapping_neg(), u64::MAX]);
        assert_eq!(serde_json::to_string(&road).unwrap(), r#"{"change_id":"c","roads":[1207,-10,-1]}"#);
        assert!(serde_json::from_str::<RoadV1>(r#"{"change_id":"c","roads":["x"]}"#).is_err());
    }
}
