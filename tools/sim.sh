#!/usr/bin/env bash
# The simulator's own tests, optimised (profile `sim`): 200 seeds, or as many as DARKROOM_SIM_SEEDS says.
# DARKROOM_SIM_SEED=x plays one seed and prints its trace.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo test --locked --profile sim -p darkroom-core --features server,sim --lib sim::tests:: -- --nocapture
