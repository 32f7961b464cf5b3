//! The program: sets up the web view's surroundings, then opens the window.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

fn main() {
    mission_control_desktop::surroundings::prepare();
    mission_control_desktop::run();
}
