//! Signals of the system.

use mc_chassis::Lifecycle;

#[tokio::test]
async fn first_signal_drains_and_the_second_ends() {
    let lifecycle = Lifecycle::new();
    lifecycle.stop_on_signals().expect("handlers");
    signal("-TERM");
    lifecycle.draining().cancelled().await;
    assert!(!lifecycle.killed().is_cancelled());
    signal("-INT");
    lifecycle.killed().cancelled().await;
}

fn signal(name: &str) {
    let pid = std::process::id().to_string();
    let sent = std::process::Command::new("kill").args([name, &pid]).status().expect("kill");
    assert!(sent.success());
}
