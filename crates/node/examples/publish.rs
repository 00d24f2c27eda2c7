//! Publishes `event.json` from Rust: the snippet of docs/EVENTS.md, as a program (`cargo run -p fleetfold-node --example publish [nats://HOST:PORT]`).

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "nats://127.0.0.1:4222".to_owned());
    let client = async_nats::connect(&url).await?;
    let message = async_nats::jetstream::message::PublishMessage::build().message_id("acme/porto/%2Fshop/1");
    let message = message.payload(std::fs::read("event.json")?.into());
    let subject = "fleet.acme.porto.event.order_created._";
    async_nats::jetstream::new(client).send_publish(subject, message).await?.await?;
    Ok(())
}
