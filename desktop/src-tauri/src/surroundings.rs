//! What the web view of Linux reads from the environment, set before anything of it runs.

/// WebKit's faster way to the screen shows an empty window on NVIDIA's own driver.
#[cfg(target_os = "linux")]
const NO_DMABUF: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";

/// Starts this program again with the environment that it needs, if it has not got it. The process stays the same.
pub fn prepare() {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt as _;
        use std::path::Path;

        let nvidia = Path::new("/proc/driver/nvidia/version").exists();
        if !wants_no_dmabuf(nvidia, std::env::var_os(NO_DMABUF).is_some()) {
            return;
        }
        // Another program of the same process: setting a variable in this one is not safe once there are threads.
        if let Ok(program) = std::env::current_exe() {
            let failed = std::process::Command::new(program)
                .args(std::env::args_os().skip(1))
                .env(NO_DMABUF, "1")
                .exec();
            // Only reached when it failed; the window may still work.
            drop(failed);
        }
    }
}

/// Whoever set the variable, to whatever value, knows better.
#[cfg(target_os = "linux")]
fn wants_no_dmabuf(nvidia: bool, set_already: bool) -> bool {
    nvidia && !set_already
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_nvidia_without_a_choice_of_its_own_gets_the_slower_way() {
        assert!(wants_no_dmabuf(true, false));
        assert!(!wants_no_dmabuf(true, true));
        assert!(!wants_no_dmabuf(false, false));
    }
}
