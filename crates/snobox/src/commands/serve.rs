//! `snobox serve`.

use snobox_registry::server::{Access, Server, ServerError};
use snobox_store::Store;
use snobox_testkit::practice;
use tempfile::TempDir;

use crate::cli::ServeArgs;
use crate::error::{Error, Exit, Result};
use crate::input;
use crate::interrupt::Interrupt;
use crate::ui::Ui;

/// Serves until Ctrl-C; tells systemd when it answers.
pub async fn run(args: &ServeArgs, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
    let practice = if args.practice {
        Some(practice(ui)?)
    } else {
        None
    };
    let folder = practice
        .as_ref()
        .map_or(args.store.as_path(), |folder| folder.path());
    let store = Store::open(folder)?;
    let access = match &args.credentials_file {
        None => Access::Anonymous,
        Some(path) => {
            let text = input::read_text(path).map_err(|e| Error::file("read", path, &e))?;
            let (user, password) = one_line(&text)
                .and_then(|line| line.split_once(':'))
                .ok_or_else(|| {
                    Error::new(
                        Exit::File,
                        format!("{} does not hold user:password", path.display()),
                    )
                    .hint("one line, as `htpasswd` users know it, but in clear")
                })?;
            Access::token(user, password)
        }
    };
    let server = Server::bind(args.listen, store, access)
        .await
        .map_err(server_error)?
        .following();
    let address = server.address();
    ui.say(format!(
        "serving {} repositories of {} on http://{address}, read-only; Ctrl-C stops",
        server.catalog().names().count(),
        folder.display()
    ));
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    let stop = interrupt.clone();
    server
        .serve(async move { stop.wait().await })
        .await
        .map_err(server_error)
}

/// The one line of a text, if it is one.
fn one_line(text: &str) -> Option<&str> {
    let line = text.trim();
    (!line.contains(char::is_whitespace) && !line.starts_with('{')).then_some(line)
}

/// The practice release in a folder that goes away with the server.
fn practice(ui: &Ui) -> Result<TempDir> {
    let made = tempfile::Builder::new()
        .prefix("snobox-practice-")
        .tempdir();
    let folder = made.map_err(|e| Error::temporary(&e))?;
    let practice = practice::write_layout(folder.path())
        .map_err(|e| Error::caused(Exit::File, "cannot write the practice release", &e))?;
    ui.say(format!("practice release {}; to try it: release version {0}, mirrors from quay.io and registry.practice.example to this server", practice.version));
    Ok(folder)
}

fn server_error(error: ServerError) -> Error {
    match error {
        ServerError::Store(error) => error.into(),
        error => Error::caused(Exit::File, "cannot serve", &error)
            .hint("--listen names another address; port 0 picks a free one"),
    }
}
