//! Waiting for a condition instead of a fixed time.

use std::time::{Duration, Instant};

use crate::server::runtime;

/// Evaluates `condition` until it is true; returns false if `deadline` passes first.
pub async fn eventually(deadline: Duration, mut condition: impl AsyncFnMut() -> bool) -> bool {
    let started = Instant::now();
    loop {
        if condition().await {
            return true;
        }
        if started.elapsed() > deadline {
            return false;
        }
        pause().await;
    }
}

/// The pause between two evaluations of a condition.
pub(crate) async fn pause() {
    // On the testbed's runtime, so that callers need no timer of their own.
    let _ = runtime()
        .spawn(tokio::time::sleep(Duration::from_millis(20)))
        .await;
}
