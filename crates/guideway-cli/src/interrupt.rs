//! Ctrl-C: once, and the work stops at its next safe point; twice, and the program ends at once.

use guideway::Interrupt;
use guideway::core::exit;

use crate::progress::Console;

/// Listens for Ctrl-C from now on. Where that cannot be had, Ctrl-C ends the program as it always does: what was committed is
/// safe either way.
pub(crate) fn listen(interrupt: Interrupt, console: Console) {
    let listening = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .and_then(|runtime| {
            std::thread::Builder::new()
                .name("guideway-ctrl-c".to_owned())
                .spawn(move || runtime.block_on(wait(&interrupt, &console)))
        });
    if let Err(err) = listening {
        tracing::debug!(%err, "Ctrl-C ends the program at once");
    }
}

async fn wait(interrupt: &Interrupt, console: &Console) {
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    interrupt.request();
    console.say("stopping at the next safe point; press Ctrl-C again to stop at once");
    if tokio::signal::ctrl_c().await.is_ok() {
        console.say("stopped; whatever was reported as done is kept");
        #[expect(
            clippy::exit,
            reason = "the second Ctrl-C is a wish to end now; every commit survives it"
        )]
        std::process::exit(i32::from(exit::INTERRUPTED));
    }
}
