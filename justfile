# Every command a person types. Each wraps a plain cargo command or a script.

# Everything CI runs.
test:
    scripts/test

# The generated city-day with its live map.
demo *args:
    cargo run --release -- demo {{args}}

# A scenario with every promise checked after every entry: just sim breakdown --seed 7
sim scenario *args:
    cargo run --release -- sim scenarios/{{scenario}} {{args}}

# The engine: just live --log nats://127.0.0.1:4222 --tenant acme --zone porto
live *args:
    cargo run --release -- serve {{args}}

feed *args:
    cargo run --release -- feed {{args}}

replay day:
    cargo run --release -- replay {{day}}

# One routing problem from a file: just solve r1_10_5.txt --seconds 10
solve file *args:
    cargo run --release -- solve {{file}} {{args}}

# One seed of the fault simulator: just faults 378
faults seed:
    FLEETFOLD_SEED={{seed}} cargo test -p fleetfold-sim --test faults -- --nocapture

# Random cases that no run has drawn before, in every random suite and the fault simulator: just hunt --minutes 60
hunt *args:
    scripts/hunt {{args}}

# Engines killed again and again at overload, and the proof that nothing is lost: just kills --kills 300
kills *args:
    scripts/kill-loop {{args}}

# Engines and the broker killed and stopped for so many minutes, with standbys, at overload: just chaos --minutes 10
chaos *args:
    scripts/chaos {{args}}

# A simulated week in an hour, and whether memory, descriptors, consumers and disk stay flat: just soak --minutes 55
soak *args:
    "${FLEETFOLD_PYTHON:-python3}" scripts/soak {{args}}

# Load on a running engine over a real broker (benches/load/README.md): just load instant --orders 64,256
load *args:
    cargo build --release -p fleetfold-node
    cargo run --release -p fleetfold-load -- {{args}}

# Coverage-guided fuzzing of messages, logs, recordings, bases, snapshots, HTTP bodies and problem files: just fuzz 60 log
fuzz *args:
    scripts/fuzz {{args}}

bench *args:
    cargo bench -p fleetfold-benches {{args}}

# The packages that are built into the program, as CycloneDX: just sbom sbom.json
sbom *args:
    scripts/sbom {{args}}

# Known vulnerabilities of dependencies (downloads the advisory database).
advisories:
    cargo deny check advisories
