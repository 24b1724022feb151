//! Debian's `docker-registry`, as people run it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::tools::tool;

/// A registry that runs; it ends when dropped.
pub(crate) struct Distribution {
    folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    process: Child,
}

impl Distribution {
    /// Starts one, for everybody or for `practice:practice`. `None` after saying what is missing.
    pub(crate) fn start(password: bool) -> Option<Self> {
        Self::start_with(password, None)
    }

    /// Starts one for everybody that speaks TLS, with this certificate and key.
    pub(crate) fn start_tls(certificate: &Path, key: &Path) -> Option<Self> {
        Self::start_with(false, Some((certificate, key)))
    }

    fn start_with(password: bool, tls: Option<(&Path, &Path)>) -> Option<Self> {
        let program = tool("docker-registry")?;
        let folder = tempfile::TempDir::new().unwrap();
        let inside = |name: &str| folder.path().join(name).display().to_string();
        let mut config = json!({
            "version": 0.1,
            "log": { "level": "info", "accesslog": { "disabled": false } },
            "storage": { "filesystem": { "rootdirectory": inside("storage") } },
            "http": { "addr": "127.0.0.1:0" },
        });
        if password {
            // `htpasswd -nbB -C 5 practice practice`
            let line = "practice:$2y$05$abcdefghijklmnopqrstuuKn7uzIKAg0L/dJan11LD1ZWjz/sDC/.\n";
            fs::write(inside("htpasswd"), line).unwrap();
            config["auth"] =
                json!({ "htpasswd": { "realm": "practice", "path": inside("htpasswd") } });
        }
        if let Some((certificate, key)) = tls {
            config["http"]["tls"] = json!({ "certificate": certificate, "key": key });
        }
        // JSON is YAML.
        fs::write(inside("config.yml"), config.to_string()).unwrap();
        let mut process = Command::new(program.path())
            .args(["serve", &inside("config.yml")])
            .stdin(Stdio::null())
            .stdout(fs::File::create(inside("requests")).unwrap())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let line = lines
            .by_ref()
            .map_while(Result::ok)
            .find(|line| line.contains("listening on "))
            .unwrap();
        // The rest is drained, or the program would block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let address = line.split("listening on ").nth(1).unwrap();
        let address = address.split(['"', ',']).next().unwrap().parse().unwrap();
        Some(Self {
            folder,
            address,
            process,
        })
    }

    /// Lines of its access log: `… "PUT /v2/… HTTP/1.1" 201 …`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("requests")).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Distribution {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
