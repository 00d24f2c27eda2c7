//! Numbers: one file in `benches/` per question asked; results with machine and commit in docs/PERFORMANCE.md.
