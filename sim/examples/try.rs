//! try
fn main() {
    let seed: u64 = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(1);
    let scenario = fleetfold_sim::Scenario::demo(seed);
    let outcome = fleetfold_sim::simulate(&scenario, 1).unwrap();
    println!("{}", outcome.report.table());
    println!("{:?}", outcome.broken);
    println!("log {}", outcome.log.len());
    let mut kinds = std::collections::BTreeMap::new();
    for e in &outcome.log { let s = format!("{:?}", e.event); let k: String = s.chars().take_while(|c| c.is_alphanumeric()).collect(); *kinds.entry(k).or_insert(0)+=1; }
    println!("{kinds:?}");
    let f = outcome.engine.fleet();
    for o in f.orders() { if o.closed.is_none() { println!("open {} {:?} onboard {:?}", o.name, o.placement, o.on_board); } }
    println!("unanswered {:?}", f.unanswered().len());
}
