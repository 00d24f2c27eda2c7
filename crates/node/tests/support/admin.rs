//! The broker as an administrator, or a producer who may do everything, sees it.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::{self, Context, stream};
use base64::Engine;
use futures::TryStreamExt;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::pause;

/// The broker as an administrator sees it.
pub struct Admin {
    pub runtime: tokio::runtime::Runtime,
    pub context: Context,
}

impl Admin {
    pub fn new(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let context = runtime.block_on(async { jetstream::new(async_nats::connect(url).await.unwrap()) });
        Self { runtime, context }
    }

    /// The last message of a subject.
    pub fn payload(&self, stream: &str, subject: &str) -> Vec<u8> {
        self.runtime.block_on(async {
            let stream = self.context.get_stream(stream).await.unwrap();
            stream.get_last_raw_message_by_subject(subject).await.unwrap().payload.to_vec()
        })
    }

    pub fn exists(&self, name: &str) -> bool {
        self.runtime.block_on(self.context.get_stream(name)).is_ok()
    }

    /// Removes a stream; its settings are left.
    pub fn delete(&self, name: &str) -> stream::Config {
        self.runtime.block_on(async {
            let config = self.context.get_stream(name).await.unwrap().info().await.unwrap().config.clone();
            self.context.delete_stream(name).await.unwrap();
            config
        })
    }

    /// The most bytes that a stream may hold; -1: any.
    pub fn set_bytes_max(&self, name: &str, bytes: impl Fn(u64) -> i64) {
        self.runtime.block_on(async {
            let info = self.context.get_stream(name).await.unwrap().info().await.unwrap().clone();
            let config = stream::Config { max_bytes: bytes(info.state.bytes), ..info.config };
            self.context.update_stream(config).await.unwrap();
        });
    }

    pub fn create(&self, config: stream::Config) {
        self.runtime.block_on(self.context.create_stream(config)).unwrap();
    }

    /// Another stream of that name, or with that subject.
    pub fn create_other(&self, name: &str, subject: &str) {
        self.create(stream::Config { name: name.to_owned(), subjects: vec![subject.to_owned()], ..Default::default() });
    }

    pub fn messages(&self, name: &str) -> u64 {
        self.runtime
            .block_on(async { self.context.get_stream(name).await.unwrap().info().await.unwrap().state.messages })
    }

    /// Everything on `REJECTED`.
    pub fn rejected(&self) -> Vec<Value> {
        self.runtime.block_on(async {
            let mut stream = self.context.get_stream("REJECTED").await.unwrap();
            let last = stream.info().await.unwrap().state.last_sequence;
            let mut all = Vec::new();
            for seq in 1..=last {
                if let Ok(message) = stream.get_raw_message(seq).await {
                    all.push(serde_json::from_slice(&message.payload).unwrap());
                }
            }
            all
        })
    }

    pub fn wait_exists(&self, name: &str) {
        for _ in 0..200 {
            if self.exists(name) {
                return;
            }
            pause(50);
        }
        panic!("{name} is not made again");
    }

    /// A stream of facts that its owner made himself: nothing keeps him from removing messages.
    pub fn own_log(&self) {
        let subjects = vec!["fleet.*.*.event.>".to_owned(), "fleet.*.*.plan".to_owned()];
        let config = stream::Config { name: "FLEET".to_owned(), subjects, allow_direct: true, ..Default::default() };
        self.create(config);
    }

    /// Removes one fact.
    pub fn remove(&self, seq: u64) {
        self.runtime.block_on(async {
            assert!(self.context.get_stream("FLEET").await.unwrap().delete_message(seq).await.unwrap());
        });
    }

    /// Removes all facts of a subject.
    pub fn purge(&self, subject: &str) {
        self.runtime.block_on(async {
            let purge = self.context.get_stream("FLEET").await.unwrap().purge().filter(subject).await.unwrap();
            assert!(purge.success && purge.purged > 0);
        });
    }

    /// The bytes of a fact.
    pub fn message(&self, seq: u64) -> Vec<u8> {
        self.runtime.block_on(async {
            let stream = self.context.get_stream("FLEET").await.unwrap();
            stream.get_raw_message(seq).await.unwrap().payload.to_vec()
        })
    }

    /// Where the last message of a subject is.
    pub fn last_of(&self, subject: &str) -> u64 {
        self.runtime.block_on(async {
            let stream = self.context.get_stream("FLEET").await.unwrap();
            stream.get_last_raw_message_by_subject(subject).await.unwrap().sequence
        })
    }

    pub fn seal(&self, name: &str) {
        self.runtime.block_on(async {
            let mut stream = self.context.get_stream(name).await.unwrap();
            let config = stream::Config { sealed: true, ..stream.info().await.unwrap().config.clone() };
            self.context.update_stream(config).await.unwrap();
        });
    }

    /// As if the age of all facts had passed.
    pub fn expire_all(&self) {
        self.runtime.block_on(async {
            let mut stream = self.context.get_stream("FLEET").await.unwrap();
            let mut config = stream.info().await.unwrap().config.clone();
            let (age, window) = (config.max_age, config.duplicate_window);
            (config.max_age, config.duplicate_window) = (Duration::from_secs(1), Duration::from_secs(1));
            self.context.update_stream(config.clone()).await.unwrap();
            tokio::time::sleep(Duration::from_secs(3)).await;
            (config.max_age, config.duplicate_window) = (age, window);
            self.context.update_stream(config).await.unwrap();
        });
    }

    pub fn publish(&self, subject: &str, body: &[u8]) -> u64 {
        let (subject, body) = (subject.to_owned(), body.to_vec());
        let publish = async { self.context.publish(subject, body.into()).await.unwrap().await.unwrap().sequence };
        self.runtime.block_on(publish)
    }

