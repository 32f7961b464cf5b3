//! Windows: the main one, and runs in windows of their own. None ever leaves the pages that come with the program.

use tauri::webview::{NewWindowResponse, PageLoadEvent};
use tauri::{AppHandle, Manager as _, Runtime, Theme, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

use crate::error::Error;

/// Label of the main window.
pub const MAIN: &str = "main";
/// Windows beside the main one.
const MAX_POPPED_OUT: usize = 12;

/// The backgrounds of the two themes, as `src/app/styles.css` has them: nothing flashes before the page is there.
const DARK: tauri::window::Color = tauri::window::Color(10, 14, 18, 255);
const LIGHT: tauri::window::Color = tauri::window::Color(249, 250, 252, 255);

/// Opens the main window, as tauri.conf.json describes it.
pub fn open_main<R: Runtime>(app: &AppHandle<R>) -> tauri::Result<()> {
    let config = app.config().app.windows.iter().find(|window| window.label == MAIN);
    let config = config.ok_or(tauri::Error::WindowNotFound)?.clone();
    open(WebviewWindowBuilder::from_config(app, &config)?)
}

/// Brings the main window to the front: for a second start of the program, and for notices.
pub fn show_main<R: Runtime>(app: &AppHandle<R>) {
    let Some(window) = app.get_webview_window(MAIN) else { return };
    let shown = window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus());
    if let Err(error) = shown {
        tracing::warn!(%error, "cannot bring the window to the front");
    }
}

/// Opens a page of ours, such as a run, in a window of its own, or brings that to the front.
#[tauri::command]
pub async fn open_window(app: AppHandle, path: String, title: String) -> Result<(), Error> {
    if !is_page(&path) {
        return Err(Error::invalid("path", "must be the path of a page, as in /w/acme/runs/7"));
    }
    let label = label(&path);
    if let Some(window) = app.get_webview_window(&label) {
        return window.set_focus().map_err(|error| system(&error));
    }
    if app.webview_windows().len() > MAX_POPPED_OUT {
        return Err(Error::invalid("path", format!("is one window too many: {MAX_POPPED_OUT} are open")));
    }
    let page = WebviewUrl::App(path.trim_start_matches('/').into());
    let builder = WebviewWindowBuilder::new(&app, label, page)
        .title(title)
        .inner_size(900.0, 720.0)
        .min_inner_size(640.0, 480.0)
        .visible(false)
        .disable_drag_drop_handler();
    open(builder).map_err(|error| system(&error))
}

/// Has the frame of the window follow the theme of the page; `system` for the system's own.
#[tauri::command]
pub fn set_theme(window: WebviewWindow, theme: String) -> Result<(), Error> {
    let theme = match theme.as_str() {
        "light" => Some(Theme::Light),
        "dark" => Some(Theme::Dark),
        "system" => None,
        _ => return Err(Error::invalid("theme", "must be light, dark or system")),
    };
    window.set_theme(theme).map_err(|error| system(&error))
}

fn open<R: Runtime>(builder: WebviewWindowBuilder<'_, R, AppHandle<R>>) -> tauri::Result<()> {
    let window = builder
        .on_navigation(is_ours)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_document_title_changed(|window, title| {
            if let Err(error) = window.set_title(&title) {
                tracing::warn!(%error, "cannot name the window after its page");
            }
        })
        .on_page_load(|window, load| {
            if load.event() == PageLoadEvent::Finished
                && let Err(error) = window.show()
            {
                tracing::error!(%error, "cannot show the window");
            }
        })
        .build()?;
    let dark = matches!(window.theme(), Ok(Theme::Dark));
    window.set_background_color(Some(if dark { DARK } else { LIGHT }))
}

/// Pages that come with the program, and those of the development server while developing.
fn is_ours(url: &Url) -> bool {
    match (url.scheme(), url.host_str()) {
        ("tauri", Some("localhost")) => true,
        ("http" | "https", Some("tauri.localhost")) => cfg!(windows),
        ("http", Some("127.0.0.1")) => cfg!(dev) && url.port() == Some(5173),
        _ => false,
    }
}

fn is_page(path: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/-_.~%".contains(letter);
    path.starts_with('/')
        && path.len() <= 512
        && !path.contains("//")
        && !path.contains("..")
        && path.chars().all(plain)
}

/// Labels hold letters, digits and dashes.
fn label(path: &str) -> String {
    let dashed: String = path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("run-{}", dashed.trim_matches('-'))
}

fn system(error: &tauri::Error) -> Error {
    Error::System(format!("the window system refused: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_stay_on_the_pages_of_the_program() {
        let ours = |text: &str| is_ours(&Url::parse(text).expect("url"));
        assert!(ours("tauri://localhost/w/acme"));
        for text in [
            "https://evil.example/",
            "http://127.0.0.1:8080/",
            "tauri://evil/",
            "file:///etc/passwd",
            "data:text/html,x",
            "about:blank",
        ] {
            assert!(!ours(text), "{text}");
        }
    }

    #[test]
    fn only_paths_of_pages_get_a_window() {
        assert!(is_page("/w/acme/runs/0198-7"));
        for path in ["", "w/x", "//evil.example", "/a/../b", "/a?b", "/a#b", "/a b", "https://evil.example"] {
            assert!(!is_page(path), "{path}");
        }
        assert_eq!(label("/w/acme/runs/7"), "run-w-acme-runs-7");
    }
}
