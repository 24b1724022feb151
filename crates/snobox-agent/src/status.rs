//! `snobox-agent status`: how far things are and what to do now, for a technician who knows nothing of OpenShift.
//!
//! Once a second it reads the reports of the other commands and the traces of the installer, and shows one overview in two places:
//!
//! * on the console, as a file that agetty prints above its prompt (`console`);
//! * on the node's address, as a small page and as JSON (`page`). Read-only, no secrets, nothing to log in to.
//!
//! Source of truth for the traces: openshift/installer, `data/data/bootstrap/files/usr/local/bin/bootkube.sh.template` and
//! `bootstrap-in-place/files/usr/local/bin/install-to-disk.sh.template`.

mod console;
mod overview;
mod page;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use snobox_host::program::Program;
use tokio::signal::unix::{SignalKind, signal};

use crate::report::{Failure, reasons};
use overview::Overview;

/// How often reports are read.
const LOOK: Duration = Duration::from_secs(1);
/// How long `agetty --reload` may take.
const RELOAD: Duration = Duration::from_secs(10);

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the page is.
    #[arg(long, default_value = "0.0.0.0:22627")]
    listen: SocketAddr,
    /// The text above the prompt of the console.
    #[arg(long)]
    issue_file: PathBuf,
    /// Where the traces of the installer are looked for.
    #[arg(long, default_value = "/")]
    node_phase_root: PathBuf,
    /// The program that shows the text again.
    #[arg(long, hide = true, default_value = "/usr/sbin/agetty")]
    agetty: PathBuf,
}

/// What is shown now.
pub(crate) type Shown = Arc<Mutex<Overview>>;

/// Shows until a signal says stop.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args, folder: &Path) -> Result<(), Failure> {
    let failed = |what: &str, error: std::io::Error| Failure {
        message: format!("{what}: {error}"),
        action: "systemctl restart snobox-status".to_owned(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .map_err(|error| failed("the status cannot be shown", error))?;
    let result = runtime.block_on(async {
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
            () = show(args, folder) => {}
        }
        Ok(())
    });
    runtime.shutdown_background();
    result.map_err(|error| failed("cannot wait for signals", error))
}

async fn show(args: &Args, folder: &Path) {
    let root = &args.node_phase_root;
    let shown: Shown = Arc::new(Mutex::new(Overview::read(folder, root)));
    match page::serve(args.listen, Arc::clone(&shown)).await {
        Ok(address) => eprintln!("snobox-agent: status on http://{address}"),
        // The console is worth having without the page.
        Err(error) => eprintln!(
            "snobox-agent: no status page on {}: {error}\nhint: see what listens there with ss -ltnp",
            args.listen
        ),
    }
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);

    let port = args.listen.port();
    let mut written: Option<(Overview, Instant)> = None;
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = Overview::read(folder, root);
        *shown.lock().unwrap_or_else(PoisonError::into_inner) = now.clone();
        let before = written.as_ref().map(|(then, at)| (then, at.elapsed()));
        if !console::is_due(before, &now) {
            continue;
        }
        if before.is_none_or(|(then, _)| then.phase != now.phase) {
            eprintln!(
                "snobox-agent: {}; what to do now: {}",
                now.phase.title(),
                now.action
            );
        }
        if let Err(error) = console::write(&args.issue_file, &console::text(&now, port)) {
            let path = args.issue_file.display();
            eprintln!("snobox-agent: cannot write {path}: {error}");
        } else {
            reload(&args.agetty).await;
        }
        written = Some((now, Instant::now()));
    }
}

/// Shows the console's text again where somebody waits at a prompt. A machine without agetty has no such console.
async fn reload(agetty: &Path) {
    if !agetty.is_file() {
        return;
    }
    let program = Program::new(agetty, &std::env::temp_dir()).args(["--reload"]);
    let started = Instant::now();
    let stop = move || started.elapsed() > RELOAD;
    let ran = tokio::task::spawn_blocking(move || program.run(&stop)).await;
    if let Ok(Err(error)) = ran {
        eprintln!("snobox-agent: {}", reasons(&error));
    }
}