    /// With a message id.
    pub fn publish_as(&self, subject: &str, id: &str, body: &[u8]) -> u64 {
        let message = jetstream::message::PublishMessage::build().message_id(id).payload(body.to_vec().into());
        let publish = self.context.send_publish(subject.to_owned(), message);
        self.runtime.block_on(async { publish.await.unwrap().await.unwrap().sequence })
    }

    /// Changes the settings of a stream.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut stream::Config)) {
        self.runtime.block_on(async {
            let mut config = self.context.get_stream(name).await.unwrap().info().await.unwrap().config.clone();
            change(&mut config);
            self.context.update_stream(config).await.unwrap();
        });
    }

    /// Pauses every consumer of a stream, and says how many there were.
    pub fn pause_consumers(&self, name: &str) -> usize {
        self.runtime.block_on(async {
            let stream = self.context.get_stream(name).await.unwrap();
            let names: Vec<String> = stream.consumer_names().try_collect().await.unwrap();
            let until = json!({ "pause_until": "2126-01-01T00:00:00Z" });
            for consumer in &names {
                let pause = self.context.request(format!("CONSUMER.PAUSE.{name}.{consumer}"), &until);
                let paused: jetstream::response::Response<Value> = pause.await.unwrap();
                assert!(matches!(paused, jetstream::response::Response::Ok(answer) if answer["paused"] == true));
            }
            names.len()
        })
    }

    /// Waits until the last message of a subject in a stream says these words.
    pub fn wait_says(&self, name: &str, subject: &str, words: &str) {
        for _ in 0..200 {
            let last = self.runtime.block_on(async {
                let stream = self.context.get_stream(name).await.ok()?;
                stream.get_last_raw_message_by_subject(subject).await.ok()
            });
            if last.is_some_and(|last| String::from_utf8_lossy(&last.payload).contains(words)) {
                return;
            }
            pause(50);
        }
        panic!("{name} does not say {words}");
    }

    /// Last sequence of a stream.
    pub fn end(&self, name: &str) -> u64 {
        self.runtime
            .block_on(async { self.context.get_stream(name).await.unwrap().info().await.unwrap().state.last_sequence })
    }

    /// Writes the description of an object.
    pub fn describe(&self, name: &str, more: &Value) {
        let mut meta = json!({
            "name": name, "bucket": "BASES", "nuid": "NOCHUNKS", "size": 10, "chunks": 1, "mtime": "2026-06-01T09:00:00Z",
            "digest": "SHA-256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        });
        for (key, value) in more.as_object().unwrap() {
            meta[key] = value.clone();
        }
        let subject = format!("$O.BASES.M.{}", base64::engine::general_purpose::URL_SAFE.encode(name));
        self.runtime.block_on(async {
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Rollup", "sub");
            let publish = self.context.publish_with_headers(subject, headers, meta.to_string().into());
            publish.await.unwrap().await.unwrap();
        });
    }

    /// Waits until the owner of the zone has said how far it has folded.
    pub fn wait_marked(&self) {
        for _ in 0..100 {
            let last = async {
                let stream = self.context.get_stream("FEATURE").await.ok()?;
                stream.get_last_raw_message_by_subject("fleet.acme.porto.feature.log-folded").await.ok()
            };
            if self.runtime.block_on(last).is_some() {
                return;
            }
            pause(100);
        }
        panic!("nobody says how far the log is folded");
    }

    /// The names of all bases, oldest first.
    pub fn bases(&self) -> Vec<String> {
        self.runtime.block_on(async {
            let store = self.context.get_object_store("BASES").await.unwrap();
            let all: Vec<_> = store.list().await.unwrap().try_collect().await.unwrap();
            let mut names: Vec<String> = all.into_iter().map(|info| info.name).collect();
            names.sort();
            names
        })
    }

    pub fn delete_base(&self, name: &str) {
        self.runtime.block_on(async {
            self.context.get_object_store("BASES").await.unwrap().delete(name).await.unwrap();
        });
    }

    /// Writes a base anew with another document.
    pub fn change_base(&self, name: &str, change: impl FnOnce(String) -> String) {
        self.runtime.block_on(async {
            let store = self.context.get_object_store("BASES").await.unwrap();
            let mut packed = Vec::new();
            store.get(name).await.unwrap().read_to_end(&mut packed).await.unwrap();
            let document = String::from_utf8(zstd::decode_all(&packed[..]).unwrap()).unwrap();
            let packed = zstd::encode_all(change(document).as_bytes(), 0).unwrap();
            store.put(name, &mut &packed[..]).await.unwrap();
        });
    }

    /// What a vehicle was told last: revision and number of visits.
    pub fn told(&self, vehicle: &str) -> Option<(u64, usize)> {
        let subject = format!("fleet.acme.porto.assignment.{vehicle}");
        let message = self.runtime.block_on(async {
            self.context.get_stream("ASSIGNMENT").await.ok()?.get_last_raw_message_by_subject(&subject).await.ok()
        })?;
        let told: Value = serde_json::from_slice(&message.payload).unwrap();
        Some((told["revision"].as_u64().unwrap(), told["visits"].as_array().unwrap().len()))
    }

    pub fn wait_told(&self, vehicle: &str, right: impl Fn(u64, usize) -> bool) {
        for _ in 0..200 {
            if self.told(vehicle).is_some_and(|(revision, visits)| right(revision, visits)) {
                return;
            }
            pause(50);
        }
        panic!("{vehicle} was told {:?}", self.told(vehicle));
    }
}
