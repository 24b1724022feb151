//! `snobox demo`: the whole way on the practice release, through a registry on loopback that asks for tokens as public ones do.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use snobox_formats::pull_secret::PullSecret;
use snobox_registry::client::Mirror;
use snobox_registry::server::{Access, Server};
use snobox_store::Store;
use snobox_testkit::practice::{self, Practice};

use crate::cli::DemoArgs;
use crate::error::{Error, Exit, Result};
use crate::flow::output::{Output, Readers};
use crate::flow::source::{Source, StandIn};
use crate::flow::{build, mirror, verify};
use crate::interrupt::Interrupt;
use crate::site_file::SiteFile;
use crate::ui::{Ui, bytes};

/// Says that a folder was made by the demo and may be used by it again.
const MARKER: &str = ".snobox-demo";
const NAME: &str = "practice";

/// One stage that was walked.
struct Stage {
    name: &'static str,
    made: String,
    took: Duration,
}

/// Walks every stage once.
pub async fn run(args: &DemoArgs, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
    let dir = &args.dir;
    prepare(dir)?;
    let mut stages = Vec::new();
    let mut stage = |name, started: Instant, made: String| {
        let took = started.elapsed();
        ui.say(format!("{name:>8}  {made} ({:.1} s)", took.as_secs_f64()));
        stages.push(Stage { name, made, took });
    };

    let started = Instant::now();
    let layout = tempfile::Builder::new()
        .prefix(".registry-")
        .tempdir_in(dir)
        .map_err(|e| Error::file("create a folder in", dir, &e))?;
    let practice = tokio::task::block_in_place(|| practice::write_layout(layout.path()))
        .map_err(|e| Error::caused(Exit::File, "cannot write the practice release", &e))?;
    let stand_in = serve(layout.path(), interrupt).await?;
    let what = format!(
        "practice release {}: {} images, {}",
        practice.version,
        practice.images,
        bytes(practice.total_bytes)
    );
    stage(
        "serve",
        started,
        format!("{what}, on {}", stand_in.mirrors[0].mirrors[0]),
    );

    let started = Instant::now();
    let site = declare(dir, &practice)?;
    let file = SiteFile::read(&site)?;
    file.pull_secret()?;
    file.ssh_key()?;
    stage("check", started, format!("{} is good", site.display()));

    let started = Instant::now();
    let store = file.store_path(None);
    let options = mirror::Options {
        source: Source {
            stand_in: Some(stand_in),
            ..Source::default()
        },
        ..mirror::Options::into_store(&store)
    };
    let mirrored = mirror::mirror(&file, options, ui, interrupt).await?;
    stage("mirror", started, mirrored.text());

    let started = Instant::now();
    let image = dir.join(format!("{NAME}.img"));
    let options = build::Options {
        store: &store,
        output: &image,
        force: true,
        installer_ignition: None,
        live_iso: None,
        agent: None,
    };
    let built = tokio::task::block_in_place(|| build::build(&file, &options, ui, interrupt))?;
    stage(
        "build",
        started,
        format!("{}, {}", image.display(), bytes(built.map.size_bytes)),
    );

    let started = Instant::now();
    let proved = tokio::task::block_in_place(|| verify::verify(&image, ui, interrupt))?;
    if let Some((code, text)) = proved.findings.first() {
        return Err(Error::new(
            Exit::Findings,
            format!("{}: {code}: {text}", image.display()),
        ));
    }
    stage("verify", started, proved.text.clone());

    let total: Duration = stages.iter().map(|stage| stage.took).sum();
    let files = ["site.yaml", "site.lock", "store", "practice.img"].map(|name| dir.join(name));
    let text = summary(&stages, total, &files, &built, dir);
    let value = json!({
        "dir": dir.display().to_string(),
        "files": files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>(),
        "stages": stages.iter().map(|s| json!({"name": s.name, "made": s.made, "seconds": s.took.as_secs_f64()})).collect::<Vec<_>>(),
        "mirror": mirrored.json(),
        "build": built.json(),
        "verify": proved.json(),
    });
    ui.result(text, &value)
}

