//! The seeds that every test run goes through, and more on demand: `DARKROOM_SIM_SEEDS=n` for n seeds, `DARKROOM_SIM_SEED=x` for one with
//! its whole trace.

use super::{Report, run};
use std::collections::BTreeMap;

const STEPS: u32 = 150;
const SEEDS: u64 = 200;

#[expect(clippy::disallowed_methods, reason = "a test has no settings but its environment")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a whole number"))
}

fn run_all(seeds: impl Iterator<Item = u64>, n_steps: u32) -> Vec<Report> {
    seeds.map(|seed| run(seed, n_steps).unwrap_or_else(|failure| panic!("\n{failure}\n"))).collect()
}

#[test]
fn no_seed_breaks_a_rule() {
    if let Some(seed) = number("DARKROOM_SIM_SEED") {
        match run(seed, STEPS) {
            Ok(report) => println!("{}\nseed {seed} broke no rule", report.trace.join("\n")),
            Err(failure) => panic!("\n{failure}\n"),
        }
        return;
    }
    let n_seeds = number("DARKROOM_SIM_SEEDS").unwrap_or(SEEDS);
    let half = n_seeds / 2;
    let reports = std::thread::scope(|scope| {
        let first = scope.spawn(|| run_all(0..half, STEPS));
        let mut all = run_all(half..n_seeds, STEPS);
        match first.join() {
            Ok(reports) => all.extend(reports),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        all
    });
    let mut tally: BTreeMap<String, u32> = BTreeMap::new();
    for (event, n) in reports.iter().flat_map(|r| &r.tally) {
        *tally.entry(event.clone()).or_default() += n;
    }
    println!("{n_seeds} seeds of {STEPS} events broke no rule: {tally:#?}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [3, 8] {
        assert_eq!(run(seed, STEPS), run(seed, STEPS));
    }
    assert_ne!(run(3, STEPS).map(|r| r.trace), run(4, STEPS).map(|r| r.trace));
}
