//! Files that the user names as input: regular files of a bounded size, so that a pipe or a device never makes the program wait or grow.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// Largest input that is read whole, in bytes: ignitions are a few hundred kilobytes.
const MAX_BYTES: u64 = 16 << 20;

/// The bytes of a file.
///
/// # Errors
/// What the system says; [`io::ErrorKind::InvalidInput`] for what is not a regular file, [`io::ErrorKind::InvalidData`] for a larger one.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "larger than 16 MiB",
        ));
    }
    Ok(bytes)
}

/// The text of a file.
///
/// # Errors
/// As [`read`]; [`io::ErrorKind::InvalidData`] for what is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not a text in UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting() {
        for path in ["/dev/zero", "/dev/null", "/"] {
            let error = read(Path::new(path)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path}");
        }
    }

    #[test]
    fn text_must_be_utf_8_and_bounded() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), [0xff, 0xfe]).unwrap();
        let error = read_text(file.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        file.as_file().set_len(MAX_BYTES + 1).unwrap();
        assert_eq!(
            read(file.path()).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
        file.as_file().set_len(MAX_BYTES).unwrap();
        assert_eq!(read(file.path()).unwrap().len() as u64, MAX_BYTES);
    }
}