fn summary(
    stages: &[Stage],
    total: Duration,
    files: &[PathBuf],
    built: &build::Outcome,
    dir: &Path,
) -> String {
    let mut text = format!("\n{}\n\nmade:\n", built.text());
    for file in files {
        text += &format!(
            "  {:<40} {:>12}\n",
            file.display().to_string(),
            bytes(size_of(file))
        );
    }
    text += "\ntook:\n";
    for stage in stages {
        text += &format!("  {:<8} {:>6.1} s\n", stage.name, stage.took.as_secs_f64());
    }
    text += &format!("  {:<8} {:>6.1} s\n", "in all", total.as_secs_f64());
    text += "\nThis image holds a practice release: it shows every stage, but does not boot a cluster.\n";
    let (program, dir) = (program_name(), dir.display());
    text += &format!(
        "\nnext:\n  {program} verify {dir}/practice.img          prove the image again\n  {program} iso show {dir}/practice.img        what its ISO part holds\n  {program} init                              a site.yaml of your own"
    );
    text
}

/// How the user started us, so that the next command can be copied.
fn program_name() -> String {
    let name = std::env::args()
        .next()
        .unwrap_or_else(|| "snobox".to_owned());
    let in_path = !name.contains('/');
    if in_path { "snobox".to_owned() } else { name }
}

/// Bytes of a file, or of everything in a folder.
fn size_of(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return 0;
    };
    if !metadata.is_dir() {
        return metadata.len();
    }
    fs::read_dir(path).map_or(0, |entries| {
        entries.flatten().map(|entry| size_of(&entry.path())).sum()
    })
}

fn prepare(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(|e| Error::file("create", dir, &e))?;
    let marker = dir.join(MARKER);
    let mut entries = fs::read_dir(dir).map_err(|e| Error::file("read", dir, &e))?;
    if !marker.exists() && entries.next().is_some() {
        let message = format!(
            "{} is not empty and was not made by the demo",
            dir.display()
        );
        return Err(Error::new(Exit::File, message).hint("name a new folder with --dir"));
    }
    fs::write(&marker, "made by snobox demo\n").map_err(|e| Error::file("write", &marker, &e))
}

/// The practice registry in the background; returns how to reach it instead of the registries that it stands in for.
async fn serve(layout: &Path, interrupt: &Interrupt) -> Result<StandIn> {
    let access = Access::token(practice::PULL_SECRET_USER, practice::PULL_SECRET_PASSWORD);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server::bind(address, Store::open(layout)?, access)
        .await
        .map_err(|e| Error::caused(Exit::File, "cannot serve", &e))?;
    let address = server.address();
    let registries: std::collections::BTreeSet<String> = server
        .catalog()
        .names()
        .filter_map(|name| name.split('/').next().map(str::to_owned))
        .collect();
    let stop = interrupt.clone();
    tokio::spawn(server.serve(async move { stop.wait().await }));
    let mirrors = registries
        .into_iter()
        .map(|r| Mirror {
            mirrors: vec![format!("{address}/{r}")],
            source: r,
        })
        .collect();
    let secret = PullSecret::of(
        &address.to_string(),
        practice::PULL_SECRET_USER,
        practice::PULL_SECRET_PASSWORD,
    );
    Ok(StandIn { mirrors, secret })
}

/// Writes the site file and what it names.
fn declare(dir: &Path, practice: &Practice) -> Result<PathBuf> {
    let write = |name: &str, readers, text: &str| -> Result<PathBuf> {
        let path = dir.join(name);
        let mut output = Output::create(&path, readers, true)?;
        output
            .file()
            .write_all(text.as_bytes())
            .map_err(|e| Error::file("write", &path, &e))?;
        output.persist()?;
        Ok(path)
    };
    write("pull-secret.json", Readers::Owner, &practice::pull_secret())?;
    write(
        "id_practice.pub",
        Readers::All,
        &format!("{}\n", practice::SSH_KEY),
    )?;
    write("site.yaml", Readers::All, &site_yaml(practice))
}

fn site_yaml(practice: &Practice) -> String {
    format!(
        "# A practice site, written by `snobox demo`. `snobox init` writes a real one.\n\
         apiVersion: snobox.io/v1alpha1\n\
         kind: Site\n\
         metadata: {{ name: {NAME} }}\n\
         release: {{ version: {}, architecture: x86_64, signature: ignored }}   # nobody signs a practice release\n\
         baseDomain: practice.example\n\
         pullSecretFile: pull-secret.json\n\
         sshKeyFile: id_practice.pub\n\
         node:\n\
         \x20 hostname: {NAME}\n\
         \x20 installationDisk: {{ path: /dev/sda }}\n\
         \x20 interface: {{ name: enp0s25 }}\n\
         \x20 address: 192.168.86.45/24\n\
         \x20 gateway: 192.168.86.1\n\
         \x20 dns: {{ servers: [192.168.86.27] }}\n\
         images:\n\
         \x20 additional:\n\
         \x20   - {}\n",
        practice.version, practice.additional
    )
}
