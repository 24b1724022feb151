//! Verified blobs in a folder that is an OCI image layout.
//!
//! ```text
//! store/
//! ├── oci-layout               {"imageLayoutVersion":"1.0.0"}
//! ├── index.json               one entry for each image, named by its upstream reference
//! ├── blobs/sha256/<hex>       each blob once: whole and hashed, or absent
//! └── .snobox/
//!     ├── lock                 held while somebody writes
//!     └── ingest/              blobs on their way in
//! ```
//!
//! Any tool that reads OCI image layouts reads a store (`skopeo copy oci:store:NAME …`); `.snobox` is none of its business.
//! Readers need no lock: a blob appears by rename, after it was hashed and synced, and `index.json` is replaced whole.

mod error;
mod image_file;
mod ingest;
mod store;

pub use error::StoreError;
pub use ingest::Ingest;
pub use store::{Store, StoreLock};
