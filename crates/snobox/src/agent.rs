//! The agent that `build` puts into the cache: the one that travels in this program, or a file of the user's.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use snobox_formats::digest::{Digest, Hasher};
use snobox_media::cache::Agent as Planned;
use snobox_plan::site::Architecture;

use crate::error::{Error, Exit, Result};

/// The agent for this program's own processor, built from the same sources.
const EMBEDDED: &[u8] = include_bytes!(env!("SNOBOX_AGENT"));

/// An agent's executable.
#[derive(Debug)]
pub struct Agent<'a> {
    file: Option<&'a Path>,
    /// What planning needs to know of it.
    pub planned: Planned,
}

impl<'a> Agent<'a> {
    /// The agent that travels in this program, whatever the node's processor is: for plans, which need no more than its size.
    pub fn own() -> Planned {
        Planned {
            digest: Digest::of(EMBEDDED),
            size_bytes: EMBEDDED.len() as u64,
        }
    }

    /// The agent for a node: `file` if it is named.
    pub fn choose(file: Option<&'a Path>, architecture: Architecture) -> Result<Self> {
        if file.is_none() && architecture.uname() != std::env::consts::ARCH {
            let (wanted, own) = (architecture.uname(), std::env::consts::ARCH);
            let message =
                format!("the node is {wanted}, but the agent in this program is for {own}");
            return Err(Error::new(Exit::File, message).hint(format!(
                "build the agent on or for {wanted} (`cargo build --release -p snobox-agent`) and name it with --agent"
            )));
        }
        let mut agent = Self {
            file,
            planned: Self::own(),
        };
        if let Some(path) = file {
            agent.planned = agent.measure().map_err(|e| Error::file("read", path, &e))?;
        }
        Ok(agent)
    }

    /// Opens it.
    pub fn open(&self) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self.file {
            Some(path) => Box::new(File::open(path)?),
            None => Box::new(EMBEDDED),
        })
    }

    fn measure(&self) -> io::Result<Planned> {
        let mut reader = self.open()?;
        let mut hasher = Hasher::new();
        let mut size_bytes = 0;
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match reader.read(&mut buffer)? {
                0 => break,
                length => {
                    hasher.update(&buffer[..length]);
                    size_bytes += length as u64;
                }
            }
        }
        Ok(Planned {
            digest: hasher.finish(),
            size_bytes,
        })
    }
}
