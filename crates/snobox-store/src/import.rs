//! Images that other programs left on a disk → store: `dir:` and `oci:` folders, and archives of them.
//!
//! 1. [`Unpacked::read`] streams an archive into the store, blob by blob; [`Folder`] opens the blobs of a folder in place.
//! 2. [`adopt`] follows one image from the digest of its manifest, and copies what the store lacks.
//!
//! No name is trusted: a blob is what its bytes hash to, and nothing is ever written under a name that came from outside.

mod adopt;
mod archive;
mod folder;

pub use adopt::{AdoptError, Adopted, Platforms, adopt};
pub use archive::{UnpackError, Unpacked};
pub use folder::Folder;
