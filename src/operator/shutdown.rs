//! Turns SIGTERM and SIGINT into a [`CancellationToken`].
//!
//! Kubernetes sends SIGTERM and kills the container when the grace period is over. The operator has nothing to finish: a
//! reconcile that is cut short is taken up by the next leader. So the token means "return now", and whoever holds it
//! passes it on to what it spawned.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Starts to listen for SIGTERM and SIGINT; either cancels the token that is returned.
///
/// # Errors
/// When the handlers cannot be installed.
pub(super) fn on_signal() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping");
        cancelled.cancel();
    });
    Ok(token)
}
